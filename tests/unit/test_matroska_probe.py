"""What probe says of Matroska files, field by field and layout by layout."""

from collections.abc import Mapping
from typing import Any

import pytest
import synth
from in_memory import BytesWindow

from arrtheaudio.errors import CorruptFile, UnsupportedContainer
from arrtheaudio.media import matroska
from arrtheaudio.media.matroska_codecs import short_name
from arrtheaudio.media.tracks import Media, Track


def probe(content: bytes) -> Media:
    return matroska.probe(BytesWindow(content))


def track(**keys: Any) -> Track:
    return probe(synth.mkv([keys], style="tight")).tracks[0]


def entry(*children: bytes) -> Track:
    """The track that a TrackEntry of these raw children gives."""
    tracks = synth.element(synth.TRACKS, synth.element(0xAE, b"".join(children)))
    return probe(synth.ebml_header() + synth.segment(tracks)).tracks[0]


def test_sniff_knows_the_magic_only() -> None:
    assert matroska.sniff(synth.mkv()[:16])
    assert not matroska.sniff(b"\x00\x00\x00\x18ftyp")
    assert not matroska.sniff(b"")


def test_tracks_come_in_file_order_with_their_numbers() -> None:
    media = probe(synth.mkv())
    assert [(t.index, t.number, t.type) for t in media.tracks] == [
        (0, 1, "video"),
        (1, 2, "audio"),
        (2, 3, "audio"),
    ]
    assert [t.language for t in media.audio] == ["ja", "en"]
    assert (media.container, media.brand, media.duration_ms) == ("mkv", "matroska", 2000)


def test_absent_flags_read_as_their_defaults() -> None:
    plain = entry(b"\xd7\x81\x01", b"\x83\x81\x02")
    assert plain.default
    assert not plain.forced
    assert plain.original is plain.commentary is plain.visual_impaired is None
    assert plain.hearing_impaired is plain.text_description is None
    assert (plain.language, plain.language_tag, plain.channels) == ("en", "", 1)


@pytest.mark.parametrize("flag", ["default", "forced", *list(synth.FLAGS)[3:]])
@pytest.mark.parametrize("value", [True, False])
def test_stated_flags_are_what_they_state(flag: str, value: bool) -> None:
    assert getattr(track(**{flag: value}), flag) is value


def test_a_flag_of_no_bytes_is_its_default() -> None:
    flags = entry(b"\x83\x81\x02", b"\x88\x80", b"\x55\xaa\x80")
    assert (flags.default, flags.forced) == (True, False)


def test_the_last_of_two_equal_elements_counts_as_in_ffmpeg() -> None:
    assert not entry(b"\x83\x81\x02", b"\x88\x81\x01", b"\x88\x81\x00").default


@pytest.mark.parametrize(
    ("keys", "language", "tag"),
    [
        ({}, "en", ""),
        ({"language": "fre"}, "fr", "fre"),
        ({"language": "ger\0\0"}, "de", "ger"),
        ({"language": ""}, "en", ""),
        ({"language": "und"}, "und", "und"),
        ({"language": "por", "bcp47": "pt-BR"}, "pt-BR", "pt-BR"),
        ({"language": "por", "bcp47": ""}, "pt", "por"),
    ],
)
def test_the_language(keys: Mapping[str, str], language: str, tag: str) -> None:
    found = track(**keys)
    assert (found.language, found.language_tag) == (language, tag)


def test_names_are_text_or_nothing() -> None:
    assert track(name="Commentary\0\0").title == "Commentary"
    assert track(name="").title is None
    assert track().title is None


def test_channels_belong_to_audio() -> None:
    assert track(channels=6).channels == 6
    assert track(type="video").channels is None


def test_other_track_types_are_counted_but_not_named() -> None:
    assert entry(b"\x83\x81\x12").type == "other"
    assert entry(b"\xd7\x81\x01").type == "other"


