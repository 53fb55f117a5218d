"""The moment in which the journal is open again and takes no requests yet, and what follows.

A failed commit closes the journal; it is opened again with a first row of its own, and
until that is durable every request is refused. Whoever is refused then must leave no
trace, and what was under way must go on behind it by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio
from faulty_journal import (
    COMMIT_SECONDS,
    Disk,
    batch_of,
    break_journal,
    ended,
    faulty_queue,
    reopening,
    until_writable,
)
from queue_kit import DONE, claim_started, delivery, inline_queue, next_claim, plan_for, snapshot

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.models import BatchStatus, Status
from arrtheaudio.jobs.queue import Queue


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
        await until_writable(queue)
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
        await until_writable(queue)
        await trio.sleep(1)
        killed = snapshot(path, tmp_path / "killed.db")
        queue.release(claim)
    for journal in (path, killed):
        async with inline_queue(journal) as queue:
            claim = await claim_started(queue)
            assert claim.attempt == 1, "the attempt was given back"
            await queue.stopping()
