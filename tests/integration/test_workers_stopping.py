"""Runs that are cancelled, stopped, or end the daemon, on a virtual clock."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing
from workers_kit import (
    DONE,
    BeforeWrite,
    FakeEngine,
    forever,
    like_a_program,
    plan_of,
    raising,
    taking,
    world,
)

from arrtheaudio.errors import AlreadyEnded
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import Priority, Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.media import Outcome


async def test_a_cancelled_run_ends_at_once_and_never_writes(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = forever
        (job,) = await w.submit(b"/m/a.mkv")
        await w.until(job, Status.RUNNING)
        assert (await w.queue.cancel(job)).status is Status.CANCELLED
        await trio.sleep(1000)
    assert w.engine.written == []


async def test_a_cancel_that_comes_behind_the_plan_is_told_so(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    writing = trio.Event()

    async def slow_write(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await before_write(plan_of(claim.path))
        writing.set()
        await trio.sleep(5)
        return DONE

    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = slow_write
        (job,) = await w.submit(b"/m/a.mkv")
        await writing.wait()
        with pytest.raises(AlreadyEnded):
            await w.queue.cancel(job)
        assert (await w.queue.job(job)).result == "success"


async def test_a_cancel_during_a_read_that_cannot_be_interrupted_wins_over_the_plan(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def hung_read(claim: Claim, before_write: BeforeWrite) -> Outcome:
        with trio.CancelScope(shield=True):
            reading.set()
            await trio.sleep(5)
        await before_write(plan_of(claim.path))
        raise AssertionError("it was told that the plan is durable")

    reading = trio.Event()
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = hung_read
        (job,) = await w.submit(b"/m/a.mkv")
        await reading.wait()
        assert (await w.queue.cancel(job)).status is Status.CANCELLED


@pytest.mark.parametrize("moment", [n * 0.0002 for n in range(30)])
async def test_a_cancel_at_any_moment_either_wins_and_nothing_is_written_or_loses(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, moment: float
) -> None:
    async with world(tmp_path) as w:
        (job,) = await w.submit(b"/m/a.mkv")
        await trio.sleep(moment)
        try:
            cancelled = (await w.queue.cancel(job)).status is Status.CANCELLED
        except AlreadyEnded:
            cancelled = False
        final = await w.ended(job)
    assert cancelled == (final.status is Status.CANCELLED)
    assert cancelled == (w.engine.written == [])


async def test_a_stop_puts_what_runs_back_in_its_place_with_its_attempt(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = forever
        (job,) = await w.submit(b"/m/a.mkv")
        await w.until(job, Status.RUNNING)
        await w.queue.stopping()
        (late,) = await w.submit(b"/m/late.mkv")
        w.workers.interrupt()
        await w.workers.idle()
        found = await w.queue.job(job)
        assert (found.status, found.attempt, found.priority) == (Status.QUEUED, 0, Priority.NORMAL)
        assert (await w.queue.job(late)).status is Status.QUEUED
    async with world(tmp_path) as again:
        assert [(await again.ended(j)).attempt for j in (job, late)] == [1, 1]


async def test_stopping_twice_or_with_nothing_running_is_harmless(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.workers.interrupt()
        await w.workers.idle()
        w.workers.interrupt()
        await w.workers.idle()


async def test_something_else_that_breaks_while_a_run_is_cancelled_stays_this_jobs_affair(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def break_on_the_way_out(claim: Claim, before_write: BeforeWrite) -> Outcome:
        async def fail() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise ZeroDivisionError("oh")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
            nursery.start_soon(trio.sleep_forever)
        raise AssertionError

    async with world(tmp_path, Settings(timeout_seconds=10, retry_attempts=0)) as w:
        for path in (b"/m/a.mkv", b"/m/b.mkv"):
            w.engine.files[path] = break_on_the_way_out
        cancelled, late = await w.submit(b"/m/a.mkv", b"/m/b.mkv")
        await w.until(cancelled, Status.RUNNING)
        assert (await w.queue.cancel(cancelled)).status is Status.CANCELLED
        assert (await w.ended(late)).reason == "timeout"
        (other,) = await w.submit(b"/m/c.mkv")
        assert (await w.ended(other)).result == "success"


async def test_a_job_whose_end_ends_the_daemon_is_poisoned_and_the_others_are_not(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    completed = Queue.completed

    async def faulty(self: Queue, claim: Claim, outcome: Outcome) -> None:
        if claim.path == b"/m/bad.mkv":
            raise ZeroDivisionError("oh")
        await completed(self, claim, outcome)

    monkeypatch.setattr(Queue, "completed", faulty)
    engine = FakeEngine()
    engine.files[b"/m/bad.mkv"] = raising(then=taking(1.0))
    engine.files[b"/m/slow.mkv"] = forever
    jobs: list[int] = []

    async def until_it_ends() -> None:
        async with world(tmp_path, engine=engine) as w:
            jobs.extend([] if jobs else await w.submit(b"/m/bad.mkv", b"/m/slow.mkv"))
            await trio.sleep_forever()

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await until_it_ends()
    async with world(tmp_path, engine=engine) as w:
        assert (await w.ended(jobs[0])).reason == "poisoned"
        assert (await w.until(jobs[1], Status.RUNNING)).attempt == 1
    assert engine.cleared == [b"/m/bad.mkv"]


async def test_the_end_of_the_daemon_is_no_crash_of_a_job_that_runs_a_program(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    engine = FakeEngine(files={b"/m/film.mp4": like_a_program})
    jobs: list[int] = []

    async def until_it_ends() -> None:
        async with world(tmp_path, engine=engine) as w:
            jobs.extend([] if jobs else await w.submit(b"/m/film.mp4"))
            await w.until(jobs[0], Status.RUNNING)
            raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await until_it_ends()
    async with world(tmp_path, engine=engine) as w:
        assert (await w.until(jobs[0], Status.RUNNING)).attempt == 1
