"""What a rewrite must find again of an MP4's tracks: what hangs on sample entries and headers."""

from __future__ import annotations

from hashlib import sha256

import pytest
from synth_mp4 import (
    AC3_MODES,
    audio_entry,
    bits,
    box,
    encrypted,
    full_box,
    mp4,
    opened,
    patched,
    sample_entry,
    track,
    u16,
    u32,
)

from arrtheaudio.media import containers
from arrtheaudio.media import mp4 as container
from arrtheaudio.media.contents import Piece
from arrtheaudio.media.mp4_contents import switched_as
from arrtheaudio.media.mp4_userdata import international_text
from arrtheaudio.media.rewritten import chapter_pieces

AVC = sample_entry("avc1", 0)


def named(*tracks: dict) -> list[tuple[str, int | None]]:
    return listed(mp4([*tracks, track()]))


def listed(content: bytes) -> list[tuple[str, int | None]]:
    return [(piece.what, piece.track) for piece in pieces(content)]


def pieces(content: bytes) -> list[Piece]:
    with opened(content) as window:
        return containers.contents(window.fd, window.size, container.probe(window))


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        (track("video", entry=box("encv", AVC[8:], box("sinf", box("frma", b"avc1")))), "keys"),
        (track(entry=encrypted(sample_entry("aac", 2), b"mp4a")), "keys"),
        (track("video", entry=AVC + AVC), "sample description 2"),
        (track(entry=sample_entry("aac", 2) + sample_entry("aac", 6)), "sample description 2"),
        (track("video", entry=box("dvh1", AVC[8:])), "sample entry dvh1"),
        (track("video", entry=box("avc1", AVC[8:], box("vexu"))), "stereoscopy"),
        (track("video", entry=box("avc1", AVC[8:], box("lhvC"))), "a second view"),
        (track(extra=box("uuid", bytes(16))), "box uuid"),
        (track(extra=full_box("meta", bytes(8))), "box meta"),
    ],
)
def test_what_a_muxer_drops_of_a_track_is_listed(spec: dict, what: str) -> None:
    plain = track(spec["type"])
    assert any(what in name and place == 0 for name, place in named(spec))
    assert not any(what in name for name, _ in named(plain))


def test_what_stands_behind_the_last_box_is_listed() -> None:
    content = mp4([track("video"), track()])
    assert ("what stands behind its last box", None) in listed(content + b"TAG" + bytes(125))
    assert listed(content + bytes(4)) == listed(content)  # padding


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        *((kind, "Dolby Vision") for kind in ("dvcC", "dvvC", "dvwC")),
        *((kind, "HDR metadata") for kind in ("mdcv", "clli", "cclv", "amve")),
        *((kind, "Dolby Vision's second layer") for kind in ("hvcE", "avcE")),
        ("st3d", "stereoscopy"),
        ("sv3d", "a spherical projection"),
        ("clap", "a clean aperture"),
    ],
)
def test_what_colours_and_shapes_a_picture_is_listed(kind: str, what: str) -> None:
    entry = box("hvc1", AVC[8:], box(kind, bytes(8)))
    assert (what, 0) in named(track("video", entry=entry))


@pytest.mark.parametrize("kind", ["avc2", "avc4"])
def test_an_entry_that_becomes_avc1_is_not_held_to_its_name(kind: str) -> None:
    entries = [name for name, _ in named(track("video", entry=box(kind, AVC[8:])))]
    assert entries == ["its rotation"]


@pytest.mark.parametrize("kind", ["free", "skip", "wide", b"\0\0\0\0", "chpl", "hdlr"])
def test_padding_and_what_is_compared_otherwise_is_not_listed(kind: str | bytes) -> None:
    rest = box(kind, b"abcd")
    user_data = box("udta", rest, full_box("meta", HDLR, rest))
    assert listed(mp4([track(extra=user_data)], between=user_data)) == []


@pytest.mark.parametrize("kind", ["\xa9too", "\xa9swr", "\xa9enc", "swre"])
def test_which_program_wrote_a_file_is_not_listed(kind: str) -> None:
    program = text(kind, "Lavf")
    items = box("udta", full_box("meta", HDLR, box("ilst", item(kind, "Lavf"))))
    assert listed(mp4([track()], between=box("udta", program) + items)) == []


@pytest.mark.parametrize("kind", ["name", "\xa9nam", "titl", "meta"])
def test_a_tracks_title_is_compared_as_one_and_not_listed(kind: str) -> None:
    assert listed(mp4([track(extra=box("udta", box(kind, b"abcd")))])) == []


