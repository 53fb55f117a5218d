"""Ownership: a live job is in a lane, or owned by exactly one task through its claim.

Only the owner appends the job's next event, which excludes double ends and
races between cancel and finish without a lock (queue.md, invariants 5 and 8).
Whoever holds a claim enters ``scope``, ends the claim by exactly one of the
queue's owner operations, and calls ``Queue.release`` in its ``finally``.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Literal

import attrs
import trio

from arrtheaudio.jobs.models import JobKind, NewBatch, NewJob
from arrtheaudio.media import Plan

Why = Literal["cancel", "stop", "journal"]


@attrs.define(eq=False)
class Claim:
    """One attempt at one job, owned by one task.

    ``request`` holds all that was asked, the batch's wishes included.
    ``undo_plan`` is the recorded edit that an undo job takes back.
    ``crashed`` (open plans only): the daemon died without a clean stop.
    """

    job: int
    request: NewJob
    attempt: int  # the number of this attempt, from 1
    max_attempts: int
    heavy: bool
    identity: Hashable
    kind: JobKind = "process"
    batch: int | None = None
    seen: bool = False  # the file was there before: now absent means gone, not not_found
    busy_deferrals: int = 0
    away_deferrals: int = 0
    undo_plan: Plan | None = None
    undo_parent: int | None = None  # the batch or webhook of the job that is undone
    own_mtime_ns: int | None = None  # what our last edit of this path left
    direct: bool = False  # a delivery that runs in the daemon (worker_count 0)
    crashed: bool = False
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    why: Why | None = None
    started: bool = False
    started_at: float = 0.0  # monotonic
    left: bool = False  # the owner released it
    revoked: bool = False  # the journal failed: nothing of this run counts any more
    ended: bool = False  # an owner's operation is durable
    _end: trio.Event | None = attrs.field(default=None, init=False)  # made by who waits for it

    @property
    def path(self) -> bytes:
        """The file."""
        return self.request.path

    def cancel(self, why: Why) -> None:
        """Cancel the run's scope; the first reason stands."""
        if self.why is None:
            self.why = why
        self.scope.cancel()

    def end(self) -> None:
        """Nobody owns the job any more."""
        self.ended = True
        if self._end is not None:
            self._end.set()

    async def wait_ended(self) -> None:
        """Return when nobody owns the job any more."""
        if not self.ended:
            if self._end is None:
                self._end = trio.Event()
            await self._end.wait()


@attrs.define(eq=False)
class Discovery:
    """The walk of one batch, owned by one task; it goes on behind ``last``."""

    batch: int
    request: NewBatch
    last: bytes | None
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
