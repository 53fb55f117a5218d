"""What ffmpeg and mkvmerge are asked to do. Pure: facts about a file in, command lines out.

Streams are named by their type and their place among those (``0:a:1``), because
covers and what ffmpeg cannot read shift the plain numbers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

from arrtheaudio.media.mp4_contents import is_chapters
from arrtheaudio.media.programs import Command
from arrtheaudio.media.tracks import Media, Track

QUIET: Final = ("-nostdin", "-hide_banner", "-v", "error")
QUICKTIME: Final = "qt"
KEPT_BRANDS: Final = ("M4V", "M4A", "M4VH")  # that Apple's players look at
# V are pictures that move; v without V are covers.
SPECIFIERS: Final = {"video": "V", "audio": "a", "subtitles": "s"}


def url(path: bytes) -> bytes:
    """A name that ffmpeg takes for a file whatever it begins with or contains."""
    return b"file:" + path


def stream_hashes(media: Media) -> tuple[str, ...]:
    """An output that prints one line per stream.

    Attachments have no packets to hash, and a track of chapters is written anew.
    """
    maps = ("-map", "0", *_but_chapters(media), "-map", "-0:t?")
    return (*maps, "-c", "copy", "-f", "streamhash", "-hash", "md5", "-")


def chapters(program: str, path: bytes) -> Command:
    """Prints the chapters, whichever way the file holds them."""
    return [program, *QUIET, "-i", url(path), "-f", "ffmetadata", "-"]


def ffmpeg(
    program: str,
    path: bytes,
    temporary: bytes,
    before: Media,
    order: Sequence[Track],
    target: int,
    *,
    front: bool,
    covers: int,
) -> Command:
    """Copies the file with one default audio track, and prints the original's stream hashes.

    Args:
        order: the tracks as they shall stand.
        target: Track.index of the default one.
        front: whether the header of an MP4 comes first.
        covers: how many there are; they come first where tracks change places.
    """
    moved = list(order) != list(before.tracks)
    output: Command = [
        *(_moved(before, order) if moved else ("-map", "0", *_but_chapters(before))),
        *("-c", "copy", "-map_metadata", "0", "-map_chapters", "0", "-strict", "unofficial"),
        *_dispositions(order, target),
        *(_titles(order, covers if moved else 0) if before.container == "mp4" else ()),
        *_format(before, front=front),
        url(temporary),
    ]
    # A second output of the same run: the original is read once only.
    return [program, *QUIET, "-y", "-i", url(path), *output, *stream_hashes(before)]


def mkvmerge(
    program: str, path: bytes, temporary: bytes, before: Media, order: Sequence[Track], target: int
) -> Command:
    """Copies a Matroska file with one default audio track.

    An absolute path can be taken neither for an option nor for a file of options.
    """
    flags = (
        argument
        for track in before.audio
        for argument in (
            "--default-track-flag",
            f"{track.index}:{'yes' if track.index == target else 'no'}",
        )
    )
    return [
        *(program, "--quiet", *(("--webm",) if before.brand == "webm" else ())),
        *("--track-order", ",".join(f"0:{track.index}" for track in order)),
        *("--output", os.path.abspath(temporary), *flags, os.path.abspath(path)),
    ]


def _but_chapters(media: Media) -> Iterator[str]:
    for track in media.tracks:
        if is_chapters(media, track.index):
            yield from ("-map", f"-0:{track.index}")


def _moved(before: Media, order: Sequence[Track]) -> Iterator[str]:
    """Covers, the tracks in their new order, attachments."""
    yield from ("-map", "0:v?", "-map", "-0:V")
    for track in order:
        if is_chapters(before, track.index):
            continue
        alike = [other for other in before.tracks if other.type == track.type]
        known = SPECIFIERS.get(track.type)
        yield "-map"
        yield f"0:{known}:{alike.index(track)}" if known else f"0:{track.index}"
    yield from ("-map", "0:t?")


def _dispositions(order: Sequence[Track], target: int) -> Iterator[str]:
    audio = [track for track in order if track.type == "audio"]
    for place, track in enumerate(audio):
        yield f"-disposition:a:{place}"
        yield "+default" if track.index == target else "-default"


def _titles(order: Sequence[Track], covers: int) -> Iterator[str]:
    """ffmpeg writes the titles of MP4 tracks but does not read all of them."""
    for type, letter, first in (("video", "v", covers), ("audio", "a", 0), ("subtitles", "s", 0)):
        alike = [track for track in order if track.type == type]
        for place, track in enumerate(alike, first):
            if track.title is not None:
                yield f"-metadata:s:{letter}:{place}"
                yield f"title={track.title}"


def _format(before: Media, *, front: bool) -> tuple[str, ...]:
    """The muxer, named: the temporary file's extension says nothing."""
    if before.container == "mkv":
        # Flags as they are, not as ffmpeg would rather have them.
        flags = ("-default_mode", "passthrough")
        return ("-f", "webm" if before.brand == "webm" else "matroska", *flags)
    faststart = ("-movflags", "+faststart") if front else ()
    if before.brand == QUICKTIME:
        return ("-f", "mov", *faststart)
    brand = ("-brand", before.brand.ljust(4)) if before.brand in KEPT_BRANDS else ()
    return ("-f", "mp4", *brand, *faststart)
