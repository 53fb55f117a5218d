"""One description of a request, used twice: to validate it and to document it.

A request's body or query is a frozen attrs class; limits stand in the annotation
(``Annotated[int, Bounds(1, 1000)]``). ``body_reader`` and ``query_reader`` walk the
class once, at start, and return a function that validates a value and reports
every bad field at once; nothing is looked up per request. ``document`` describes
the same annotations. cattrs is not used here: it stops an object at its first bad
limit, and its errors name fields in prose only.
"""

from __future__ import annotations

import enum
import math
import re
import types
import typing as t
from collections.abc import Callable, Mapping, Sequence

import attrs

from arrtheaudio.errors import ArrtheaudioError

MOST_PROBLEMS: t.Final = 1000  # told at once; a body can hold a hundred thousand


@attrs.frozen
class FieldProblem:
    """One bad field: where it is (``filters.min_size_mb``, ``paths[3]``) and what was expected."""

    field: str
    message: str


class BadRequest(ArrtheaudioError):
    """The request's fields are not what is expected; ``problems`` names all of them."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        self.problems = tuple(problems[:MOST_PROBLEMS])
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in self.problems))


@attrs.frozen
class Bounds:
    """Smallest and largest value of a number."""

    least: float | None = None
    most: float | None = None


@attrs.frozen
class Length:
    """Fewest and most characters of a string, or items of a list."""

    least: int = 0
    most: int | None = None


@attrs.frozen
class Pattern:
    """A regular expression that the whole string matches."""

    regex: str
    meaning: str


@attrs.frozen
class Check:
    """A rule that no document can state: what was expected instead of a string, None if nothing."""

    fault: Callable[[str], str | None]


@attrs.frozen
class Note:
    """A sentence for the document, and an example."""

    text: str
    example: t.Any = None


def spelled(name: str) -> dict[str, str]:
    """Metadata of a field whose name in requests is a word of Python's own."""
    return {"spelling": name}


def spelling(field: attrs.Attribute[t.Any]) -> str:
    """A field's name in requests."""
    return str(field.metadata.get("spelling", field.name))


Read = Callable[[t.Any, str, list[FieldProblem]], t.Any]

_NAMES: t.Final = {
    dict: "an object",
    list: "a list",
    str: "a string",
    bool: "true or false",
    int: "an integer",
    float: "a number",
    type(None): "null",
}


def _named(value: t.Any) -> str:
    if value is True or value is False:
        return str(value).lower()
    return _NAMES.get(type(value), type(value).__name__)


# --- validation -------------------------------------------------------------


def body_reader(model: type) -> Callable[[t.Any], t.Any]:
    """A function from a decoded JSON body to the model; it raises BadRequest."""
    read = _reader(model)

    def read_body(value: t.Any) -> t.Any:
        problems: list[FieldProblem] = []
        result = read(value, "", problems)
        if problems:
            raise BadRequest(problems)
        return result

    return read_body


def query_reader(model: type) -> Callable[[Mapping[str, list[str]]], t.Any]:
    """A function from parsed query parameters to the model; it raises BadRequest."""
    hints = t.get_type_hints(model, include_extras=True)
    fields = {
        spelling(field): (field.name, _reader(hints[field.name]), *_from_text(hints[field.name]))
        for field in attrs.fields(model)
    }
    required = [spelling(f) for f in attrs.fields(model) if f.default is attrs.NOTHING]

    def read_query(query: Mapping[str, list[str]]) -> t.Any:
        problems: list[FieldProblem] = []
        values: dict[str, t.Any] = {}
        for name, texts in query.items():
            if name not in fields:
                problems.append(FieldProblem(name, "unknown parameter"))
                continue
            attribute, read, convert, repeats = fields[name]
            if not repeats and len(texts) > 1:
                problems.append(FieldProblem(name, "may be given once only"))
                continue
            given = [convert(text) for text in texts]
            values[attribute] = read(given if repeats else given[0], name, problems)
        problems.extend(
            FieldProblem(name, "required parameter missing")
            for name in required
            if name not in query
        )
        if problems:
            raise BadRequest(problems)
        return model(**values)

    return read_query


def _from_text(annotation: t.Any) -> tuple[Callable[[str], t.Any], bool]:
    """How a parameter's text becomes a JSON value, and whether it may repeat."""
    base, _ = unannotated(annotation)
    origin = t.get_origin(base)
    if origin in (t.Union, types.UnionType):
        inner = [arg for arg in t.get_args(base) if arg is not type(None)]
        return _from_text(inner[0])
    if origin is tuple:
        return _from_text(t.get_args(base)[0])[0], True
    if base is bool:
        return lambda text: {"true": True, "false": False, "1": True, "0": False}.get(text, text), (
            False
        )
    if base is int:
        return _text_to_int, False
    if base is float:
        return _text_to_float, False
    return str, False


_INTEGER: t.Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER: t.Final = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?", re.ASCII)


def _text_to_int(text: str) -> int | str:
    return int(text) if _INTEGER.fullmatch(text) else text


def _text_to_float(text: str) -> float | str:
    return float(text) if _NUMBER.fullmatch(text) else text


def unannotated(annotation: t.Any) -> tuple[t.Any, tuple[t.Any, ...]]:
    """An annotation's type, and what Annotated adds to it."""
    if t.get_origin(annotation) is t.Annotated:
        base, *extras = t.get_args(annotation)
        return base, tuple(extras)
    return annotation, ()


