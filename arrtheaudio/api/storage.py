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

from arrtheaudio.api.errors import BadPath, StorageSilent
from arrtheaudio.arr.paths import PathMapping, confine, map_path
from arrtheaudio.config import Config
from arrtheaudio.errors import BadDelivery, OutsideMediaRoots

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


class Storage:
    """The media roots and mappings of one configuration."""

    def __init__(self, config: Config) -> None:
        self.roots: Final = tuple(os.fsencode(root) for root in config.media_roots)
        self._mappings = tuple(
            PathMapping(mapping.remote, mapping.local, mapping.instance)
            for mapping in config.path_mappings
        )
        self._threads = trio.CapacityLimiter(LOOK_THREADS)

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
        mapped = self._map(paths, instance)
        return await self.look(lambda: [self._confine(path) for path in mapped])

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
            return [self._confine_by_name(path) for path in self._map(paths, instance)]

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

    def _map(self, paths: Sequence[str], instance: str | None) -> list[bytes]:
        try:
            return [map_path(path, self._mappings, instance) for path in paths]
        except BadDelivery as error:
            raise BadPath(error.what) from error

    def _confine(self, path: bytes) -> Place:
        try:
            return Place(confine(path, self.roots))
        except OutsideMediaRoots as error:
            return Place(path, error)

    def _confine_by_name(self, path: bytes) -> Place:
        plain = os.path.normpath(path)
        roots = (os.path.normpath(root).rstrip(b"/") + b"/" for root in self.roots)
        if any(plain.startswith(root) for root in roots):
            return Place(plain)
        return Place(path, OutsideMediaRoots("not below media_roots", path=path))
