"""FlagDefault of one TrackEntry, changed where it stands (RFC 9559, 5.1.4.1.4).

Setting is free, because an absent FlagDefault is 1. Clearing an absent one needs
three bytes, ``88 81 00``, which are taken from what the TrackEntry can spare
without anything else moving: an element that only repeats its own default, a
Void, or a size field with more bytes than it needs. media.md, ways 1, 2, 3
and 5. Pure: bytes in, changes out.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

from arrtheaudio.media import ebml

TRACK_ENTRY: Final = 0xAE
FLAG_DEFAULT: Final = 0x88

CLEARED: Final = b"\x88\x81\x00"

# What may give way, best first: (identifier, value). Each is the element's own
# default, except FlagLacing 0, which promises that no block is laced: readers that
# meet no such promise handle both. Language is never taken, its default is "eng".
_EXPENDABLE: Final = {
    (0x9C, 0): 0,  # FlagLacing, written by every ffmpeg
    (0x9C, 1): 1,
    (0xB9, 1): 2,  # FlagEnabled
    (0xAA, 1): 3,  # CodecDecodeAll
    (0x6DE7, 0): 4,  # MinCache
    (0x55EE, 0): 5,  # MaxBlockAdditionID
    (0x55AA, 0): 6,  # FlagForced
}
_EXPENDABLE_IDS: Final = frozenset(ident for ident, _ in _EXPENDABLE)
VOID_BYTE: Final = bytes([ebml.VOID])
_LONGEST_FLAG: Final = 10  # 88, eight bytes of size, the value

Way = Literal["value", "swap", "void", "size"]


@attrs.frozen
class Change:
    """Bytes of Tracks to overwrite; ``at`` counts from the first byte of the Tracks element."""

    at: int
    new: bytes
    way: Way


def set_flag(blob: bytes, entry: ebml.Element, wanted: bool) -> list[Change] | None:
    """What makes the TrackEntry read as wanted; empty if it does, None if there is no room.

    A flag that is stated twice is changed twice: readers differ in which one counts.
    """
    children = ebml.elements(blob, entry[2], entry[3])
    stated = [child for child in children if child[0] == FLAG_DEFAULT]
    if not stated and not wanted:
        change = _make_room(blob, entry, children)
        return None if change is None else [change]
    changes = []
    for _, start, body, end in stated:
        if body == end:  # "88 80": the default, in an element too short for a value
            if not wanted:
                return None
            # libebml reads 0 there: as a Void it is the default for every reader.
            changes.append(Change(start, VOID_BYTE, "value"))
            continue
        if (ebml.uint(blob, body, end, default=1) != 0) == wanted:
            continue
        changes.append(Change(body, int(wanted).to_bytes(end - body, "big"), "value"))
    return changes


def _make_room(blob: bytes, entry: ebml.Element, children: list[ebml.Element]) -> Change | None:
    """The one change that brings ``88 81 00`` into a TrackEntry without it."""
    return _swap(blob, children) or _in_void(children) or _from_size(blob, entry, children)


def _swap(blob: bytes, children: list[ebml.Element]) -> Change | None:
    ranked = []
    for ident, start, body, end in children:
        if ident in _EXPENDABLE_IDS and 3 <= end - start <= _LONGEST_FLAG and end > body:
            rank = _EXPENDABLE.get((ident, ebml.uint(blob, body, end)))
            if rank is not None:
                ranked.append((rank, start, end - start))
    if not ranked:
        return None
    _, start, length = min(ranked)
    return Change(start, _cleared(length), "swap")


def _in_void(children: list[ebml.Element]) -> Change | None:
    for ident, start, _, end in children:
        length = end - start
        if ident == ebml.VOID and length >= len(CLEARED):
            if length <= len(CLEARED) + 1:
                return Change(start, _cleared(length), "void")
            rest = ebml.void_header(length - len(CLEARED))
            return Change(start, CLEARED + rest, "void")
    return None


def _from_size(blob: bytes, entry: ebml.Element, children: list[ebml.Element]) -> Change | None:
    """Three bytes of a size field that is longer than it must be (ffmpeg writes eight).

    The freed bytes lie right in front of the element, or at the start of the
    TrackEntry itself, unless a CRC-32 must stay first there.
    """
    gain = len(CLEARED)
    first_is_crc = bool(children) and children[0][0] == ebml.CRC32
    if not first_is_crc:
        header = _shorter(blob, entry, entry[3] - entry[2] + gain)
        if header is not None:
            return Change(entry[1], header + CLEARED, "size")
    for child in children[first_is_crc:]:
        header = _shorter(blob, child, child[3] - child[2])
        if header is not None:
            return Change(child[1], CLEARED + header, "size")
    return None


def _shorter(blob: bytes, element: ebml.Element, size: int) -> bytes | None:
    """The element's header for ``size`` in three bytes less; None if that cannot be."""
    ident, start, body, _ = element
    name = ebml.ident_bytes(ident)
    size_length = body - start - len(name) - len(CLEARED)
    if size_length < 1:
        return None
    try:
        return name + ebml.vint(size, size_length)
    except ValueError:
        return None


def _cleared(length: int) -> bytes:
    """FlagDefault 0 in ``length`` bytes (3 to 10): the size field takes up the slack."""
    return b"\x88" + ebml.vint(1, length - 2) + b"\x00"
