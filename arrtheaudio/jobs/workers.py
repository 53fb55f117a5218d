"""The dispatcher and its slots: which claimed job runs when, and how all of it stops.

Pops a job only when its tokens are free, so a heavy job that waits for its slot holds
no worker and blocks nobody behind it (invariant 6). Every run is a task of this
module's nursery with the claim's own cancel scope. Also here, because they run jobs
or let them run: open plans before anything else, deliveries that run in the daemon
(``worker_count`` 0), and the periodic look at free space.

Knows the queue's dispatching half and the engine; nothing of HTTP, signals and
configuration files. queue.md: Workers.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Final, NoReturn, TypeVar

import structlog
import trio

from arrtheaudio.errors import HalfEdited, JournalUnavailable
from arrtheaudio.jobs.attempt import attempt
from arrtheaudio.jobs.claims import Claim, Why
from arrtheaudio.jobs.engine import Engine
from arrtheaudio.jobs.models import ENDED, Accepted, Job, JobFilter, SpaceWaiter, Status
from arrtheaudio.jobs.ownership import UNREADABLE_SECONDS
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.recovery import settle
from arrtheaudio.jobs.slots import Slots
from arrtheaudio.media import Plan

# The start does not wait longer for files that hang: their plans are settled behind it.
RECOVERY_PATIENCE_SECONDS: Final = 10.0
SPACE_LOOK_SECONDS: Final = 10.0  # then a file system counts as full
# Failed jobs, newest first, among which the start looks for those that it has just poisoned.
POISONED_LOOKED_AT: Final = 100

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Workers:
    """Runs jobs until it is stopped; all its tasks live inside ``run``."""

    def __init__(self, queue: Queue, engine: Engine) -> None:
        self._queue = queue
        self._engine = engine
        self._slots = Slots(queue.settings)
        self._running: dict[Claim, None] = {}
        self._left = trio.Event()  # a run has ended; replaced each time
        self._stopped: Why | None = None
        self._direct_wanted = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Settle what a crash left open, report started, then dispatch for ever."""
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(RECOVERY_PATIENCE_SECONDS):
                for tried in await self._settle_open_plans(nursery):
                    await tried.wait()
            nursery.start_soon(self._clear_after_poisoned)
            nursery.start_soon(self._run_direct_jobs, nursery)
            nursery.start_soon(self._watch_space)
            task_status.started()
            await self._dispatch(nursery)

    def configure(self) -> None:
        """The queue's settings have changed: what runs goes on, new limits hold from now."""
        self._slots.configure(self._queue.settings)
        self._queue.recheck()

    # --- dispatching ---

    async def _dispatch(self, nursery: trio.Nursery) -> NoReturn:
        while True:
            await self._queue.work_changed()
            await self._settle_open_plans(nursery)
            if self._queue.direct_jobs():
                self._direct_wanted.set()
            while self._stopped is None and (claim := self._claim()) is not None:
                nursery.start_soon(self._run_in_slot, nursery, claim)

    def _claim(self) -> Claim | None:
        """The next job for which tokens are free, with its tokens taken."""
        if not self._slots.light_free:
            return None
        claim = self._queue.claim(light=True, heavy=self._slots.heavy_free)
        if claim is not None:
            self._slots.take(claim, heavy=claim.heavy)
        return claim

    async def _run_in_slot(self, nursery: trio.Nursery, claim: Claim) -> None:
        try:
            await self._run(nursery, claim, self._slots.number(claim))
        finally:
            self._slots.give_back(claim)
            self._queue.recheck()

    async def _run(self, nursery: trio.Nursery, claim: Claim, worker_id: int) -> None:
        self._enter(claim)
        try:
            unsettled = await attempt(self._queue, self._engine, claim, worker_id)
        finally:
            self._leave(claim)
        if unsettled is not None:
            claim.scope = trio.CancelScope()  # one can be entered once only
            if claim.why == "journal":
                claim.scope.cancel()
            nursery.start_soon(self._settle, claim, unsettled.plan, trio.Event(), unsettled.error)

    def _enter(self, claim: Claim) -> None:
        self._running[claim] = None
        if self._stopped is not None:
            claim.cancel(self._stopped)

    def _leave(self, claim: Claim) -> None:
        del self._running[claim]
        left, self._left = self._left, trio.Event()
        left.set()

    # --- open plans ---

    async def _settle_open_plans(self, nursery: trio.Nursery) -> list[trio.Event]:
        """Begin to settle every open plan; the events tell when each was tried once."""
        events = []
        for claim, plan in await _once_readable(self._queue.take_open_plans):
            events.append(trio.Event())
            nursery.start_soon(self._settle, claim, plan, events[-1])
        return events

    async def _settle(
        self, claim: Claim, plan: Plan, tried: trio.Event, error: HalfEdited | None = None
    ) -> None:
        self._enter(claim)
        try:
            await settle(self._queue, self._engine, claim, plan, tried, error)
        finally:
            self._leave(claim)
            self._queue.recheck()

    async def _clear_after_poisoned(self) -> None:
        """A job that runs again clears what its crash left beside the file; a poisoned one not."""
        failed = JobFilter(status=(Status.FAILED,), order_by="updated_at", limit=POISONED_LOOKED_AT)
        for job in (await _once_readable(partial(self._queue.jobs, failed))).jobs:
            if job.reason == "poisoned":
                await self._engine.clear_leftovers(job.path)

    # --- deliveries that run in the daemon (worker_count 0) ---

    async def run_here(self, accepted: Accepted) -> list[Job]:
        """Wait until a delivery's jobs have run, one after another; leaving cancels nothing.

        Raises: JournalUnavailable, UnknownId.
        """
        self._direct_wanted.set()
        return [await self._ended(job) for job in accepted.jobs]

    async def _ended(self, job: int) -> Job:
        while True:
            head = self._queue.head
            found = await self._queue.job(job)
            if found.status in ENDED:
                return found
            await self._queue.wait_beyond(head)

    async def _run_direct_jobs(self, nursery: trio.Nursery) -> NoReturn:
        """All deliveries' jobs, one at a time, also those that a restart found."""
        while True:
            self._direct_wanted = trio.Event()
            for job in self._queue.direct_jobs():
                # One whose file is held is asked for again behind the next change (_dispatch).
                claim = await _once_readable(partial(self._queue.claim_direct, job, wait=False))
                if claim is not None:
                    await self._run(nursery, claim, 1)
            await self._direct_wanted.wait()

    # --- free space ---

    async def _watch_space(self) -> NoReturn:
        """Look again at what waits for space, every ``space_check_seconds``."""
        while True:
            await trio.sleep(self._queue.settings.space_check_seconds)
            async with trio.open_nursery() as nursery:  # a dead share holds up no other file
                for waiter in self._queue.space_waiters():
                    nursery.start_soon(self._look_for_space, waiter)

    async def _look_for_space(self, waiter: SpaceWaiter) -> None:
        found = False
        try:
            with trio.move_on_after(SPACE_LOOK_SECONDS):
                found = await self._engine.free_space(waiter.path) > waiter.needed
        except OSError:
            found = True  # the attempt finds out what is wrong with the file
        if found:
            with suppress(JournalUnavailable):  # looked at again next time
                await self._queue.space_found(waiter.job)

    # --- stopping ---

    @property
    def running(self) -> tuple[bytes, ...]:
        """The files that are being worked on."""
        return tuple(claim.path for claim in self._running)

    def interrupt(self) -> None:
        """Stop every run, also those that begin later; they go back to their places."""
        self._stopped = "stop"
        for claim in tuple(self._running):
            claim.cancel("stop")

    async def idle(self) -> None:
        """Return when nothing runs."""
        while self._running:
            await self._left.wait()


async def _once_readable(ask: Callable[[], Awaitable[T]]) -> T:
    """The journal's answer, as soon as it can be read: one unreadable moment ends no service."""
    while True:
        try:
            return await ask()
        except JournalUnavailable as error:
            _log.error("journal_unreadable", error=str(error))
            await trio.sleep(UNREADABLE_SECONDS)
