"""How journal rows are written as bytes: strict JSON, with file names that may be no text.

A bytes value is written as text where it is valid UTF-8, else as NUL followed
by its Latin-1 reading. File names hold no NUL, and other values that begin
with one take the second form, so the coding is one to one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import cattrs
import orjson

from arrtheaudio.media import Plan

_RAW: Final = "\0"  # marks a value that is not text


def encode_bytes(value: bytes) -> str:
    """Bytes as JSON text; ``decode_bytes`` gives them back exactly."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return _RAW + value.decode("latin-1")
    return _RAW + value.decode("latin-1") if text.startswith(_RAW) else text


def decode_bytes(text: str) -> bytes:
    """The bytes that ``encode_bytes`` wrote."""
    return text[1:].encode("latin-1") if text.startswith(_RAW) else text.encode()


def encode_body(body: Mapping[str, Any] | Sequence[int]) -> bytes:
    """A row's body for the journal. Stray bytes of names in messages become U+FFFD."""
    if not body:
        return b""
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:  # a row that cannot be written would never end its job
        return orjson.dumps(_speakable(body))


def _speakable(value: Any) -> Any:
    """The value with all text as UTF-8 can say it."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case Mapping():
            return {key: _speakable(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_speakable(inner) for inner in value]
    return value


def decode_body(raw: bytes) -> dict[str, Any]:
    """A row's body from the journal."""
    body: dict[str, Any] = orjson.loads(raw) if raw else {}
    return body


def _plan_converter() -> cattrs.Converter:
    converter = cattrs.Converter(omit_if_default=True, unstruct_collection_overrides={tuple: list})
    converter.register_unstructure_hook(bytes, encode_bytes)
    converter.register_structure_hook(bytes, lambda text, _: decode_bytes(text))
    return converter


_plans: Final = _plan_converter()


def encode_plan(plan: Plan) -> dict[str, Any]:
    """An edit plan as JSON values; defaults are left out."""
    encoded: dict[str, Any] = _plans.unstructure(plan)
    return encoded


def decode_plan(encoded: Mapping[str, Any]) -> Plan:
    """The plan that ``encode_plan`` wrote, also by an older version."""
    return _plans.structure(encoded, Plan)
