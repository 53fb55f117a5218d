"""JSON in and out: bytes of a body to values and back, strictly.

Owns decoding (RFC 8259, UTF-8 only, a byte order mark is forgiven) and encoding.
Knows nothing of fields; what a value must look like is ``schema``'s business.
Whatever bytes arrive, the only error is BadBody.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

import orjson
import trio

from arrtheaudio.errors import ArrtheaudioError

# Decoding this much takes about a millisecond; more is decoded on a thread, so
# that a season of thousands of files does not hold up everybody else.
DECODE_INLINE_BYTES: Final = 128 * 1024

# Integers beyond 64 bits are not numbers of anything here, and other parsers
# would silently make them floats.
_INTEGER_LIMIT: Final = 2**64
_INTEGER_DIGITS: Final = 20

# Sonarr and Radarr nest about five deep. Our own limit, because that of the standard
# parser depends on the version of Python, from which no answer may depend.
MOST_LEVELS: Final = 100

_BOM: Final = b"\xef\xbb\xbf"
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # an undecodable byte of a file name


class BadBody(ArrtheaudioError):
    """The body is not valid JSON."""


async def decode(raw: bytes) -> Any:
    """The value of a JSON body.

    Raises: BadBody for everything that is not exactly one JSON text in UTF-8:
    truncated, nested deeper than MOST_LEVELS, NaN, integers beyond 64 bits, lone
    surrogates, another charset, a key twice in one object, nothing at all.
    """
    if len(raw) <= DECODE_INLINE_BYTES:
        return decode_now(raw)
    return await trio.to_thread.run_sync(decode_now, raw, abandon_on_cancel=True)


def decode_now(raw: bytes) -> Any:
    """As ``decode``, on the caller's thread."""
    raw = raw.removeprefix(_BOM)
    if not raw:
        raise BadBody("The body is empty; JSON is expected.")
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise BadBody(f"The body is not valid JSON: {error}.") from None
    if _deeper_than(MOST_LEVELS, value):
        raise BadBody(f"The body's JSON is nested deeper than {MOST_LEVELS} levels.")
    # orjson takes the last of two equal keys and makes a float of a huge integer;
    # a second look with the standard parser, which recurses, refuses both.
    json.loads(raw, object_pairs_hook=_once, parse_int=_integer)
    return value


def _deeper_than(levels: int, value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) == len(pairs):
        return
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise BadBody(f"The body is not valid JSON: the key {key[:80]!r} stands there twice.")
        seen.add(key)


def _integer(digits: str) -> None:
    if len(digits) > _INTEGER_DIGITS or abs(int(digits)) >= _INTEGER_LIMIT:
        raise BadBody("The body is not valid JSON: an integer has more than 64 bits.")


def encode(value: Any) -> bytes:
    """A value as JSON in UTF-8; what UTF-8 cannot say (file names) becomes U+FFFD."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return orjson.dumps(_speakable(value))


def _speakable(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {_speakable(key): _speakable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_speakable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
