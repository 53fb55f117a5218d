"""The configuration: how it is found, read, compared and shown.

Owns the order of sources (command line over environment over file over default), all
faults told at once, and what a reload may take over. What can be set stands in
``_config_model``, whose classes are handed on from here. Knows nothing of jobs, HTTP or
the command line. Reading is the only I/O.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

import attrs
import yaml

from arrtheaudio._config_model import (
    AUTH_OPEN,
    ApiConfig,
    Config,
    Containers,
    Execution,
    JobsConfig,
    Logging,
    MediaConfig,
    PathMappingConfig,
    PathOverride,
    Processing,
    Selection,
    TagOverride,
    keys,
)
from arrtheaudio._config_rules import language_fault, real_glob
from arrtheaudio._config_sources import Sources, read_sources, variable

__all__ = [
    "AUTH_OPEN",
    "ApiConfig",
    "Changes",
    "Config",
    "Containers",
    "Execution",
    "JobsConfig",
    "Loaded",
    "Logging",
    "MediaConfig",
    "PathMappingConfig",
    "PathOverride",
    "Processing",
    "Selection",
    "TagOverride",
    "as_tree",
    "as_yaml",
    "changes",
    "language_fault",
    "load",
    "variable",
]

SYSTEM_FOLDER: Final = "/config"  # the volume of a container, as Sonarr and Radarr have it
HIDDEN: Final = "(hidden)"

# --- reading ----------------------------------------------------------------


@attrs.frozen
class Loaded:
    """A configuration, where it came from, and the folder that belongs to it."""

    config: Config
    source_path: str | None  # the file, None where there is none
    data_dir: str  # journal, key and lock lie here
    sources: Sources = attrs.field(repr=False)  # what was asked, to read it again

    @property
    def journal_path(self) -> str:
        """The journal's file."""
        return self.config.jobs.storage_path or os.path.join(self.data_dir, "jobs.db")

    @property
    def key_path(self) -> str:
        """The file of the API key that is made where none is configured."""
        return os.path.join(self.data_dir, "api_key")

    @property
    def before_images(self) -> str:
        """The folder of before-images that are too large for the journal."""
        return os.path.join(self.data_dir, "before-images")

    def reload(self) -> Loaded:
        """Read the same sources again; raises ConfigError and changes nothing."""
        return _load(self.sources)


def load(
    *,
    path: str | None = None,
    data_dir: str | None = None,
    overrides: Mapping[str, object] | None = None,
    environ: Mapping[str, str],
    system_folder: str = SYSTEM_FOLDER,
) -> Loaded:
    """Find and read the configuration.

    ``overrides`` are the command line's values by key path ("api.port"). Raises
    ConfigError with every problem of every source.
    """
    return _load(
        Sources(
            path=path,
            data_dir=data_dir,
            overrides=dict(overrides or {}),
            environ=dict(environ),
            system_folder=system_folder,
        )
    )


def _load(sources: Sources) -> Loaded:
    read = read_sources(sources, {path: kind for path, kind, _ in keys()})
    config = _on_real_paths(_assemble(read.values))
    if config.api.auth == AUTH_OPEN and not config.listens_on_loopback:
        read.problems.add(
            "api.auth",
            f"none is only for a host of this machine such as 127.0.0.1, not {config.api.host}",
        )
    read.raise_if_bad()
    return Loaded(config, read.source_path, read.data_dir, sources)


def _assemble(values: Mapping[str, Any]) -> Config:
    whole: dict[str, Any] = {}
    for path, value in values.items():
        section, _, name = path.rpartition(".")
        if section:
            default = whole.get(section, getattr(Config(), section))
            whole[section] = attrs.evolve(default, **{name: value})
        else:
            whole[name] = value
    return Config(**whole)


def _on_real_paths(config: Config) -> Config:
    """Globs are compared with real paths, so what they say of links is followed now, once."""
    overrides = (attrs.evolve(o, path=real_glob(o.path)) for o in config.path_overrides)
    return attrs.evolve(config, path_overrides=tuple(overrides))


# --- comparing and showing --------------------------------------------------


@attrs.frozen
class Changes:
    """Key paths that differ: ``live`` can be taken over now, ``restart`` only by a new start."""

    live: tuple[str, ...]
    restart: tuple[str, ...]


def changes(old: Config, new: Config) -> Changes:
    """What differs between two configurations, in the order of the file."""
    before, after = _values(old), _values(new)
    differing = [
        (path, bool(metadata["restart"]))
        for path, _, metadata in keys()
        if before[path] != after[path]
    ]
    return Changes(
        live=tuple(path for path, restart in differing if not restart),
        restart=tuple(path for path, restart in differing if restart),
    )


def _values(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, _, _ in keys():
        section, _, name = path.rpartition(".")
        found[path] = getattr(getattr(config, section) if section else config, name)
    return found


def as_tree(config: Config) -> dict[str, Any]:
    """The configuration as plain maps and lists, secrets hidden."""
    tree: dict[str, Any] = {}
    values = _values(config)
    for path, _, metadata in keys():
        section, _, name = path.rpartition(".")
        branch = tree.setdefault(section, {}) if section else tree
        hidden = metadata["secret"] and values[path] is not None
        branch[name] = HIDDEN if hidden else _plain(values[path])
    return tree


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        return {name: _plain(inner) for name, inner in attrs.asdict(value, recurse=False).items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    return value


def as_yaml(config: Config) -> str:
    """The configuration as YAML that can be read again, secrets hidden."""
    dumped: str = yaml.safe_dump(as_tree(config), sort_keys=False, allow_unicode=True)
    return dumped
