"""Putting a new Tracks element in the old one's place without moving anything else.

A Void next to Tracks is where the new one is written first, invisible to every
reader. Then one write of a few bytes makes it visible and hides the old one in a
Void of its own (``behind``, ``in_front``). Where no such Void is large enough, all
of it is one larger write: into a Void farther in front (``apart``), or over the
old Tracks (``over``). media.md, ways 4 and 5.

SeekHead holds the position of Tracks. Between the switch and its correction a
reader that trusts SeekHead alone would find no Tracks, and between a correction
and the switch one that scans as well would find two. So both go into one write
wherever SeekHead lies in front, within SWITCH_BYTES; nothing between them changes,
and a write torn by a power cut leaves one of those two states, which ffmpeg and
mkvmerge read, until the journal's plan is finished. SeekHeads elsewhere are
corrected after the switch: readers that scan do not need them. Where Tracks stands
behind the clusters nobody scans for it, so there the correction comes first, and
leads to the new Tracks inside the Void while the old one is still visible.
"""

from __future__ import annotations

from typing import Final

from arrtheaudio.media import ebml
from arrtheaudio.media.matroska_layout import TRACKS, Layout, Span, all_seek_heads, seeks
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Patch

SWITCH_BYTES: Final = 64 << 10
_LONGEST_VOID_HEADER: Final = 9


def behind(window: Window, layout: Layout, new: bytes) -> tuple[Patch, ...] | None:
    """The new Tracks in the Void behind the old one; None where it does not fit.

    Leaves enough Void in front for the next such change, if there is room for that.
    """
    start = behind_start(window, layout, len(new))
    if start is None:
        return None
    rest = layout.end + layout.void_after - start - len(new)
    shadow = new + (ebml.void_header(rest) if rest else b"")
    hide = ebml.void_header(start - layout.tracks)
    corrections = _seek_corrections(window, layout, start)
    if corrections is None:
        return None
    return (
        Patch(start, window.read(start, len(shadow)), shadow, sync=True),
        *_together(window, layout, [(layout.tracks, hide)], corrections),
    )


def behind_start(window: Window | None, layout: Layout, length: int) -> int | None:
    """Where the new Tracks would start; None without room. Without a window, a safe guess."""
    if not layout.void_after:
        return None
    header = _LONGEST_VOID_HEADER
    if window is not None:
        header = ebml.header(window, layout.end)[1] - layout.end
    stop = layout.end + layout.void_after
    lowest = layout.end + header
    for start in (max(lowest, layout.tracks + length + _LONGEST_VOID_HEADER), lowest, lowest + 1):
        rest = stop - start - length
        if rest == 0 or rest >= 2:
            return start
    return None


def in_front(window: Window, layout: Layout, new: bytes) -> tuple[Patch, ...] | None:
    """The new Tracks in the Void right in front of the old one; None where it does not fit.

    The switch overwrites the Void's own header with the first bytes of Tracks.
    """
    start = adjacent_start(layout, len(new))
    if start is None:
        return None
    corrections = _seek_corrections(window, layout, start)
    header = ebml.header(window, start)[1] - start
    if corrections is None:
        return None
    shadow = new + ebml.void_header(layout.end - start - len(new))
    rest = window.read(start + header, len(shadow) - header)
    return (
        Patch(start + header, rest, shadow[header:], sync=True),
        *_together(window, layout, [(start, shadow[:header])], corrections),
    )


def adjacent_start(layout: Layout, length: int) -> int | None:
    """Where a Tracks of that length starts in the Void right in front, with a Void behind it."""
    if not layout.voids or layout.voids[-1][1] != layout.tracks:
        return None
    start, end = layout.voids[-1]
    rest = layout.end - start - length
    if rest < 2 or length + len(ebml.void_header(rest)) > end - start:
        return None
    return start


def apart(window: Window, layout: Layout, new: bytes) -> tuple[Patch, ...] | None:
    """The new Tracks in a Void farther in front: SeekHead, Void, Info, Tracks is a usual order.

    Here the old Tracks cannot vanish with the same few bytes that show the new
    one, so all of it is one write.
    """
    void = apart_void(layout, len(new))
    if void is None:
        return None
    start, end = void
    corrections = _seek_corrections(window, layout, start)
    if corrections is None:
        return None
    rest = end - start - len(new)
    shadow = new + (ebml.void_header(rest) if rest else b"")
    hide = ebml.void_header(len(layout.blob))
    return tuple(_together(window, layout, [(start, shadow), (layout.tracks, hide)], corrections))


