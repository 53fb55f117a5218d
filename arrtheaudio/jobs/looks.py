"""Blocking looks at file systems that may hang: one at a time for each place.

Who waits may give up; the thread stays until the file system answers, and until then no
second one joins it there. So a dead share costs one thread however often it is asked,
and takes none from the others. Knows places and threads; nothing of what is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from weakref import WeakValueDictionary

import trio

T = TypeVar("T")


class Looks:
    """One thread at most for each place where something is looked at."""

    def __init__(self) -> None:
        # Kept by whoever waits, and by a thread that nobody waits for any more.
        self._limiters: WeakValueDictionary[bytes, trio.CapacityLimiter] = WeakValueDictionary()

    async def run(self, place: bytes, look: Callable[[], T]) -> T:
        """What ``look`` finds, behind all earlier looks at this place."""
        limiter = self._limiters.get(place)
        if limiter is None:
            limiter = self._limiters[place] = trio.CapacityLimiter(1)
        return await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=limiter)
