"""What a file holds beside the media of its tracks, so that a rewrite can be judged by it.

A muxer writes what it knows and drops the rest without a word. So everything that
a player or a person could miss is listed before and after: attachments, covers,
chapters, tags, references. Values only; the formats' own modules list them.
media.md, "mp4_method: remux".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import attrs

# Muxers count chapters in their own units, and from the first picture on.
CHAPTER_TOLERANCE_NS: Final = 100_000_000
NAMED: Final = 5  # of what would be lost; the message must stay readable
SHOWN_CHARACTERS: Final = 60


@attrs.frozen
class Piece:
    """One thing in the file; two are the same if they look the same, wherever they stand."""

    what: str  # for people: "attachment 'Font.ttf'", "tag ARTIST"
    value: bytes = b""  # text, or a digest of something large
    track: int | None = None  # Track.index, of what belongs to a track
    at_ns: int = 0  # of a chapter


def shown(text: str) -> str:
    """A name from the file, fit for a message."""
    return repr(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…")


def missing(
    before: Iterable[Piece], after: Iterable[Piece], places: Mapping[int, int]
) -> list[str]:
    """What is in ``before`` and not in ``after``, in words.

    Args:
        places: which track (Track.index) of the file before is which one afterwards.
    """
    there: defaultdict[tuple[str, bytes, int | None], list[int]] = defaultdict(list)
    for piece in after:
        there[piece.what, piece.value, piece.track].append(piece.at_ns)
    lost: list[str] = []
    for piece in before:
        track = None if piece.track is None else places.get(piece.track)
        found = there.get((piece.what, piece.value, track), [])
        if not any(abs(at - piece.at_ns) <= CHAPTER_TOLERANCE_NS for at in found):
            of = "" if piece.track is None else f" of track {piece.track}"
            lost.append(f"{piece.what}{of}")
    return list(dict.fromkeys(lost))


def in_words(lost: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = len(lost) - NAMED
    return ", ".join(lost[:NAMED]) + (f" and {more} more" if more > 0 else "")
