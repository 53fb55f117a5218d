"""Recognising and reading MP4 and QuickTime files."""

from __future__ import annotations

import pytest
from synth_mp4 import box, full_box, mp4, opened, track, u16, u32

from arrtheaudio.errors import CorruptFile, UnsupportedContainer
from arrtheaudio.media import mp4 as container
from arrtheaudio.media import source
from arrtheaudio.media.tracks import Media, Track


def probe(content: bytes) -> Media:
    with opened(content) as window:
        return container.probe(window)


def only(spec: dict[str, object], **more: bool) -> Track:
    (found,) = probe(mp4([spec], **more)).tracks
    return found


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x18ftypisom",
        b"\0\0\0\x14ftypqt  ",
        b"\0\0\0\x08wide\0\0\0\0mdat",
        b"\0\x01\x7f\x3emoov",
        b"\0\0\0\x01mdat",  # 64-bit size
        b"\0\0\0\0mdat",  # to the end of the file
        b"\x54\x68\x65\x20mdat",  # 1.4 GB before moov, as cameras write
        b"\0\0\x10\0free",
        b"\0\0\0\x18styp",
    ],
)
def test_files_are_known_by_their_first_box(head: bytes) -> None:
    assert container.sniff(head)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\0\0\0\x18fty",
        b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x23",  # Matroska
        b"RIFF\x24\0\0\0AVI LIST",
        b"\0\0\0\x0cjP  \r\n\x87\n",  # JPEG 2000
        b"The free software",  # text whose second word is a box type
        b"One skip of paper",
        b"\0\0\0\x07ftypisom",  # smaller than its own header
        b"\0\0\0\x01ftypisom",  # a 64-bit size, which no file type box has
        b"\0\0\0\0ftypisom",
    ],
)
def test_other_files_are_not_taken_for_mp4(head: bytes) -> None:
    assert not container.sniff(head)


TRACKS = [
    track("video"),
    track(language="eng", channels=6, name="Surround"),
    track(codec="ac3", channels=6, language="fra", enabled=False),
    track("subtitles", language="por"),
]


@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"faststart": False},
        {"fragmented": True},
        {"version": 1},
        {"faststart": False, "large_mdat": True},
        {"between": box("free", bytes(5))},
    ],
    ids=[
        "moov in front",
        "moov at the end",
        "fragmented",
        "version 1",
        "64-bit mdat",
        "free boxes",
    ],
)
def test_tracks_read_the_same_in_every_layout(layout: dict[str, bool]) -> None:
    media = probe(mp4(TRACKS, **layout))
    assert media.container == "mp4"
    assert media.brand == "isom"
    assert media.tracks == (
        Track(index=0, number=1, type="video", codec="h264", language_tag="und", default=True),
        Track(
            index=1,
            number=2,
            type="audio",
            codec="aac",
            language="en",
            language_tag="eng",
            title="Surround",
            channels=6,
            default=True,
        ),
        Track(
            index=2,
            number=3,
            type="audio",
            codec="ac3",
            language="fr",
            language_tag="fra",
            channels=6,
        ),
        Track(
            index=3,
            number=4,
            type="subtitles",
            codec="mov_text",
            language="pt",
            language_tag="por",
            default=True,
        ),
    )


def test_duration_comes_from_the_movie_header() -> None:
    assert probe(mp4(TRACKS)).duration_ms == 1024 * 1000 // 48000
    assert probe(mp4(TRACKS, version=1)).duration_ms == 1024 * 1000 // 48000


def test_a_file_without_ftyp_is_quicktime() -> None:
    content = mp4(TRACKS)
    start = int.from_bytes(content[:4], "big")
    assert probe(content[start:]).brand == "qt"


def test_garbage_behind_the_header_does_not_matter() -> None:
    assert probe(mp4(TRACKS) + b"\xff" * 40).tracks == probe(mp4(TRACKS)).tracks


def test_a_last_box_may_reach_to_the_end_of_the_file() -> None:
    content = bytearray(mp4(TRACKS, faststart=False))
    moov = content.index(b"moov")
    content[moov - 4 : moov] = u32(0)
    assert len(probe(bytes(content)).tracks) == len(TRACKS)


def test_media_are_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BUDGET_BYTES", 4 * 4096)
    probe(mp4(TRACKS, faststart=False, padding=1 << 20))


# --- what is refused ------------------------------------------------------------


@pytest.mark.parametrize("brand", ["heic", "avif", "mif1", "crx "])
def test_images_are_no_films(brand: str) -> None:
    with pytest.raises(UnsupportedContainer, match="image"):
        probe(mp4(TRACKS, brand=brand))


