"""Making one audio track of a Matroska file the only default one: which bytes to write.

Pure apart from reads through the Window. Tries, in this order: the flags where
they stand (matroska_flags), a new Tracks in a Void beside the old one, Tracks
rewritten in place (both matroska_switch), NoRoom. Tracks is never moved behind
the clusters: many players then call the file unplayable. media.md, "Matroska".

Every patch is disjoint from the others, so each ``old`` is what the file holds
now, and undoing them in reverse order passes through the same states. A CRC-32
over a changed flag goes into the same write as the flag, so that no reader ever
meets a wrong one; only where the two lie too far apart does it become a Void
first, which is one byte.
"""

from __future__ import annotations

from typing import Final

from arrtheaudio.errors import CorruptFile, NoRoom
from arrtheaudio.media import ebml, matroska_switch
from arrtheaudio.media.matroska_flags import TRACK_ENTRY, VOID_BYTE, Change, Way, set_flag
from arrtheaudio.media.matroska_layout import Layout
from arrtheaudio.media.matroska_rebuild import lengthened, rebuild
from arrtheaudio.media.matroska_switch import narrowed, refresh_crc
from arrtheaudio.media.source import PAGE_BYTES, Window
from arrtheaudio.media.tracks import Edit, Media, Patch

_NO_ROOM: Final = "None: the header has no byte to spare."
# A flag and its CRC farther apart than this are not worth one write.
_ONE_WRITE_BYTES: Final = 64 << 10


def plan_default(window: Window, media: Media, target: int, *, reorder: bool = False) -> Edit:
    """What makes the audio track with that index the only default one.

    Args:
        window: the file that ``media`` was probed from.
        media: with its layout.
        target: Track.index of an audio track.
        reorder: also make it the first audio track. Its index then changes, its number not.

    Returns: an Edit, without patches if nothing needs to change.
    Raises: NoRoom; ValueError if target is no audio track; CorruptFile, IoFailed.
    """
    layout: Layout = media.layout
    audio = [track.index for track in media.audio]
    if target not in audio:
        raise ValueError(f"track {target} is no audio track")
    wanted = {index: index == target for index in audio}
    order = list(range(len(media.tracks)))
    if reorder:
        for place, index in zip(audio, [target, *(i for i in audio if i != target)], strict=True):
            order[place] = index
    moved = order != sorted(order)
    patches = None if moved else _in_place(layout, wanted)
    fragile = False
    if patches is None:
        patches, fragile = _anew(window, media, order, wanted)
    if patches and layout.segment_crc:
        # Over the whole file, and so beyond recomputing: it becomes a Void.
        patches = (Patch(layout.segment, b"\xbf", VOID_BYTE, sync=True), *patches)
    _refuse_overlaps(patches)
    return Edit(patches, _extents(layout), fragile)


def _refuse_overlaps(patches: tuple[Patch, ...]) -> None:
    """A forged SeekHead may lie inside a Void or Tracks; an honest one never does."""
    reach = 0
    for patch in sorted(patches, key=lambda patch: patch.offset):
        if patch.offset < reach:
            raise CorruptFile("elements of the header overlap")
        reach = patch.offset + len(patch.new)


def room(media: Media, *, reorder: bool = False) -> str:
    """Which way a change of the default track would take, in a sentence or two."""
    layout: Layout = media.layout
    if len(media.audio) < 2:
        return "No room is needed: only a second audio track's flag may have to be cleared."
    if reorder:
        return _room_anew(media) or _room_to_stay(media)
    ways = {way for track in media.audio for way in _ways(layout, track.index)}
    if ways <= {"value"}:
        return "In place: one byte for each audio track whose flag changes."
    if None not in ways:
        return "In place: a few bytes for each audio track whose flag changes."
    return _room_anew(media) or _NO_ROOM


def _room_to_stay(media: Media) -> str:
    stays = room(media)
    return stays if stays == _NO_ROOM else f"No room to move it to the front. {stays}"


def _room_anew(media: Media) -> str | None:
    """Where a new Tracks would stand; None if nowhere."""
    layout: Layout = media.layout
    order = range(len(media.tracks))
    flags = dict.fromkeys((track.index for track in media.audio), False)
    new = rebuild(layout.blob, layout.body, order=order, flags=flags)
    if matroska_switch.behind_start(None, layout, len(new)) is not None:
        return f"A new Tracks in the {layout.void_after:,} bytes of Void behind it, then a switch."
    if matroska_switch.adjacent_start(layout, len(new)) is not None:
        return "A new Tracks in the Void right in front of it, then a switch."
    if matroska_switch.apart_void(layout, len(new)) is not None:
        return "A new Tracks in a Void farther in front, in one write."
    flags[media.audio[0].index] = True
    least = rebuild(
        layout.blob, layout.body, order=order, flags=flags, tight=True, crc=False, implied=True
    )
    if len(least) <= len(layout.blob) + layout.void_after:
        return "Tracks rewritten where it stands, with what room it and a Void behind it have."
    return None


def _ways(layout: Layout, index: int) -> list[Way | None]:
    """How that track's flag would be cleared; nothing if it is, None if there is no room."""
    changes = set_flag(layout.blob, _entries(layout)[index], False)
    return [None] if changes is None else [change.way for change in changes]


