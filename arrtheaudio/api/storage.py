"""Paths from clients, looked up on threads: mapped, resolved, confined, in bounded time.

A dead network share blocks whoever looks at it, for ever. So every look runs on a
thread of our own small pool and is waited for only so long; the loop and the other
pools of the daemon never notice. Knows ``arr.paths`` and the configuration;
nothing of HTTP.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
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

    def confine(self, path: bytes) -> Place:
        try:
            return Place(confine(path, self.roots))
        except OutsideMediaRoots as error:
            return Place(path, error)

    def confine_by_name(self, path: bytes) -> Place:
        plain = os.path.normpath(path)
        roots = (os.path.normpath(root).rstrip(b"/") + b"/" for root in self.roots)
        if any(plain.startswith(root) for root in roots):
            return Place(plain)
        return Place(path, OutsideMediaRoots("not below media_roots", path=path))


class Storage:
    """The media roots and mappings of the configuration as it is now."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._rules = _Rules.of(services.config)
        self._threads = trio.CapacityLimiter(LOOK_THREADS)

    @property
    def roots(self) -> tuple[bytes, ...]:
        """The media roots."""
        return self._current().roots

    def _current(self) -> _Rules:
        if self._rules.config is not self._services.config:
            self._rules = _Rules.of(self._services.config)
        return self._rules

    async def look(self, look: Callable[[], T], seconds: float = LOOK_SECONDS) -> T:
        """The result of a function that looks at the file system.

        Raises: StorageSilent where it does not answer in time.
        """
        with trio.move_on_after(seconds):
            return await trio.to_thread.run_sync(
                look, abandon_on_cancel=True, limiter=self._threads
            )
        raise StorageSilent

    async def places(self, paths: Sequence[str], instance: str | None = None) -> list[Place]:
        """Each path mapped, resolved and confined, in order.

        Raises: StorageSilent.
        """
        rules = self._current()
        mapped = rules.map(paths, instance)
        return await self.look(lambda: [rules.confine(path) for path in mapped])

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
        if not await self.look(lambda: is_folder(place.path)):
            raise BadPath("not a folder, or not there", path=place.path)
        return place.path
