"""What a rewrite must find again of an MP4's tracks: what hangs on sample entries and headers."""

from __future__ import annotations

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
    sample_entry,
    track,
    u32,
)

from arrtheaudio.media import containers
from arrtheaudio.media import mp4 as container
from arrtheaudio.media.mp4_userdata import international_text
from arrtheaudio.media.rewritten import chapter_pieces

AVC = sample_entry("avc1", 0)


def named(*tracks: dict) -> list[tuple[str, int | None]]:
    return listed(mp4([*tracks, track()]))


def listed(content: bytes) -> list[tuple[str, int | None]]:
    with opened(content) as window:
        media = container.probe(window)
        pieces = containers.contents(window.fd, window.size, media)
    return [(piece.what, piece.track) for piece in pieces]


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
        with opened(content) as window:
            media = container.probe(window)
            pieces = containers.contents(window.fd, window.size, media)
        values += [piece.value for piece in pieces if piece.what == "its rotation"]
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