def apart_void(layout: Layout, length: int) -> Span | None:
    """The Void nearest in front of Tracks, not right there, that takes a Tracks of that length."""
    for start, end in reversed(layout.voids):
        rest = end - start - length
        near = layout.tracks - start <= SWITCH_BYTES
        if near and end != layout.tracks and (rest == 0 or rest >= 2):
            return start, end
    return None


def over(window: Window, layout: Layout, new: bytes) -> Patch | None:
    """The new Tracks over the old one and what is needed of the Void behind; None if too long.

    A rest of one byte is too short for a Void: then None as well.
    """
    rest = len(layout.blob) + layout.void_after - len(new)
    if rest < 0 or rest == 1:
        return None
    region = new + (ebml.void_header(rest) if rest else b"")
    old = layout.blob[: len(region)]
    if len(region) > len(old):
        old += window.read(layout.end, len(region) - len(old))
    return narrowed(layout.tracks, old, region)


def narrowed(offset: int, old: bytes, new: bytes, *, sync: bool = False) -> Patch | None:
    """The patch from the first byte that differs to the last; None if none does."""
    if old == new:
        return None
    first = _agreement(old, new)
    last = len(old) - _agreement(old[::-1], new[::-1])
    return Patch(offset + first, old[first:last], new[first:last], sync)


def _agreement(old: bytes, new: bytes) -> int:
    """How many first bytes are the same; by halves, because comparing slices is fast."""
    same, differs = 0, len(old)
    while same < differs:
        middle = (same + differs + 1) // 2
        if old[same:middle] == new[same:middle]:
            same = middle
        else:
            differs = middle - 1
    return same


def _together(
    window: Window,
    layout: Layout,
    switch: list[tuple[int, bytes]],
    corrections: list[tuple[int, bytes]],
) -> list[Patch]:
    """One patch over the switch and the corrections shortly before or inside it; then the others.

    Inside: where the new Tracks stands far in front, SeekHead may lie between it and the old one.
    """
    near = list(switch)
    far: list[tuple[int, bytes]] = []
    lowest = min(offset for offset, _ in switch)
    highest = max(offset for offset, _ in switch)
    for offset, new in corrections:
        # Behind the switch lies the shadow, which must be durable before.
        together = lowest - SWITCH_BYTES <= offset <= highest
        (near if together else far).append((offset, new))
    first = min(offset for offset, _ in near)
    last = max(offset + len(new) for offset, new in near)
    old = window.read(first, last - first)
    merged = bytearray(old)
    for offset, new in near:
        merged[offset - first : offset - first + len(new)] = new
    patches = [
        narrowed(offset, window.read(offset, len(new)), new, sync=True) for offset, new in far
    ]
    # Behind the clusters only SeekHead leads to Tracks: there it goes first.
    patches.insert(
        len(far) if layout.behind_clusters else 0,
        narrowed(first, old, bytes(merged), sync=not layout.behind_clusters and bool(far)),
    )
    return [patch for patch in patches if patch is not None]


def _seek_corrections(window: Window, layout: Layout, start: int) -> list[tuple[int, bytes]] | None:
    """Every SeekHead that points to Tracks, as it must read when Tracks starts at ``start``.

    Where the position does not fit the bytes it has, the entry becomes a Void:
    Tracks need not be listed unless it stands behind the clusters (RFC 9559, 4.5);
    there None is given.
    """
    corrections = []
    for head_start, head_end in all_seek_heads(window, layout):
        old = window.read(head_start, head_end - head_start)
        new = bytearray(old)
        body = ebml.header(window, head_start)[1] - head_start
        for seek, ident, position in seeks(old, body, len(old)):
            value = ebml.uint(old, position[2], position[3])
            if ident != TRACKS or layout.segment + value != layout.tracks:
                continue
            length = position[3] - position[2]
            if start - layout.segment < 1 << 8 * length:
                new[position[2] : position[3]] = (start - layout.segment).to_bytes(length, "big")
                refresh_crc(new, seek[2], seek[3])
            elif layout.behind_clusters:
                return None
            else:
                hide = ebml.void_header(seek[3] - seek[1])
                new[seek[1] : seek[1] + len(hide)] = hide
        refresh_crc(new, body, len(new))
        if new != old:
            corrections.append((head_start, bytes(new)))
    return corrections


def refresh_crc(source: bytearray, body: int, end: int) -> None:
    """Recompute a master's CRC-32, if it has one."""
    view = bytes(source[body:end])
    value = ebml.crc_value(view, 0, len(view))
    if value is not None:
        source[body + value : body + value + 4] = ebml.crc_of(view[value + 4 :])
