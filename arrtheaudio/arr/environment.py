"""The environment of a Custom Script, as the webhook body it stands for.

Sonarr and Radarr set it when they start ``arrtheaudio hook`` (their
``CustomScript.cs``); on Linux the names arrive in lower case. The body goes to
``/webhook/{app}`` like any other, so that there is one way in. arr.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from arrtheaudio.arr.paths import is_absolute
from arrtheaudio.arr.payloads import App
from arrtheaudio.errors import BadDelivery

_SEPARATOR: Final = "|"
_APPS: Final[tuple[App, ...]] = ("sonarr", "radarr")


def parse_environment(env: Mapping[str, str]) -> tuple[App, dict[str, Any]]:
    """The app that started the script, and the body to POST to its webhook.

    Raises: BadDelivery if neither Sonarr nor Radarr did.
    """
    values = {name.lower(): _readable(value) for name, value in env.items() if value}
    for app in _APPS:
        event = values.get(f"{app}_eventtype")
        if event is None:
            continue
        body: dict[str, Any] = {"eventType": event}
        if instance := values.get(f"{app}_instancename"):
            body["instanceName"] = instance
        return app, body | (_sonarr(values) if app == "sonarr" else _radarr(values))
    raise BadDelivery("neither sonarr_eventtype nor radarr_eventtype is set in the environment")


def _sonarr(values: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if series := _title(values, "sonarr_series_", folder="path"):
        body["series"] = series
    if paths := values.get("sonarr_episodefile_paths"):
        body["episodeFiles"] = [{"path": path} for path in _split_paths(paths)]
    elif file := _file(values, "sonarr_episodefile_"):
        body["episodeFile"] = file
    return body


def _radarr(values: Mapping[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if movie := _title(values, "radarr_movie_", folder="folderPath"):
        body["movie"] = movie
    if file := _file(values, "radarr_moviefile_"):
        body["movieFile"] = file
    return body


def _title(values: Mapping[str, str], prefix: str, *, folder: str) -> dict[str, Any]:
    title: dict[str, Any] = {}
    for key, name in (("title", "title"), (folder, "path"), ("type", "type")):
        if value := values.get(prefix + name):
            title[key] = value
    year = values.get(f"{prefix}year", "")
    if year.isascii() and year.isdigit() and len(year) <= 4:
        title["year"] = int(year)
    if tags := values.get(f"{prefix}tags"):
        title["tags"] = [tag for tag in tags.split(_SEPARATOR) if tag]
    if language := values.get(f"{prefix}originallanguage"):
        title["originalLanguage"] = {"name": language}
    return title


def _file(values: Mapping[str, str], prefix: str) -> dict[str, str]:
    keys = (("path", "path"), ("relativePath", "relativepath"))
    return {key: values[prefix + name] for key, name in keys if prefix + name in values}


def _split_paths(joined: str) -> list[str]:
    """The paths of an import. A "|" that no absolute path follows belongs to a name."""
    paths: list[str] = []
    for piece in joined.split(_SEPARATOR):
        if paths and not is_absolute(piece):
            paths[-1] += _SEPARATOR + piece
        else:
            paths.append(piece)
    return paths


def _readable(value: str) -> str:
    """What JSON can carry: bytes that are no UTF-8 become U+FFFD, as the apps' webhooks do it."""
    return os.fsencode(value).decode("utf-8", "replace") if not value.isascii() else value
