"""How results are printed: JSON for scripts, plain lines for people.

Text from files and from the network may hold control characters; none of them
reaches a terminal as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click
import orjson

_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"  # as the API shows undecodable names
_CONTROLS: Final = dict.fromkeys((*range(32), *range(127, 160)), _UNKNOWN)
_SURROGATES: Final = dict.fromkeys(range(0xD800, 0xE000), _UNKNOWN)


def shown(text: str | bytes) -> str:
    """Text as it may stand on a terminal: control characters and stray bytes replaced."""
    return _decoded(text).translate(_CONTROLS)


def brief(message: str | None, path: str | bytes) -> str:
    """A job's message as ``shown``, for a line that names the file already."""
    return shown(message or "").removeprefix(f"{shown(path)}: ")


def _decoded(text: str | bytes) -> str:
    """Text that UTF-8 can say: stray bytes of file names are replaced."""
    if isinstance(text, bytes):
        return text.decode("utf-8", "replace")
    return text if text.isascii() else text.translate(_SURROGATES)


def print_json(document: object) -> None:
    """One JSON document on one line, in UTF-8 wherever it goes; bytes are shown as text."""
    try:
        line = orjson.dumps(document, default=_as_text)
    except orjson.JSONEncodeError:  # stray bytes in a message or a name
        line = orjson.dumps(_readable(document))
    sys.stdout.flush()
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        return _decoded(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def _readable(value: Any) -> Any:
    if isinstance(value, str | bytes):
        return _decoded(value)
    if isinstance(value, Mapping):
        return {_readable(name): _readable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(inner) for inner in value]
    return value


def print_table(rows: Iterable[Sequence[str]], *, indent: str = "") -> None:
    """Columns as wide as they need to be, two blanks between them."""
    lines = [[shown(cell) for cell in row] for row in rows]
    if not lines:
        return
    widths = [max(len(row[column]) for row in lines) for column in range(len(lines[0]))]
    for row in lines:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(f"{indent}{'  '.join(cells)}".rstrip())


def mark(good: bool) -> str:
    """A word for right or wrong, coloured on a terminal."""
    return click.style("right", fg="green") if good else click.style("WRONG", fg="red")


def counted(number: int, noun: str) -> str:
    """``1 file``, ``2,000 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """A duration for people."""
    if seconds < 0.1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:,.1f} h"


def local_time(moment: str) -> str:
    """A time of the API (RFC 3339) in this machine's time zone, to the second."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M:%S}"
