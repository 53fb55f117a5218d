"""Who runs next: two heaps, light and heavy, by priority and then by age.

A heap holds one integer per waiting job (priority and seq), so that a million
of them stay small; in front of it stand those that were looked at, in their order.
Entries are not removed when a job leaves the queue some other way; ``valid`` tells
on arrival at the head. A heavy job that waits for
its slot is simply not popped and so blocks nobody. queue.md: invariants 4 to 6.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Final, Protocol

from arrtheaudio.jobs.models import Priority

SEQ_BITS: Final = 48  # 12 hex digits (models.format_id)
_SEQ_MASK: Final = (1 << SEQ_BITS) - 1
_PRIORITIES: Final = tuple(Priority)  # by value


class Waiting(Protocol):
    """What a lane wants to know of a job."""

    seq: int
    priority: Priority
    heavy: bool


Valid = Callable[[int, Priority, bool], bool]  # (seq, priority, heavy) still waits there


class _Lane:
    """Keys, the smallest first: all of ``front`` before any of ``heap``."""

    __slots__ = ("front", "heap")

    def __init__(self) -> None:
        self.front: deque[int] = deque()  # ascending
        self.heap: list[int] = []

    def push(self, key: int) -> None:
        if self.front and key < self.front[-1]:
            for other in self.front:
                heapq.heappush(self.heap, other)
            self.front.clear()
        heapq.heappush(self.heap, key)

    def pop(self) -> int:
        return self.front.popleft() if self.front else heapq.heappop(self.heap)


class Lanes:
    """Jobs that wait: due ones in two heaps, delayed ones by time, excluded ones by file."""

    def __init__(self, valid: Valid) -> None:
        self._valid = valid
        self._lanes = {False: _Lane(), True: _Lane()}  # by heavy
        self._delayed: list[tuple[float, int]] = []  # (monotonic due time, seq)
        self._excluded: dict[Hashable, list[tuple[int, Priority, bool]]] = {}

    def push(self, seq: int, priority: Priority, heavy: bool) -> None:
        """A job that is due."""
        self._lanes[heavy].push(priority << SEQ_BITS | seq)  # smaller first: priority, then FIFO

    def push_all(self, jobs: Iterable[Waiting]) -> None:
        """Jobs that are due, as they come."""
        lanes = self._lanes
        for job in jobs:
            lanes[job.heavy].push(job.priority << SEQ_BITS | job.seq)

    def delay(self, seq: int, due: float) -> None:
        """A job that is due at ``due``."""
        heapq.heappush(self._delayed, (due, seq))

    @property
    def next_due(self) -> float | None:
        """When the first delayed job becomes due."""
        return self._delayed[0][0] if self._delayed else None

    def take_due(self, now: float) -> Iterator[int]:
        """Remove and give the delayed jobs whose time has come."""
        while self._delayed and self._delayed[0][0] <= now:
            yield heapq.heappop(self._delayed)[1]

    def exclude(self, seq: int, priority: Priority, heavy: bool, identity: Hashable) -> None:
        """Take the job from its lane's head until ``readmit(identity)``."""
        self.pop(seq, heavy)
        self._excluded.setdefault(identity, []).append((seq, priority, heavy))

    def readmit(self, identity: Hashable) -> None:
        """The file is free: put back who waited for it."""
        for seq, priority, heavy in self._excluded.pop(identity, ()):
            self.push(seq, priority, heavy)

    def head(self, *, light: bool, heavy: bool) -> tuple[int, bool] | None:
        """(seq, heavy) of the first job among the lanes asked for."""
        first = self._head_key(False) if light else None
        other = self._head_key(True) if heavy else None
        if other is not None and (first is None or other < first):
            return other & _SEQ_MASK, True
        return None if first is None else (first & _SEQ_MASK, False)

    def _head_key(self, heavy: bool) -> int | None:
        lane = self._lanes[heavy]
        while lane.front or lane.heap:
            key = lane.front[0] if lane.front else lane.heap[0]
            if self._waits(key, heavy):
                return key
            lane.pop()
        return None

    def _waits(self, key: int, heavy: bool) -> bool:
        return self._valid(key & _SEQ_MASK, _PRIORITIES[key >> SEQ_BITS], heavy)

    def pop(self, seq: int, heavy: bool) -> None:
        """Remove the head of a lane, which must be this job."""
        key = self._lanes[heavy].pop()
        assert key & _SEQ_MASK == seq, "only heads leave a lane"

    def first(self, count: int, *, lanes: tuple[bool, ...] = (False, True)) -> list[int]:
        """The next jobs in dispatch order, left where they are."""
        keys = sorted(key for lane in lanes for key in self._first_keys(lane, count))
        return [key & _SEQ_MASK for key in keys[:count]]

    def _first_keys(self, heavy: bool, count: int) -> list[int]:
        lane = self._lanes[heavy]
        keys = [key for key in lane.front if self._waits(key, heavy)]
        while len(keys) < count and lane.heap:
            key = heapq.heappop(lane.heap)
            if self._waits(key, heavy) and (not keys or keys[-1] != key):  # pushed twice, perhaps
                keys.append(key)
        lane.front = deque(keys)
        return keys[:count]