def _entries(layout: Layout) -> list[ebml.Element]:
    children = ebml.elements(layout.blob, layout.body, len(layout.blob))
    return [child for child in children if child[0] == TRACK_ENTRY]


def _in_place(layout: Layout, wanted: dict[int, bool]) -> tuple[Patch, ...] | None:
    """Each flag where it stands, the new default first; None if one has no room."""
    blob = layout.blob
    entries = _entries(layout)
    changes: list[Change] = []
    touched = []
    setting = False  # a track becomes the default that was none
    for index, flag in sorted(wanted.items(), key=lambda item: not item[1]):
        found = set_flag(blob, entries[index], flag)
        if found is None:
            return None
        if found:
            changes += found
            touched.append(entries[index])
            setting = setting or flag
    if not changes:
        return ()
    parents = [(body, end) for _, _, body, end in touched] + [(layout.body, len(blob))]
    guarded = [span for span in parents if ebml.crc_value(blob, *span) is not None]
    if not guarded:
        return _one_by_one(layout, changes)
    new = bytearray(blob)
    for change in changes:
        new[change.at : change.at + len(change.new)] = change.new
    for body, end in guarded:
        refresh_crc(new, body, end)
    patch = narrowed(layout.tracks, blob, bytes(new))
    in_order = setting and _parted(layout, changes)
    if patch is not None and len(patch.new) <= _ONE_WRITE_BYTES and not in_order:
        return (patch,)
    dropped = [Change(body, VOID_BYTE, "value") for body, _ in reversed(guarded)]
    return _one_by_one(layout, dropped + changes, barriers=len(dropped))


def _parted(layout: Layout, changes: list[Change]) -> bool:
    """Whether a power cut could keep one of them and lose another."""
    spans = [(layout.tracks + change.at, len(change.new)) for change in changes]
    return len({page for span in spans for page in _pages(*span)}) > 1


def _pages(offset: int, length: int) -> range:
    return range(offset // PAGE_BYTES, (offset + length - 1) // PAGE_BYTES + 1)


def _one_by_one(layout: Layout, changes: list[Change], *, barriers: int = 0) -> tuple[Patch, ...]:
    """A patch for each change; synced behind the first ones, and where a power cut could reorder.

    Bytes of one page reach the disk together; of two, either may come first, or alone. Of a
    sector it would be surer, but then every other file of ffmpeg would lose its CRC-32.
    """
    patches = []
    for place, change in enumerate(changes):
        offset = layout.tracks + change.at
        later = changes[place + 1 : place + 2]
        apart = _parted(layout, changes[place : place + 2])
        sync = bool(later) and (place < barriers or apart)
        old = layout.blob[change.at : change.at + len(change.new)]
        patches.append(Patch(offset, old, change.new, sync))
    return tuple(patches)


def _anew(
    window: Window, media: Media, order: list[int], wanted: dict[int, bool]
) -> tuple[tuple[Patch, ...], bool]:
    """(patches, whether a torn write leaves Tracks unreadable) for a new Tracks element.

    Every audio track states its flag there, so that each later change is one byte.
    """
    layout: Layout = media.layout
    new = rebuild(layout.blob, layout.body, order=order, flags=wanted)
    patches = matroska_switch.behind(window, layout, new)
    if patches is None:
        patches = matroska_switch.in_front(window, layout, new)
    if patches is not None:
        return patches, False
    patches = matroska_switch.apart(window, layout, new)
    if patches is None:
        patches = (_over(window, layout, order, _candidates(wanted, media)),)
    return patches, len(_pages(patches[0].offset, len(patches[0].new))) > 1


def _over(
    window: Window, layout: Layout, order: list[int], flags: list[tuple[dict[int, bool], bool]]
) -> Patch:
    """The first way of writing Tracks that fits its place: as it is, shorter, without CRC."""
    space = len(layout.blob) + layout.void_after
    for tight, crc in ((False, True), (True, True), (True, False)):
        for stated, implied in flags:
            new = rebuild(
                layout.blob,
                layout.body,
                order=order,
                flags=stated,
                implied=implied,
                tight=tight,
                crc=crc,
            )
            if len(new) == space - 1:
                new = lengthened(new)
            patch = matroska_switch.over(window, layout, new)
            if patch is not None:
                return patch
    raise NoRoom("the header has no room for the change")


def _candidates(wanted: dict[int, bool], media: Media) -> list[tuple[dict[int, bool], bool]]:
    """Flags to state, the longest first, and whether those that are 1 are left to their absence.

    Of every audio track, of those that change, of those that become 0.
    """
    layout: Layout = media.layout
    entries = _entries(layout)
    changing = {
        i: flag for i, flag in wanted.items() if set_flag(layout.blob, entries[i], flag) != []
    }
    return [(wanted, False), (changing, False), (wanted, True)]


def _extents(layout: Layout) -> tuple[tuple[int, int], ...]:
    """What identifies the file: its EBML and Segment headers, Info, SeekHeads and Tracks."""
    spans = [(0, layout.segment), *layout.seek_heads, (layout.tracks, layout.end)]
    if layout.info is not None:
        spans.append(layout.info)
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            start, end = merged[-1][0], max(end, merged.pop()[1])
        merged.append((start, end))
    return tuple((start, end - start) for start, end in merged)
