"""Tokens and slot numbers: how many jobs run at once, and how many heavy ones of them.

A heavy job holds a token of each kind. Limits may change while jobs run: what runs
keeps its tokens, and nothing new begins until enough have been given back. Slot
numbers count from 1 and are what ``worker_id`` shows. queue.md: invariant 6.
"""

from __future__ import annotations

from collections.abc import Hashable
from itertools import count

import trio

from arrtheaudio.jobs.settings import Settings


class Slots:
    """Tokens for workers and for heavy jobs."""

    def __init__(self, settings: Settings) -> None:
        self._workers = trio.CapacityLimiter(settings.worker_count)
        self._heavy = trio.CapacityLimiter(settings.max_mp4_concurrent)
        self._numbers: dict[Hashable, int] = {}
        self._heavy_holders: set[Hashable] = set()

    def configure(self, settings: Settings) -> None:
        """New limits."""
        self._workers.total_tokens = settings.worker_count
        self._heavy.total_tokens = settings.max_mp4_concurrent

    @property
    def light_free(self) -> bool:
        """A job may start."""
        return self._workers.available_tokens > 0

    @property
    def heavy_free(self) -> bool:
        """A heavy job may start."""
        return self.light_free and self._heavy.available_tokens > 0

    def take(self, holder: Hashable, *, heavy: bool) -> int:
        """Take the tokens, which must be free, and the lowest free slot number."""
        self._workers.acquire_on_behalf_of_nowait(holder)
        if heavy:
            self._heavy.acquire_on_behalf_of_nowait(holder)
            self._heavy_holders.add(holder)
        taken = set(self._numbers.values())
        number = next(number for number in count(1) if number not in taken)
        self._numbers[holder] = number
        return number

    def number(self, holder: Hashable) -> int:
        """The slot of whoever holds tokens."""
        return self._numbers[holder]

    def give_back(self, holder: Hashable) -> None:
        """The tokens and the slot are free again."""
        del self._numbers[holder]
        self._workers.release_on_behalf_of(holder)
        if holder in self._heavy_holders:
            self._heavy_holders.discard(holder)
            self._heavy.release_on_behalf_of(holder)
