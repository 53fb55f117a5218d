"""Synthesised MP4 files: real boxes, small and playable enough for ffprobe.

``mp4(tracks=[track(language="eng"), …])`` gives a whole file with one sample per
track. Section numbers are those of ISO/IEC 14496-12 unless said otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Patch

TIMESCALE = 48000
SAMPLE_TICKS = 1024
MATRIX = b"".join(v.to_bytes(4, "big") for v in (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30))

AVC_CONFIG = bytes.fromhex(
    "0142c00affe100166742c00ad91ec044000003000400000300c83c48992001000568cb83cb20"
)
SAMPLES = {  # one access unit each; what is absent here gets eight zero bytes
    "avc1": bytes.fromhex("0000000a6588840af2628000a7be"),
    "aac": bytes.fromhex("21100460 8c1c"),
    "tx3g": b"\x00\x05hello",
    "text": b"\x00\x05Intro",
}


def box(kind: bytes | str, *payload: bytes, large: bool = False) -> bytes:
    """A box (4.2); ``large`` writes the 64-bit size."""
    name = kind if isinstance(kind, bytes) else kind.encode("latin-1")
    body = b"".join(payload)
    if large:
        return b"\x00\x00\x00\x01" + name + (len(body) + 16).to_bytes(8, "big") + body
    return (len(body) + 8).to_bytes(4, "big") + name + body


def full_box(kind: bytes | str, *payload: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags (4.2)."""
    return box(kind, bytes([version]), flags.to_bytes(3, "big"), *payload)


def u8(value: int) -> bytes:
    return value.to_bytes(1, "big")


def u16(value: int) -> bytes:
    return value.to_bytes(2, "big")


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def track(
    type: str = "audio",
    *,
    language: str = "und",
    enabled: bool = True,
    name: str | None = None,
    codec: str | None = None,
    channels: int = 2,
    **more: Any,
) -> dict[str, Any]:
    """One track. ``more``: elng (a whole box), kinds [(scheme, value)], alternate_group,
    chapters [track_ID], encrypted, extra (bytes inside trak), entry (a whole sample entry),
    language_code (int)."""
    codec = codec or {"audio": "aac", "video": "avc1", "subtitles": "tx3g"}.get(type, "text")
    return dict(
        type=type,
        language=language,
        enabled=enabled,
        name=name,
        codec=codec,
        channels=channels,
        **more,
    )


def pack_language(code: str) -> int:
    """ISO 639-2 letters as three five-bit values (8.4.2)."""
    first, second, third = (ord(letter) - 0x60 for letter in code)
    return first << 10 | second << 5 | third


def descriptor(tag: int, *payload: bytes) -> bytes:
    """An MPEG-4 descriptor (ISO/IEC 14496-1, 8.3.3) with the four-byte size that muxers write."""
    body = b"".join(payload)
    return u8(tag) + b"\x80\x80\x80" + u8(len(body)) + body


def esds(object_type: int, config: bytes = b"", *, stream_type: int = 0x15) -> bytes:
    specific = descriptor(5, config) if config else b""
    decoder = descriptor(4, u8(object_type), u8(stream_type), bytes(11), specific)
    return full_box("esds", descriptor(3, u16(1), u8(0), decoder, descriptor(6, b"\x02")))


def aac_config(channels: int) -> bytes:
    """AudioSpecificConfig of AAC-LC, 48 kHz (ISO/IEC 14496-3, 1.6.2.1)."""
    return u16(2 << 11 | 3 << 7 | {8: 7}.get(channels, channels) << 3)


def audio_entry(
    kind: bytes | str, *children: bytes, channels: int = 2, rate: int = TIMESCALE
) -> bytes:
    """AudioSampleEntry (12.2.3)."""
    return box(
        kind,
        bytes(6) + u16(1) + bytes(8) + u16(channels) + u16(16) + bytes(4) + u32(rate << 16),
        *children,
    )


AC3_MODES = {1: (1, 0), 2: (2, 0), 3: (3, 0), 5: (7, 0), 6: (7, 1)}  # channels: (acmod, lfeon)


def bits(*fields: tuple[int, int]) -> bytes:
    """(value, width) fields, most significant bit first, zero padded to a byte."""
    text = "".join(f"{value:0{width}b}" for value, width in fields)
    text += "0" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big")


