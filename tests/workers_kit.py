"""Workers over a real queue and a fake engine, for tests on a virtual clock.

The journal commits in the event loop (InlineDrive), so days pass in milliseconds and
every run is the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.discovery import Discoveries, Walker
from arrtheaudio.jobs.drive import InlineDrive
from arrtheaudio.jobs.models import Job, NewJob, Status
from arrtheaudio.jobs.queue import Queue, open_queue
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.workers import Workers
from arrtheaudio.media import Outcome, Plan, Recovery

EPOCH = 1_800_000_000.0
DONE = Outcome("success", None, "Set default audio track to 'jpn'", track_changed=True)
BeforeWrite = Callable[[Plan], Awaitable[None]]
Behaviour = Callable[[Claim, BeforeWrite], Awaitable[Outcome]]


def plan_of(path: bytes) -> Plan:
    return Plan(
        path=path, method="in_place", size=10, target=1, patches=(), extents=(), digest=b"",
        mtime_ns=0,
    )  # fmt: skip


async def edit(claim: Claim, before_write: BeforeWrite) -> Outcome:
    """An edit as media makes it: look, plan, write."""
    await trio.sleep(0.001)
    await before_write(plan_of(claim.path))
    await trio.sleep(0.001)
    return DONE


@attrs.define
class FakeEngine:
    """What each file does; remembers who ran when."""

    files: dict[bytes, Behaviour] = attrs.field(factory=dict)
    recoveries: dict[bytes, Callable[[], Recovery]] = attrs.field(factory=dict)
    free: int = 0
    running: list[bytes] = attrs.field(factory=list)
    heavy: list[bytes] = attrs.field(factory=list)
    most: int = 0
    most_heavy: int = 0
    order: list[bytes] = attrs.field(factory=list)
    at: list[float] = attrs.field(factory=list)
    written: list[bytes] = attrs.field(factory=list)
    cleared: list[bytes] = attrs.field(factory=list)

    async def process(self, claim: Claim, *, heavy: bool, before_write: BeforeWrite) -> Outcome:
        async def noted(plan: Plan) -> None:
            await before_write(plan)
            self.written.append(claim.path)

        assert claim.path not in self.running, "one file, one job"
        self.running.append(claim.path)
        self.heavy += [claim.path] * heavy
        self.most = max(self.most, len(self.running))
        self.most_heavy = max(self.most_heavy, len(self.heavy))
        self.order.append(claim.path)
        self.at.append(trio.current_time())
        try:
            return await self.files.get(claim.path, edit)(claim, noted)
        finally:
            self.running.remove(claim.path)
            if heavy:
                self.heavy.remove(claim.path)

    async def recover(self, plan: Plan) -> Recovery:
        await trio.sleep(0.001)
        return self.recoveries[plan.path]()

    async def clear_leftovers(self, path: bytes) -> None:
        self.cleared.append(path)

    async def free_space(self, path: bytes) -> int:
        if path.endswith(b"unmounted.mkv"):
            raise OSError(5, "Input/output error")
        return self.free


@attrs.frozen
class World:
    queue: Queue
    workers: Workers
    engine: FakeEngine

    async def submit(self, *paths: bytes, **wishes: Any) -> list[int]:
        accepted = await self.queue.submit([NewJob(path, **wishes) for path in paths])
        return list(accepted.jobs)

    async def submit_endless(self, count: int) -> list[int]:
        """Jobs that never end by themselves."""
        paths = [b"/m/%d.mkv" % number for number in range(count)]
        self.engine.files |= dict.fromkeys(paths, forever)
        return await self.submit(*paths)

    async def ended(self, job: int) -> Job:
        while True:
            found = await self.queue.job(job)
            if found.status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED):
                return found
            await self.queue.wait_beyond(self.queue.head)

    async def until(self, job: int, status: Status) -> Job:
        while (found := await self.queue.job(job)).status is not status:
            await self.queue.wait_beyond(self.queue.head)
        return found


@asynccontextmanager
async def world(
    folder: Path,
    settings: Settings | None = None,
    engine: FakeEngine | None = None,
    walker: Walker | None = None,
) -> AsyncIterator[World]:
    """A queue with workers, and with discovery where there is a walker."""
    engine = engine or FakeEngine()
    async with open_queue(
        folder / "jobs.db",
        settings or Settings(max_queue_size=10_000),
        now=lambda: EPOCH + trio.current_time(),
        identify=lambda path: path,
        drive=lambda open_writer: InlineDrive(open_writer, latency=lambda: 0.0005),
    ) as queue:
        workers = Workers(queue, engine)
        async with trio.open_nursery() as nursery:
            await nursery.start(workers.run)
            if walker is not None:
                await nursery.start(Discoveries(queue, walker, now=lambda: EPOCH).run)
            yield World(queue, workers, engine)
            nursery.cancel_scope.cancel()


def raising(*errors: Exception, then: Behaviour = edit) -> Behaviour:
    """Each error once, in order; then something else."""
    left = list(errors)

    async def behave(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await trio.sleep(0.001)
        if left:
            raise left.pop(0)
        return await then(claim, before_write)

    return behave


async def forever(claim: Claim, before_write: BeforeWrite) -> Outcome:
    await trio.sleep_forever()
    raise AssertionError


def taking(seconds: float) -> Behaviour:
    async def behave(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await trio.sleep(seconds)
        return DONE

    return behave


async def like_a_program(claim: Claim, before_write: BeforeWrite) -> Outcome:
    """As ffmpeg runs: for ever, and what cancels it comes out of a nursery."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        await trio.sleep_forever()
    raise AssertionError
