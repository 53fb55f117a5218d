"""The moment in which the journal is open again and takes no requests yet, and what follows.

A failed commit closes the journal; it is opened again with a first row of its own, and
until that is durable every request is refused. Whoever is refused then must leave no
trace, and what was under way must go on behind it by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
from queue_kit import (
    DONE,
    claim_started,
    delivery,
    inline_queue,
    next_claim,
    plan_for,
    snapshot,
)

from arrtheaudio.errors import AlreadyEnded, JournalUnavailable
from arrtheaudio.jobs.models import BatchStatus, NewBatch, Status
from arrtheaudio.jobs.queue import Queue

COMMIT_SECONDS = 0.05


@attrs.define
class Disk:
    """Fails one commit when it is told to."""

    failing: bool = False

    def fault(self, moment: str) -> None:
        if self.failing and moment == "before":
            self.failing = False
            raise OSError("EIO")


@asynccontextmanager
async def faulty_queue(path: Path) -> AsyncIterator[tuple[Queue, Disk]]:
    """A queue whose commits take a moment, on a disk that fails on demand."""
    disk = Disk()
    async with inline_queue(path, fault=disk.fault, latency=lambda: COMMIT_SECONDS) as queue:
        yield queue, disk


async def break_journal(queue: Queue, disk: Disk) -> None:
    """One commit fails."""
    disk.failing = True
    with pytest.raises(JournalUnavailable):
        await queue.pause()


async def reopening(queue: Queue, disk: Disk) -> None:
    """The journal has failed and is open again; its first row is not durable yet."""
    await break_journal(queue, disk)
    while not queue._journal.open:
        await queue._feed.wait_change()
    assert not queue.health().writable


async def batch_of(queue: Queue, count: int, *, complete: bool = True) -> int:
    """A batch with so many files."""
    batch = await queue.start_batch(NewBatch(b"/m"))
    files = [b"/m/%04d.mkv" % number for number in range(count)]
    await queue.batch_discovered(batch, files, last=files[-1], complete=complete)
    return batch


async def ended(queue: Queue, batch: int) -> BatchStatus:
    """The status of a batch, once it has ended."""
    with trio.fail_after(60):
        while queue.live_batches():
            await queue.wait_beyond(queue.head)
    return (await queue.batch(batch)).status


# --- batches ---


async def test_a_discovery_is_given_out_again_by_itself(path: Path, autojump_clock) -> None:
    async with faulty_queue(path) as (queue, disk):
        batch = await queue.start_batch(NewBatch(b"/m"))
        lost = await queue.next_discovery()
        given: list[int] = []

        async def take_the_next() -> None:
            given.append((await queue.next_discovery()).batch)

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(take_the_next)
                await break_journal(queue, disk)
                assert lost.scope.cancel_called
        assert given == [batch]


async def test_a_batchs_cancellation_goes_on_by_itself(path: Path, autojump_clock) -> None:
    async with faulty_queue(path) as (queue, disk):
        batch = await batch_of(queue, 700)
        async with trio.open_nursery() as nursery:

            async def cancel() -> None:
                with pytest.raises(JournalUnavailable):  # the answer came too late
                    await queue.cancel_batch(batch)

            nursery.start_soon(cancel)
            while (await queue.batch(batch)).status is not BatchStatus.CANCELLING:
                await queue.wait_beyond(queue.head)
            disk.failing = True  # the first jobs are being ended
        assert await ended(queue, batch) is BatchStatus.CANCELLED
        assert queue.state().queued == 0


async def test_a_batch_whose_cancel_was_refused_goes_on_and_can_be_cancelled(
    path: Path, autojump_clock
) -> None:
    async with faulty_queue(path) as (queue, disk):
        batch = await batch_of(queue, 1, complete=False)
        await reopening(queue, disk)
        with pytest.raises(JournalUnavailable):
            await queue.cancel_batch(batch)
        with trio.fail_after(60):
            assert (await queue.next_discovery()).batch == batch
            assert (await queue.cancel_batch(batch)).status is BatchStatus.CANCELLED


async def test_a_batch_whose_failure_was_refused_can_fail_again(path: Path, autojump_clock) -> None:
    async with faulty_queue(path) as (queue, disk):
        batch = await queue.start_batch(NewBatch(b"/m"))
        await reopening(queue, disk)
        with pytest.raises(JournalUnavailable):
            await queue.batch_failed(batch, "unreadable")
        with trio.fail_after(60):
            assert (await queue.next_discovery()).batch == batch
            await queue.batch_failed(batch, "unreadable")
        assert (await queue.batch(batch)).status is BatchStatus.FAILED


async def test_a_second_cancel_is_answered_like_the_first(path: Path, autojump_clock) -> None:
    async with faulty_queue(path) as (queue, disk):
        batch = await batch_of(queue, 2)
        claim = await claim_started(queue)
        disk.failing = True
        refused: list[str] = []

        async def cancel(who: str) -> None:
            with pytest.raises(JournalUnavailable):
                await queue.cancel_batch(batch)
            refused.append(who)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel, "first")
            await trio.sleep(COMMIT_SECONDS / 10)
            nursery.start_soon(cancel, "second")
        assert sorted(refused) == ["first", "second"]
        await queue.wait_beyond(queue.head)
        assert (await queue.batch(batch)).status is BatchStatus.RUNNING
        queue.release(claim)


async def test_two_cancels_of_a_batch_end_together(path: Path, autojump_clock) -> None:
    async with faulty_queue(path) as (queue, _):
        batch = await batch_of(queue, 3)
        answers: list[BatchStatus] = []

        async def cancel() -> None:
            answers.append((await queue.cancel_batch(batch)).status)

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel)
                await trio.sleep(COMMIT_SECONDS / 10)
                nursery.start_soon(cancel)
        assert answers == [BatchStatus.CANCELLED] * 2


async def test_a_batch_that_is_still_being_cancelled_is_not_told_as_cancelled(
    path: Path, autojump_clock
) -> None:
    async with faulty_queue(path) as (queue, disk):
        batch = await batch_of(queue, 3)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def fail_behind_the_first_row() -> None:
                await queue.wait_beyond(queue.head)
                disk.failing = True

            with pytest.raises(JournalUnavailable):
                await queue.cancel_batch(batch)
        assert (await queue.batch(batch)).status is BatchStatus.CANCELLING
        assert await ended(queue, batch) is BatchStatus.CANCELLED


async def test_a_cancel_that_meets_the_last_jobs_end_is_told_what_the_journal_says(
    path: Path, autojump_clock
) -> None:
    async with faulty_queue(path) as (queue, _):
        batch = await batch_of(queue, 1)
        claim = await claim_started(queue)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.completed, claim, DONE)
            await trio.sleep(COMMIT_SECONDS / 10)
            told = await queue.cancel_batch(batch)
        assert told.status is await ended(queue, batch)


async def test_a_cancel_that_comes_behind_the_batchs_end_is_told_that_end(
    path: Path, autojump_clock
) -> None:
    async with faulty_queue(path) as (queue, _):
        batch = await batch_of(queue, 1)
        claim = await claim_started(queue)
        await queue.completed(claim, DONE)  # the batch's own end is on its way
        with pytest.raises(AlreadyEnded, match="is completed"):
            await queue.cancel_batch(batch)


async def test_a_cancel_of_a_batch_does_not_wait_for_an_edit_that_is_to_be_settled(
    path: Path, autojump_clock
) -> None:
    async with faulty_queue(path) as (queue, disk):
        batch = await batch_of(queue, 2)
        claim = await claim_started(queue)
        await queue.planned(claim, plan_for(claim.path))
        await break_journal(queue, disk)
        queue.release(claim)
        while not queue.health().writable:
            await queue._feed.wait_change()
        with trio.fail_after(60):
            assert (await queue.cancel_batch(batch)).status is BatchStatus.CANCELLING
        ((claim, _),) = await queue.take_open_plans()
        await queue.completed(claim, DONE)
        assert await ended(queue, batch) is BatchStatus.CANCELLED


# --- jobs ---


async def test_a_refused_cancel_leaves_the_job_in_its_lane_once(path: Path, autojump_clock) -> None:
    async with faulty_queue(path) as (queue, disk):
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        await reopening(queue, disk)
        with pytest.raises(JournalUnavailable):
            await queue.cancel(job)
        with pytest.raises(JournalUnavailable):
            await queue.cancel_many([job])
        await queue.wait_beyond(queue.head)
        assert [waiting.seq for waiting in queue.state().next] == [job]
        claim = await claim_started(queue)
        await queue.deferred(claim, "busy", delay=3600)
        queue.release(claim)
        assert await next_claim(queue) is None, "its delay holds"


async def test_what_waits_for_space_can_be_found_again(path: Path, autojump_clock) -> None:
    async with faulty_queue(path) as (queue, disk):
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        claim = await claim_started(queue)
        await queue.waiting_for_space(claim, 10, 5)
        queue.release(claim)
        await reopening(queue, disk)
        with pytest.raises(JournalUnavailable):
            await queue.space_found(job)
        await queue.wait_beyond(queue.head)
        await queue.space_found(job)
        assert (await queue.job(job)).status is Status.QUEUED


async def test_two_cancels_of_a_waiting_job_are_refused_as_soon_as_the_journal_fails(
    path: Path, autojump_clock
) -> None:
    async with faulty_queue(path) as (queue, disk):
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        disk.failing = True

        async def cancel() -> None:
            with pytest.raises(JournalUnavailable):
                await queue.cancel(job)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(cancel)
            await trio.sleep(COMMIT_SECONDS / 10)
            nursery.start_soon(cancel)
        assert not queue._journal.open, "nobody waited until it was open again"


async def test_an_open_plan_is_given_out_when_its_end_can_be_journalled(
    path: Path, autojump_clock
) -> None:
    async with faulty_queue(path) as (queue, disk):
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        claim = await claim_started(queue)
        await queue.planned(claim, plan_for(claim.path))
        await break_journal(queue, disk)
        queue.release(claim)
        while not queue._journal.open:
            await queue._feed.wait_change()
        assert await queue.take_open_plans() == []
        with trio.fail_after(60):
            while not (taken := await queue.take_open_plans()):
                await queue.work_changed()
        ((claim, _),) = taken
        await queue.completed(claim, DONE)
        queue.release(claim)
        types = [event.type for event in (await queue.job(job)).events]
        assert types == ["job.queued", "job.started", "job.completed"]
        await queue.undo(job)


async def test_a_run_whose_last_row_is_lost_leaves_no_claim(path: Path, autojump_clock) -> None:
    async with faulty_queue(path) as (queue, disk):
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        claim = await claim_started(queue)
        disk.failing = True
        queue.release(claim)  # journals that it was interrupted
        with trio.fail_after(60):
            while disk.failing or not queue.health().writable:
                await queue._feed.wait_change()
            again = await claim_started(queue)
        assert again.job == job


async def test_a_run_that_ends_behind_the_reopening_is_cancelled_with_its_batch(
    path: Path, autojump_clock
) -> None:
    async with faulty_queue(path) as (queue, disk):
        batch = await batch_of(queue, 1)
        claim = await next_claim(queue)
        assert claim is not None
        assert (await queue.cancel_batch(batch)).status is BatchStatus.CANCELLING
        await break_journal(queue, disk)
        while not queue.health().writable:
            await queue._feed.wait_change()
        queue.release(claim)  # it had not started
        assert await ended(queue, batch) is BatchStatus.CANCELLED


async def test_a_journal_failure_is_no_crash_even_where_the_last_daemon_died(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        dead = snapshot(path, tmp_path / "dead.db")
    async with faulty_queue(dead) as (queue, disk):
        for _ in range(2):
            claim = await claim_started(queue)
            await queue.planned(claim, plan_for(claim.path))
            await break_journal(queue, disk)
            queue.release(claim)
            while not (taken := await queue.take_open_plans()):
                await queue.work_changed()
            ((claim, _),) = taken
            assert not claim.crashed
            await queue.interrupted(claim)
            queue.release(claim)
        job = await queue.job(claim.job)
        assert (job.status, job.attempt) == (Status.QUEUED, 0)


async def test_a_crash_counts_also_where_the_journal_fails_before_its_plan_is_settled(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        await queue.planned(claim, plan_for(claim.path))
        dead = snapshot(path, tmp_path / "dead.db")
    async with faulty_queue(dead) as (queue, disk):
        ((claim, _),) = await queue.take_open_plans()
        assert claim.crashed
        await break_journal(queue, disk)
        queue.release(claim)
        while not (taken := await queue.take_open_plans()):
            await queue.work_changed()
        assert [claim.crashed for claim, _ in taken] == [True]


@pytest.mark.parametrize("moment", [break_journal, reopening])
async def test_a_stop_that_was_asked_while_nothing_could_be_written_is_no_crash(
    path: Path, tmp_path: Path, autojump_clock, moment: Callable[[Queue, Disk], Awaitable[None]]
) -> None:
    async with faulty_queue(path) as (queue, disk):
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        await moment(queue, disk)
        with pytest.raises(JournalUnavailable):
            await queue.stopping()
        while not queue.health().writable:
            await queue._feed.wait_change()
        await trio.sleep(1)
        killed = snapshot(path, tmp_path / "killed.db")
        queue.release(claim)
    for journal in (path, killed):
        async with inline_queue(journal) as queue:
            claim = await claim_started(queue)
            assert claim.attempt == 1, "the attempt was given back"
            await queue.stopping()
