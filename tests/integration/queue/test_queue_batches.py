"""Batches under a virtual clock: their discovery, estimate and end; undo of jobs and batches."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing
from queue_kit import DONE, claim_started, delivery, inline_queue, plan_for, run_next, snapshot

from arrtheaudio.errors import AlreadyEnded, NotEnded, NothingToUndo
from arrtheaudio.jobs.models import BatchStatus, NewBatch, Status
from arrtheaudio.media import Outcome


async def test_undo_is_offered_once_and_only_for_changes(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        changed, same, waiting = (
            await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv", "/m/c.mkv"))
        ).jobs
        await run_next(queue)
        await run_next(queue, Outcome("skipped", "already_correct", "Nothing to do"))
        with pytest.raises(NothingToUndo):
            await queue.undo(same)
        with pytest.raises(NotEnded):
            await queue.undo(waiting)
        undo = await queue.undo(changed)
        with pytest.raises(NothingToUndo):
            await queue.undo(changed)
        await queue.cancel(waiting)
        claim = await claim_started(queue)
        assert (claim.job, claim.kind, claim.undo_plan) == (undo, "undo", plan_for(b"/m/a.mkv"))
        await queue.planned(claim, plan_for(claim.path))
        await queue.completed(claim, DONE)
        job = await queue.job(changed)
        assert job.undone
        assert job.events[-1].type == "job.undone"
        with pytest.raises(NothingToUndo):
            await queue.undo(changed)
        with pytest.raises(NothingToUndo):
            await queue.undo(undo)


async def test_a_whole_batch_is_undone_by_one_request(path: Path, autojump_clock) -> None:
    async with inline_queue(path, max_queue_size=2) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        files = [f"/m/{number}.mkv".encode() for number in range(5)]
        await queue.batch_discovered(batch, files, last=files[-1], complete=True)
        with pytest.raises(NotEnded):
            await queue.undo_batch(batch)
        first, *_ = [await run_next(queue) for _ in range(3)]
        await run_next(queue, Outcome("success", None, "remuxed", True, "remux"))
        await run_next(queue, Outcome("skipped", "already_correct", ""))
        while queue.live_batches():
            await queue.wait_beyond(queue.head)
        await queue.undo(first)
        assert await queue.undo_batch(batch) == 2, "one undo waits already"
        assert queue.state().used == 0, "undo jobs take no places"
        assert [await run_next(queue) for _ in range(3)]
        with pytest.raises(NothingToUndo):
            await queue.undo_batch(batch)


async def test_an_eta_needs_a_rate_and_a_known_end(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        files = [f"/m/{number}.mkv".encode() for number in range(10)]
        await queue.batch_discovered(batch, files, last=files[-1], complete=False)

        async def eta() -> int | None:
            return (await queue.batch(batch)).progress.eta_seconds

        assert await eta() is None
        for _ in range(4):
            await run_next(queue)
            await trio.sleep(10)
        assert await eta() is None, "nobody knows how much is left"
        await queue.batch_discovered(batch, [], last=files[-1], complete=True)
        assert await eta() == pytest.approx(80, abs=2)
        (shown,) = queue.live_batches()
        assert shown.status is BatchStatus.RUNNING
        assert shown.progress.processed == 4


async def test_an_empty_batch_completes_at_once(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        await queue.batch_discovered(batch, [], last=None, complete=True)
        while queue.live_batches():
            await queue.wait_beyond(queue.head)
        shown = await queue.batch(batch)
        assert (shown.status, shown.progress.eta_seconds) == (BatchStatus.COMPLETED, 0)


async def test_a_batch_that_is_cancelled_as_its_last_file_ends_has_one_end(
    path: Path, autojump_clock
) -> None:
    moments: list[str] = []
    async with inline_queue(path, latency=lambda: 1.0, fault=moments.append) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        await queue.batch_discovered(batch, [b"/m/a.mkv"], last=b"/m/a.mkv", complete=True)
        claim = await claim_started(queue)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.completed, claim, DONE)
            await trio.testing.wait_all_tasks_blocked()  # the end is being committed
            nursery.start_soon(queue.cancel_batch, batch)
        await trio.sleep(10)
        told = [event.type for event in (await queue.events(0)).events]
        assert told[-2:] == ["batch.cancelling", "batch.cancelled"]
    assert moments.count("open") == 1, "no second end was given to the journal to refuse"


async def test_a_batch_whose_folder_is_unreadable_fails(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        await queue.batch_failed(batch, "permission denied")
        shown = await queue.batch(batch)
        assert (shown.status, shown.error) == (BatchStatus.FAILED, "permission denied")
        with pytest.raises(AlreadyEnded):
            await queue.cancel_batch(batch)


async def test_a_failed_attempt_of_a_batch_that_is_being_cancelled_is_the_last(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        await queue.batch_discovered(batch, [b"/m/a.mkv"], last=b"/m/a.mkv", complete=True)
        claim = await claim_started(queue)
        await queue.cancel_batch(batch)
        await queue.retrying(claim, "io_error", "bad", 60)
        job = await queue.job(claim.job)
        assert (job.status, job.reason) == (Status.FAILED, "io_error")


async def test_discovery_goes_on_behind_the_last_journalled_path(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        assert (await queue.next_discovery()).last is None
        await queue.batch_discovered(batch, [b"/m/b.mkv"], last=b"/m/c\xff", complete=False)
        path = snapshot(path, tmp_path / "copy.db")
    async with inline_queue(path) as queue:
        discovery = await queue.next_discovery()
        assert discovery.last == b"/m/c\xff"
        await queue.cancel_batch(batch)
        assert discovery.scope.cancel_called
        assert not await queue.batch_discovered(batch, [b"/m/d.mkv"], last=b"d", complete=False)


async def test_a_walk_that_is_over_is_forgotten(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        for folder, complete in ((b"/m", True), (b"/dead", False)):
            batch = await queue.start_batch(NewBatch(folder))
            assert (await queue.next_discovery()).batch == batch
            if complete:
                files = [folder + b"/a.mkv"]
                await queue.batch_discovered(batch, files, last=files[0], complete=True)
            else:
                await queue.batch_failed(batch, "permission denied")
        assert queue._discoveries == {}
