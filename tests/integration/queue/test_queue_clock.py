"""Delays, crashes, retention: what becomes of a job as time passes and daemons come and go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import pytest
import trio
from queue_kit import EPOCH, claim_started, delivery, inline_queue, next_claim, run_next, snapshot

from arrtheaudio.errors import UnknownId
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import JobFilter, Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.verify import verify_file

DAY = 86_400.0
YEAR = 365 * DAY


async def test_a_delay_does_not_follow_a_jumping_wall_clock(path: Path, autojump_clock) -> None:
    jump = 0.0

    def now() -> float:
        return EPOCH + trio.current_time() + jump

    async with inline_queue(path, now=now) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        await queue.retrying(claim, "io_error", "bad", 60)
        jump = 365 * 86_400.0
        await trio.sleep(59)
        assert await next_claim(queue) is None
        await trio.sleep(1.1)
        claim = await claim_started(queue)
        await queue.retrying(claim, "io_error", "bad", 60)
        jump = 0.0  # a year back while the daemon is down
    async with inline_queue(path, now=now) as queue:
        await trio.sleep(61)
        assert await next_claim(queue) is not None, "never longer than the whole delay"


async def test_a_clock_that_is_set_back_loses_nothing_and_changes_no_order(
    path: Path, autojump_clock
) -> None:
    days = 0

    def now() -> float:
        return EPOCH + trio.current_time() + days * 86_400

    async with inline_queue(path, now=now) as queue:
        first, second, third = (
            await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv", "/m/c.mkv"))
        ).jobs
        assert await run_next(queue) == first
        days = -400
        assert await run_next(queue) == second
        (late,) = (await queue.deliver(delivery("/m/d.mkv"))).jobs
    days = -800
    async with inline_queue(path, now=now) as queue:
        assert await queue.cleanup(older_than_days=0, statuses=[Status.COMPLETED]) == 0
        assert [await run_next(queue) for _ in range(2)] == [third, late]
        listed = (await queue.jobs(JobFilter(order="asc"))).jobs
        assert [job.seq for job in listed] == [first, second, third, late]
        assert (await queue.stats()).kept[Status.COMPLETED] == 4
    assert verify_file(path) == []


async def test_the_rest_of_a_delay_is_waited_for_behind_a_restart(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        await queue.retrying(claim, "io_error", "bad", 60)
        await trio.sleep(20)
    async with inline_queue(path) as queue:
        await trio.sleep(39)
        assert await next_claim(queue) is None
        await trio.sleep(2)
        assert await next_claim(queue) is not None


async def test_work_changed_wakes_when_a_delay_is_over(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        begin = trio.current_time()
        await queue.retrying(claim, "io_error", "bad", 60)
        queue.release(claim)
        while queue.claim(light=True, heavy=True) is None:
            await queue.work_changed()
        assert trio.current_time() - begin == pytest.approx(60, abs=0.5)


async def test_a_kill_behind_a_clean_stop_is_no_crash(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    for life in range(4):
        async with inline_queue(path) as queue:
            if not life:
                await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))
            claim = await claim_started(queue)
            assert claim.attempt == 1, "the attempt was given back"
            await queue.stopping()
            assert await next_claim(queue) is None, "the other file waits for the next start"
            path = snapshot(path, tmp_path / f"{life}.db")


async def test_two_crashes_in_a_row_poison_a_job(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    for life in range(2):
        async with inline_queue(path, retry_attempts=5) as queue:
            if not life:
                await queue.deliver(delivery("/m/a.mkv"))
            claim = await claim_started(queue)
            assert claim.attempt == life + 1
            path = snapshot(path, tmp_path / f"{life}.db")
    async with inline_queue(path) as queue:
        job = await queue.job(claim.job)
        assert (job.status, job.reason) == (Status.FAILED, "poisoned")


async def test_a_crash_in_the_last_attempt_ends_the_job(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    async with inline_queue(path, retry_attempts=0) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        path = snapshot(path, tmp_path / "crashed.db")
    async with inline_queue(path, retry_attempts=0) as queue:
        job = await queue.job(claim.job)
        assert (job.status, job.reason, job.attempt) == (Status.FAILED, "poisoned", 1)


async def fail_once(queue: Queue, claim: Claim) -> None:
    await queue.retrying(claim, "io_error", "bad", 0)


async def be_busy(queue: Queue, claim: Claim) -> None:
    await queue.deferred(claim, "busy")


async def lack_space(queue: Queue, claim: Claim) -> None:
    await queue.waiting_for_space(claim, 10, 5)
    await queue.space_found(claim.job)


@pytest.mark.parametrize("run", [fail_once, be_busy, lack_space, Queue.interrupted])
async def test_two_crashes_with_an_ordinary_run_between_them_poison_nothing(
    path: Path, tmp_path: Path, autojump_clock, run: Callable[[Queue, Claim], Awaitable[None]]
) -> None:
    for life in range(2):
        async with inline_queue(path, retry_attempts=9) as queue:
            if not life:
                await queue.deliver(delivery("/m/a.mkv"))
            claim = await claim_started(queue)
            await run(queue, claim)
            queue.release(claim)
            claim = await claim_started(queue)
            path = snapshot(path, tmp_path / f"{life}.db")
    async with inline_queue(path, retry_attempts=9) as queue:
        assert (await queue.job(claim.job)).status is Status.QUEUED


async def test_cleaned_up_ids_are_unknown_and_their_numbers_are_a_gap(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        accepted = await queue.deliver(delivery("/m/a.mkv"))
        await run_next(queue)
        kept = (await queue.deliver(delivery("/m/b.mkv"))).jobs[0]
        await trio.sleep(10)
        assert await queue.cleanup(older_than_days=0, statuses=[Status.COMPLETED]) == 1
        with pytest.raises(UnknownId):
            await queue.job(accepted.jobs[0])
        with pytest.raises(UnknownId):
            await queue.delivery(accepted.webhook or 0)
        assert (await queue.jobs(JobFilter())).total == 1
        stats = await queue.stats()
        assert (stats.kept[Status.COMPLETED], stats.lifetime_jobs) == (0, 2)
        queue._feed.reset(queue.head)
        chunk = await queue.events(0)
        assert chunk.gap == (accepted.webhook, accepted.jobs[0] + 3)
        assert [event.body["job"] for event in chunk.events if "job" in event.body] == [kept]
        assert (await queue.events(chunk.next_since)).gap is None
        beyond = await queue.events(queue.head + 100)
        assert beyond.gap == (queue.head + 100, queue.head)


async def test_retention_follows_the_configured_days(path: Path, autojump_clock) -> None:
    async with inline_queue(path, job_history_days=2, failed_job_days=5) as queue:
        good, bad = (await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))).jobs
        await run_next(queue)
        claim = await claim_started(queue)
        await queue.failed(claim, "corrupt", "bad")
        kept = []
        for _ in range(7):
            await trio.sleep(86_400)
            kept.append([job.seq for job in (await queue.jobs(JobFilter(order="asc"))).jobs])
        assert kept[0] == [good, bad]
        assert kept[3] == [bad]
        assert kept[6] == []


async def test_a_clock_that_was_ahead_for_a_while_hides_nothing_and_keeps_nothing(
    path: Path, autojump_clock
) -> None:
    ahead = 0.0

    def now() -> float:
        return EPOCH + trio.current_time() + ahead

    async with inline_queue(path, now=now) as queue:
        right = [await one_job(queue) for _ in range(3)]
        ahead = 40 * YEAR
        wrong = [await one_job(queue) for _ in range(40)]
        ahead = 0.0
        right += [await one_job(queue) for _ in range(3)]
        ahead = YEAR
        lately = JobFilter(created_from=now() - YEAR - DAY, created_to=now(), order="asc")
        page = await queue.jobs(lately)
        assert ([job.seq for job in page.jobs], page.total) == (right, len(right))
        ends = JobFilter(completed_from=now() - YEAR - DAY, completed_to=now(), order="asc")
        page = await queue.jobs(ends)
        assert ([job.seq for job in page.jobs], page.total) == (right, len(right))
        assert (await queue.jobs(JobFilter(created_from=now()))).total == len(wrong)
        assert await queue.cleanup(older_than_days=30, statuses=[Status.COMPLETED]) == len(right)


async def test_a_start_with_a_clock_far_ahead_removes_nothing(path: Path, autojump_clock) -> None:
    ahead = 0.0

    def now() -> float:
        return EPOCH + trio.current_time() + ahead

    async with inline_queue(path, now=now) as queue:
        job = await one_job(queue)
    ahead = 40 * YEAR
    async with inline_queue(path, now=now, job_history_days=2) as queue:
        await trio.sleep(3600)
        ahead = 0.0  # the network has told the time
        await trio.sleep(DAY)
        assert (await queue.job(job)).seq == job
        await trio.sleep(3 * DAY)
        assert (await queue.jobs(JobFilter())).total == 0


async def test_a_clock_that_leaps_while_the_daemon_runs_removes_nothing_at_once(
    path: Path, autojump_clock
) -> None:
    ahead = 0.0

    def now() -> float:
        return EPOCH + trio.current_time() + ahead

    async with inline_queue(path, now=now, job_history_days=3) as queue:
        await trio.sleep(DAY / 2)
        job = await one_job(queue)
        ahead = 40 * YEAR
        await trio.sleep(DAY)
        ahead = 0.0
        await trio.sleep(DAY)
        assert (await queue.job(job)).seq == job


async def test_after_a_long_pause_what_is_old_goes_with_the_second_cleanup(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        await one_job(queue)
    await trio.sleep(YEAR)
    async with inline_queue(path) as queue:
        await trio.sleep(2 * DAY)
        assert (await queue.jobs(JobFilter())).total == 0


async def test_new_days_of_retention_hold_at_once(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        await one_job(queue)
        await trio.sleep(2 * DAY + 3600)
        queue.configure(attrs.evolve(queue.settings, job_history_days=1))
        await trio.sleep(1)
        assert (await queue.jobs(JobFilter())).total == 0


async def one_job(queue: Queue) -> int:
    """A job that has run."""
    await queue.deliver(delivery("/m/a.mkv"))
    return await run_next(queue)
