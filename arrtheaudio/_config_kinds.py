"""Kinds of configuration values: what a key accepts, and the words for what it does not.

Owns the reading of single values; knows neither files nor the environment, and
not which keys there are (``config`` does). A kind never raises: it adds a
problem and returns INVALID, so that every fault is told at once. Written by
hand because a range is part of the type here: cattrs takes ``bool("no")`` for
true, and attrs validators stop at the first fault of a class.
"""

from __future__ import annotations

import difflib
import math
import os
import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

LONGEST_TEXT: Final = 4096  # characters; Linux's PATH_MAX
LONGEST_LIST: Final = 1000  # entries
SHOWN: Final = 60  # characters of a wrong value that a message repeats

WHOLE: Final = "the file"
INVALID: Final = object()


class Loose(str):
    """Text of the environment: the key decides whether it is a number, a switch or text."""

    __slots__ = ()


@attrs.define
class Problems:
    """Collects (key path, what is wrong) in the order of finding."""

    found: list[tuple[str, str]] = attrs.field(factory=list)

    def add(self, at: str, message: str) -> None:
        """Note one problem of the key at this path; the empty path is the file as a whole."""
        self.found.append((at or WHOLE, message))

    def expected(self, at: str, what: str, value: object) -> Any:
        """Note that something else was expected, unless the value's fault is told; INVALID."""
        if value is not INVALID:
            self.add(at, f"expected {what}, got {described(value)}")
        return INVALID


@attrs.frozen
class Kind:
    """How a value is read. ``structured`` kinds are YAML in an environment variable."""

    read: Callable[[Any, str, Problems], Any]
    structured: bool = False


