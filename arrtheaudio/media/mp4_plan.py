"""Which bytes of an MP4 file change so that one audio track is the only enabled one.

Owns the map of offsets (Layout) and the decision; reads only bytes that it
means to replace, writes nothing. ISO/IEC 14496-12, 8.3.2 (tkhd flags,
alternate_group); media.md, "MP4".

Order of the patches: the new default is enabled first, then the others are
disabled, last come the alternate groups. So a track is heard after every
prefix, which is all that a kill can leave behind: what was written stays in the
system's cache. A power cut could keep a later byte and lose an earlier one where
they lie in two sectors; there, as in Matroska, the first is synced before the
others are written. Reordering moves whole trak boxes inside moov in one patch;
between its first and its last byte the header is unreadable.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import attrs

from arrtheaudio.errors import CorruptFile, NoRoom
from arrtheaudio.media.mp4_boxes import Box, find
from arrtheaudio.media.shuffle import rotation
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Edit, Media, Patch

ENABLED: Final = 0x01  # lowest bit of tkhd's last flags byte
SECTOR_BYTES: Final = 512  # what every disk writes whole or not at all
LARGEST_GROUP: Final = 0x7FFF  # alternate_group is signed

# What identifies a file: of every trak its description, and the beginning of its
# sample tables (hardly ever the same in two files, and the size of each box tells, too).
TABLES_BYTES: Final = 1024
TRAK_BYTES: Final = 16384
TO_THE_END: Final = bytes(4)  # a box of this size fills its parent (4.2)
# The tables of a very long film are some ten MB; more is not moved in one write.
LARGEST_MOVE: Final = 32 << 20


class TrackHeader(NamedTuple):
    """What tkhd holds of the two fields that are ever changed, and where."""

    flags_offset: int
    flags: int  # the byte with ENABLED in it
    group_offset: int
    group: int

    @property
    def enabled(self) -> bool:
        """Whether players play the track by default."""
        return bool(self.flags & ENABLED)


class TrakLayout(NamedTuple):
    """Where one trak lies; ``header`` is None where it has no tkhd to change."""

    offset: int
    end: int
    audio: bool
    header: TrackHeader | None
    described: int  # where stsd ends
    tables: Box | None  # stbl


@attrs.frozen
class Layout:
    """The private map that Media carries from the probe to the plan."""

    traks: tuple[TrakLayout, ...]  # in file order: the place is Track.index
    header: tuple[tuple[int, int], ...]  # extents of ftyp, moov's header and mvhd


def plan_default(window: Window, media: Media, target: int, *, reorder: bool = False) -> Edit:
    """The edit after which track ``target`` is the only enabled audio track.

    Args:
        window: the file, for the old bytes of what moves.
        media: as probed from the same file.
        target: Track.index of an audio track.
        reorder: also make it the first audio track. Its index changes by that;
            its number (track_ID) does not.

    Raises CorruptFile where the track has no header to change, NoRoom where it
    cannot be moved.
    """
    layout: Layout = media.layout
    chosen = layout.traks[target]
    if not chosen.audio:
        raise ValueError(f"track {target} is not an audio track")
    if chosen.header is None:
        raise CorruptFile(f"track {target} has no track header (tkhd)")
    audio = [trak for trak in layout.traks if trak.audio]
    span = None
    if reorder and chosen is not audio[0]:
        span = (audio[0].offset, chosen.end)
        _check_movable(window, layout, span)
    headers = [trak.header for trak in audio if trak.header is not None]
    others = [header for header in headers if header.enabled and header is not chosen.header]
    if span is None and chosen.header.enabled and not others:
        return Edit((), _extents(layout))
    patches = _flags(chosen.header, others) + _groups(layout, headers)
    if span is not None:
        patches = _moved(window, patches, span, chosen)
    return Edit(tuple(patches), _extents(layout), fragile=span is not None)


def _flags(chosen: TrackHeader, others: list[TrackHeader]) -> list[Patch]:
    """Bytes of one sector reach the disk together; of two, either may come first, or alone."""
    patches = [_flip(header) for header in others]
    if chosen.enabled:
        return patches
    sector = chosen.flags_offset // SECTOR_BYTES
    apart = any(header.flags_offset // SECTOR_BYTES != sector for header in others)
    return [_flip(chosen, sync=apart), *patches]


def _flip(header: TrackHeader, *, sync: bool = False) -> Patch:
    old, new = bytes([header.flags]), bytes([header.flags ^ ENABLED])
    return Patch(header.flags_offset, old, new, sync)


def _groups(layout: Layout, audio: list[TrackHeader]) -> list[Patch]:
    """One common alternate group where no audio track has any: they exclude each other."""
    if len(audio) < 2 or any(header.group for header in audio):
        return []
    used = {trak.header.group for trak in layout.traks if trak.header is not None}
    unused = next(group for group in range(1, LARGEST_GROUP) if group not in used)
    return [Patch(header.group_offset, bytes(2), unused.to_bytes(2, "big")) for header in audio]


def _check_movable(window: Window, layout: Layout, span: tuple[int, int]) -> None:
    start, end = span
    if end - start > LARGEST_MOVE:
        raise NoRoom(f"the headers to move are {(end - start) >> 20} MiB large")
    for trak in layout.traks:
        if not start <= trak.offset < end:
            continue
        if window.read(trak.offset, 4) == TO_THE_END:
            raise NoRoom("the last track's header states no size and cannot be moved")
        if trak.tables is not None and _absolute(window, trak.tables):
            raise NoRoom("an encrypted track's header holds absolute offsets and cannot be moved")


def _absolute(window: Window, tables: Box) -> bool:
    """Whether saio is there: file offsets (8.7.14), which may point into the trak itself."""
    return b"saio" in find(window, tables, (b"saio",))


def _moved(
    window: Window, patches: list[Patch], span: tuple[int, int], chosen: TrakLayout
) -> list[Patch]:
    """The span with the chosen trak in front, all changes inside it made; then the rest."""
    start, end = span
    old = window.read(start, end - start)
    inside = [
        attrs.evolve(patch, offset=patch.offset - start)
        for patch in patches
        if start <= patch.offset < end
    ]
    outside = [patch for patch in patches if not start <= patch.offset < end]
    changed = bytearray(old)
    for patch in inside:
        changed[patch.offset : patch.offset + len(patch.new)] = patch.new
    cut = chosen.offset - start
    new = bytes(changed[cut:] + changed[:cut])
    # Whole before the tracks behind it are disabled, as without moving.
    move = Patch(start, old, new, bool(outside), rotation(old, new, cut, inside))
    return [move, *outside]


def _extents(layout: Layout) -> tuple[tuple[int, int], ...]:
    extents = list(layout.header)
    for trak in layout.traks:
        end = min(trak.described + TABLES_BYTES, trak.offset + TRAK_BYTES, trak.end)
        extents.append((trak.offset, max(end, trak.offset) - trak.offset))
    return tuple(sorted(extents))
