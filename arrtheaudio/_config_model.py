"""What can be set, and its default: frozen classes that mirror the YAML one to one.

Each field carries its kind (what it accepts), whether a change needs a new start, and
whether it is a secret; ``keys`` lists them all. Knows ``arrtheaudio.media``'s rules and
options, which it fills; nothing of files, variables or how a configuration is shown.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal

import attrs

from arrtheaudio import _config_kinds as kinds
from arrtheaudio._config_kinds import Kind, key, needed
from arrtheaudio._config_rules import A_GLOB, A_LANGUAGE, glob_fault, language_fault
from arrtheaudio.media import Options, Rules

AUTH_OPEN: Final = "none"
CONTAINERS: Final[tuple[Literal["mkv", "mp4"], ...]] = ("mkv", "mp4")

SERIES_TYPES: Final = ("standard", "daily", "anime")  # all that Sonarr knows

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
        kinds.mapped(_LANGUAGES, SERIES_TYPES, example="{anime: [jpn, original]}"),
        MappingProxyType({}),
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


def keys() -> Iterator[tuple[str, Kind, Mapping[str, Any]]]:
    """Every key's path, kind and field metadata, in the order of the file."""
    for field in attrs.fields(Config):
        section: Any = type(field.default)
        if attrs.has(section):
            for inner in attrs.fields(section):
                yield f"{field.name}.{inner.name}", inner.metadata["kind"], inner.metadata
        else:
            yield field.name, field.metadata["kind"], field.metadata