def described(value: object) -> str:
    """Name a value in a message: short, on one line, in the words of YAML."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    shown = repr(str(value)) if isinstance(value, str) else str(value)
    return shown if len(shown) <= SHOWN else f"{shown[: SHOWN - 1]}…"


def nearest(name: str, names: Iterable[str], prefix: str = "") -> str:
    """An ending for "unknown key" that proposes what was probably meant."""
    close = difflib.get_close_matches(name, list(names), n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


# --- scalars ----------------------------------------------------------------

_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,18}(\.[0-9]{0,18})?")
_SWITCH: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def switch() -> Kind:
    """``true`` or ``false``; the environment may also say 1/0, yes/no, on/off."""

    def read(value: object, at: str, problems: Problems) -> Any:
        if isinstance(value, Loose):
            value = _SWITCH.get(value.strip().lower(), value)
        return value if isinstance(value, bool) else problems.expected(at, "true or false", value)

    return Kind(read)


def integer(low: int, high: int) -> Kind:
    """A whole number from ``low`` to ``high``, both included."""

    def read(value: object, at: str, problems: Problems) -> Any:
        if isinstance(value, Loose) and _INTEGER.fullmatch(value.strip()):
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        return problems.expected(at, f"{low} to {high}", value)

    return Kind(read)


def number(low: float, high: float) -> Kind:
    """A number from ``low`` to ``high``; fractions are allowed."""

    def read(value: Any, at: str, problems: Problems) -> Any:
        if isinstance(value, Loose) and _FLOAT.fullmatch(value.strip()):
            value = float(value) if "." in value else int(value)
        usable = isinstance(value, int | float) and not isinstance(value, bool)
        if usable and math.isfinite(value) and low <= value <= high:
            return value
        return problems.expected(at, f"{low:g} to {high:g}", value)

    return Kind(read)


def choice(*words: str) -> Kind:
    """One of these words."""

    def read(value: object, at: str, problems: Problems) -> Any:
        if isinstance(value, str) and value in words:
            return str(value)
        return problems.expected(at, " or ".join(words), value)

    return Kind(read)


def _readable(value: object, what: str, at: str, problems: Problems) -> Any:
    if isinstance(value, int | float):  # 007 would lose its zeros, true is a word to others
        return problems.expected(at, f"{what} (put it in quotes)", value)
    if not isinstance(value, str) or not value.strip():
        return problems.expected(at, what, value)
    if len(value) > LONGEST_TEXT:
        return problems.expected(at, f"at most {LONGEST_TEXT} characters", value)
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in value):
        return problems.expected(at, f"{what} without control characters", value)
    if not _has_bytes(value):
        return problems.expected(at, f"{what} in valid Unicode", value)
    return str(value)


def _has_bytes(value: str) -> bool:
    """Half a surrogate pair, which JSON and YAML can spell, is no text and names no file."""
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def text(what: str = "text", pattern: str | None = None) -> Kind:
    """Text that is not blank; ``pattern`` must match all of it, ``what`` says so in words."""
    shape = re.compile(pattern) if pattern is not None else None

    def read(value: object, at: str, problems: Problems) -> Any:
        found = _readable(value, what, at, problems)
        if found is not INVALID and shape is not None and not shape.fullmatch(found):
            return problems.expected(at, what, found)
        return found

    return Kind(read)


def understood(what: str, fault: Callable[[str], str | None]) -> Kind:
    """Text that somebody else reads: ``fault`` gives None, or what to expect instead."""
    kind = text(what)

    def read(value: object, at: str, problems: Problems) -> Any:
        found = kind.read(value, at, problems)
        wrong = None if found is INVALID else fault(found)
        return found if wrong is None else problems.expected(at, wrong, found)

    return Kind(read)


def secret(what: str, pattern: str) -> Kind:
    """Text that no message repeats."""
    shape = re.compile(pattern)

    def read(value: object, at: str, problems: Problems) -> Any:
        if isinstance(value, str) and shape.fullmatch(value):
            return str(value)
        if value is not INVALID:
            problems.add(at, f"expected {what}")
        return INVALID

    return Kind(read)


def absolute_path() -> Kind:
    """An absolute path of this machine, in its shortest spelling."""

    def read(value: object, at: str, problems: Problems) -> Any:
        found = _readable(value, "an absolute path", at, problems)
        if found is INVALID:
            return INVALID
        if not found.startswith("/"):
            return problems.expected(at, "an absolute path", found)
        return "/" + os.path.normpath(found).lstrip("/")

    return Kind(read)


def url_prefix() -> Kind:
    """Empty, or a path such as /arrtheaudio: leading slash added, trailing ones taken off."""
    plain = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")

    def read(value: object, at: str, problems: Problems) -> Any:
        if value == "":
            return ""
        what = "a path such as /arrtheaudio"
        found = _readable(value, what, at, problems)
        if found is INVALID:
            return INVALID
        bare = found.strip("/")
        if not bare:
            return ""
        segments = bare.split("/")
        if not plain.fullmatch(bare) or any(part in (".", "..") for part in segments):
            return problems.expected(at, what, found)
        return posixpath.join("/", bare)

    return Kind(read)


def optional(kind: Kind) -> Kind:
    """Also ``null``, or an empty variable of the environment."""

    def read(value: object, at: str, problems: Problems) -> Any:
        if value is None or (isinstance(value, Loose) and value.strip() in ("", "null", "~")):
            return None
        return kind.read(value, at, problems)

    return Kind(read)


# --- lists and maps ---------------------------------------------------------


def listed(kind: Kind, *, example: str, least: int = 0) -> Kind:
    """A list of such values, without repetitions."""

    def read(value: object, at: str, problems: Problems) -> Any:
        if not isinstance(value, list | tuple):
            return problems.expected(at, f"a list such as {example}", value)
        if not least <= len(value) <= LONGEST_LIST:
            problems.add(at, f"expected {least} to {LONGEST_LIST} entries, got {len(value)}")
            return INVALID
        entries = [
            kind.read(entry, f"{at}[{place}]", problems) for place, entry in enumerate(value)
        ]
        if any(entry is INVALID for entry in entries):
            return INVALID
        return tuple(dict.fromkeys(entries))

    return Kind(read, structured=True)


def mapped(kind: Kind, names: tuple[str, ...], *, example: str) -> Kind:
    """A map from some of these names, in capitals or not, to such values."""

    def read(value: object, at: str, problems: Problems) -> Any:
        if not isinstance(value, Mapping):
            return problems.expected(at, f"a map such as {example}", value)
        entries = {}
        for name, entry in value.items():
            if str(name).casefold() in names:
                entries[name] = kind.read(entry, f"{at}.{name}", problems)
            else:
                meant = nearest(str(name), names) or f"; known are {', '.join(names)}"
                entries[name] = INVALID
                problems.add(f"{at}.{name}", f"unknown key{meant}")
        if any(entry is INVALID for entry in entries.values()):
            return INVALID
        return entries

    return Kind(read, structured=True)


def key(kind: Kind, default: object, *, restart: bool = False, secret: bool = False) -> Any:
    """A field of a configuration class. ``restart``: a change needs a new start of the daemon."""
    return attrs.field(
        default=default, metadata={"kind": kind, "restart": restart, "secret": secret}
    )


def needed(kind: Kind) -> Any:
    """A field that has no default, for the classes that stand in lists."""
    return attrs.field(metadata={"kind": kind})


def record(cls: type[attrs.AttrsInstance]) -> Kind:
    """A map that becomes one value of this attrs class; unknown and missing keys are problems."""

    def read(value: object, at: str, problems: Problems) -> Any:
        fields = attrs.fields_dict(cls)
        if not isinstance(value, Mapping):
            return problems.expected(at, f"a map with {', '.join(fields)}", value)
        before = len(problems.found)
        for name in value:
            if name not in fields:
                problems.add(f"{at}.{name}", f"unknown key{nearest(str(name), fields)}")
        values: dict[str, Any] = {}
        for name, field in fields.items():
            if name in value:
                kind: Kind = field.metadata["kind"]
                values[name] = kind.read(value[name], f"{at}.{name}", problems)
            elif field.default is attrs.NOTHING:
                problems.add(f"{at}.{name}", "is missing")
        return cls(**values) if len(problems.found) == before else INVALID

    return Kind(read)
