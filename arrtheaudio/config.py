"""The configuration: what can be set, its defaults, and how it is found and read.

Owns the frozen classes that mirror the YAML one to one, the order of sources
(command line over environment over file over default) and the wording of every
fault, all told at once. Knows ``arrtheaudio.media``'s rules and options, which it
fills; nothing of jobs, HTTP or the command line. Reading is the only I/O.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import attrs
import yaml

from arrtheaudio import _config_kinds as kinds
from arrtheaudio._config_kinds import Kind, key, needed
from arrtheaudio._config_rules import A_GLOB, A_LANGUAGE, glob_fault, language_fault, real_glob
from arrtheaudio._config_sources import Sources, read_sources, variable
from arrtheaudio.media import Options, Rules

__all__ = [
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
AUTH_OPEN: Final = "none"
CONTAINERS: Final[tuple[Literal["mkv", "mp4"], ...]] = ("mkv", "mp4")

_LANGUAGE: Final = kinds.understood(A_LANGUAGE, language_fault)
_LANGUAGES: Final = kinds.listed(_LANGUAGE, example="[original, eng]", least=1)


@attrs.frozen
class PathOverride:
    """Other languages for files whose real path matches a glob."""

    path: str = needed(kinds.understood(A_GLOB, glob_fault))
    language_priority: tuple[str, ...] = needed(_LANGUAGES)


@attrs.frozen
class TagOverride:
    """Other languages for titles that carry a tag of Sonarr or Radarr."""

    tag: str = needed(kinds.text("a tag's label"))
    language_priority: tuple[str, ...] = needed(_LANGUAGES)


@attrs.frozen
class PathMappingConfig:
    """A folder as Sonarr or Radarr names it, and the same folder here."""

    remote: str = needed(kinds.text("the folder as Sonarr or Radarr names it"))
    local: str = needed(kinds.absolute_path())
    instance: str | None = key(kinds.optional(kinds.text("an instance's name")), None)


@attrs.frozen
class Containers:
    """Which containers are edited."""

    mkv: bool = key(kinds.switch(), True)
    mp4: bool = key(kinds.switch(), True)


@attrs.frozen
class Selection:
    """How one track is chosen among several."""

    prefer: Literal["first", "channels", "quality", "compatible"] = key(
        kinds.choice("first", "channels", "quality", "compatible"), "first"
    )
    undetermined: str | None = key(kinds.optional(_LANGUAGE), None)
    avoid_supplementary: bool = key(kinds.switch(), True)


@attrs.frozen
class MediaConfig:
    """How files are edited."""

    mp4_method: Literal["in_place", "remux"] = key(kinds.choice("in_place", "remux"), "in_place")
    hardlinks: Literal["auto", "skip", "copy", "edit", "wait"] = key(
        kinds.choice("auto", "skip", "copy", "edit", "wait"), "auto"
    )
    reorder: bool = key(kinds.switch(), False)
    preserve_mtime: bool = key(kinds.switch(), False)
    allow_relocate: bool = key(kinds.switch(), False)
    settle_seconds: float = key(kinds.number(0, 3600), 5)


@attrs.frozen
class ApiConfig:
    """Where the daemon listens, and who may talk to it."""

    host: str = key(
        kinds.text("a host name or address", r"[A-Za-z0-9._:%-]+"), "127.0.0.1", restart=True
    )
    port: int = key(kinds.integer(0, 65535), 9393, restart=True)
    url_base: str = key(kinds.url_prefix(), "", restart=True)
    auth: Literal["key", "none"] = key(kinds.choice("key", AUTH_OPEN), "key", restart=True)
    api_key: str | None = key(
        kinds.optional(
            kinds.secret("printable ASCII characters without spaces, in quotes", r"[!-~]{1,512}")
        ),
        None,
        restart=True,
        secret=True,
    )
    max_body_bytes: int = key(kinds.integer(1024, 1_073_741_824), 4_194_304, restart=True)


@attrs.frozen
class Processing:
    """How much is done at once, how often it is tried, how long it is remembered."""

    worker_count: int = key(kinds.integer(0, 8), 2)
    max_mp4_concurrent: int = key(kinds.integer(1, 8), 1)
    max_queue_size: int = key(kinds.integer(1, 1_000_000), 100)
    timeout_seconds: float = key(kinds.number(1, 86_400), 300)
    retry_attempts: int = key(kinds.integer(0, 100), 2)
    retry_delay_seconds: float = key(kinds.number(0, 86_400), 60)
    space_check_seconds: float = key(kinds.number(1, 86_400), 60)
    shutdown_grace_seconds: float = key(kinds.number(0, 3600), 30)
    job_history_days: int = key(kinds.integer(1, 36_500), 30)
    failed_job_days: int = key(kinds.integer(1, 36_500), 90)
    cleanup_interval_hours: float = key(kinds.number(1, 8760), 24)


@attrs.frozen
class JobsConfig:
    """Where the journal lies."""

    storage_path: str | None = key(kinds.optional(kinds.absolute_path()), None, restart=True)


@attrs.frozen
class Logging:
    """How the daemon logs; ``output`` is a file, or null for standard error."""

    format: Literal["text", "json"] = key(kinds.choice("text", "json"), "text", restart=True)
    level: Literal["debug", "info", "warning", "error"] = key(
        kinds.choice("debug", "info", "warning", "error"), "info"
    )
    output: str | None = key(kinds.optional(kinds.absolute_path()), None, restart=True)


@attrs.frozen
class Execution:
    """Whether files are changed at all."""

    dry_run: bool = key(kinds.switch(), False)


@attrs.frozen
class Config:
    """Everything that can be set, named as in the YAML file."""

    media_roots: tuple[str, ...] = key(kinds.listed(kinds.absolute_path(), example="[/media]"), ())
    language_priority: tuple[str, ...] = key(_LANGUAGES, ("original", "eng"))
    path_overrides: tuple[PathOverride, ...] = key(
        kinds.listed(
            kinds.record(PathOverride),
            example='[{path: "/media/anime/**", language_priority: [jpn]}]',
        ),
        (),
    )
    tag_overrides: tuple[TagOverride, ...] = key(
        kinds.listed(kinds.record(TagOverride), example="[{tag: dub, language_priority: [eng]}]"),
        (),
    )
    series_type_overrides: Mapping[str, tuple[str, ...]] = key(
        kinds.mapped(_LANGUAGES, example="{anime: [jpn, original]}"), MappingProxyType({})
    )
    path_mappings: tuple[PathMappingConfig, ...] = key(
        kinds.listed(
            kinds.record(PathMappingConfig), example='[{remote: "/tv", local: "/media/tv"}]'
        ),
        (),
    )
    containers: Containers = Containers()
    selection: Selection = Selection()
    media: MediaConfig = MediaConfig()
    api: ApiConfig = ApiConfig()
    processing: Processing = Processing()
    jobs: JobsConfig = JobsConfig()
    logging: Logging = Logging()
    execution: Execution = Execution()

    def rules(self) -> Rules:
        """The wishes for languages, as media takes them."""
        return Rules(
            language_priority=self.language_priority,
            path_overrides=tuple((o.path, o.language_priority) for o in self.path_overrides),
            tag_overrides=tuple((o.tag, o.language_priority) for o in self.tag_overrides),
            series_type_overrides=tuple(self.series_type_overrides.items()),
            prefer=self.selection.prefer,
            undetermined=self.selection.undetermined,
            avoid_supplementary=self.selection.avoid_supplementary,
        )

    def options(self, before_image_dir: bytes | None = None) -> Options:
        """The ways of editing, as media takes them."""
        allowed = attrs.asdict(self.containers)
        return Options(
            containers=frozenset(name for name in CONTAINERS if allowed[name]),
            mp4_method=self.media.mp4_method,
            hardlinks=self.media.hardlinks,
            reorder=self.media.reorder,
            preserve_mtime=self.media.preserve_mtime,
            allow_relocate=self.media.allow_relocate,
            settle_seconds=self.media.settle_seconds,
            before_image_dir=before_image_dir,
        )

    @property
    def listens_on_loopback(self) -> bool:
        """Whether only this machine can reach the daemon."""
        try:
            return ipaddress.ip_address(self.api.host).is_loopback
        except ValueError:
            return self.api.host.lower() == "localhost"


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
    read = read_sources(sources, {path: kind for path, kind, _ in _keys()})
    config = _on_real_paths(_assemble(read.values))
    if config.api.auth == AUTH_OPEN and not config.listens_on_loopback:
        read.problems.add(
            "api.auth",
            f"none is only for a host of this machine such as 127.0.0.1, not {config.api.host}",
        )
    read.raise_if_bad()
    return Loaded(config, read.source_path, read.data_dir, sources)


def _keys() -> Iterator[tuple[str, Kind, Mapping[str, Any]]]:
    """Every key's path, kind and field metadata, in the order of the file."""
    for field in attrs.fields(Config):
        section: Any = type(field.default)
        if attrs.has(section):
            for inner in attrs.fields(section):
                yield f"{field.name}.{inner.name}", inner.metadata["kind"], inner.metadata
        else:
            yield field.name, field.metadata["kind"], field.metadata


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
        for path, _, metadata in _keys()
        if before[path] != after[path]
    ]
    return Changes(
        live=tuple(path for path, restart in differing if not restart),
        restart=tuple(path for path, restart in differing if restart),
    )


def _values(config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path, _, _ in _keys():
        section, _, name = path.rpartition(".")
        found[path] = getattr(getattr(config, section) if section else config, name)
    return found


def as_tree(config: Config) -> dict[str, Any]:
    """The configuration as plain maps and lists, secrets hidden."""
    tree: dict[str, Any] = {}
    values = _values(config)
    for path, _, metadata in _keys():
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