def _reader(annotation: t.Any) -> Read:
    """The validating function for one annotation."""
    base, extras = unannotated(annotation)
    if t.get_origin(base) is tuple:
        lengths = [extra for extra in extras if isinstance(extra, Length)]
        return _list_of(_reader(t.get_args(base)[0]), *lengths)
    read = _plain_reader(base)
    for extra in extras:
        check = _check(extra)
        if check is not None:
            read = _checked(read, check)
    return read


def _plain_reader(base: t.Any) -> Read:
    origin, args = t.get_origin(base), t.get_args(base)
    if origin in (t.Union, types.UnionType) and type(None) in args:
        return _or_null(_reader(next(arg for arg in args if arg is not type(None))))
    if origin is t.Literal:
        return _one_of({arg: arg for arg in args})
    if isinstance(base, type) and issubclass(base, enum.Enum):
        return _one_of({member.value: member for member in base})
    if attrs.has(base):
        return _object(base)
    if base in (str, bool, int, float):
        return _scalar(base)
    raise TypeError(f"no reader for {base!r}")


def _checked(read: Read, check: Callable[[t.Any], str | None]) -> Read:
    def read_checked(value: t.Any, path: str, problems: list[FieldProblem]) -> t.Any:
        before = len(problems)
        result = read(value, path, problems)
        if result is not None and len(problems) == before:
            message = check(result)
            if message is not None:
                problems.append(FieldProblem(path, message))
        return result

    return read_checked


def _check(extra: t.Any) -> Callable[[t.Any], str | None] | None:
    match extra:
        case Bounds():
            return lambda value: _outside(extra, value)
        case Length():
            return lambda value: _wrong_length(extra, value)
        case Pattern():
            regex = re.compile(extra.regex)
            return lambda value: None if regex.fullmatch(value) else f"expected {extra.meaning}"
        case Check():
            return lambda value: _unlike(extra.fault(value), value)
    return None


def _unlike(expected: str | None, value: str) -> str | None:
    return None if expected is None else f"expected {expected}, got {value!r}"


def _outside(bounds: Bounds, value: float) -> str | None:
    if bounds.least is not None and value < bounds.least:
        return f"expected at least {bounds.least:g}, got {value:g}"
    if bounds.most is not None and value > bounds.most:
        return f"expected at most {bounds.most:g}, got {value:g}"
    return None


def _wrong_length(length: Length, value: Sequence[t.Any]) -> str | None:
    unit = "characters" if isinstance(value, str) else "items"
    if len(value) < length.least:
        return f"expected at least {length.least} {unit}"
    if length.most is not None and len(value) > length.most:
        return f"expected at most {length.most} {unit}, got {len(value)}"
    return None


def _scalar(kind: t.Any) -> Read:
    def read_scalar(value: t.Any, path: str, problems: list[FieldProblem]) -> t.Any:
        if type(value) is kind:
            if kind is float and not math.isfinite(value):
                problems.append(FieldProblem(path, "expected a finite number"))
            return value
        if kind is float and type(value) is int:
            return float(value)
        problems.append(FieldProblem(path, f"expected {_NAMES[kind]}, got {_named(value)}"))
        return None

    return read_scalar


def _or_null(read: Read) -> Read:
    def read_or_null(value: t.Any, path: str, problems: list[FieldProblem]) -> t.Any:
        return None if value is None else read(value, path, problems)

    return read_or_null


def _one_of(choices: Mapping[t.Any, t.Any]) -> Read:
    expected = ", ".join(str(choice) for choice in choices)

    def read_one(value: t.Any, path: str, problems: list[FieldProblem]) -> t.Any:
        if not isinstance(value, str) or value not in choices:
            shown = repr(value[:80]) if isinstance(value, str) else _named(value)
            problems.append(FieldProblem(path, f"expected one of {expected}; got {shown}"))
            return None
        return choices[value]

    return read_one


_ANY_LENGTH: t.Final = Length()


def _list_of(read: Read, length: Length = _ANY_LENGTH) -> Read:
    def read_list(value: t.Any, path: str, problems: list[FieldProblem]) -> t.Any:
        if not isinstance(value, list):
            problems.append(FieldProblem(path, f"expected a list, got {_named(value)}"))
            return ()
        wrong = _wrong_length(length, value)
        if wrong is not None:
            problems.append(FieldProblem(path, wrong))
        items = value[: length.most]  # of what is too long, only so many are looked at
        return tuple(read(item, f"{path}[{i}]", problems) for i, item in enumerate(items))

    return read_list


def _object(model: type) -> Read:
    hints = t.get_type_hints(model, include_extras=True)
    readers = {
        spelling(field): (field.name, _reader(hints[field.name])) for field in attrs.fields(model)
    }
    required = [spelling(f) for f in attrs.fields(model) if f.default is attrs.NOTHING]

    def read_object(value: t.Any, path: str, problems: list[FieldProblem]) -> t.Any:
        if not isinstance(value, dict):
            problems.append(FieldProblem(path, f"expected an object, got {_named(value)}"))
            return None
        before = len(problems)
        prefix = f"{path}." if path else ""
        values: dict[str, t.Any] = {}
        for name, item in value.items():
            if name in readers:
                attribute, read = readers[name]
                values[attribute] = read(item, prefix + name, problems)
            else:
                problems.append(FieldProblem(prefix + name[:80], "unknown field"))
        problems.extend(
            FieldProblem(prefix + name, "required field missing")
            for name in required
            if name not in value
        )
        return model(**values) if len(problems) == before else None

    return read_object
