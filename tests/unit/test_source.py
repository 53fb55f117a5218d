"""The window over a file's header: bounded, and few reads."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_memory import BytesWindow

from arrtheaudio.errors import CorruptFile, IoFailed
from arrtheaudio.media import source
from arrtheaudio.media.source import Window

CONTENT = bytes(range(256)) * 8
CHUNK = 64


def window() -> BytesWindow:
    return BytesWindow(CONTENT, chunk=CHUNK)


requests = st.lists(
    st.tuples(
        st.sampled_from(["read", "around", "glance"]),
        st.integers(-5, len(CONTENT) + 5) | st.integers(0, 2 * CHUNK),
        st.integers(0, 6 * CHUNK),
    ),
    max_size=12,
)


@given(requests)
@settings(max_examples=200)
def test_every_answer_is_what_the_file_holds(asked: list[tuple[str, int, int]]) -> None:
    file = window()
    for way, offset, length in asked:
        inside = offset >= 0 and offset + length <= len(CONTENT)
        if way == "glance":
            expected = CONTENT[offset : offset + length] if offset >= 0 else b""
            assert file.glance(offset, length) == expected
        elif not inside:
            with pytest.raises(CorruptFile, match="behind the end"):
                getattr(file, way)(offset, length)
        elif way == "read":
            assert file.read(offset, length) == CONTENT[offset : offset + length]
        else:
            piece, start = file.around(offset, length)
            assert start <= offset
            assert piece == CONTENT[start : start + len(piece)]
            assert start + len(piece) >= offset + length


def test_an_answer_is_of_its_own_place_whatever_was_read_before() -> None:
    for way in ("read", "glance"):
        file = window()
        file.around(10, 3 * CHUNK)  # a piece that is longer than its distance from the beginning
        assert getattr(file, way)(20, 8) == CONTENT[20:28]
        assert getattr(file, way)(0, 4) == CONTENT[:4]
        file.around(500, 8)
        assert getattr(file, way)(20, 8) == CONTENT[20:28]  # of the earlier piece


def test_outside_of_the_file_there_is_nothing_to_glance_at() -> None:
    file = window()
    for offset in (-3, len(CONTENT), len(CONTENT) + 5, 1 << 62):
        assert file.glance(offset, 2) == b""
    assert file.reads == []


def test_what_follows_is_read_ahead() -> None:
    file = window()
    for offset in range(100, 100 + CHUNK, 8):
        file.read(offset, 8)
    assert file.reads == [(100, CHUNK)]


def test_the_last_few_pieces_are_kept() -> None:
    file = window()
    places = [0, 500, 1000, 1500]
    for offset in places + places:
        file.read(offset, 8)
    assert file.reads == [(offset, CHUNK) for offset in places]
    file.read(1900, 8)
    file.read(0, 8)  # the oldest one gave way
    assert file.reads[4:] == [(1900, CHUNK), (0, CHUNK)]


def test_a_glance_is_not_kept_and_costs_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BUDGET_BYTES", 2 * source.PAGE_BYTES)
    file = window()
    file.glance(700, 4)
    file.glance(700, 4)
    assert file.reads == [(700, 4), (700, 4)]
    with pytest.raises(CorruptFile, match="larger than any real"):
        file.glance(700, 4)


def test_a_large_piece_is_read_for_itself() -> None:
    file = window()
    file.read(10, 8)
    file.read(300, 5 * CHUNK)
    file.read(18, 8)
    assert file.reads == [(10, CHUNK), (300, 5 * CHUNK)]


def test_the_budget_bounds_all_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BUDGET_BYTES", 3 * CHUNK)
    file = window()
    for offset in (0, 500, 1000):
        file.read(offset, 1)
    with pytest.raises(CorruptFile, match="larger than any real"):
        file.read(1500, 1)


def test_a_file_that_became_shorter_is_corrupt(tmp_path) -> None:
    path = tmp_path / "film"
    path.write_bytes(CONTENT)
    fd = os.open(path, os.O_RDONLY)
    try:
        os.truncate(path, 1000)
        with pytest.raises(CorruptFile, match="ends at byte 1000"):
            Window(fd, len(CONTENT), chunk=CHUNK).read(990, 20)
    finally:
        os.close(fd)


def test_what_the_system_cannot_read_is_told() -> None:
    with pytest.raises(IoFailed, match="cannot read"):
        Window(-1, 100).read(0, 10)