def test_items_without_a_film_are_unsupported() -> None:
    with pytest.raises(UnsupportedContainer, match="items"):
        probe(box("ftyp", b"xyz1", bytes(4)) + full_box("meta", bytes(8)) + box("mdat"))


def test_a_compressed_header_is_said_to_be_unsupported() -> None:
    cmov = box("cmov", box("dcom", b"zlib"), box("cmvd", bytes(20)))
    with pytest.raises(UnsupportedContainer, match="cmov"):
        probe(box("ftyp", b"qt  ", bytes(4)) + box("moov", cmov))


def test_a_segment_without_its_header_is_unsupported() -> None:
    with pytest.raises(UnsupportedContainer, match="segment"):
        probe(box("styp", b"msdh", bytes(4)) + box("moof", bytes(16)) + box("mdat"))


def test_other_files_are_unsupported() -> None:
    for content in (b"", b"abc", b"\x1a\x45\xdf\xa3" + bytes(100)):
        with pytest.raises(UnsupportedContainer):
            probe(content)


FTYP = box("ftyp", b"isom", bytes(4))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (FTYP + box("mdat", bytes(50)), "no header"),
        (FTYP + u32(5000) + b"moov" + bytes(50), "claims 5000 bytes"),
        (FTYP + u32(9000) + b"mdat" + bytes(50), "claims 9000 bytes"),
        (FTYP + u32(1) + b"moov" + bytes(7), "cut off"),
        (FTYP + u32(1) + b"moov" + bytes(8), "claims 0 bytes"),
        (FTYP + box("moov", u32(3) + b"trak"), "claims 3 bytes"),
        (FTYP + box("moov", u32(100) + b"trak" + bytes(20)), "claims 100 bytes"),
        (FTYP + box("moov", box("trak", u32(60) + b"tkhd" + bytes(8))), "claims 60 bytes"),
        (FTYP + box("moov", box("trak", full_box("tkhd", bytes(20)))), "cut off"),
        (FTYP + box("moov", box("trak", full_box("tkhd", bytes(90), version=7))), "too new"),
        (FTYP + box("moov", box("trak") * 300), "tracks"),
        (FTYP + box("moov", box("free") * 5000), "boxes"),
        (FTYP + box("free") * 5000, "boxes"),
    ],
)
def test_every_impossible_header_has_its_message(content: bytes, message: str) -> None:
    with pytest.raises(CorruptFile, match=message):
        probe(content)


def test_of_a_forged_description_only_the_beginning_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "BUDGET_BYTES", 1 << 17)
    assert only(track(entry=box("mp4a", bytes(30 << 20)))).codec == "aac"


def test_of_a_forged_list_of_chapters_only_the_beginning_is_read() -> None:
    named = [2, *range(1000, 3000)]
    assert [t.type for t in probe(mp4([track(chapters=named), track("subtitles")])).tracks] == [
        "audio",
        "other",
    ]
    late = [*range(1000, 3000), 2]
    assert [t.type for t in probe(mp4([track(chapters=late), track("subtitles")])).tracks] == [
        "audio",
        "subtitles",
    ]


# --- what a track says ----------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "language", "tag"),
    [
        (0x15C7, "en", "eng"),  # e 5, n 14, g 7
        (0x1A45, "fr", "fre"),  # the bibliographic code
        (0x55C4, "und", "und"),
        (0x7FFF, "und", ""),  # unspecified
        (0x0400, "und", ""),  # packed, but no letters
        (0, "en", "en"),  # Macintosh
        (1, "fr", "fr"),
        (33, "zh-Hans", "zh-Hans"),
        (128, "cy", "cy"),
        (151, "nn", "nn"),
        (100, "und", ""),  # no Macintosh code
    ],
)
@pytest.mark.parametrize("version", [0, 1])
def test_mdhd_language(code: int, language: str, tag: str, version: int) -> None:
    found = only(track(language_code=code), version=version)
    assert (found.language, found.language_tag) == (language, tag)


@pytest.mark.parametrize(
    ("elng", "language"),
    [
        (full_box("elng", b"pt-BR\0"), "pt-BR"),
        (full_box("elng", b"pt-BR"), "pt-BR"),  # the final zero left out
        (box("elng", b"pt-BR\0"), "pt-BR"),  # version and flags left out
        (full_box("elng", b"\xff\xfe\0"), "en"),
        (full_box("elng"), "en"),
        (box("elng"), "en"),
    ],
)
def test_elng_wins_where_it_names_a_language(elng: bytes, language: str) -> None:
    assert only(track(language="eng", elng=elng)).language == language