def test_other_user_data_of_a_track_are_listed() -> None:
    extra = box("udta", box("loci", b"abcd\0"))
    assert pieces(mp4([track(extra=extra)])) == [Piece("user data loci", b"abcd", 0)]


HDLR = full_box("hdlr", bytes(4) + b"mdir" + bytes(13))


def text(kind: str, value: str, language: int = 0) -> bytes:
    """A tag of QuickTime (QuickTime File Format, "User data text strings and language codes")."""
    return box(kind, u16(len(value)) + u16(language) + value.encode())


def item(kind: str | bytes, value: str, *before: bytes, locale: int = 0) -> bytes:
    """An item of ilst (QuickTime File Format, "Metadata item list atom")."""
    return box(kind, *before, box("data", u32(1) + u32(locale) + value.encode()))


def test_a_tag_is_its_text_whatever_its_language() -> None:
    english, german = (
        mp4([track()], between=box("udta", text("\xa9cpy", "Somebody", language)))
        for language in (0x15C7, 0x10B2)
    )
    assert pieces(english) == pieces(german) == [Piece("tag ©cpy", b"Somebody")]


@pytest.mark.parametrize("quicktime", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_metadata_are_listed_by_name_and_text(quicktime: bool, inside: bool) -> None:
    own = full_box("mean", b"com.apple.iTunes"), full_box("name", b"Own")
    items = item("\xa9alb", "Film", locale=7), item("----", "mine", *own), item("covr", "x")
    parts = HDLR, box("ilst", *items), box("ID32", b"y")
    meta = box("meta", *parts) if quicktime else full_box("meta", *parts)
    found = pieces(mp4([track()], between=box("udta", meta) if inside else meta))
    assert [(piece.what, piece.value) for piece in found] == [
        ("tag ©alb", b"Film"),
        ("tag 'Own'", b"mine"),
        ("cover art", sha256(b"x").digest()),
        ("metadata ID32", sha256(b"y").digest()),
    ]


def test_numbered_items_have_their_names_from_the_list_of_keys() -> None:
    keys = full_box("keys", u32(2), box("mdta", b"first"), box("mdta", b"second"))
    items = [item(u32(number), str(number)) for number in (2, 1, 3)]
    unnumbered = box("ilst", *items, item(u32(0), "0"))
    found = pieces(mp4([track()], between=box("meta", HDLR, keys, unnumbered)))
    assert [(piece.what, piece.value) for piece in found] == [
        ("tag second", b"2"),
        ("tag first", b"1"),
        ("tag \\x00\\x00\\x00\\x03", b"3"),
        ("tag \\x00\\x00\\x00\\x00", b"0"),
    ]


@pytest.mark.parametrize(
    ("named", "listed"),
    [
        ((3,), False),
        ((9,), False),
        ((2,), True),
        ((3, 2), True),
        ((2, 3), True),
        ((2, 9), True),
        ((9, 3, 2), True),
        ((), False),
    ],
)
def test_a_reference_to_anything_but_chapters_is_listed(named: tuple, listed: bool) -> None:
    references = box("chap", u32(3)), box("tmcd", *map(u32, named))
    tracks = [track(extra=box("tref", *references)), track(), track("chapters")]
    assert pieces(mp4(tracks)) == [Piece("reference tmcd", b"", 0)] * listed


def test_a_track_of_no_known_kind_is_listed_unless_it_holds_the_chapters() -> None:
    extra = box("udta", box("loci", b"abcd"))
    timecode = track("timecode", entry=box("tmcd", bytes(26)), extra=extra)
    handler = bytes(4) + b"text" + bytes(12)
    content = mp4([track(chapters=[3]), timecode, track("chapters", extra=extra)])
    content = content.replace(handler, handler.replace(b"text", b"tmcd"), 1)
    assert listed(content) == [("user data loci", 1)]


def test_behind_the_first_fragment_nothing_is_looked_for() -> None:
    content = mp4([track()], fragmented=True)
    loose = box("uuid", bytes(16))
    at = content.index(b"moof") - 4
    assert listed(content[:at] + loose + content[at:] + loose) == [("box uuid", None)]


def test_a_track_without_media_has_nothing_to_list() -> None:
    assert listed(mp4([track()], between=box("trak") + box("trak", box("mdia")))) == []


def test_tracks_are_switched_as_wanted_and_what_is_right_stays() -> None:
    tracks = [track(), track(enabled=False), track("subtitles", enabled=False), track("subtitles")]
    content = mp4(tracks, between=box("trak"))  # every second one without a header
    wanted = {0: False, 1: True, 2: True, 4: False, 6: False}
    with opened(content) as window:
        patches = switched_as(container.probe(window), wanted)
    with opened(patched(content, patches)) as window:
        found = [found.default for found in container.probe(window).tracks[::2]]
    assert (found, len(patches)) == ([False, True, False, False], 3)


def joint(*, objects: bool, dependent: int = 0, substreams: int = 0) -> bytes:
    acmod, lfe = AC3_MODES[6]
    substream = [(0, 2), (16, 5), (0, 5), (acmod, 3), (lfe, 1), (0, 3), (dependent, 4)]
    substream.append((0, 9) if dependent else (0, 1))
    extension = bits((1, 8), (16, 8)) if objects else b""
    dec3 = bits((256, 13), (substreams, 3), *substream * (substreams + 1))
    return audio_entry("ec-3", box("dec3", dec3 + extension))


@pytest.mark.parametrize("dependent", [0, 1])
@pytest.mark.parametrize("substreams", [0, 1])
def test_dolby_atmos_is_listed(dependent: int, substreams: int) -> None:
    for objects in (False, True):
        entry = joint(objects=objects, dependent=dependent, substreams=substreams)
        assert (("Dolby Atmos", 0) in named(track(entry=entry))) is objects


@pytest.mark.parametrize("version", [0, 1])
def test_a_rotation_is_told_from_none(version: int) -> None:
    upright = mp4([track("video"), track()], version=version)
    at = upright.index(b"tkhd") + 4 + (52 if version else 40)
    assert upright[at : at + 4] == u32(1 << 16)
    values = []
    for matrix in (
        (1, 0, 0, 0, 1, 0, 0, 0),
        (1, 0, 0, 0, 1, 0, 99, 99),
        (0,) * 8,
        (0, 1, 0, -1, 0, 0, 0, 0),
    ):
        turned = b"".join((value << 16).to_bytes(4, "big", signed=True) for value in matrix)
        content = upright[:at] + turned + upright[at + len(turned) :]
        values += [piece.value for piece in pieces(content) if piece.what == "its rotation"]
    assert values[0] == values[1] == values[2] != values[3]


@pytest.mark.parametrize("order", ["utf-16-be", "utf-16-le"])
@pytest.mark.parametrize("title", ["Commentary", "Film 一", "АВТОР"])
@pytest.mark.parametrize("padding", [b"", b"\0\0"])
def test_the_last_character_of_a_title_in_utf_16_is_whole(order, title, padding) -> None:
    text = "\ufeff".encode(order) + title.encode(order) + padding
    body = len(text).to_bytes(2, "big") + b"\x15\xc7" + text
    assert international_text(body) == title


def test_a_title_that_ends_like_a_chapter_s_heading_is_none() -> None:
    printed = (
        b";FFMETADATA1\ncomment=[CHAPTER]\nlyrics=a\\\n[CHAPTER]\n"
        b"[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=x [CHAPTER]\n"
        b"[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=900\n"
    )
    assert [(piece.value, piece.at_ns) for piece in chapter_pieces(printed)] == [
        (b"x [CHAPTER]", 0),
        (b"", 500_000_000),
    ]


@pytest.mark.parametrize("version", [0, 1])
def test_a_movie_s_rotation_is_its_track_s_afterwards(version: int) -> None:
    upright = mp4([track("video"), track()], version=version)
    matrix = (0, 1, 0, -1, 0, 0, 0, 0)
    turned = b"".join((value << 16).to_bytes(4, "big", signed=True) for value in matrix)
    told = []
    for kind, at in ((b"mvhd", 48 if version else 36), (b"tkhd", 52 if version else 40)):
        start = upright.index(kind) + 4 + at
        assert upright[start : start + 4] == u32(1 << 16)
        content = upright[:start] + turned + upright[start + len(turned) :]
        with opened(content) as window:
            media = container.probe(window)
            pieces = containers.contents(window.fd, window.size, media)
        told += [piece.value for piece in pieces if piece.what == "its rotation"]
    assert told[0] == told[1]


@pytest.mark.parametrize(("wide", "left", "lost"), [(0, 0, False), (-8, 0, True), (0, 4, True)])
def test_a_clean_aperture_that_shows_everything_is_none(wide: int, left: int, lost: bool) -> None:
    size = AVC[8 + 24 : 8 + 28]
    width, height = int.from_bytes(size[:2], "big"), int.from_bytes(size[2:], "big")
    numbers = (width + wide, 1, height, 1, left, 1, 0, 1)
    clap = box("clap", b"".join(number.to_bytes(4, "big", signed=True) for number in numbers))
    entry = box("avc1", AVC[8:], clap)
    assert (("a clean aperture", 0) in named(track("video", entry=entry))) is lost
