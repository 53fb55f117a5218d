"""EBML primitives against RFC 8794: literal bytes in, values or CorruptFile out."""

import zlib

import pytest
from in_memory import BytesWindow

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media import ebml


def test_elements_follow_one_another() -> None:
    source = (
        b"\xd7\x81\x05"  # TrackNumber 5
        b"\x55\xaa\x40\x01\x01"  # FlagForced 1, size in two bytes
        b"\xec\x80"  # an empty Void
    )
    assert ebml.elements(source, 0, len(source)) == [
        (0xD7, 0, 2, 3),
        (0x55AA, 3, 7, 8),
        (0xEC, 8, 10, 10),
    ]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (b"\xd7\x82\x05", "larger than its parent"),
        (b"\xd7", "cut off"),
        (b"\x55", "cut off"),
        (b"\x1a\x45\xdf", "cut off"),
        (b"\x00\x81\x00", "starts no element"),
        (b"\x08\x11\x22\x33\x44\x80", "starts no element"),
        (b"\xd7\x00\x81", "longer than eight bytes"),
        (b"\xd7\xff", "known size"),
        (b"\xd7\x01\xff\xff\xff\xff\xff\xff\xff", "known size"),
        (b"\xd7\x08\xff\xff\xff\xfe", "larger than its parent"),
        (b"\xec\x80" * (ebml.MAX_CHILDREN + 1), "more children"),
    ],
)
def test_contradictions_are_corrupt(source: bytes, fault: str) -> None:
    with pytest.raises(CorruptFile, match=fault):
        ebml.elements(source, 0, len(source))


def test_a_child_may_not_reach_behind_its_parent_into_bytes_that_exist() -> None:
    with pytest.raises(CorruptFile, match="larger than its parent"):
        ebml.elements(b"\xd7\x83\x01\x02\x03", 0, 3)


def test_an_integer_of_no_bytes_is_its_default() -> None:
    assert ebml.uint(b"", 0, 0, default=1) == 1
    assert ebml.uint(b"\x00\x07", 0, 2) == 7
    with pytest.raises(CorruptFile, match="longer than eight"):
        ebml.uint(bytes(9), 0, 9)


def test_floats_have_none_four_or_eight_bytes() -> None:
    assert ebml.real(b"", 0, 0) == 0.0
    assert ebml.real(b"\x3f\x80\x00\x00", 0, 4) == 1.0
    assert ebml.real(b"\x40\x00\x00\x00\x00\x00\x00\x00", 0, 8) == 2.0
    with pytest.raises(CorruptFile, match="3 bytes"):
        ebml.real(bytes(3), 0, 3)


def test_strings_end_at_the_first_nul_and_survive_wrong_utf8() -> None:
    assert ebml.text(b"eng\0\0garbage", 0, 12) == "eng"
    assert ebml.text(b"a\xffb", 0, 3) == "a\N{REPLACEMENT CHARACTER}b"


def test_a_size_field_takes_the_bytes_it_is_given() -> None:
    assert ebml.vint(1) == b"\x81"
    assert ebml.vint(1, 2) == b"\x40\x01"
    assert ebml.vint(1, 8) == b"\x01\0\0\0\0\0\0\x01"


@pytest.mark.parametrize(("value", "length"), [(126, 1), (127, 2), (16382, 2), (16383, 3)])
def test_all_ones_is_never_written_because_it_means_unknown(value: int, length: int) -> None:
    assert len(ebml.vint(value)) == length
    with pytest.raises(ValueError, match="does not fit"):
        ebml.vint((1 << 7 * length) - 1, length)


@pytest.mark.parametrize("total", [*range(2, 300), 16384, 16385, 16386, 16387, 2_097_154, 1 << 30])
def test_a_void_takes_exactly_the_bytes_asked_for(total: int) -> None:
    header = ebml.void_header(total)
    window = BytesWindow(header + bytes(16))
    assert ebml.header(window, 0) == (ebml.VOID, len(header), total)


def test_no_void_takes_one_byte() -> None:
    with pytest.raises(ValueError, match="two bytes"):
        ebml.void_header(1)


def test_a_crc_counts_only_as_first_child_of_four_bytes() -> None:
    body = b"\xbf\x84" + zlib.crc32(b"\xec\x80").to_bytes(4, "little") + b"\xec\x80"
    assert ebml.crc_value(body, 0, len(body)) == 2
    assert body[2:6] == ebml.crc_of(b"\xec\x80")
    assert ebml.crc_value(b"\xbf\x40\x04" + bytes(4), 0, 7) == 3
    assert ebml.crc_value(b"\xec\x80" + body, 0, len(body) + 2) is None
    assert ebml.crc_value(b"\xbf\x83" + bytes(4), 0, 6) is None
    assert ebml.crc_value(b"\xbf\x00" + bytes(4), 0, 6) is None
    assert ebml.crc_value(b"\xbf\x84", 0, 2) is None


@pytest.mark.parametrize("source", [b"", b"\xec", b"\x1a\x45", b"\x1a\x45\xdf\xa3", b"\xec\x40"])
def test_a_header_at_the_end_of_the_file_is_corrupt(source: bytes) -> None:
    with pytest.raises(CorruptFile):
        ebml.header(BytesWindow(source), 0)


def test_a_header_tells_unknown_sizes_apart() -> None:
    assert ebml.header(BytesWindow(b"\xec\xff"), 0) == (0xEC, 2, None)
    assert ebml.header(BytesWindow(b"\xec\xfe"), 0) == (0xEC, 2, 128)
