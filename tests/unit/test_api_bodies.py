"""JSON bodies: everything that is not exactly one JSON text in UTF-8 is refused, alike."""

from __future__ import annotations

import json

import pytest

from arrtheaudio.api import bodies
from arrtheaudio.api.bodies import (
    DECODE_INLINE_BYTES,
    MOST_LEVELS,
    BadBody,
    decode,
    decode_now,
    encode,
)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xef\xbb\xbf",
        b" ",
        b'{"a": 1',
        b'{"a": 1}x',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b"1" * 6000,
        b'{"id": 340282366920938463463374607431768211456}',
        b'{"id": -18446744073709551616}',
        b"[" * 100_000,
        b"[" * 1020 + b"]" * 1020,
        b"[" * (MOST_LEVELS + 1) + b"]" * (MOST_LEVELS + 1),
        b'{"a":' * (MOST_LEVELS + 1) + b"1" + b"}" * (MOST_LEVELS + 1),
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b'{"a": "\xff"}',
        '{"a": "é"}'.encode("latin-1"),
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-32"),
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "c": [{"d": 1, "d": 1}]}}',
        b"{'a': 1}",
        b"\0",
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(BadBody, match=r"JSON"):
        decode_now(raw)


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b" [1, 2]\n", [1, 2]),
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"\\u0000"', "\0"),
        (b"null", None),
    ],
)
def test_what_is_json_is_taken(raw: bytes, value: object) -> None:
    assert decode_now(raw) == value


def test_what_is_nested_to_the_limit_is_taken() -> None:
    assert isinstance(decode_now(b"[" * MOST_LEVELS + b"]" * MOST_LEVELS), list)
    assert isinstance(decode_now(b'{"a":' * MOST_LEVELS + b"1" + b"}" * MOST_LEVELS), dict)


async def test_a_large_body_is_decoded_all_the_same() -> None:
    value = {"files": ["x" * 100] * (DECODE_INLINE_BYTES // 50)}
    assert await decode(json.dumps(value).encode()) == value


async def test_a_large_body_is_refused_all_the_same() -> None:
    with pytest.raises(BadBody):
        await decode(b"[" * (DECODE_INLINE_BYTES + 1))


def test_undecodable_file_names_are_shown_with_replacement_characters() -> None:
    shown = json.loads(encode({"files": [b"caf\xe9".decode("utf-8", "surrogateescape")]}))
    assert shown == {"files": ["caf�"]}


class Compared(str):
    """A key that counts how often it is compared."""

    __slots__ = ()
    times = 0

    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return str.__eq__(self, other)


def test_the_key_that_stands_twice_is_found_without_comparing_all_with_all() -> None:
    """Four megabytes of keys with the same two at the end once took half an hour."""
    keys = [Compared(f"k{number}") for number in range(2000)]
    with pytest.raises(BadBody, match="k1999"):
        bodies._once([(key, None) for key in [*keys, Compared("k1999")]])
    assert Compared.times < 2 * len(keys)
