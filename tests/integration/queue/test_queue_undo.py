"""Undo jobs: each belongs to a change that is kept, and no change is undone twice."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from queue_kit import DONE, claim_started, delivery, inline_queue, plan_for, run_next

from arrtheaudio.errors import ArrtheaudioError, NothingToUndo, UnknownId
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.models import NewBatch, Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.verify import verify_file
from arrtheaudio.jobs.writer import Writer, encode_row

DAY = 86_400.0


async def changed_job(queue: Queue, name: str = "/m/a.mkv") -> int:
    """A job that changed its file."""
    await queue.deliver(delivery(name))
    return await run_next(queue)


async def failed_undo(queue: Queue, job: int) -> int:
    """An undo of this job that failed."""
    undo = await queue.undo(job)
    await queue.failed(await claim_started(queue), "io_error", "The disk is bad")
    return undo


async def test_a_failed_undo_is_not_tried_again_when_its_change_is_gone(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        undo = await failed_undo(queue, await changed_job(queue))
        await queue.cleanup(older_than_days=-1, statuses=[Status.COMPLETED])
        with pytest.raises(UnknownId):
            await queue.retry(undo)
        assert await queue.retry_many([undo]) == 0
        assert queue.state().queued == 0


async def test_an_undo_is_tried_again_once_however_many_of_its_failures_are_named(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        job = await changed_job(queue)
        first = await failed_undo(queue, job)
        second = await failed_undo(queue, job)
        assert await queue.retry_many([first, second, second]) == 1
        await run_next(queue)
        assert (await queue.job(job)).undone
        assert await queue.retry_many([first, second]) == 0, "it is undone"
    assert verify_file(path) == []


async def test_a_job_that_is_named_twice_is_tried_again_once(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        await queue.failed(await claim_started(queue), "corrupt", "No Matroska file")
        assert await queue.retry_many([job, job]) == 1


async def test_of_two_requests_at_once_one_undoes(path: Path, autojump_clock) -> None:
    async with inline_queue(path, latency=lambda: 0.01) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        await queue.batch_discovered(batch, [b"/m/a.mkv"], last=b"/m/a.mkv", complete=True)
        job = await run_next(queue)
        while queue.live_batches():
            await queue.wait_beyond(queue.head)
        made = 0

        async def ask(kind: str) -> None:
            nonlocal made
            try:
                if kind == "one":
                    await queue.undo(job)
                    count = 1
                elif kind == "many":
                    count = await queue.undo_many([job])
                else:
                    count = await queue.undo_batch(batch)
            except NothingToUndo:
                return
            made += count

        async with trio.open_nursery() as nursery:
            for kind in ("one", "one", "many", "batch", "many"):
                nursery.start_soon(ask, kind)
        assert made == 1
        assert queue.state().queued == 1
    assert verify_file(path) == []


@pytest.mark.parametrize("undo_first", [True, False])
async def test_a_change_is_not_cleaned_up_while_its_undo_is_asked_for(
    path: Path, autojump_clock, undo_first: bool
) -> None:
    async with inline_queue(path, latency=lambda: 0.01) as queue:
        job = await changed_job(queue)
        told: list[ArrtheaudioError] = []

        async def undo() -> None:
            try:
                await queue.undo(job)
            except UnknownId as error:
                told.append(error)

        async def clean() -> None:
            await queue.cleanup(older_than_days=-1, statuses=[Status.COMPLETED])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(undo if undo_first else clean)
            await trio.sleep(0.001)
            nursery.start_soon(clean if undo_first else undo)
        if told:
            assert queue.state().queued == 0
        else:
            claim = await claim_started(queue)
            assert claim.undo_plan == plan_for(claim.path)
            await queue.completed(claim, DONE)
    assert verify_file(path) == []


async def test_dismissing_a_problem_that_is_being_cleaned_up_leaves_no_row_behind(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path, latency=lambda: 0.01) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        await queue.failed(await claim_started(queue), "corrupt", "No Matroska file")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: queue.cleanup(older_than_days=-1, statuses=[Status.FAILED]))
            await trio.sleep(0.001)  # the removal is being committed
            nursery.start_soon(lambda: queue.dismiss("corrupt", "/m"))
        assert (await queue.events(0, upto=queue.head)).next_since == queue.head
    assert verify_file(path) == []


async def test_a_row_of_a_job_that_is_gone_breaks_no_feed_and_is_found_by_verify(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        job = await changed_job(queue)
        head = queue.head
    writer = Writer(path)
    rows = [
        ev.Row(head + 2, 0.0, ev.JOB_UNDONE, job + 1000, None, {}),
        ev.Row(head + 3, 0.0, ev.PAUSED, None, None, {}),
    ]
    writer.commit(rows, [encode_row(row) for row in rows])
    writer.close()
    async with inline_queue(path) as queue:
        chunk = await queue.events(head, upto=head + 3)
        assert [event.type for event in chunk.events] == [ev.DAEMON_STOPPING, ev.PAUSED]
        assert (chunk.next_since, chunk.gap) == (head + 3, None)
    (difference,) = verify_file(path)
    assert difference == f"row {head + 2}: job.undone of job {job + 1000}, which is not kept"


async def test_trying_many_again_takes_no_place_of_a_delivery(path: Path, autojump_clock) -> None:
    async with inline_queue(path, max_queue_size=3) as queue:
        names = [f"/m/{number}.mkv" for number in range(5)]
        jobs = (await queue.deliver(delivery(*names))).jobs
        for _ in names:
            await queue.failed(await claim_started(queue), "corrupt", "No Matroska file")
        assert await queue.retry_many(jobs[1:]) == 4
        await queue.retry(jobs[0])
        state = queue.state()
        assert (state.queued, state.used) == (5, 0)
        await queue.deliver(delivery("/m/new.mkv"))
        assert queue.state().used == 1
    async with inline_queue(path, max_queue_size=3) as queue:
        assert queue.state().used == 1
    assert verify_file(path) == []
