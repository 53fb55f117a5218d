"""Codecs and channel counts by sample entry: bytes grouped by field."""

from __future__ import annotations

import pytest
from synth_mp4 import (
    aac_config,
    audio_entry,
    bits,
    box,
    descriptor,
    encrypted,
    esds,
    full_box,
    sample_entry,
    u8,
    u16,
    u32,
)

from arrtheaudio.media.mp4_channels import audio_specific_config, object_type
from arrtheaudio.media.mp4_codecs import describe


def audio(entry: bytes, *, quicktime: bool = False, version: int = 0) -> tuple[str, int | None]:
    description = describe(u8(version) + bytes(3) + u32(1) + entry, "audio", quicktime=quicktime)
    return description.codec, description.channels


@pytest.mark.parametrize("codec", ["aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_codecs_own_box_tells_name_and_channels(codec: str, channels: int) -> None:
    assert audio(sample_entry(codec, channels)) == (codec, channels)


@pytest.mark.parametrize(
    ("indication", "codec"),
    [
        (0x40, "aac"),
        (0x66, "aac"),
        (0x67, "aac"),
        (0x68, "aac"),
        (0x69, "mp3"),
        (0x6B, "mp3"),
        (0xA5, "ac3"),
        (0xA6, "eac3"),
        *((indication, "dts") for indication in range(0xA9, 0xAD)),
        (0xA0, "evrc"),
        (0xAD, "opus"),
        (0xAE, "ac4"),
        (0xDD, "vorbis"),
        (0xE1, "qcelp"),
        (0xFE, "unknown"),
    ],
)
def test_mp4a_is_what_its_object_type_says(indication: int, codec: str) -> None:
    assert audio(audio_entry("mp4a", esds(indication), channels=6)) == (codec, 6)


def test_mp4a_without_esds_is_taken_for_aac() -> None:
    assert audio(audio_entry("mp4a", channels=2)) == ("aac", 2)


ES_ID = u16(1)
CONFIG = descriptor(4, u8(0x40), u8(0x15), bytes(11), descriptor(5, aac_config(6)))


@pytest.mark.parametrize(
    "body",
    [
        descriptor(3, ES_ID, u8(0), CONFIG),
        descriptor(3, ES_ID, u8(0x80), u16(7), CONFIG),  # depends on another stream
        descriptor(3, ES_ID, u8(0x40), u8(3), b"url", CONFIG),
        descriptor(3, ES_ID, u8(0x20), u16(9), CONFIG),  # clock from another stream
        CONFIG,  # without its ES_Descriptor
        descriptor(14, b"ignored") + descriptor(3, ES_ID, u8(0), CONFIG),
        b"\x03" + u8(3 + len(CONFIG)) + ES_ID + u8(0) + CONFIG,  # one-byte size
    ],
)
def test_esds_in_all_its_forms(body: bytes) -> None:
    assert object_type(bytes(4) + body) == 0x40
    assert audio(audio_entry("mp4a", full_box("esds", body))) == ("aac", 6)


@pytest.mark.parametrize("cut", range(0, 40, 3))
def test_a_cut_off_esds_leaves_the_count_to_the_entry(cut: int) -> None:
    body = full_box("esds", descriptor(3, ES_ID, u8(0), CONFIG))[8:]
    codec, channels = audio(audio_entry("mp4a", box("esds", body[:cut]), channels=2))
    assert codec in ("aac", "unknown")
    assert channels in (2, 6)


AAC_LC_WITHOUT_CONFIGURATION = (2, 5), (3, 4), (0, 4)
ELEMENT = (0, 4), (1, 2), (3, 4)  # element_instance_tag, object_type, sampling_frequency_index
PAIR_CENTRE_BACK_LFE = (
    *AAC_LC_WITHOUT_CONFIGURATION,
    *((0, 1), (0, 1), (0, 1)),  # frameLengthFlag, dependsOnCoreCoder, extensionFlag
    *ELEMENT,
    *((2, 4), (0, 4), (1, 4), (1, 2)),  # front, side, back, LFE elements
    *((0, 3), (0, 4)),  # associated data, coupling channels
    *((0, 1), (0, 1), (0, 1)),  # no mixdowns
    *((0, 5), (16, 5), (17, 5)),  # single, pair; pair
)
PAIR_BEHIND_EVERYTHING_OPTIONAL = (
    *AAC_LC_WITHOUT_CONFIGURATION,
    *((0, 1), (1, 1), (0, 14), (0, 1)),  # with the core coder's delay
    *ELEMENT,
    *((1, 4), (0, 4), (0, 4), (0, 2)),
    *((0, 3), (0, 4)),
    *((1, 1), (0, 4), (1, 1), (0, 4), (1, 1), (0, 3)),  # all three mixdowns
    (16, 5),
)


@pytest.mark.parametrize(
    ("fields", "channels"),
    [
        (((2, 5), (3, 4), (2, 4)), 2),
        (((2, 5), (3, 4), (7, 4)), 8),
        (((2, 5), (3, 4), (11, 4)), 7),
        (((2, 5), (3, 4), (9, 4)), None),  # reserved
        (((2, 5), (15, 4), (48000, 24), (6, 4)), 6),  # explicit rate
        (((31, 5), (10, 6), (3, 4), (2, 4)), 2),  # escaped object type: xHE-AAC
        (((5, 5), (6, 4), (1, 4), (3, 4), (2, 5)), 1),  # HE-AAC
        (((29, 5), (6, 4), (1, 4), (3, 4), (2, 5)), 2),  # HE-AAC v2: parametric stereo
        (PAIR_CENTRE_BACK_LFE, 6),
        (PAIR_BEHIND_EVERYTHING_OPTIONAL, 2),
    ],
)
def test_audio_specific_config(fields: tuple[tuple[int, int], ...], channels: int | None) -> None:
    assert audio_specific_config(bits(*fields)) == channels


@pytest.mark.parametrize(
    ("beyond", "codec"), [(0, "mp3on4"), (1, "mp3on4"), (2, "mp3on4"), (4, "mp4als"), (10, "aac")]
)
def test_other_kinds_of_mpeg_4_audio_are_no_aac(beyond: int, codec: str) -> None:
    config = bits((31, 5), (beyond, 6), (3, 4), (1, 4))  # 32 and so many
    assert audio(audio_entry("mp4a", esds(0x40, config))) == (codec, 1)


def dec3(*, acmod: int, lfe: int, dependent: int = 0, places: int = 0) -> bytes:
    head = [(640, 13), (0, 3), (0, 2), (16, 5), (0, 1), (0, 1), (0, 3), (acmod, 3), (lfe, 1)]
    return box("dec3", bits(*head, (0, 3), (dependent, 4), (places, 9 if dependent else 1)))


@pytest.mark.parametrize(
    ("entry", "codec", "channels"),
    [
        (audio_entry("ac-3", box("dac3", bytes.fromhex("103dc0"))), "ac3", 6),
        (audio_entry("ec-3", dec3(acmod=7, lfe=1)), "eac3", 6),
        (audio_entry("ec-3", dec3(acmod=7, lfe=1, dependent=1, places=0b10)), "eac3", 8),
        (audio_entry("ec-3", dec3(acmod=7, lfe=1, dependent=1, places=0b100)), "eac3", 7),
        (audio_entry("ec-3", dec3(acmod=0, lfe=0)), "eac3", 2),  # dual mono
        (  # channel assignments: six: L/R C LFE Ls/Rs, eight: the same with Lrs/Rrs
            audio_entry("mlpa", box("dmlp", bits((0, 12), (15, 5), (0, 2), (0b1001111, 13)))),
            "truehd",
            8,
        ),
        (audio_entry("mlpa", box("dmlp", bits((0, 12), (15, 5), (0, 2), (0, 13)))), "truehd", 6),
        (audio_entry("mlpa", channels=6), "truehd", 6),
        (audio_entry("dtsc", box("ddts", bits((0, 104), (0, 32), (0b10, 16), (0, 8)))), "dts", 2),
        (  # sizes and rates, then C, L/R, Ls/Rs and LFE
            audio_entry("dtsh", box("ddts", bits((0, 104), (0, 32), (0x0F, 16), (0, 8)))),
            "dts",
            6,
        ),
        (audio_entry("dtsl"), "dts", 2),
        (audio_entry("dtse"), "dts", 2),
        (audio_entry("ac-4"), "ac4", 2),
        (audio_entry("samr", channels=2), "amr_nb", 1),
        (audio_entry("sawb", channels=2), "amr_wb", 1),
        (audio_entry("dtsx"), "dts", 2),
        (audio_entry("iamf"), "iamf", 2),
        (audio_entry("mha1"), "mpegh_3d_audio", 2),
        (audio_entry("QDM2"), "qdm2", 2),
        (audio_entry("QDMC"), "qdmc", 2),
        (audio_entry("wma "), "wmav2", 2),
        (audio_entry("owma"), "wmav2", 2),
        (audio_entry("fLaC", full_box("dfLa", b"\x80\0\0\x22")), "flac", 2),  # cut off
        (audio_entry("Opus", box("dOps", u8(0))), "opus", 2),
        (audio_entry("alac", full_box("alac", bytes(5))), "alac", 2),
        (audio_entry(".mp3"), "mp3", 2),
        (audio_entry(b"ms\0\x55"), "mp3", 2),
        (audio_entry("mhm1", channels=0), "mpegh_3d_audio", None),
        (audio_entry("Zz9 "), "zz9", 2),
        (audio_entry(b"\xff\0\1\2"), "unknown", 2),
        (b"", "unknown", None),
        (u32(3) + b"mp4a", "unknown", None),
    ],
)
def test_audio_entries(entry: bytes, codec: str, channels: int | None) -> None:
    assert audio(entry) == (codec, channels)


# --- QuickTime ------------------------------------------------------------------


def sound(
    kind: str, *children: bytes, version: int = 0, channels: int = 2, depth: int = 16
) -> bytes:
    """SoundDescription: version 0 and 1 (QuickTime File Format)."""
    extra = u32(1024) + u32(0) * 3 if version == 1 else b""
    fields = u16(channels) + u16(depth) + bytes(4) + u32(48000 << 16)
    return box(kind, bytes(6) + u16(1), u16(version) + bytes(6), fields, extra, *children)


def sound_v2(kind: str, *children: bytes, channels: int, depth: int, flags: int) -> bytes:
    """SoundDescriptionV2: the fields of version 0 hold constants there."""
    constants = u16(3) + u16(16) + u16(0xFFFE) + u16(0) + u32(0x10000)
    fields = u32(72) + bytes(8) + u32(channels) + u32(0x7F000000) + u32(depth) + u32(flags)
    return box(kind, bytes(6) + u16(1), u16(2) + bytes(6), constants, fields, bytes(8), *children)


WAVE = box("wave", box("frma", b"mp4a"), box("mp4a", bytes(4)), esds(0x40, aac_config(6)), u32(0))
LITTLE = box("wave", box("frma", b"in24"), box("enda", u16(1)))


@pytest.mark.parametrize(
    ("entry", "codec", "channels"),
    [
        (sound("sowt"), "pcm_s16le", 2),
        (sound("twos"), "pcm_s16be", 2),
        (sound("twos", depth=8), "pcm_s8", 2),
        (sound("raw ", depth=8), "pcm_u8", 2),
        (sound("NONE", depth=16), "pcm_s16be", 2),
        (sound("NONE", depth=8), "pcm_u8", 2),
        (sound("in24", version=1), "pcm_s24be", 2),
        (sound("in24", LITTLE, version=1), "pcm_s24le", 2),
        (sound("in32", version=1), "pcm_s32be", 2),
        (sound("fl32", version=1), "pcm_f32be", 2),
        (sound("fl64", version=1), "pcm_f64be", 2),
        (sound("ima4", version=1), "adpcm_ima_qt", 2),
        (sound("mp4a", WAVE, version=1), "aac", 6),
        (sound_v2("lpcm", channels=6, depth=24, flags=4), "pcm_s24le", 6),
        (sound_v2("lpcm", channels=8, depth=32, flags=1 | 2), "pcm_f32be", 8),
        (sound_v2("lpcm", channels=1, depth=8, flags=0), "pcm_u8", 1),
        (sound_v2("mp4a", WAVE, channels=3, depth=0, flags=0), "aac", 6),
        (sound("lpcm"), "pcm_s16be", 2),
    ],
)
@pytest.mark.parametrize("quicktime", [True, False])
def test_quicktime_sound_descriptions(
    entry: bytes, codec: str, channels: int, quicktime: bool
) -> None:
    assert audio(entry, quicktime=quicktime) == (codec, channels)


def test_quicktimes_version_1_has_its_fields_whatever_the_list_s_version() -> None:
    entry = sound("mp4a", WAVE, version=1)
    assert audio(entry, quicktime=True, version=1) == ("aac", 6)


def test_isos_own_version_1_has_no_further_fields() -> None:
    entry = bytearray(sample_entry("aac", 6))
    entry[17] = 1  # entry version
    assert audio(bytes(entry), version=1) == ("aac", 6)


def test_iso_pcm_has_its_depth_and_order_in_pcmc() -> None:
    assert audio(audio_entry("ipcm", full_box("pcmC", b"\x01\x18")))[0] == "pcm_s24le"
    assert audio(audio_entry("fpcm", full_box("pcmC", b"\x00\x20")))[0] == "pcm_f32be"


# --- encryption, other tracks ---------------------------------------------------


@pytest.mark.parametrize(("codec", "original"), [("aac", b"mp4a"), ("eac3", b"ec-3")])
def test_encrypted_entries_are_named_by_their_original_format(codec: str, original: bytes) -> None:
    entry = encrypted(sample_entry(codec, 6), original)
    assert audio(entry) == (codec, 6)


@pytest.mark.parametrize("kind", ["enca", "drms"])
def test_apples_encryption_is_one_too(kind: str) -> None:
    entry = encrypted(sample_entry("aac", 6), b"mp4a").replace(b"enca", kind.encode())
    assert audio(entry) == ("aac", 6)


def test_an_encrypted_entry_without_its_original_format_is_unknown() -> None:
    assert audio(audio_entry("enca"))[0] == "unknown"


@pytest.mark.parametrize(
    ("kind", "type", "codec"),
    [
        (b"hvc1", "video", "hevc"),
        (b"hev1", "video", "hevc"),
        (b"dvh1", "video", "hevc"),
        (b"dvhe", "video", "hevc"),
        *((kind, "video", "h264") for kind in (b"avc1", b"avc2", b"avc3", b"avc4")),
        (b"dva1", "video", "h264"),
        (b"dvav", "video", "h264"),
        (b"vvc1", "video", "vvc"),
        (b"vvi1", "video", "vvc"),
        (b"dav1", "video", "av1"),
        (b"av01", "video", "av1"),
        (b"wvtt", "subtitles", "webvtt"),
        (b"stpp", "subtitles", "ttml"),
        (b"c608", "subtitles", "eia_608"),
        (b"c708", "subtitles", "eia_708"),
        (b"mp4s", "subtitles", "dvd_subtitle"),
        (b"tmcd", "other", "tmcd"),
        (b"text", "other", "mov_text"),
        (b"mp4a", "other", "aac"),
        (b"avc1", "other", "h264"),
    ],
)
def test_other_entries(kind: bytes, type: str, codec: str) -> None:
    stsd = bytes(4) + u32(1) + box(kind, bytes(90))
    assert describe(stsd, type, quicktime=False).codec == codec  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("indication", "codec"),
    [
        (0x20, "mpeg4"),
        (0x21, "h264"),
        *((indication, "mpeg2video") for indication in range(0x60, 0x66)),
        (0x6A, "mpeg1video"),
        (0x6C, "mjpeg"),
        (0x6D, "png"),
        (0xA3, "vc1"),
        (0xFE, "mpeg4"),
        (None, "mpeg4"),
    ],
)
def test_mp4v_is_what_its_object_type_says(indication: int | None, codec: str) -> None:
    config = b"" if indication is None else esds(indication, stream_type=0x11)
    entry = box("mp4v", bytes(78), config)
    assert describe(bytes(4) + u32(1) + entry, "video", quicktime=False).codec == codec


@pytest.mark.parametrize("kind", ["encv", "drmi"])
def test_encrypted_video_is_named_by_its_original_format(kind: str) -> None:
    entry = box(kind, bytes(78), box("sinf", box("frma", b"hvc1")))
    assert describe(bytes(4) + u32(1) + entry, "video", quicktime=False).codec == "hevc"


@pytest.mark.parametrize(
    ("kind", "fields", "original", "codec"),
    [("encs", bytes(8), b"wvtt", "webvtt"), ("enct", bytes(38), b"tx3g", "mov_text")],
)
def test_encrypted_subtitles_are_named_by_their_original_format(
    kind: str, fields: bytes, original: bytes, codec: str
) -> None:
    entry = box(kind, fields, box("vttC", b"WEBVTT"), box("sinf", box("frma", original)))
    assert describe(bytes(4) + u32(1) + entry, "subtitles", quicktime=False).codec == codec


@pytest.mark.parametrize(("flags", "forced"), [(0x80000000, True), (0x40000000, False)])
def test_a_subtitle_track_is_forced_where_all_its_samples_are(flags: int, forced: bool) -> None:
    stsd = bytes(4) + u32(1) + box("tx3g", bytes(8), u32(flags), bytes(30))
    assert describe(stsd, "subtitles", quicktime=False).forced is forced
