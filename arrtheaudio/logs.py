"""How the daemon logs: one line per event, as text or JSON, that no input can forge.

Everybody asks ``structlog.get_logger()`` and passes values by name; this module
alone knows what a line looks like and where it goes. Records of other libraries
(Hypercorn, Quart) take the same way. ``configure`` may be called again: a reload
changes the level and opens the file anew, as logrotate wants it.

File names, titles and header values come from outside: whatever could end a line,
move a terminal's cursor or turn its writing direction is written as an escape. The
API key is struck out of every line, wherever it came from. config.md: logging.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import unicodedata
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final, Literal, TextIO

import structlog

Format = Literal["text", "json"]
Level = Literal["debug", "info", "warning", "error"]

HIDDEN: Final = "(hidden)"
LEVELS: Final[dict[Level, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
LEVEL_WIDTH: Final = 7
# Libraries that speak of each connection; their errors are wanted, their chatter is not.
QUIET_LIBRARIES: Final = ("hypercorn", "quart", "asyncio", "httpx", "httpcore")
# Categories of Unicode that are never written as they are: control, format (bidi
# overrides), surrogates (bytes that are no UTF-8), line and paragraph separators.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def configure(
    *,
    format: Format = "text",
    level: Level = "info",
    output: str | None = None,
    secrets: tuple[str, ...] = (),
) -> None:
    """Set up logging for the process; ``output`` is a file, or None for standard error.

    Raises: OSError where the file cannot be opened; what was set up before stays.
    """
    sink = _Sink(sys.stderr) if output is None else _FileSink(output)
    previous = _sink_of(structlog.get_config())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _as_json if format == "json" else _as_text,
            _StrikeOut(secrets),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=sink,
        cache_logger_on_first_use=False,  # a reload changes the level of loggers in use
    )
    if previous is not None:
        previous.close()
    root = logging.getLogger()
    root.handlers[:] = [_Forward()]
    root.setLevel(LEVELS[level])
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(max(LEVELS[level], logging.WARNING))


class _Sink:
    """Where lines go. A disk that is full must not end the daemon: then they are lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, *_: object) -> _Sink:
        return self

    def msg(self, line: str) -> None:
        """Write one line."""
        with suppress(OSError, ValueError):  # full, or closed by a reload in another thread
            self._write(line + "\n")

    debug = info = warning = error = critical = msg

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()

    def close(self) -> None:
        """Standard error is nobody's to close."""


class _FileSink(_Sink):
    """A file; unbuffered, so that what could not be written is not kept either."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _write(self, text: str) -> None:
        os.write(self._fd, text.encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self._fd)


def _sink_of(config: Mapping[str, Any]) -> _Sink | None:
    factory = config["logger_factory"]
    return factory if isinstance(factory, _Sink) else None


class _Forward(logging.Handler):
    """Records of other libraries as events of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand one record on."""
        logger = structlog.get_logger()
        known = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.CRITICAL)
        logger.log(known, record.getMessage(), logger=record.name, exc_info=record.exc_info)


class _StrikeOut:
    """The last processor: secrets leave the finished line, as they are and as JSON has them."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        self._secrets = {
            spelling
            for secret in secrets
            if secret
            for spelling in (secret, json.dumps(secret)[1:-1], safe(secret))
        }

    def __call__(self, _logger: object, _method: str, rendered: Any) -> str:
        line = str(rendered)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        return line


def safe(text: str) -> str:
    r"""The text on one line: unsafe characters as ``\n``, ``\x1b``, ``\u202e``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in _UNSAFE
        else character
        for character in text
    )


def _as_text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    when, level = event.pop("timestamp"), event.pop("level")
    what, trace = event.pop("event"), event.pop("exception", None)
    parts = [when, level.ljust(LEVEL_WIDTH), safe(str(what))]
    parts += [f"{safe(key)}={_word(value)}" for key, value in event.items() if value is not None]
    lines = [" ".join(parts)]
    if trace is not None:
        lines += [f"    | {safe(line)}" for line in str(trace).splitlines()]
    return "\n".join(lines)


def _word(value: object) -> str:
    """One value; quoted where it could be taken for more than one."""
    text = _plain(value)
    if not isinstance(text, str):
        return safe(str(text))
    text = safe(text)
    if text and not any(mark in text for mark in ' "='):
        return text
    return '"' + text.replace('"', '\\"') + '"'


def _as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return json.dumps(event, default=_plain)  # ASCII only: everything else is escaped


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value if isinstance(value, str | int | float | bool) else str(value)
