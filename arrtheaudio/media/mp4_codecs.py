"""What a sample description says: the codec's name and the true number of channels.

Owns the first entry of stsd. Pure: bytes in, a value out. An audio entry's own
channel count is often a fake 2, so the codec's box decides where there is one.
ISO/IEC 14496-12, 8.5.2 and 12.2.3; QuickTime File Format, "Sound sample
descriptions"; the registry of codec names at mp4ra.org.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import attrs

from arrtheaudio.media.mp4_boxes import split
from arrtheaudio.media.mp4_channels import audio_object_type, channels_of, object_type
from arrtheaudio.media.tracks import TrackType

REMEMBERED_BYTES: Final = 1024  # of an stsd; the cache must stay small whatever files say
STSD_LIST: Final = 8  # version and flags, entry count
AUDIO_FIELDS: Final = 28  # behind the entry's header, with the eight bytes all entries share
EXTRA_FIELDS: Final = {1: 16, 2: 36}  # QuickTime's sound descriptions version 1 and 2
VISUAL_FIELDS: Final = 78
ENTRY_FIELDS: Final = 8  # that all entries share
TEXT_FIELDS: Final = 38  # of tx3g (3GPP TS 26.245, 5.16), which is enct when it is encrypted
PROTECTED: Final = frozenset({b"enca", b"encv", b"encs", b"enct", b"drms", b"drmi", b"drmt"})

AUDIO: Final = {  # sample entry: ffprobe's name
    b"mp4a": "aac",
    b"ac-3": "ac3",
    b"sac3": "ac3",
    b"ec-3": "eac3",
    b"ac-4": "ac4",
    b"dtsc": "dts",
    b"dtsh": "dts",
    b"dtsl": "dts",
    b"dtse": "dts",
    b"dtsx": "dts",
    b"DTS ": "dts",
    b"mlpa": "truehd",
    b"fLaC": "flac",
    b"Opus": "opus",
    b"alac": "alac",
    b".mp3": "mp3",
    b"ms\0\x55": "mp3",
    b"ms\0\x02": "adpcm_ms",
    b"ms\0\x11": "adpcm_ima_wav",
    b"samr": "amr_nb",
    b"sawb": "amr_wb",
    b"iamf": "iamf",
    b"mha1": "mpegh_3d_audio",
    b"mhm1": "mpegh_3d_audio",
    b"QDM2": "qdm2",
    b"QDMC": "qdmc",
    b"MAC3": "mace3",
    b"MAC6": "mace6",
    b"ima4": "adpcm_ima_qt",
    b"ulaw": "pcm_mulaw",
    b"alaw": "pcm_alaw",
    b"agsm": "gsm",
    b"Qclp": "qcelp",
    b"sqcp": "qcelp",
    b"sevc": "evrc",
    b"spex": "speex",
    b"wma ": "wmav2",
    b"owma": "wmav2",
}
VIDEO: Final = {
    b"avc1": "h264",
    b"avc2": "h264",
    b"avc3": "h264",
    b"avc4": "h264",
    b"dva1": "h264",
    b"dvav": "h264",
    b"hvc1": "hevc",
    b"hev1": "hevc",
    b"dvh1": "hevc",
    b"dvhe": "hevc",
    b"vvc1": "vvc",
    b"vvi1": "vvc",
    b"av01": "av1",
    b"dav1": "av1",
    b"vp08": "vp8",
    b"vp09": "vp9",
    b"mp4v": "mpeg4",
    b"s263": "h263",
    b"H263": "h263",
    b"h263": "h263",
    b"jpeg": "mjpeg",
    b"mjpa": "mjpeg",
    b"mjpb": "mjpegb",
    b"png ": "png",
    b"apch": "prores",
    b"apcn": "prores",
    b"apcs": "prores",
    b"apco": "prores",
    b"ap4h": "prores",
    b"ap4x": "prores",
    b"AVdn": "dnxhd",
    b"AVdh": "dnxhd",
    b"SVQ1": "svq1",
    b"SVQ3": "svq3",
    b"cvid": "cinepak",
    b"rle ": "qtrle",
    b"raw ": "rawvideo",
}
SUBTITLES: Final = {
    b"tx3g": "mov_text",
    b"text": "mov_text",
    b"wvtt": "webvtt",
    b"stpp": "ttml",
    b"c608": "eia_608",
    b"c708": "eia_708",
    b"mp4s": "dvd_subtitle",
}
NAMES: Final = {**SUBTITLES, **VIDEO, **AUDIO}
BY_TYPE: Final[dict[TrackType, dict[bytes, str]]] = {
    "audio": AUDIO,
    "video": VIDEO,
    "subtitles": SUBTITLES,
    "other": NAMES,
}

# objectTypeIndication (ISO/IEC 14496-1, 7.2.6.6.2; registered ones at mp4ra.org).
OBJECT_TYPES: Final = {
    0x20: "mpeg4",
    0x21: "h264",
    0x40: "aac",
    0x60: "mpeg2video",
    0x61: "mpeg2video",
    0x62: "mpeg2video",
    0x63: "mpeg2video",
    0x64: "mpeg2video",
    0x65: "mpeg2video",
    0x66: "aac",
    0x67: "aac",
    0x68: "aac",
    0x69: "mp3",  # MPEG-2 and MPEG-1 audio of any layer; layer III in all but broadcast files
    0x6A: "mpeg1video",
    0x6B: "mp3",
    0x6C: "mjpeg",
    0x6D: "png",
    0xA0: "evrc",
    0xA3: "vc1",
    0xA5: "ac3",
    0xA6: "eac3",
    0xA9: "dts",
    0xAA: "dts",
    0xAB: "dts",
    0xAC: "dts",
    0xAD: "opus",
    0xAE: "ac4",
    0xDD: "vorbis",
    0xE0: "dvd_subtitle",
    0xE1: "qcelp",
}

AAC: Final = 0x40  # what an mp4a entry without esds is taken for
# Audio object types that are no kind of AAC (14496-3, table 1.17).
AUDIO_OBJECT_TYPES: Final = {32: "mp3on4", 33: "mp3on4", 34: "mp3on4", 36: "mp4als"}
MONO: Final = frozenset({"amr_nb", "amr_wb"})  # their entries say 2 (3GPP TS 26.244, 6.5)

# Linear PCM: (bits that the name stands for, byte order, kind); None: as the entry says.
PCM: Final[dict[bytes, tuple[int | None, str, str]]] = {
    b"sowt": (None, "le", "s"),
    b"twos": (None, "be", "s"),
    b"in24": (24, "be", "s"),
    b"in32": (32, "be", "s"),
    b"fl32": (32, "be", "f"),
    b"fl64": (64, "be", "f"),
    b"raw ": (8, "", "u"),
    b"NONE": (None, "be", "u"),
    b"ipcm": (None, "be", "s"),
    b"fpcm": (None, "be", "f"),
}
# formatSpecificFlags of a version 2 description (QuickTime File Format).
LPCM_FLOAT: Final = 1
LPCM_BIG_ENDIAN: Final = 2
LPCM_SIGNED: Final = 4

# displayFlags of a tx3g entry: all samples are forced (QuickTime File Format,
# "Subtitle sample description").
ALL_FORCED: Final = 0x80000000


@attrs.frozen
class Description:
    """The first sample entry of a track."""

    codec: str = "unknown"
    channels: int | None = None
    forced: bool = False


@attrs.frozen
class _Sound:
    """The fixed fields of an audio entry, whichever version."""

    channels: int
    bits: int
    flags: int | None  # formatSpecificFlags, version 2 only
    length: int  # bytes before the entry's boxes


def describe(stsd: bytes, type: TrackType, *, quicktime: bool) -> Description:
    """The first entry in the body of stsd.

    Args:
        stsd: the body of the box, version and flags included; may be cut off.
        type: of the track, by its handler.
        quicktime: the file's brand is QuickTime's own.
    """
    read = _described if len(stsd) <= REMEMBERED_BYTES else _description
    return read(stsd, type, quicktime)


def _description(stsd: bytes, type: TrackType, quicktime: bool) -> Description:
    kind, entry = next(split(stsd, STSD_LIST), (b"", b""))
    if not kind:
        return Description()
    if type == "audio":
        return _describe_audio(kind, entry, quicktime or stsd[0] == 0)
    children = dict(split(entry, VISUAL_FIELDS)) if type == "video" else {}
    if kind in PROTECTED:
        text_fields = TEXT_FIELDS if kind == b"enct" else ENTRY_FIELDS
        kind = _original(children or dict(split(entry, text_fields)))
    codec = BY_TYPE[type].get(kind) or _printable(kind)
    if kind == b"mp4v":
        codec = OBJECT_TYPES.get(object_type(children.get(b"esds", b"")) or 0, codec)
    forced = kind == b"tx3g" and int.from_bytes(entry[8:12], "big") & ALL_FORCED != 0
    return Description(codec, None, forced)


# A file is read again after its edit, and a season's files describe their tracks alike.
_described: Final = lru_cache(maxsize=256)(_description)


def audio_format(stsd: bytes) -> bool:
    """Whether the first entry can only be audio (for handlers nobody knows)."""
    kind, _ = next(split(stsd, STSD_LIST), (b"", b""))
    return kind in AUDIO or kind in PCM or kind in (b"lpcm", b"enca")


def _describe_audio(kind: bytes, entry: bytes, extra_fields: bool) -> Description:
    sound = _sound(entry, extra_fields)
    children: dict[bytes, bytes] = {}
    for name, body in split(entry, sound.length):
        children.setdefault(name, body)
    # QuickTime keeps the codec's boxes one level deeper.
    for name, body in split(children.get(b"wave", b"")):
        children.setdefault(name, body)
    if kind in PROTECTED:
        kind = _original(children)
    codec = _audio_codec(kind, sound, children)
    channels = 1 if codec in MONO else channels_of(children) or sound.channels or None
    return Description(codec, channels)


def _sound(entry: bytes, extra_fields: bool) -> _Sound:
    def field(at: int, width: int) -> int:
        return int.from_bytes(entry[at : at + width], "big")

    # ISO's own version 1 (in a version 1 stsd) has no further fields, QuickTime's has.
    version = field(8, 2) if extra_fields else 0
    length = AUDIO_FIELDS + EXTRA_FIELDS.get(version, 0)
    if version == 2:
        return _Sound(field(40, 4), field(48, 4), field(52, 4), length)
    return _Sound(field(16, 2), field(18, 2), None, length)


def _original(children: dict[bytes, bytes]) -> bytes:
    """The entry's name before it was encrypted: sinf/frma (14496-12, 8.12.2)."""
    return dict(split(children.get(b"sinf", b""))).get(b"frma", b"")[:4]