def only_in(content: bytes) -> Track:
    (found,) = probe(content).tracks
    return found


def international(*texts: tuple[int, bytes]) -> bytes:
    return box(b"\xa9nam", *(u16(len(text)) + u16(language) + text for language, text in texts))


ITEM = box("ilst", box(b"\xa9nam", box("data", u32(1) + u32(0) + "Réalisateur".encode())))
META_HANDLER = full_box("hdlr", bytes(4) + b"mdir" + bytes(13))


@pytest.mark.parametrize(
    ("parts", "title"),
    [
        ([box("name", "Réalisateur".encode())], "Réalisateur"),
        ([box("name", "Réalisateur".encode("utf-16"))], "Réalisateur"),  # with its byte order mark
        ([box("name", b"Director\0")], "Director"),
        ([box("name", b"\0"), international((0x15C7, b"Director"))], "Director"),
        ([international((0, "Réalisateur".encode("mac_roman")))], "Réalisateur"),
        ([international((0x15C7, b""), (0x1A41, "Réalisateur".encode()))], "Réalisateur"),
        ([full_box("titl", u16(0x15C7) + b"Director\0")], "Director"),
        ([full_box("meta", META_HANDLER, ITEM)], "Réalisateur"),
        ([box("meta", META_HANDLER, ITEM)], "Réalisateur"),  # QuickTime: no full box
        ([international((0x15C7, b"second")), box("name", b"first")], "first"),
        ([box("name", b"")], None),
        ([box(b"\xa9nam", u16(9000) + u16(0) + b"cut")], "cut"),
        ([b"\0\0\0\0"], None),  # QuickTime's end of a list
        ([b"\0\0\0\x03name"], None),
    ],
)
def test_titles(parts: list[bytes], title: str | None) -> None:
    assert only(track(extra=box("udta", *parts))).title == title


DASH = "urn:mpeg:dash:role:2011"


@pytest.mark.parametrize(
    ("kinds", "flags"),
    [
        ([(DASH, "main")], {}),
        ([(DASH, "commentary")], {"commentary": True}),
        ([(DASH, "description")], {"visual_impaired": True}),
        ([(DASH, "dub")], {"original": False}),
        ([(DASH, "caption")], {"hearing_impaired": True}),
        ([(DASH, "forced-subtitle")], {"forced": True}),
        ([("urn:mpeg:dash:role", "commentary")], {"commentary": True}),
        ([("about:html-kind", "commentary")], {"commentary": True}),
        ([("about:html-kind", "main-desc")], {"visual_impaired": True}),
        ([("about:html-kind", "translation")], {"original": False}),
        ([("urn:tva:metadata:cs:AudioPurposeCS:2007", "1")], {"visual_impaired": True}),
        ([("urn:example:unknown", "commentary")], {}),
        ([(DASH, "main"), (DASH, "commentary")], {"commentary": True}),
    ],
)
def test_kind_tells_the_part_a_track_plays(
    kinds: list[tuple[str, str]], flags: dict[str, bool]
) -> None:
    found = only(track(kinds=kinds))
    unset = {
        "commentary": None,
        "visual_impaired": None,
        "hearing_impaired": None,
        "original": None,
        "forced": False,
    }
    assert {name: getattr(found, name) for name in unset} == unset | flags


def test_apple_tags_tell_it_too() -> None:
    found = only(track(extra=box("udta", box("tagc", b"public.accessibility.describes-video"))))
    assert found.visual_impaired


def test_chapters_are_no_subtitles() -> None:
    tracks = [track(chapters=[2]), track("subtitles"), track("subtitles")]
    assert [(t.type, t.codec) for t in probe(mp4(tracks)).tracks] == [
        ("audio", "aac"),
        ("other", "bin_data"),
        ("subtitles", "mov_text"),
    ]


def test_an_unknown_handler_is_audio_where_the_entry_says_so() -> None:
    content = mp4([track()]).replace(b"soun", b"m1a ")
    assert only_in(content).type == "audio"


def test_a_track_without_header_is_read_but_cannot_be_changed() -> None:
    content = mp4([track(), track()]).replace(b"tkhd", b"free", 1)
    media = probe(content)
    assert [(t.type, t.default) for t in media.tracks] == [("audio", False), ("audio", True)]
    assert "cannot be changed" in container.room(media)
    with opened(content) as window, pytest.raises(CorruptFile, match="tkhd"):
        container.plan_default(window, media, 0)


def test_room_is_always_there() -> None:
    assert "one byte" in container.room(probe(mp4(TRACKS)))
