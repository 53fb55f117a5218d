"""Where settings come from: the file, the environment, the command line; and who wins.

Owns the search for the file and the data folder, the spelling of variables and
the first design's names. Knows the keys and their kinds only as a table that it
is given; nothing of what they mean.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from arrtheaudio._config_kinds import INVALID, Kind, Loose, Problems, nearest
from arrtheaudio._config_yaml import LARGEST_FILE, BadYaml, parse
from arrtheaudio.errors import ConfigError

FILE_NAME: Final = "config.yaml"
PREFIX: Final = "ARRTHEAUDIO_"
CONFIG_VARIABLE: Final = "ARRTHEAUDIO_CONFIG"
DATA_VARIABLE: Final = "ARRTHEAUDIO_DATA"
# Read by the command line, not settings.
OTHER_VARIABLES: Final = frozenset(
    {CONFIG_VARIABLE, DATA_VARIABLE, "ARRTHEAUDIO_URL", "ARRTHEAUDIO_API_KEY"}
)
# Kubernetes and Docker's links announce a service of this name to its neighbours.
_ANNOUNCED: Final = re.compile(
    r"ARRTHEAUDIO_(SERVICE_(HOST|PORT(_\w+)?)=.*|PORT(_[0-9]+_(TCP|UDP)(_\w+)?=.*|=(tcp|udp)://.*))",
)
# The first design's names: old spelling → the key of today.
ALIASES: Final = {
    "jobs.max_queue_size": "processing.max_queue_size",
    "jobs.max_concurrent": "processing.worker_count",
    "jobs.retention_days": "processing.job_history_days",
    "jobs.cleanup_interval_hours": "processing.cleanup_interval_hours",
}


@attrs.frozen
class Sources:
    """What was asked for: enough to read the same configuration again."""

    path: str | None
    data_dir: str | None
    overrides: Mapping[str, object]
    environ: Mapping[str, str] = attrs.field(repr=False)  # may hold secrets
    system_folder: str


@attrs.define
class Read:
    """The valid values by key path, and the problems of all the others."""

    values: dict[str, Any]
    source_path: str | None
    data_dir: str
    problems: Problems

    def raise_if_bad(self) -> None:
        """Raise ConfigError if anything was wrong."""
        if self.problems.found:
            raise ConfigError(tuple(self.problems.found), source=self.source_path or "")


def read_sources(sources: Sources, keys: Mapping[str, Kind]) -> Read:
    """Read all sources; the later one wins: file, environment, command line."""
    problems = Problems()
    source_path = _find_file(sources)
    layers = [
        _checked(_from_file(source_path, sources.environ, keys, problems), keys, problems),
        _checked(_from_environment(sources.environ, keys, problems), keys, problems),
        _checked(
            {path: (path, value) for path, value in sources.overrides.items()}, keys, problems
        ),
    ]
    values: dict[str, Any] = {}
    for layer in layers:
        values |= layer
    return Read(values, source_path, _find_data(sources, source_path), problems)


# A layer: key path → (how this source spells it, raw value).
_Layer = Mapping[str, tuple[str, object]]


def _checked(layer: _Layer, keys: Mapping[str, Kind], problems: Problems) -> dict[str, Any]:
    values: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for path, (spelling, raw) in layer.items():
        real = ALIASES.get(path, path)
        value = keys[real].read(raw, spelling, problems)
        if value is INVALID:
            continue
        if real in values and values[real] != value:
            problems.add(spelling, f"says {value}, but {spelled[real]} says {values[real]}")
        values[real] = value
        spelled[real] = spelling
    return values


# --- the file ---------------------------------------------------------------


def _home(environ: Mapping[str, str], variable: str, *below: str) -> str:
    named = environ.get(variable, "")
    if os.path.isabs(named):  # the XDG specification: relative ones are to be ignored
        return os.path.join(named, "arrtheaudio")
    home = environ.get("HOME") or os.path.expanduser("~")
    return os.path.join(home, *below, "arrtheaudio")


def _find_file(sources: Sources) -> str | None:
    named = sources.path or sources.environ.get(CONFIG_VARIABLE)
    if named:
        return os.path.abspath(named)
    folders = (sources.system_folder, _home(sources.environ, "XDG_CONFIG_HOME", ".config"))
    places = (os.path.join(folder, FILE_NAME) for folder in folders)
    return next((place for place in places if os.path.lexists(place)), None)


def _find_data(sources: Sources, source_path: str | None) -> str:
    named = sources.data_dir or sources.environ.get(DATA_VARIABLE)
    if named:
        return os.path.abspath(named)
    if source_path is not None and os.path.dirname(source_path) == sources.system_folder:
        return sources.system_folder
    return _home(sources.environ, "XDG_DATA_HOME", ".local", "share")


def _from_file(
    path: str | None, environ: Mapping[str, str], keys: Mapping[str, Kind], problems: Problems
) -> _Layer:
    if path is None:
        return {}
    try:
        tree = parse(_text(path), problems, environ=environ)
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "is not UTF-8 text"
        problems.add("", str(reason))
        return {}
    except BadYaml as fault:
        problems.add("", str(fault))
        return {}
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        problems.expected("", "keys such as media_roots", tree)
        return {}
    return dict(_flattened(tree, keys, problems))


def _text(path: str) -> str:
    with open(path, "rb") as file:
        return file.read(LARGEST_FILE + 1).decode("utf-8-sig")


def _flattened(
    tree: Mapping[str, object], keys: Mapping[str, Kind], problems: Problems
) -> Iterator[tuple[str, tuple[str, object]]]:
    sections = {path.partition(".")[0] for path in keys if "." in path}
    for name, value in tree.items():
        if name in keys:
            yield name, (name, value)
        elif name not in sections:
            tops = sections | {path for path in keys if "." not in path}
            problems.add(name, f"unknown key{nearest(name, tops)}")
        elif isinstance(value, Mapping):
            known = {path.partition(".")[2]: path for path in _spellings(keys, name)}
            for inner, leaf in value.items():
                path = f"{name}.{inner}"
                if inner in known:
                    yield path, (path, leaf)
                else:
                    problems.add(path, f"unknown key{nearest(inner, known)}")
        elif value is not None:  # all its keys may be commented out
            problems.expected(name, "keys below it", value)


def _spellings(keys: Mapping[str, Kind], section: str = "") -> list[str]:
    return [path for path in (*keys, *ALIASES) if path.startswith(f"{section}." if section else "")]


# --- the environment --------------------------------------------------------


def variable(path: str) -> str:
    """The environment variable that sets the key of this path."""
    return PREFIX + path.upper().replace(".", "__")


def _from_environment(
    environ: Mapping[str, str], keys: Mapping[str, Kind], problems: Problems
) -> _Layer:
    known = {variable(path): path for path in _spellings(keys)}
    short = [name.removeprefix(PREFIX) for name in known]
    layer: dict[str, tuple[str, object]] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name in OTHER_VARIABLES:
            continue
        if name not in known:
            if not _ANNOUNCED.fullmatch(f"{name}={environ[name]}"):
                close = nearest(name.removeprefix(PREFIX), short, PREFIX)
                problems.add(name, f"unknown variable{close}")
            continue
        path = known[name]
        raw: object = Loose(environ[name])
        if keys[ALIASES.get(path, path)].structured:
            try:
                raw = parse(environ[name], problems, at=name)
            except BadYaml as fault:
                problems.add(name, str(fault))
                continue
        layer[path] = (name, raw)
    return layer