def sample_entry(codec: str, channels: int) -> bytes:
    """The sample entry of a codec by ffprobe's name; other names become a bare audio entry."""
    acmod, lfe = AC3_MODES.get(channels, (2, 0))
    if codec == "aac":
        return audio_entry("mp4a", esds(0x40, aac_config(channels)), channels=min(channels, 2))
    if codec == "mp3":
        return audio_entry("mp4a", esds(0x6B), channels=channels)
    if codec == "ac3":
        dac3 = bits((0, 2), (8, 5), (0, 3), (acmod, 3), (lfe, 1), (10, 5), (0, 5))
        return audio_entry("ac-3", box("dac3", dac3))
    if codec == "eac3":
        head = bits((256, 13), (0, 3), (0, 2), (16, 5), (0, 5), (acmod, 3), (lfe, 1), (0, 8))
        return audio_entry("ec-3", box("dec3", head))
    if codec == "opus":
        dops = u8(0) + u8(channels) + u16(312) + u32(TIMESCALE) + u16(0) + u8(0)
        return audio_entry("Opus", box("dOps", dops), channels=channels)
    if codec == "flac":
        info = u16(4096) * 2 + bytes(6) + bits((TIMESCALE, 20), (channels - 1, 3), (15, 5), (0, 36))
        return audio_entry("fLaC", full_box("dfLa", b"\x80\x00\x00\x22", info + bytes(16)))
    if codec == "alac":
        cookie = u32(4096) + bytes([0, 16, 40, 10, 14, channels]) + u16(255) + bytes(8)
        return audio_entry("alac", full_box("alac", cookie + u32(TIMESCALE)), channels=channels)
    if codec == "avc1":
        frame = u16(16) + u16(16) + u32(0x480000) * 2 + bytes(4) + u16(1) + bytes(32)
        return box(
            "avc1",
            bytes(6) + u16(1) + bytes(16) + frame + u16(24) + b"\xff\xff",
            box("avcC", AVC_CONFIG),
        )
    if codec == "tx3g":
        style = bytes(18) + u8(0) + b"\x00\x01\x00\x12" + b"\xff" * 4
        return box("tx3g", bytes(6) + u16(1), style, box("ftab", u16(1) + u16(1) + b"\x05Serif"))
    if codec == "text":
        return box("text", bytes(6) + u16(1), bytes(43))
    return audio_entry(codec, channels=channels)


def encrypted(entry: bytes, original: bytes) -> bytes:
    """The entry as ``enca`` with its true name in sinf/frma (8.12)."""
    return box("enca", entry[8:], box("sinf", box("frma", original)))


def trak(spec: Mapping[str, Any], number: int, chunk_offset: int | None, version: int) -> bytes:
    """One trak (8.3); without a chunk offset its sample tables are empty (fragmented files)."""
    wide = 8 if version else 4
    audio, handler, media_header = {
        "audio": (True, b"soun", full_box("smhd", bytes(4))),
        "video": (False, b"vide", full_box("vmhd", bytes(8), flags=1)),
        "subtitles": (False, b"sbtl", full_box("nmhd")),
    }.get(spec["type"], (False, b"text", box("gmhd", full_box("gmin", bytes(12)))))
    ticks = 0 if chunk_offset is None else SAMPLE_TICKS
    tkhd = full_box(
        "tkhd",
        bytes(2 * wide) + u32(number) + bytes(4) + ticks.to_bytes(wide, "big") + bytes(8),
        u16(0) + u16(spec.get("alternate_group", 0)) + u16(0x100 if audio else 0) + u16(0),
        MATRIX + (bytes(8) if audio else u32(16 << 16) * 2),
        version=version,
        flags=0x6 | bool(spec["enabled"]),
    )
    language = spec.get("language_code", pack_language(spec["language"]))
    mdhd = full_box(
        "mdhd",
        bytes(2 * wide) + u32(TIMESCALE) + ticks.to_bytes(wide, "big"),
        u16(language) + u16(0),
        version=version,
    )
    elng = spec.get("elng", b"")
    hdlr = full_box("hdlr", bytes(4) + handler + bytes(12) + b"Handler\x00")
    entry = spec.get("entry") or sample_entry(spec["codec"], spec["channels"])
    if spec.get("encrypted"):
        entry = encrypted(entry, entry[4:8])
    minf = box("minf", media_header, data_information(), sample_tables(entry, spec, chunk_offset))
    tref = box("tref", box("chap", *map(u32, spec["chapters"]))) if spec.get("chapters") else b""
    mdia = box("mdia", mdhd, elng, hdlr, minf)
    return box("trak", tkhd, tref, mdia, user_data(spec), spec.get("extra", b""))


def data_information() -> bytes:
    return box("dinf", full_box("dref", u32(1), full_box("url ", flags=1)))


def sample_bytes(spec: Mapping[str, Any]) -> bytes:
    return SAMPLES.get(spec["codec"], bytes(8))