def _audio_codec(kind: bytes, sound: _Sound, children: dict[bytes, bytes]) -> str:
    if kind == b"mp4a":
        return _mpeg4_codec(children.get(b"esds", b""))
    if kind == b"lpcm":
        return _lpcm(sound)
    if kind in PCM:
        return _pcm(kind, sound, children)
    return AUDIO.get(kind) or _printable(kind)


def _mpeg4_codec(esds: bytes) -> str:
    codec = OBJECT_TYPES.get(object_type(esds) or AAC, "unknown")
    return AUDIO_OBJECT_TYPES.get(audio_object_type(esds) or 0, codec)


def _lpcm(sound: _Sound) -> str:
    flags = sound.flags if sound.flags is not None else LPCM_BIG_ENDIAN | LPCM_SIGNED
    letter = "f" if flags & LPCM_FLOAT else "s" if flags & LPCM_SIGNED else "u"
    return _pcm_name(letter, sound.bits, "be" if flags & LPCM_BIG_ENDIAN else "le")


def _pcm(kind: bytes, sound: _Sound, children: dict[bytes, bytes]) -> str:
    width, order, letter = PCM[kind]
    if children.get(b"enda", b"\0\0")[:2] == b"\0\1":  # QuickTime: little-endian
        order = "le"
    config = children.get(b"pcmC")  # ISO/IEC 23003-5: flags (1: little-endian), bits
    if config is not None and len(config) >= 6:
        order, width = "le" if config[4] & 1 else "be", config[5]
    bits = width or sound.bits
    if kind == b"NONE" and bits > 8:
        letter = "s"
    return _pcm_name(letter, bits, order)


def _pcm_name(letter: str, bits: int, order: str) -> str:
    return f"pcm_{letter}{bits}{order if bits > 8 else ''}"


def _printable(kind: bytes) -> str:
    text = kind.decode("latin-1").strip()
    return text.lower() if text.isascii() and text.isprintable() and text else "unknown"