@pytest.mark.parametrize(
    ("codec_id", "private", "bits", "name"),
    [
        ("A_EAC3", b"", 0, "eac3"),
        ("A_AAC/MPEG4/LC/SBR", b"", 0, "aac"),
        ("A_DTS/LOSSLESS", b"", 0, "dts"),
        ("A_PCM/INT/LIT", b"", 24, "pcm_s24le"),
        ("A_PCM/INT/LIT", b"", 8, "pcm_u8"),
        ("A_PCM/INT/BIG", b"", 0, "pcm_s16be"),
        ("A_PCM/FLOAT/IEEE", b"", 32, "pcm_f32le"),
        ("A_PCM/FLOAT/IEEE", b"", 64, "pcm_f64le"),
        ("A_MS/ACM", b"\x55\x00", 0, "mp3"),
        ("A_MS/ACM", b"", 0, "A_MS/ACM"),
        ("V_MS/VFW/FOURCC", bytes(16) + b"xvid", 0, "mpeg4"),
        ("V_MPEG4/ISO/ASP", b"", 0, "mpeg4"),
        ("V_MPEGH/ISO/HEVC", b"", 0, "hevc"),
        ("S_TEXT/UTF8", b"", 0, "subrip"),
        ("X_FUTURE", b"", 0, "X_FUTURE"),
    ],
)
def test_codecs_have_the_names_of_ffprobe(
    codec_id: str, private: bytes, bits: int, name: str
) -> None:
    assert short_name(codec_id, private, bits) == name


def test_pcm_takes_its_width_from_the_audio_element() -> None:
    audio = synth.element(0xE1, synth.uint(0x9F, 2) + synth.uint(0x6264, 24))
    found = entry(b"\x83\x81\x02", synth.text(0x86, "A_PCM/INT/LIT"), audio)
    assert (found.codec, found.channels) == ("pcm_s24le", 2)


@pytest.mark.parametrize("style", ["mkvmerge", "ffmpeg", "tight"])
@pytest.mark.parametrize("unknown_sizes", [False, True])
@pytest.mark.parametrize("tracks_last", [False, True])
@pytest.mark.parametrize("seek", ["front", "far", "none"])
def test_every_layout_gives_the_same_tracks(
    style: Any, unknown_sizes: bool, tracks_last: bool, seek: Any
) -> None:
    content = synth.mkv(
        style=style, unknown_sizes=unknown_sizes, tracks_last=tracks_last, seek=seek
    )
    media = probe(content)
    assert media.tracks == probe(synth.mkv()).tracks
    assert media.duration_ms == 2000


def test_voids_may_stand_everywhere() -> None:
    spare = synth.void(7)
    tracks = synth.element(
        synth.TRACKS, spare + synth.track_entry(1, {"language": "jpn", "extra": spare}) + spare
    )
    content = synth.ebml_header() + spare + spare + synth.segment(spare + spare + tracks + spare)
    assert probe(content).tracks[0].language == "ja"


def test_attachments_are_no_tracks() -> None:
    attachments = synth.element(0x1941A469, synth.element(0x61A7, bytes(100)))
    content = synth.ebml_header() + synth.segment(attachments + synth.element(synth.TRACKS, b""))
    assert probe(content).tracks == ()


def test_one_read_serves_a_usual_file() -> None:
    window = BytesWindow(synth.mkv(clusters=3000))
    assert window.size > 200_000
    matroska.probe(window)
    assert window.reads == [(0, 65536)]


@pytest.mark.parametrize("seek", ["front", "far"])
def test_a_seek_head_spares_the_walk_over_the_clusters(seek: Any) -> None:
    window = BytesWindow(synth.mkv(clusters=20_000, tracks_last=True, seek=seek))
    matroska.probe(window)
    assert len(window.reads) <= 5


def test_the_walk_over_the_clusters_is_bounded() -> None:
    window = BytesWindow(synth.mkv(clusters=80_000, tracks_last=True, seek="none"))
    with pytest.raises(CorruptFile, match="larger than any real"):
        matroska.probe(window)
    assert len(window.reads) < 20_000


def test_tracks_larger_than_the_read_ahead_are_read_whole() -> None:
    fonts = synth.element(0x63A2, bytes(300_000))
    media = probe(synth.mkv([{"type": "subtitles", "extra": fonts}, {"language": "jpn"}]))
    assert media.tracks[1].language == "ja"


@pytest.mark.parametrize("stale", ["void", "elsewhere"])
def test_a_seek_head_that_lies_is_not_believed(stale: str) -> None:
    content = bytearray(synth.mkv(tracks_last=True, style="tight"))
    place = content.index(b"\x53\xab\x84\x16\x54\xae\x6b") + 7 + 3
    content[place : place + 8] = (99 if stale == "elsewhere" else 1 << 62).to_bytes(8, "big")
    assert len(probe(bytes(content)).tracks) == 3


