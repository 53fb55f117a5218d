"""EBML primitives against RFC 8794: literal bytes in, values or CorruptFile out."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    for look in (ebml.elements, ebml.spans):
        with pytest.raises(CorruptFile, match=fault):
            look(source, 0, len(source))


IDENTIFIERS = [
    *(b"\x80", b"\xd7", b"\xfe", b"\x40\x80", b"\x55\xaa", b"\x7f\xfe", b"\x2a\xd7\xb1"),
    *(b"\x3f\xff\xfe", b"\x1a\x45\xdf\xa3", b"\x10\0\0\1"),
]
SIZES = [b"\x80", b"\x81", b"\xfe", b"\x40\0", b"\x40\x01", b"\x41\0", b"\x7e\xff"]


def short(identifier: bytes, size: bytes) -> bytes:
    length = int.from_bytes(size, "big") & (0x7F if len(size) == 1 else 0x3FFF)
    return identifier + size + bytes(length)


@pytest.mark.parametrize("identifier", IDENTIFIERS)
@pytest.mark.parametrize("size", SIZES)
def test_short_elements_are_found_at_once(monkeypatch, identifier: bytes, size: bytes) -> None:
    source = b"\xec\x80" + short(identifier, size) + b"\x53\xac\x81\1"
    wanted = {found[0]: found[2:] for found in ebml.elements(source, 2, len(source))}
    monkeypatch.setattr(ebml, "elements", None)
    assert ebml.spans(source + b"\x81\x81\1", 2, len(source)) == wanted
    assert len(wanted) == 2


@pytest.mark.parametrize("size", [b"\x7f\xfe", b"\x20\0\1", b"\1" + bytes(6) + b"\1"])
def test_long_sizes_are_found_too(size: bytes) -> None:
    length = 0x3FFE if size[0] == 0x7F else 1
    source = b"\xd7\x81\x05\xec" + size + bytes(length) + b"\x83\x81\1"
    assert ebml.spans(source, 0, len(source)) == {
        0xD7: (2, 3),
        0xEC: (4 + len(size), 4 + len(size) + length),
        0x83: (len(source) - 1, len(source)),
    }


def test_of_several_elements_of_an_identifier_the_last_is_found() -> None:
    assert ebml.spans(b"\xd7\x81\x05\xd7\x81\x06", 0, 6) == {0xD7: (5, 6)}


@pytest.mark.parametrize("look", [ebml.elements, ebml.spans])
def test_only_so_many_children_are_read(look) -> None:
    assert look(b"\xec\x80\xd7\x80", 0, 4, 2)
    with pytest.raises(CorruptFile, match="more children"):
        look(b"\xec\x80" * 3, 0, 6, 2)


@given(
    st.lists(st.binary(max_size=4) | st.builds(short, *map(st.sampled_from, (IDENTIFIERS, SIZES)))),
    st.binary(max_size=3),
)
def test_both_ways_to_read_children_agree(children: list[bytes], behind: bytes) -> None:
    source = b"".join(children)
    told = []
    for look in (ebml.elements, ebml.spans):
        try:
            found = look(source + behind, 0, len(source))
        except CorruptFile as error:
            told.append(error.what)
        else:
            spans = {one[0]: one[2:] for one in found} if isinstance(found, list) else found
            told.append(spans)
    assert told[0] == told[1]


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
    assert ebml.real(b"\x44\x89\x84\x3f\x80\x00\x00", 3, 7) == 1.0
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


def test_a_value_of_eight_bytes_fits_no_size_field() -> None:
    assert ebml.vint((1 << 56) - 2) == b"\1" + b"\xff" * 6 + b"\xfe"
    with pytest.raises(ValueError, match="does not fit"):
        ebml.vint((1 << 56) - 1)


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
    assert ebml.crc_value(body, 0, 6) == 2
    assert ebml.crc_value(b"\xbf\x40\x04" + bytes(4), 0, 7) == 3
    assert ebml.crc_value(b"\xec\x80" + body, 0, len(body) + 2) is None
    assert ebml.crc_value(b"\xbf\x83" + bytes(4), 0, 6) is None
    assert ebml.crc_value(b"\xbf\x00" + bytes(4), 0, 6) is None
    assert ebml.crc_value(b"\xbf\x84", 0, 2) is None
    assert ebml.crc_value(b"\xbf\x40\x04" + bytes(4), 0, 6) is None
    assert ebml.crc_value(b"", 0, 0) is None
    assert ebml.crc_value(bytes(9) + b"\xbf", 9, 10) is None


@pytest.mark.parametrize("source", [b"", b"\xec", b"\x1a\x45", b"\x1a\x45\xdf\xa3", b"\xec\x40"])
def test_a_header_at_the_end_of_the_file_is_corrupt(source: bytes) -> None:
    with pytest.raises(CorruptFile):
        ebml.header(BytesWindow(source), 0)


def test_an_identifier_has_four_bytes_at_most() -> None:
    assert ebml.header(BytesWindow(b"\x1a\x45\xdf\xa3\x80"), 0) == (ebml.HEADER, 5, 5)
    with pytest.raises(CorruptFile, match="no element at byte 0"):
        ebml.header(BytesWindow(b"\x08\x11\x22\x33\x44\x80"), 0)


def test_a_header_tells_unknown_sizes_apart() -> None:
    assert ebml.header(BytesWindow(b"\xec\xff"), 0) == (0xEC, 2, None)
    assert ebml.header(BytesWindow(b"\xec\xfe"), 0) == (0xEC, 2, 128)
