"""Batches over a failure of the journal: discovery, cancels, their one end."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from faulty_journal import (
    COMMIT_SECONDS,
    batch_of,
    break_journal,
    ended,
    faulty_queue,
    reopening,
    until_writable,
)
from queue_kit import DONE, claim_started, plan_for

from arrtheaudio.errors import AlreadyEnded, JournalUnavailable
from arrtheaudio.jobs.models import BatchStatus, NewBatch


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
        await until_writable(queue)
        with trio.fail_after(60):
            assert (await queue.cancel_batch(batch)).status is BatchStatus.CANCELLING
        ((claim, _),) = await queue.take_open_plans()
        await queue.completed(claim, DONE)
        assert await ended(queue, batch) is BatchStatus.CANCELLED
