"""Paths from clients, looked up on threads: mapped, resolved, confined, in bounded time.

A dead network share blocks whoever looks at it, for ever. So every look runs on a
thread of a small pool of its media root and is waited for only so long; the loop, the
other media roots and the other pools of the daemon never notice. Knows ``arr.paths``
and the configuration; nothing of HTTP.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import attrs
import trio

from arrtheaudio.api import wire
from arrtheaudio.api.errors import BadPath, StorageSilent
from arrtheaudio.api.services import Services
from arrtheaudio.arr.paths import PathMapping, confine, map_path
from arrtheaudio.config import Config
from arrtheaudio.errors import BadDelivery, OutsideMediaRoots
from arrtheaudio.jobs.facets import container_by_name

LOOK_SECONDS: Final = 5.0  # Sonarr waits 100 s, and blocks its imports meanwhile
LOOK_THREADS: Final = 8

T = TypeVar("T")


def is_folder(path: bytes) -> bool:
    """Whether a folder can be seen there; False for every error."""
    return os.path.isdir(path)  # noqa: PTH112  # Path takes no bytes, and raises


@attrs.frozen
class Place:
    """Where a client's path leads; ``refused`` says why it may not be touched."""

    path: bytes
    refused: OutsideMediaRoots | None = None

    @property
    def skipped(self) -> tuple[str, str] | None:
        """The reason and the message of a job that is skipped at once; None if it may run."""
        if self.refused is not None:
            return "outside_media_roots", self.refused.advice
        if container_by_name(self.path) is None:
            stem, dot, extension = wire.text(self.path).rpartition("/")[2].rpartition(".")
            named = f".{extension}" if stem and dot else "a name without extension"
            return "unsupported_container", f"{named} is no container that can be edited."
        return None


@attrs.frozen
class _Rules:
    """Roots and mappings, ready to be used; made again when the configuration changes."""

    config: Config
    roots: tuple[bytes, ...]
    mappings: tuple[PathMapping, ...]

    @classmethod
    def of(cls, config: Config) -> _Rules:
        return cls(
            config,
            tuple(os.fsencode(root) for root in config.media_roots),
            tuple(PathMapping(one.remote, one.local, one.instance) for one in config.path_mappings),
        )

    def map(self, paths: Sequence[str], instance: str | None) -> list[bytes]:
        try:
            return [map_path(path, self.mappings, instance) for path in paths]
        except BadDelivery as error:
            raise BadPath(error.what) from error

    def named_root(self, path: bytes) -> bytes:
        """The media root that a path names; empty where it names none."""
        plain = os.path.normpath(path) + b"/"
        roots = ((root, os.path.normpath(root).rstrip(b"/") + b"/") for root in self.roots)
        return next((root for root, below in roots if plain.startswith(below)), b"")

    def confine(self, paths: Sequence[bytes], named: bytes) -> list[Place]:
        """Each path resolved and confined; all of them name this root, or none."""
        # That root comes first: the others may be on a share that is gone.
        roots = sorted(self.roots, key=lambda root: root != named)
        return [_confined(path, roots) for path in paths]

    def confine_by_name(self, path: bytes) -> Place:
        if self.named_root(path):
            return Place(os.path.normpath(path))
        return Place(path, OutsideMediaRoots("not below media_roots", path=path))


def _confined(path: bytes, roots: Sequence[bytes]) -> Place:
    try:
        return Place(confine(path, roots))
    except OutsideMediaRoots as error:
        return Place(path, error)


class Storage:
    """The media roots and mappings of the configuration as it is now."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rules = _Rules.of(services.config)
        self._threads: dict[bytes, trio.CapacityLimiter] = {}  # by media root

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The media roots."""
        return self._current().roots

    def _current(self) -> _Rules:
        if self._rules.config is not self._services.config:
            self._rules = _Rules.of(self._services.config)
        return self._rules

    async def look(
        self, look: Callable[[], T], near: bytes = b"", seconds: float | None = None
    ) -> T:
        """The result of a function that looks at the file system, at or below ``near``.

        Each media root has its own threads, so that those which wait for ever at one
        of them are not missed at the others. Raises: StorageSilent where it does not
        answer in time.
        """
        root = self._current().named_root(near)
        threads = self._threads.setdefault(root, trio.CapacityLimiter(LOOK_THREADS))
        with trio.move_on_after(LOOK_SECONDS if seconds is None else seconds):
            return await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=threads)
        raise StorageSilent

    async def places(self, paths: Sequence[str], instance: str | None = None) -> list[Place]:
        """Each path mapped, resolved and confined, in order.

        Raises: StorageSilent.
        """
        rules = self._current()
        mapped = rules.map(paths, instance)
        by_root: dict[bytes, list[bytes]] = {}
        for path in mapped:
            by_root.setdefault(rules.named_root(path), []).append(path)
        found: dict[bytes, Place] = {}

        for root, some in by_root.items():
            looked = await self.look(partial(rules.confine, some, root), root)
            found.update(zip(some, looked, strict=True))
        return [found[path] for path in mapped]

    async def places_now_or_unresolved(
        self, paths: Sequence[str], instance: str | None = None
    ) -> list[Place]:
        """As ``places``; where the storage is silent, confined by name alone.

        For deliveries, which nobody sends again: the file is looked at afresh
        before it is touched, so an unresolved path may wait in the queue.
        """
        try:
            return await self.places(paths, instance)
        except StorageSilent:
            rules = self._current()
            return [rules.confine_by_name(path) for path in rules.map(paths, instance)]

    async def folder(self, path: str) -> bytes:
        """The resolved path of a folder below the media roots.

        Raises: OutsideMediaRoots, BadPath, StorageSilent.
        """
        (place,) = await self.places([path])
        if place.refused is not None:
            raise place.refused
        if not await self.look(lambda: is_folder(place.path), place.path):
            raise BadPath("not a folder, or not there; GET /browse lists folders", path=place.path)
        return place.path
