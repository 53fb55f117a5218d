"""One trak box: what the track is, and where its changeable bytes lie.

Owns the reading of tkhd, mdhd, elng, hdlr, tref, stsd and the track's udta;
never follows the sample tables. ISO/IEC 14496-12, 8.3 to 8.5, 8.10.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NamedTuple

import attrs

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media import mp4_codecs, mp4_languages, mp4_userdata
from arrtheaudio.media.mp4_boxes import Box, Tree, gather, split
from arrtheaudio.media.mp4_plan import TrackHeader, TrakLayout
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Track, TrackType

DESCRIPTION_BYTES: Final = 64 << 10  # of stsd and names: more is not read
REFERENCE_BYTES: Final = 4096  # of tref: a thousand tracks
HANDLER_BYTES: Final = 12  # version and flags, a reserved word, the handler

HANDLERS: Final[dict[bytes, TrackType]] = {
    b"soun": "audio",
    b"vide": "video",
    b"sbtl": "subtitles",
    b"subt": "subtitles",
    b"subp": "subtitles",
    b"clcp": "subtitles",
    b"text": "subtitles",
}
NO_CHAPTERS: Final = frozenset[int]()
CHAPTER_CODEC: Final = "bin_data"  # as ffprobe names a chapter track


# By version, from the byte behind the box's header on.
TKHD: Final = {  # 8.3.2: the last byte of the flags, track_ID, alternate_group
    0: Struct(">3xB8xI18xh"),
    1: Struct(">3xB16xI22xh"),
}
MDHD: Final = {0: Struct(">20xH"), 1: Struct(">32xH")}  # 8.4.2: language
LAST_FLAGS_BYTE: Final = 3
GROUP_BYTES: Final = 2  # of alternate_group, the last of the fields

# The boxes of a trak that are read, and how many bytes of each.
PARTS: Final[Tree] = {
    b"tkhd": TKHD[1].size,
    b"tref": REFERENCE_BYTES,
    b"udta": DESCRIPTION_BYTES,
    b"mdia": {
        b"mdhd": MDHD[1].size,
        b"hdlr": HANDLER_BYTES,
        b"elng": DESCRIPTION_BYTES,
        b"minf": {b"stbl": {b"stsd": DESCRIPTION_BYTES}},
    },
}
_Parts = dict[bytes, tuple[Box, bytes]]


class Trak(NamedTuple):
    """One trak as read: the track, its place, and the tracks that are its chapters."""

    track: Track
    layout: TrakLayout
    chapters: frozenset[int]  # track_IDs


def read_trak(window: Window, box: Box, index: int, *, quicktime: bool) -> Trak:
    """The trak at ``box``, the ``index``-th of the file. Raises CorruptFile."""
    parts = gather(window, box, PARTS)
    stsd = _content(parts, b"stsd")
    type = _type(_content(parts, b"hdlr"), stsd)
    description = mp4_codecs.describe(stsd, type, quicktime=quicktime)
    number, header = _header(parts)
    language, tag = mp4_languages.language(
        _header_language(_content(parts, b"mdhd")),
        mp4_languages.extended_language(_content(parts, b"elng")),
    )
    title, roles = mp4_userdata.parse(_content(parts, b"udta"))
    track = Track(
        index=index,
        number=number,
        type=type,
        codec=description.codec,
        language=language,
        language_tag=tag,
        title=title,
        channels=description.channels,
        default=header is not None and header.enabled,
        forced=roles.forced or description.forced,
        original=roles.original,
        commentary=roles.commentary,
        visual_impaired=roles.visual_impaired,
        hearing_impaired=roles.hearing_impaired,
    )
    layout = TrakLayout(
        box.offset,
        box.end,
        type == "audio",
        header,
        parts[b"stsd"][0].end if stsd else box.offset,
        parts[b"stbl"][0] if b"stbl" in parts else None,
    )
    return Trak(track, layout, _chapters(_content(parts, b"tref")))


def as_chapters(track: Track) -> Track:
    """A text track that another track names as its chapters is no subtitle."""
    return attrs.evolve(track, type="other", codec=CHAPTER_CODEC)


def _content(parts: _Parts, kind: bytes) -> bytes:
    return parts[kind][1] if kind in parts else b""


def _header(parts: _Parts) -> tuple[int, TrackHeader | None]:
    """track_ID and the changeable fields of tkhd; without tkhd nothing can be changed."""
    if b"tkhd" not in parts:
        return 0, None
    box, content = parts[b"tkhd"]
    fields = TKHD.get(content[0]) if content else None
    if fields is None or len(content) < fields.size:
        raise CorruptFile(f"the track header (tkhd) at byte {box.offset} is cut off or too new")
    flags, number, group = fields.unpack_from(content)
    group_offset = box.body + fields.size - GROUP_BYTES
    return number, TrackHeader(box.body + LAST_FLAGS_BYTE, flags, group_offset, group)


def _header_language(mdhd: bytes) -> str:
    fields = MDHD.get(mdhd[0]) if mdhd else None
    if fields is None or len(mdhd) < fields.size:
        return ""
    return mp4_languages.header_language(*fields.unpack_from(mdhd))


def _type(hdlr: bytes, stsd: bytes) -> TrackType:
    known = HANDLERS.get(hdlr[8:12])
    if known is None and mp4_codecs.audio_format(stsd):
        return "audio"
    return known or "other"


def _chapters(tref: bytes) -> frozenset[int]:
    """The track_IDs under chap (QuickTime File Format, "Chapter lists")."""
    if not tref:
        return NO_CHAPTERS
    return frozenset(
        int.from_bytes(body[at : at + 4], "big")
        for kind, body in split(tref)
        if kind == b"chap"
        for at in range(0, len(body) - 3, 4)
    )