def test_seek_heads_that_point_to_each_other_end() -> None:
    loop = synth.seek_head({synth.SEEK_HEAD: 0})
    content = synth.ebml_header() + synth.segment(loop)
    with pytest.raises(CorruptFile, match="no Tracks"):
        probe(content)


@pytest.mark.parametrize("doctype", ["", "mp4", "matroskaX"])
def test_other_ebml_files_are_unsupported(doctype: str) -> None:
    with pytest.raises(UnsupportedContainer, match="not Matroska"):
        probe(synth.mkv(doctype=doctype))


def test_longer_identifiers_or_sizes_than_matroska_has_are_unsupported() -> None:
    body = synth.segment(synth.element(synth.TRACKS, b""))
    for header in (synth.ebml_header(max_id=5), synth.ebml_header(max_size=9)):
        with pytest.raises(UnsupportedContainer, match="longer"):
            probe(header + body)


def test_something_else_is_unsupported() -> None:
    with pytest.raises(UnsupportedContainer):
        probe(synth.element(0xEC, bytes(20)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x1a\x45\xdf\xa3",
        synth.ebml_header(),
        synth.ebml_header() + synth.segment(b""),
        synth.ebml_header() + synth.void(9) * 40,
        b"\x1a\x45\xdf\xa3\xff" + bytes(50),
        b"\x1a\x45\xdf\xa3" + synth.vint(1 << 40) + bytes(50),
        synth.mkv()[:230],  # cut off inside Tracks
        synth.ebml_header() + synth.segment(b"\x16\x54\xae\x6b\xff"),
        synth.ebml_header() + synth.segment(b"\x1f\x43\xb6\x75\xff" + b"\xe7\xff"),
    ],
    ids=[
        "empty",
        "magic only",
        "no segment",
        "empty segment",
        "only voids",
        "header of unknown size",
        "forged header size",
        "cut off",
        "tracks of unknown size",
        "block of unknown size",
    ],
)
def test_damaged_files_are_corrupt(content: bytes) -> None:
    with pytest.raises(CorruptFile):
        probe(content)


def test_forged_tracks_sizes_cost_nothing() -> None:
    huge = b"\x16\x54\xae\x6b" + synth.vint((4 << 20) + 1, 8)
    window = BytesWindow(synth.ebml_header() + synth.segment(huge + bytes((4 << 20) + 1)))
    with pytest.raises(CorruptFile, match="Tracks is larger"):
        matroska.probe(window)
    assert sum(length for _, length in window.reads) < 1 << 20


def test_too_many_tracks_are_corrupt() -> None:
    with pytest.raises(CorruptFile, match="more entries"):
        probe(synth.mkv([{}] * 1001))


def test_all_tracks_share_one_bound_on_their_elements() -> None:
    few = [{"extra": b"\xaa\x80" * 2000}] * 3
    assert len(probe(synth.mkv(few)).tracks) == 3
    with pytest.raises(CorruptFile, match="more children"):
        probe(synth.mkv([{"extra": b"\xaa\x80" * 1900}] * 1000))


def test_of_a_forged_text_only_the_beginning_is_kept() -> None:
    forged = track(name="A" * 300_000, codec="A_" + "B" * 300_000, language="e" * 300_000)
    assert len(forged.title or "") == 64 << 10
    assert len(forged.codec) <= 255
    assert len(forged.language_tag) == 255


@pytest.mark.parametrize("duration_ms", [float("nan"), float("inf"), -1.0, 0.0])
def test_senseless_durations_are_unknown(duration_ms: float) -> None:
    assert probe(synth.mkv(duration_ms=duration_ms)).duration_ms is None


def test_a_broken_info_costs_only_the_duration() -> None:
    content = synth.mkv(style="tight")
    broken = content.replace(b"\x44\x89\x88", b"\x44\x89\x8f")
    assert broken != content
    assert probe(broken).duration_ms is None
    assert len(probe(broken).tracks) == 3


def test_a_duration_beyond_all_measure_is_unknown() -> None:
    assert probe(synth.mkv(duration_ms=1e30)).duration_ms is None