def sample_tables(entry: bytes, spec: Mapping[str, Any], chunk_offset: int | None) -> bytes:
    stsd = full_box("stsd", u32(1), entry)
    if chunk_offset is None:
        empty = [full_box(kind, u32(0)) for kind in ("stts", "stsc", "stco")]
        return box("stbl", stsd, *empty, full_box("stsz", bytes(8)))
    return box(
        "stbl",
        stsd,
        full_box("stts", u32(1) + u32(1) + u32(SAMPLE_TICKS)),
        full_box("stsc", u32(1) + u32(1) + u32(1) + u32(1)),
        full_box("stsz", u32(0) + u32(1) + u32(len(sample_bytes(spec)))),
        full_box("stco", u32(1) + u32(chunk_offset)),
    )


def user_data(spec: Mapping[str, Any]) -> bytes:
    parts = []
    if spec["name"] is not None:
        parts.append(box("name", spec["name"].encode()))
    for scheme, value in spec.get("kinds", ()):
        parts.append(full_box("kind", scheme.encode() + b"\x00" + value.encode() + b"\x00"))
    return box("udta", *parts) if parts else b""


def movie(
    tracks: Sequence[Mapping[str, Any]],
    offsets: Iterable[int | None],
    version: int,
    between: bytes = b"",
) -> bytes:
    """moov (8.2.1); ``between`` is put behind every trak."""
    wide = 8 if version else 4
    mvhd = full_box(
        "mvhd",
        bytes(2 * wide) + u32(TIMESCALE) + SAMPLE_TICKS.to_bytes(wide, "big"),
        u32(1 << 16) + u16(0x100) + bytes(10) + MATRIX + bytes(24) + u32(len(tracks) + 1),
        version=version,
    )
    offsets = list(offsets)
    traks = [
        trak(spec, number, offset, version) + between
        for number, (spec, offset) in enumerate(zip(tracks, offsets, strict=True), 1)
    ]
    defaults = [
        full_box("trex", u32(number) + u32(1) + bytes(12)) for number in range(1, len(tracks) + 1)
    ]
    mvex = box("mvex", *defaults) if None in offsets else b""
    return box("moov", mvhd, *traks, mvex)


def fragment(number: int, spec: Mapping[str, Any], base: int) -> bytes:
    """A moof with one sample of one track, and its mdat (8.8)."""
    sample = sample_bytes(spec)

    def moof(offset: int) -> bytes:
        tfhd = full_box("tfhd", u32(number) + base.to_bytes(8, "big"), flags=0x1)
        trun = full_box(
            "trun", u32(1) + u32(offset) + u32(SAMPLE_TICKS) + u32(len(sample)), flags=0x301
        )
        return box("moof", full_box("mfhd", u32(number)), box("traf", tfhd, trun))

    return moof(len(moof(0)) + 8) + box("mdat", sample)


def mp4(
    tracks: Sequence[Mapping[str, Any]] = (),
    *,
    faststart: bool = True,
    fragmented: bool = False,
    version: int = 0,
    brand: str = "isom",
    padding: int = 0,
    between: bytes = b"",
    large_mdat: bool = False,
) -> bytes:
    """A whole file: one sample per track, in track order.

    Args:
        faststart: moov before mdat.
        fragmented: moov with mvex, then one moof and mdat per track.
        version: of mvhd, tkhd and mdhd (1: 64-bit times).
        padding: further bytes in mdat, to make a file of any size.
        between: boxes put behind every trak.
        large_mdat: mdat with a 64-bit size.
    """
    ftyp = box("ftyp", brand.encode() + u32(512) + b"isommp41")
    if fragmented:
        file = ftyp + movie(tracks, [None] * len(tracks), version, between)
        for number, spec in enumerate(tracks, 1):
            file += fragment(number, spec, len(file))
        return file
    samples = [sample_bytes(spec) for spec in tracks]
    mdat = box("mdat", *samples, bytes(padding), large=large_mdat)
    moov_length = len(movie(tracks, [0] * len(tracks), version, between))
    start = len(ftyp) + (moov_length if faststart else 0) + (16 if large_mdat else 8)
    offsets = [start + sum(map(len, samples[:at])) for at in range(len(samples))]
    moov = movie(tracks, offsets, version, between)
    return b"".join([ftyp, moov, mdat] if faststart else [ftyp, mdat, moov])


@contextmanager
def opened(content: bytes) -> Iterator[Window]:
    """The bytes as an open file, without a path."""
    fd = os.memfd_create("synthesised")
    try:
        os.pwrite(fd, content, 0)
        yield Window(fd, len(content), chunk=4096)
    finally:
        os.close(fd)


def patched(content: bytes, patches: Iterable[Patch], *, undo: bool = False) -> bytes:
    """The bytes with the patches made, or taken back in reverse; old bytes are checked."""
    result = bytearray(content)
    for patch in reversed(list(patches)) if undo else patches:
        old, new = (patch.new, patch.old) if undo else (patch.old, patch.new)
        place = slice(patch.offset, patch.offset + len(old))
        assert result[place] == old
        result[place] = new
    assert len(result) == len(content)
    return bytes(result)
