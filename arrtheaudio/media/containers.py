"""Which container a file is, and whether an edited file shows what was wanted.

The only place that knows both formats. By magic, never by extension (media.md
"Reading"); the check is that of media.md "Result that every edit must have".
"""

from __future__ import annotations

import os
from collections import Counter
from operator import attrgetter
from typing import Final, Protocol

import attrs

from arrtheaudio.errors import UnsupportedContainer, VerifyFailed
from arrtheaudio.media import matroska, matroska_contents, mp4, mp4_contents
from arrtheaudio.media.contents import Piece
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Container, Edit, Media, Track

HEAD_BYTES: Final = 4096  # what sniffing may look at, and MP4's reading step
# Bytes per read-ahead. 64 KiB: SeekHead, Info and Tracks of nearly every Matroska file.
CHUNKS: Final[dict[Container, int]] = {"mkv": 65536, "mp4": HEAD_BYTES}


class Format(Protocol):
    """What matroska and mp4 both offer."""

    def sniff(self, head: bytes) -> bool:
        """Whether the file's first bytes are this container's."""
        ...

    def probe(self, window: Window) -> Media:
        """The file's tracks."""
        ...

    def plan_default(self, window: Window, media: Media, target: int, *, reorder: bool) -> Edit:
        """The bytes that make one audio track the only default."""
        ...

    def room(self, media: Media, *, reorder: bool = False) -> str:
        """How that could be done, in a sentence or two."""
        ...


FORMATS: Final[dict[Container, Format]] = {"mkv": matroska, "mp4": mp4}


def identify(fd: int, size: int) -> tuple[Container, Window]:
    """The container, and a window over the file that reads in its way.

    Raises UnsupportedContainer.
    """
    window = Window(fd, size, chunk=HEAD_BYTES)
    head = window.read(0, min(size, HEAD_BYTES))
    for container, candidate in FORMATS.items():
        if candidate.sniff(head):
            if CHUNKS[container] != HEAD_BYTES:
                window = Window(fd, size, chunk=CHUNKS[container])
            return container, window
    raise UnsupportedContainer("neither Matroska nor MP4")


# Everything that an edit in place leaves as it is.
_kept_of: Final = attrgetter(
    *(field.name for field in attrs.fields(Track) if field.name not in ("index", "default"))
)


@attrs.frozen
class Expectation:
    """What the file must show after an edit.

    ``before`` is None for recovery, which knows the plan only: then exactly the
    numbered track must be the default one.
    """

    number: int
    before: Media | None = None
    reorder: bool = False

    def check(self, after: Media) -> None:
        """Raises VerifyFailed where the file does not show it."""
        defaults = [track for track in after.audio if track.default]
        if len(defaults) != 1:
            raise VerifyFailed(f"the file shows {len(defaults)} default audio tracks, not one")
        if self.before is None:
            wrong = defaults[0].number != self.number
        else:
            wrong = self._in_place(self.before, after, defaults[0])
        if wrong:
            raise VerifyFailed("the file shows other tracks than it should")

    def _in_place(self, before: Media, after: Media, default: Track) -> bool:
        if default.number != self.number or (self.reorder and after.audio[0] != default):
            return True
        if not self.reorder:
            return _unchanged(before.tracks) != _unchanged(after.tracks)
        # Whether the others are swapped or moved up is the container's affair.
        return _unchanged(_others(before)) != _unchanged(_others(after)) or Counter(
            _unchanged(before.audio)
        ) != Counter(_unchanged(after.audio))


def _others(media: Media) -> tuple[Track, ...]:
    return tuple(track for track in media.tracks if track.type != "audio")


def _unchanged(tracks: tuple[Track, ...]) -> list[tuple[object, ...]]:
    """The tracks without what an edit may change: their places, and which audio is default."""
    return [(track.default and track.type != "audio", *_kept_of(track)) for track in tracks]


def contents(fd: int, size: int, media: Media) -> list[Piece]:
    """What the open file holds beside its tracks' media. Raises the parsers' errors."""
    if media.container == "mkv":
        return matroska_contents.contents(fd, size, media)
    return mp4_contents.contents(fd, size, media)


def probe(fd: int, size: int, container: Container | None = None) -> Media:
    """Look at an open file afresh, as the container that it was. Raises the parsers' errors."""
    if container is None:
        container, window = identify(fd, size)
    else:
        window = Window(fd, size, chunk=CHUNKS[container])
    return FORMATS[container].probe(window)


def header_of(fd: int) -> tuple[tuple[int, int], ...]:
    """The extents of the header of a file with one default audio track.

    They hold the flags, so that two files which differ in their default differ in them.
    """
    container, window = identify(fd, os.fstat(fd).st_size)
    media = FORMATS[container].probe(window)
    default = next(track for track in media.audio if track.default)
    return FORMATS[container].plan_default(window, media, default.index, reorder=False).extents
