"""Walking boxes, of a file and of bytes in memory: sizes, ends, and what is not looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from synth_mp4 import box, opened, u32

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media.mp4_boxes import MAX_CHILDREN, Box, find, gather, split, walk
from arrtheaudio.media.source import Window


def in_a_trak(look: Callable[[Window, Box], Any], *children: bytes) -> Any:
    content = box("trak", *children)
    with opened(content) as window:
        return look(window, Box(b"trak", 0, 8, len(content)))


IMPOSSIBLE = u32(3) + b"junk"


def test_what_stands_behind_all_that_is_looked_for_is_not_looked_at() -> None:
    inner = box("mdia", box("mdhd", b"here"), IMPOSSIBLE)
    tree = {b"mdia": {b"mdhd": 4}, b"udta": 4}
    found = in_a_trak(lambda *at: gather(*at, tree), inner, box("udta", b"user"), IMPOSSIBLE)
    assert [held for _, held in found.values()] == [b"", b"here", b"user"]
    both = in_a_trak(lambda *at: find(*at, (b"mdia", b"udta")), inner, box("udta"), IMPOSSIBLE)
    assert both.keys() == {b"mdia", b"udta"}
    with pytest.raises(CorruptFile, match="claims 3 bytes"):
        in_a_trak(lambda *at: find(*at, (b"mdia", b"none")), inner, box("udta"), IMPOSSIBLE)


def test_of_several_boxes_of_a_kind_the_first_is_found() -> None:
    twice = box("udta"), box("udta", b"second")
    found = in_a_trak(lambda *at: find(*at, (b"udta", b"tkhd")), *twice)
    assert found == {b"udta": Box(b"udta", 8, 16, 16)}


@pytest.mark.parametrize("before", [*range(4096 - 80, 4096 + 20, 4), 9000])
def test_a_box_is_read_whole_wherever_a_piece_of_the_file_ends(before: int) -> None:
    content = bytes(range(60))
    children = box("free", bytes(before - 16)), box("udta", content), box("tkhd", b"head")
    found = in_a_trak(lambda *at: gather(*at, {b"udta": 50, b"tkhd": 9}), *children)
    assert [held for _, held in found.values()] == [content[:50], b"head"]


@pytest.mark.parametrize("end", [bytes(8), bytes(20), bytes(4), b""])
def test_zeros_at_the_end_of_a_list_are_no_box(end: bytes) -> None:
    found = in_a_trak(lambda *at: list(walk(at[0], at[1].body, at[1].end)), box("udta"), end)
    assert found == [Box(b"udta", 8, 16, 16)]


def test_a_box_with_a_64_bit_size_may_be_empty() -> None:
    children = box("free", large=True), box("udta", b"user")
    found = in_a_trak(lambda *at: list(walk(at[0], at[1].body, at[1].end)), *children)
    assert found == [Box(b"free", 8, 24, 24), Box(b"udta", 24, 32, 36)]


@pytest.mark.parametrize(
    ("content", "bodies"),
    [
        (box("name", b"a") + box("free"), [b"a", b""]),
        (box("name", b"abc", large=True) + box("free", b"d"), [b"abc", b"d"]),
        (box("name", large=True) + box("free", b"d"), [b"", b"d"]),
        (u32(1) + b"name" + (15).to_bytes(8, "big") + box("free"), []),
        (u32(1) + b"name" + (1 << 63).to_bytes(8, "big") + b"abc", [b"abc"]),
        (u32(0) + b"name" + box("free", b"d"), [box("free", b"d")]),
        (box("free") + u32(0) + b"name" + b"abc", [b"", b"abc"]),
        (box("name", b"a") + u32(7) + b"free" + box("free"), [b"a"]),
        (u32(12) + b"name" + b"cut", [b"cut"]),
        (box("name", b"a") + bytes(7), [b"a"]),
        (box("name") * (MAX_CHILDREN + 1), [b""] * MAX_CHILDREN),
    ],
)
def test_boxes_in_memory_end_quietly_where_they_make_no_sense(content: bytes, bodies: list) -> None:
    assert [body for _, body in split(content)] == bodies
    assert [body for _, body in split(b"fields" + content, 6)] == bodies
