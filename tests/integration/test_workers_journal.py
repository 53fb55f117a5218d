"""Workers whose journal fails while a file is edited: the job says what became of the file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing
from queue_kit import delivery, inline_queue
from workers_kit import DONE, BeforeWrite, FakeEngine, plan_of

from arrtheaudio.errors import AlreadyEnded
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.workers import Workers
from arrtheaudio.media import Outcome, Recovery


@attrs.define
class FaultyWorld:
    """A file whose first edit is made, and whose end is lost with a commit; what recovery finds."""

    engine: FakeEngine
    losing: int = 0  # commits that fail

    def fault(self, moment: str) -> None:
        if moment == "before" and self.losing:
            self.losing -= 1
            raise OSError("EIO")

    async def edit(self, claim: Claim, before_write: BeforeWrite) -> Outcome:
        if self.engine.written:
            return Outcome("skipped", "already_correct", "The default is right already")
        await before_write(plan_of(claim.path))
        self.losing = 1
        return DONE

    def recover(self) -> Recovery:
        return Recovery("completed", "The interrupted edit is complete", 5)


@asynccontextmanager
async def faulty(
    folder: Path, recover: Callable[[FaultyWorld], Recovery] = FaultyWorld.recover
) -> AsyncIterator[tuple[FaultyWorld, Queue]]:
    """Workers at such a file."""
    world = FaultyWorld(FakeEngine())
    world.engine.files[b"/m/a.mkv"] = world.edit
    world.engine.recoveries[b"/m/a.mkv"] = lambda: recover(world)
    async with (
        inline_queue(folder / "jobs.db", fault=world.fault, latency=lambda: 0.05) as queue,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(Workers(queue, world.engine).run)
        yield world, queue
        nursery.cancel_scope.cancel()


async def test_an_edit_whose_end_was_lost_is_journalled_as_made_and_can_be_undone(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with faulty(tmp_path) as (_, queue):
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        await trio.sleep(600)
        ended = await queue.job(job)
        assert [event.type for event in ended.events] == [
            *("job.queued", "job.started", "job.completed"),
        ]
        assert ended.track_changed
        await queue.undo(job)


async def test_a_journal_that_fails_again_while_that_edit_is_settled_leaves_nothing_behind(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    fails = iter([True, True])

    def lose_again(world: FaultyWorld) -> Recovery:
        world.losing = int(next(fails, False))
        return world.recover()

    async with faulty(tmp_path, lose_again) as (_, queue):
        first, second = [(await queue.deliver(delivery("/m/a.mkv"))).jobs[0] for _ in range(2)]
        await trio.sleep(600)
        assert (await queue.job(first)).track_changed
        assert (await queue.job(second)).status is Status.COMPLETED
        with pytest.raises(AlreadyEnded):
            await queue.cancel(first)
