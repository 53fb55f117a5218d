"""A Tracks element written anew: other flags, another order, fewer bytes (RFC 9559, 5.1.4).

Pure: takes the bytes of the old element, gives those of the new one. Where they
are put is matroska_switch's business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from arrtheaudio.media import ebml
from arrtheaudio.media.matroska_flags import FLAG_DEFAULT, TRACK_ENTRY
from arrtheaudio.media.matroska_layout import TRACKS

_TRACKS_ID_LENGTH: Final = 4
_CRC_HEADER: Final = b"\xbf\x84"


def rebuild(
    blob: bytes,
    body: int,
    *,
    order: Sequence[int],
    flags: Mapping[int, bool],
    tight: bool = False,
    crc: bool = True,
    implied: bool = False,
) -> bytes:
    """The new Tracks element.

    Args:
        blob, body: the old element, and where its payload starts.
        order: the old positions of the TrackEntries in their new order.
        flags: FlagDefault to state explicitly, by old position; the others stay as they are.
        tight: leave out Voids and write every size field as short as can be.
        crc: keep (and recompute) CRC-32 elements; False leaves them out.
        implied: leave out a FlagDefault that is to be 1, which an absent one means.
    """
    children = ebml.elements(blob, body, len(blob))
    entries = [child for child in children if child[0] == TRACK_ENTRY]
    new_order = iter(order)
    pieces = []
    for ident, start, _, end in children:
        if ident == TRACK_ENTRY:
            index = next(new_order)
            flag = flags.get(index)
            stated = None if flag is None else b"" if flag and implied else _stated(flag)
            pieces.append(_entry(blob, entries[index], stated, tight=tight, crc=crc))
        elif ident != ebml.CRC32 and not (tight and ident == ebml.VOID):
            pieces.append(blob[start:end])
    payload = b"".join(pieces)
    if crc and ebml.crc_value(blob, body, len(blob)) is not None:
        payload = _CRC_HEADER + ebml.crc_of(payload) + payload
    return _element(TRACKS, payload, None if tight else body - _TRACKS_ID_LENGTH)


def lengthened(tracks: bytes) -> bytes:
    """The same Tracks element with one byte more of size field, if that may grow.

    For a rest of one byte, which is too short for a Void.
    """
    ((_, _, body, end),) = ebml.elements(tracks, 0, len(tracks))
    return _element(TRACKS, tracks[body:end], min(8, body - _TRACKS_ID_LENGTH + 1))


def _stated(flag: bool) -> bytes:
    return ebml.element(FLAG_DEFAULT, bytes([flag]))


def _entry(
    blob: bytes, entry: ebml.Element, flag: bytes | None, *, tight: bool, crc: bool
) -> bytes:
    """A TrackEntry with that FlagDefault, None for its own."""
    _, start, body, end = entry
    if flag is None and not tight and crc:
        return blob[start:end]
    pieces = [flag] if flag else []
    for ident, first, inner, stop in ebml.elements(blob, body, end):
        if ident == ebml.CRC32 or (ident == FLAG_DEFAULT and flag is not None):
            continue
        if not tight:
            pieces.append(blob[first:stop])
        elif ident != ebml.VOID:
            pieces.append(ebml.element(ident, blob[inner:stop]))
    payload = b"".join(pieces)
    if crc and ebml.crc_value(blob, body, end) is not None:
        payload = _CRC_HEADER + ebml.crc_of(payload) + payload
    return _element(TRACK_ENTRY, payload, None if tight else body - start - 1)


def _element(ident: int, payload: bytes, size_length: int | None) -> bytes:
    """The element with a size field of that many bytes, or more where it must be."""
    try:
        return ebml.element(ident, payload, size_length)
    except ValueError:  # it grew beyond its size field
        return ebml.element(ident, payload)
