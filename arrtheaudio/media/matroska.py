"""Matroska and WebM: what tracks a file has (RFC 9559, 5.1.4).

Owns the door to the Matroska modules: ``sniff``, ``probe``, and by way of
matroska_plan ``plan_default`` and ``room``. Reads through a Window, writes
nothing, knows nothing of paths, rules or queues. media.md, "Matroska".

Defaults matter more than values here: an absent FlagDefault is 1, an absent
Language is "eng", and the newer flags are unknown when absent.
"""

from __future__ import annotations

from typing import Final

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media import ebml
from arrtheaudio.media.languages import normalise
from arrtheaudio.media.matroska_codecs import short_name
from arrtheaudio.media.matroska_flags import FLAG_DEFAULT, TRACK_ENTRY
from arrtheaudio.media.matroska_layout import MAX_INFO_BYTES, Span, locate
from arrtheaudio.media.matroska_plan import plan_default, room
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import MAX_DURATION_MS, Media, Track, TrackType

__all__ = ["plan_default", "probe", "room", "sniff"]

# RFC 9559, 5.1.4.1: children of TrackEntry.
TRACK_NUMBER: Final = 0xD7
TRACK_TYPE: Final = 0x83
FLAG_FORCED: Final = 0x55AA
FLAG_HEARING_IMPAIRED: Final = 0x55AB
FLAG_VISUAL_IMPAIRED: Final = 0x55AC
FLAG_TEXT_DESCRIPTIONS: Final = 0x55AD
FLAG_ENABLED: Final = 0xB9
FLAG_ORIGINAL: Final = 0x55AE
FLAG_COMMENTARY: Final = 0x55AF
NAME: Final = 0x536E
LANGUAGE: Final = 0x22B59C
LANGUAGE_BCP47: Final = 0x22B59D
CODEC_ID: Final = 0x86
CODEC_PRIVATE: Final = 0x63A2
AUDIO: Final = 0xE1
CHANNELS: Final = 0x9F
BIT_DEPTH: Final = 0x6264
# RFC 9559, 5.1.2: children of Info.
TIMESTAMP_SCALE: Final = 0x2AD7B1
DURATION: Final = 0x4489

_TYPES: Final[dict[int, TrackType]] = {1: "video", 2: "audio", 17: "subtitles"}
# Flags without a default: absent means unknown (RFC 9559, 5.1.4.1.6 to .10).
_TRISTATE: Final = (
    (FLAG_ORIGINAL, "original"),
    (FLAG_COMMENTARY, "commentary"),
    (FLAG_VISUAL_IMPAIRED, "visual_impaired"),
    (FLAG_HEARING_IMPAIRED, "hearing_impaired"),
    (FLAG_TEXT_DESCRIPTIONS, "text_description"),
)
_DEFAULT_LANGUAGE: Final = "eng"
_DEFAULT_TIMESTAMP_SCALE: Final = 1_000_000  # nanoseconds
_CODEC_HEADER_BYTES: Final = 20  # BITMAPINFOHEADER up to biCompression
# A block can name 127 tracks with one byte, real files have up to some 60.
_MAX_TRACKS: Final = 1000
# Elements in all TrackEntries together, of which a real one has some 20.
_MAX_ELEMENTS: Final = 50_000
_NAME_BYTES: Final = 64 << 10  # media.md: what is longer is cut
_WORD_BYTES: Final = 255  # of CodecID and languages

_Fields = dict[int, Span]


def sniff(head: bytes) -> bool:
    """Whether a file that starts with ``head`` is EBML; the DocType is probe's to check."""
    return head.startswith(ebml.MAGIC)


def probe(window: Window) -> Media:
    """The file's tracks, and in ``layout`` the map for planning.

    Raises UnsupportedContainer for other EBML files, CorruptFile, IoFailed.
    """
    window.read(0, min(1, window.size))  # one read-ahead serves nearly every file
    layout = locate(window)
    blob = layout.blob
    entries = [
        element
        for element in ebml.elements(blob, layout.body, len(blob))
        if element[0] == TRACK_ENTRY
    ]
    if len(entries) > _MAX_TRACKS:
        raise CorruptFile("Tracks has more entries than any real file's")
    most = min(ebml.MAX_CHILDREN, _MAX_ELEMENTS // max(1, len(entries)))
    return Media(
        "mkv",
        window.size,
        tuple(_track(blob, index, entry[2], entry[3], most) for index, entry in enumerate(entries)),
        None if layout.info is None else _duration(window, layout.info),
        layout.doc_type,
        layout,
    )


def _track(blob: bytes, index: int, start: int, end: int, most: int) -> Track:
    fields = ebml.spans(blob, start, end, most)
    kind = _TYPES.get(_uint(blob, fields, TRACK_TYPE, 0), "other")
    tag = _text(blob, fields, LANGUAGE_BCP47) or _text(blob, fields, LANGUAGE)
    channels, bit_depth = _audio(blob, fields, most) if kind == "audio" else (None, 0)
    private, private_end = fields.get(CODEC_PRIVATE, (0, 0))
    return Track(
        index,
        _uint(blob, fields, TRACK_NUMBER, 0),
        kind,
        short_name(
            _text(blob, fields, CODEC_ID),
            blob[private : min(private_end, private + _CODEC_HEADER_BYTES)],
            bit_depth,
        ),
        normalise(tag or _DEFAULT_LANGUAGE),
        tag,
        _text(blob, fields, NAME, _NAME_BYTES) or None,
        channels,
        _uint(blob, fields, FLAG_DEFAULT, 1) != 0,
        _uint(blob, fields, FLAG_FORCED, 0) != 0,
        enabled=_uint(blob, fields, FLAG_ENABLED, 1) != 0,
        **{
            name: ebml.uint(blob, *fields[ident]) != 0
            for ident, name in _TRISTATE
            if ident in fields
        },
    )


def _uint(blob: bytes, fields: _Fields, ident: int, default: int) -> int:
    span = fields.get(ident)
    return default if span is None else ebml.uint(blob, span[0], span[1], default)


def _text(blob: bytes, fields: _Fields, ident: int, most: int = _WORD_BYTES) -> str:
    span = fields.get(ident)
    return "" if span is None else ebml.text(blob, span[0], min(span[1], span[0] + most))


def _audio(blob: bytes, fields: _Fields, most: int) -> tuple[int, int]:
    """(Channels, BitDepth or 0)."""
    if AUDIO not in fields:
        return 1, 0
    inner = ebml.spans(blob, *fields[AUDIO], most)
    return _uint(blob, inner, CHANNELS, 1), _uint(blob, inner, BIT_DEPTH, 0)


def _duration(window: Window, info: Span) -> int | None:
    """Milliseconds; None where Info does not say or cannot be read."""
    start, end = info
    if end - start > MAX_INFO_BYTES:
        return None
    raw = window.read(start, end - start)
    body = ebml.header(window, start)[1] - start
    try:
        fields = ebml.spans(raw, body, len(raw))
        ticks = ebml.real(raw, *fields[DURATION]) if DURATION in fields else 0.0
        scale = _uint(raw, fields, TIMESTAMP_SCALE, _DEFAULT_TIMESTAMP_SCALE)
    except CorruptFile:
        return None
    milliseconds = ticks * scale / 1e6
    return round(milliseconds) if 0 < milliseconds < MAX_DURATION_MS else None
