"""Webhook bodies of Sonarr and Radarr: which files were imported, and what is known of them.

A total function over any JSON value: it returns one of three values or raises
BadDelivery. Knows the senders' field names (Sonarr 4.0 and Radarr 6.1,
``WebhookBase.cs``) and nothing of HTTP, queues or the file system. arr.md;
api.md, "Webhooks".

What a sender gets wrong costs as little as possible, because nothing is ever
sent again: an entry from which no path can be formed is left out and counted;
only a delivery without a single usable file is bad.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

import attrs

from arrtheaudio.arr.names import from_arr_name
from arrtheaudio.arr.paths import LONGEST_PATH, encode, is_absolute, is_windows
from arrtheaudio.errors import BadDelivery

App = Literal["sonarr", "radarr"]

# Sonarr sends one or many, Radarr one; whoever mixes up the two addresses is served too.
_FILE_KEYS: Final = ("episodeFile", "episodeFiles", "movieFile", "movieFiles")
_FOLDER_KEYS: Final = ("path", "folderPath")  # series, movie

# The longest running series have some 1,500 episodes; more is no import.
MAX_FILES: Final = 2000
# What is kept with every job of a delivery stays small.
_TEXT_CHARACTERS: Final = 500
_TAGS: Final = 100
_SIZE_BYTES: Final = 1 << 62
_YEAR: Final = 9999


@attrs.frozen
class ImportedFile:
    """One file as the sender names it; ``size`` in bytes, None if not told."""

    path: str
    size: int | None = None


@attrs.frozen
class Delivery:
    """An import: its files in the order sent, each path once."""

    app: App
    event: str
    files: tuple[ImportedFile, ...]
    title: str | None = None
    year: int | None = None
    original_language: str | None = None  # BCP 47
    series_type: str | None = None  # "standard", "daily", "anime"; never from Radarr
    tags: tuple[str, ...] = ()
    unusable: int = 0  # entries from which no path could be formed


@attrs.frozen
class Ignored:
    """An event that is none of our business; ``message`` says so to a reader of the log."""

    app: App
    event: str
    message: str


@attrs.frozen
class TestEvent:
    """The sender's Test button: no file, and whatever path it carries means nothing."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    app: App


def parse(app: App, body: object) -> Delivery | Ignored | TestEvent:
    """Read a webhook body that has been decoded from JSON.

    Raises: BadDelivery if it is no event, or an import without a usable file.
    """
    if not isinstance(body, Mapping):
        raise BadDelivery(f"the body is {_kind(body)}, expected an object with an eventType")
    event = _text(body.get("eventType"))
    if event is None:
        raise BadDelivery(f"eventType is {_kind(body.get('eventType'))}, expected a name")
    match event.casefold():
        case "test":
            return TestEvent(app)
        case "download":
            return _delivery(app, event, body)
        case _:
            return Ignored(app, event, f"{event} events need no work")


def _delivery(app: App, event: str, body: Mapping[object, object]) -> Delivery:
    title = _object(body.get("series")) or _object(body.get("movie"))
    folder = next((text for key in _FOLDER_KEYS if (text := _string(title.get(key)))), None)
    files: dict[str, ImportedFile] = {}
    unusable = 0
    for entry in _entries(body):
        path = _path(entry, folder)
        if path is None:
            unusable += 1
        elif path not in files:
            files[path] = ImportedFile(path, _integer(entry.get("size"), _SIZE_BYTES))
    if len(files) > MAX_FILES:
        raise BadDelivery(f"{len(files)} files in one delivery, expected at most {MAX_FILES}")
    if not files:
        raise BadDelivery(_why_empty(unusable))
    series_type = _text(title.get("type"))
    return Delivery(
        app,
        event,
        tuple(files.values()),
        title=_text(title.get("title")),
        year=_integer(title.get("year"), _YEAR) or None,
        original_language=_language(title.get("originalLanguage")),
        series_type=series_type.lower() if series_type else None,
        tags=_tags(title.get("tags")),
        unusable=unusable,
    )


def _why_empty(unusable: int) -> str:
    if unusable:
        return "no file has a usable path, nor a relativePath with a folder"
    return f"a Download event without a file: expected one of {', '.join(_FILE_KEYS)}"


def _entries(body: Mapping[object, object]) -> Iterator[Mapping[object, object]]:
    """The file entries of every shape; what is no object counts as an empty entry."""
    for key in _FILE_KEYS:
        value = body.get(key)
        if isinstance(value, list):
            yield from map(_object, value)
        elif value is not None:
            yield _object(value)


def _path(entry: Mapping[object, object], folder: str | None) -> str | None:
    """The entry's absolute path, else its folder with relativePath, else None."""
    path = _string(entry.get("path"))
    if path is None or not is_absolute(path):
        relative = _string(entry.get("relativePath")) or path
        if relative is None or folder is None or not is_absolute(folder):
            return None
        separator = "\\" if is_windows(folder) else "/"
        path = folder.rstrip("\\/" if is_windows(folder) else "/") + separator + relative
    try:
        return path if len(encode(path)) <= LONGEST_PATH else None
    except BadDelivery:
        return None


def _language(value: object) -> str | None:
    name = _text(_object(value).get("name") if isinstance(value, Mapping) else value)
    return from_arr_name(name) if name else None


def _tags(value: object) -> tuple[str, ...]:
    labels = value if isinstance(value, list) else []
    texts = (_text(label) for label in labels[:_TAGS])
    return tuple(dict.fromkeys(text for text in texts if text))


# --- reading values that may be anything ----------------------------------------


def _object(value: object) -> Mapping[object, object]:
    return value if isinstance(value, Mapping) else {}


def _string(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _text(value: object) -> str | None:
    """A text for people, of bearable length, that can be stored and sent as UTF-8."""
    if not isinstance(value, str):
        return None
    text = value[:_TEXT_CHARACTERS].strip("\0 \t\r\n")
    return text.encode("utf-8", "replace").decode() or None


def _integer(value: object, largest: int) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest:
        return value
    return None


def _kind(value: object) -> str:
    """What a JSON value is, in words for an error message."""
    match value:
        case None:
            return "missing"
        case bool():
            return "true or false"
        case str():
            return "a text" if value.strip("\0 \t\r\n") else "empty"
        case list():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return "a number"
