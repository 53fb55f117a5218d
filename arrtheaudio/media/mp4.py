"""MP4 and QuickTime: recognise a file, read its tracks, plan the one change.

Owns the top level of the file and moov; a trak is read in mp4_trak, the change
is planned in mp4_plan. Reads headers only, never media and never sample
tables, so that neither size nor fragments nor the place of moov matter.
ISO/IEC 14496-12, 4 and 8.2; media.md, "MP4".
"""

from __future__ import annotations

from typing import Final

from arrtheaudio.errors import CorruptFile, UnsupportedContainer
from arrtheaudio.media.mp4_boxes import HEADER, Box, name_of, walk
from arrtheaudio.media.mp4_plan import Layout, plan_default
from arrtheaudio.media.mp4_trak import Trak, as_chapters, read_trak
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import MAX_DURATION_MS, Media

__all__ = ["plan_default", "probe", "room", "sniff"]

# A file starts with one of these: (type, largest size that is believed of it). Text such
# as "The free …" has a size above all of them.
FIRST_BOXES: Final = {
    b"ftyp": 1 << 16,
    b"moov": 1 << 28,
    b"mdat": 1 << 63,
    b"wide": 1 << 10,
    b"free": 1 << 24,
    b"skip": 1 << 24,
    b"pnot": 1 << 10,
    b"styp": 1 << 16,
    b"sidx": 1 << 24,
    b"moof": 1 << 24,
}
SEGMENT_BOXES: Final = frozenset({b"styp", b"sidx", b"moof"})
# Images: the same boxes, but no film (HEIF, AVIF, Canon CR3, JPEG 2000, JPEG XL).
IMAGE_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"miaf", b"avif", b"crx "}
    | {b"jp2 ", b"jpx ", b"jpm ", b"jxl "}
)
QUICKTIME: Final = b"qt  "

MAX_BOXES: Final = 4096  # before moov; some recorders write their media in many pieces
MAX_TRAKS: Final = 256  # a film has a handful; forged files stop here
HEADER_EXTENT: Final = 4096  # bytes of ftyp and mvhd that identify a file
UNKNOWN_DURATION: Final = frozenset({0, (1 << 32) - 1, (1 << 64) - 1})


def sniff(head: bytes) -> bool:
    """Whether a file that begins with these bytes (eight or more) is MP4 or QuickTime."""
    if len(head) < HEADER:
        return False
    size = int.from_bytes(head[:4], "big")
    most = FIRST_BOXES.get(head[4:8])
    if most is None:
        return False
    if size == 1:  # 64-bit size, which only media data need
        return head[4:8] == b"mdat"
    return (size == 0 and head[4:8] in (b"mdat", b"moov")) or HEADER <= size <= most


def probe(window: Window) -> Media:
    """The tracks of an MP4 or QuickTime file.

    Raises:
        UnsupportedContainer: no such file, an image, a bare media segment, or a
            compressed header.
        CorruptFile: moov is missing, cut off or contradicts itself.
        IoFailed: the operating system cannot read.
    """
    if window.size < HEADER or not sniff(window.read(0, min(window.size, 16))):
        raise UnsupportedContainer("not an MP4 or QuickTime file")
    ftyp, moov = _top_level(window)
    brand = window.read(ftyp.body, 4) if ftyp and ftyp.end - ftyp.body >= 4 else QUICKTIME
    if brand in IMAGE_BRANDS:
        raise UnsupportedContainer(f"an image file ({name_of(brand).strip()}), not a film")
    if moov is None:
        raise CorruptFile("the file has no header (moov): it was never finished, or is cut off")
    return _movie(window, ftyp, moov, brand)


def room(media: Media, *, reorder: bool = False) -> str:
    """A sentence or two on whether a change fits, for people."""
    layout: Layout = media.layout
    if any(trak.audio and trak.header is None for trak in layout.traks):
        return "Partly: a track without a header (tkhd) cannot be changed."
    if reorder:
        return (
            "Always: one byte per changed track. The chosen track's header moves to the front, "
            "unless it is too large for that or holds absolute offsets."
        )
    return "Always: one byte per changed track, nothing moves."


def _top_level(window: Window) -> tuple[Box | None, Box | None]:
    """(ftyp, moov); what lies behind moov does not matter, be it fragments or garbage."""
    ftyp, items = None, False
    for box in walk(window, 0, window.size, MAX_BOXES):
        if box.kind == b"moov":
            return ftyp, box
        if box.kind == b"ftyp" and ftyp is None:
            ftyp = box
        elif box.kind in SEGMENT_BOXES:
            # Everything in it belongs to a header in another file: there is nothing to change.
            raise UnsupportedContainer("a media segment without its header (moov)")
        items = items or box.kind == b"meta"
    if items:
        raise UnsupportedContainer("an image or a collection of items, not a film (no moov)")
    return ftyp, None


def _movie(window: Window, ftyp: Box | None, moov: Box, brand: bytes) -> Media:
    traks: list[Trak] = []
    extents = [_extent(ftyp)] if ftyp else []
    duration = None
    for box in walk(window, moov.body, moov.end):
        if box.kind == b"trak":
            if len(traks) == MAX_TRAKS:
                raise CorruptFile(f"more than {MAX_TRAKS} tracks")
            traks.append(read_trak(window, box, len(traks), quicktime=brand == QUICKTIME))
        elif box.kind == b"mvhd":
            extents.append((moov.offset, _extent(box)[0] + _extent(box)[1] - moov.offset))
            duration = _duration(window, box)
        elif box.kind == b"cmov":
            raise UnsupportedContainer("a compressed header (QuickTime cmov) cannot be edited")
    chapters = frozenset[int]().union(*(trak.chapters for trak in traks))
    tracks = tuple(
        as_chapters(trak.track)
        if trak.track.type == "subtitles" and trak.track.number in chapters
        else trak.track
        for trak in traks
    )
    layout = Layout(tuple(trak.layout for trak in traks), tuple(extents))
    return Media("mp4", window.size, tracks, duration, name_of(brand).strip(), layout)


def _extent(box: Box) -> tuple[int, int]:
    return box.offset, min(box.end - box.offset, HEADER_EXTENT)


def _duration(window: Window, mvhd: Box) -> int | None:
    """Milliseconds by mvhd (8.2.2); None where it leaves them open, as fragmented files do."""
    content = window.read(mvhd.body, min(mvhd.end - mvhd.body, 32))
    wide = 8 if content[:1] == b"\1" else 4
    at = 4 + 2 * wide
    scale = int.from_bytes(content[at : at + 4], "big")
    ticks = int.from_bytes(content[at + 4 : at + 4 + wide], "big")
    if not scale or ticks in UNKNOWN_DURATION:
        return None
    milliseconds = ticks * 1000 // scale
    return milliseconds if milliseconds < MAX_DURATION_MS else None
