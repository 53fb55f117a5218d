"""Judging a file that a muxer wrote: whether anything of the original is missing.

Pure: tracks, pieces and what ffmpeg printed in, an error out. A muxer numbers
tracks anew, so their places tell which is which. media.md, "mp4_method: remux".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from arrtheaudio.errors import VerifyFailed, WouldLose
from arrtheaudio.media.contents import Piece, in_words, missing, shown
from arrtheaudio.media.mp4_contents import is_chapters
from arrtheaudio.media.tracks import Media, Track

# What a track must keep. The file's own spelling of the language
# may change, the language may not.
KEPT: Final = tuple(
    field.name
    for field in attrs.fields(Track)
    if field.name not in ("index", "number", "language_tag")
)
# What ffmpeg takes for pictures among attachments; each piece's value begins with its type.
ATTACHED_PICTURES: Final = (b"image/gif\0", b"image/jpeg\0", b"image/png\0", b"image/tiff\0")
_CHAPTERS: Final = re.compile(rb"(?<!\\\n)^\[CHAPTER\]\n", re.MULTILINE)  # no line of a text
_CHAPTER: Final = re.compile(
    rb"TIMEBASE=(\d+)/(\d+)\nSTART=(-?\d+)\nEND=-?\d+\n(?:title=(.*))?", re.DOTALL
)


def order(before: Media, target: int, *, reorder: bool) -> list[Track]:
    """The tracks of the original as they shall stand in the new file."""
    tracks = list(before.tracks)
    if reorder:
        first = before.tracks.index(before.audio[0])
        tracks.insert(first, tracks.pop(target))
    return tracks


def pairs(wanted: Sequence[Track], before: Media, after: Media) -> list[tuple[Track, Track]]:
    """(track before, track afterwards), without the tracks that hold chapters.

    Raises WouldLose where tracks are missing, VerifyFailed where there are more.
    """
    old = [track for track in wanted if not is_chapters(before, track.index)]
    new = [track for track in after.tracks if not is_chapters(after, track.index)]
    if len(old) > len(new):
        there = Counter(map(_kind, new))
        there.subtract(map(_kind, old))
        lost = [
            f"the {_kind(track)} track {track.index}" for track in old if there[_kind(track)] < 0
        ]
        raise WouldLose(f"the rewritten file would lose: {in_words(lost)}")
    if len(old) < len(new):
        raise VerifyFailed(f"the rewritten file has {len(new)} tracks, not {len(old)}")
    return list(zip(old, new, strict=True))


def _kind(track: Track) -> str:
    return f"{track.codec} {track.type}"


def check_tracks(together: Sequence[tuple[Track, Track]], target: int) -> list[str]:
    """What the tracks have lost, in words. Raises VerifyFailed for a wrong default track."""
    defaults = [old.index for old, new in together if new.type == "audio" and new.default]
    if defaults != [target]:
        raise VerifyFailed(
            f"the rewritten file has the default audio tracks {defaults}, not {target} alone"
        )
    return [
        f"{name.replace('_', ' ')} {shown(str(getattr(old, name)))} of track {old.index}"
        for old, new in together
        for name in KEPT
        if (name != "default" or old.type != "audio") and getattr(old, name) != getattr(new, name)
    ]


def check_pieces(
    before: Iterable[Piece],
    after: Iterable[Piece],
    together: Sequence[tuple[Track, Track]],
    lost: Sequence[str],
) -> None:
    """Raises WouldLose where anything is missing, be it of the tracks (``lost``) or beside them."""
    places = {old.index: new.index for old, new in together}
    all_lost = [*lost, *missing(before, after, places)]
    if all_lost:
        raise WouldLose(f"the rewritten file would lose: {in_words(all_lost)}")


def check_covers(pieces: Iterable[Piece]) -> None:
    """Raises WouldLose where ffmpeg would make a track of a picture attached to Matroska."""
    pictures = [piece.what for piece in pieces if piece.value.startswith(ATTACHED_PICTURES)]
    if pictures:
        raise WouldLose(f"ffmpeg would make a track of {in_words(pictures)}")


def check_hashes(original: bytes, written: bytes, before: Media, wanted: Sequence[Track]) -> None:
    """Compare what streamhash printed. Raises VerifyFailed."""
    old, new = _by_type(original), _by_type(written)
    audio = old.get("a", [])
    if len(audio) == len(before.audio):
        old["a"] = [audio[before.audio.index(t)] for t in wanted if t.type == "audio"]
    for streams in (old, new):  # a cover may stand before or behind the pictures
        streams["v"] = sorted(streams.get("v", []))
    if old != new:
        raise VerifyFailed("the rewritten file's streams are not the original's")


def chapter_pieces(printed: bytes) -> list[Piece]:
    """The chapters of an ffmetadata file (ffmpeg-formats, "Metadata")."""
    pieces = []
    for section in _CHAPTERS.split(printed)[1:]:
        found = _CHAPTER.match(section)
        if found is None:
            raise VerifyFailed("ffmpeg tells of a chapter without a time")
        units, per_second, start, title = found.groups()
        at_ns = int(start) * int(units) * 1_000_000_000 // max(1, int(per_second))
        text = (title or b"").rstrip(b"\n").decode("utf-8", "replace")
        pieces.append(Piece(f"chapter {shown(text)}", text.encode(), at_ns=at_ns))
    return pieces


def _by_type(printed: bytes) -> dict[str, list[str]]:
    """The hashes of the streams of each type, in file order."""
    found: dict[str, list[str]] = {}
    for line in printed.decode("ascii", "replace").splitlines():
        _, type, value = line.split(",", 2) if line.count(",") >= 2 else ("", "", line)
        found.setdefault(type, []).append(value)
    return found
