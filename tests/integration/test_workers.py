"""Workers on a virtual clock: limits, retries, scopes, stops, edits that broke off."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from workers_kit import (
    DONE,
    BeforeWrite,
    FakeEngine,
    edit,
    forever,
    plan_of,
    raising,
    taking,
    world,
)

from arrtheaudio.errors import (
    AlreadyEnded,
    ChangedMeanwhile,
    CorruptFile,
    EditConflict,
    FileBusy,
    FileGone,
    FileNotFound,
    HalfEdited,
    IoFailed,
    JournalUnavailable,
    NeedsHeavyLane,
    NoSpace,
    WorkersOff,
)
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import NewDelivery, NewJob, Priority, Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.recovery import GONE_SECONDS
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.verdict import BUSY_DEFERRALS, SHORTEST_BUSY_SECONDS
from arrtheaudio.media import Outcome, Plan, Recovery

# --- limits -----------------------------------------------------------------


async def test_never_more_jobs_at_once_than_workers_nor_heavy_ones_than_their_limit(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    settings = Settings(max_queue_size=1000, worker_count=3, max_mp4_concurrent=2)
    async with world(tmp_path, settings) as w:
        paths = [b"/m/%d.%s" % (n, b"mp4" if n % 2 else b"mkv") for n in range(40)]
        w.engine.files = dict.fromkeys(paths, taking(1.0))
        for job in await w.submit(*paths):
            assert (await w.ended(job)).result == "success"
    assert (w.engine.most, w.engine.most_heavy) == (3, 2)


async def test_mkv_jobs_flow_past_waiting_mp4_jobs(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/1.mp4"] = forever
        first, second, mkv = await w.submit(b"/m/1.mp4", b"/m/2.mp4", b"/m/3.mkv")
        await w.ended(mkv)
        assert (await w.queue.job(first)).status is Status.RUNNING
        assert (await w.queue.job(second)).status is Status.QUEUED
        await w.queue.cancel(first)
        await w.ended(second)


async def test_a_file_found_to_be_heavy_goes_to_the_heavy_lane_with_its_attempt_given_back(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def heavy_only(claim: Claim, before_write: BeforeWrite) -> Outcome:
        if not claim.heavy:
            raise NeedsHeavyLane
        return await edit(claim, before_write)

    async with world(tmp_path) as w:
        w.engine.files[b"/m/linked.mkv"] = heavy_only
        (job,) = await w.submit(b"/m/linked.mkv")
        final = await w.ended(job)
    assert (final.result, final.attempt) == ("success", 1)
    assert w.engine.order == [b"/m/linked.mkv"] * 2


async def test_slots_are_numbered_from_one(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(worker_count=3)) as w:
        paths = [b"/m/%d.mkv" % n for n in range(3)]
        w.engine.files = dict.fromkeys(paths, forever)
        jobs = await w.submit(*paths)
        running = [await w.until(job, Status.RUNNING) for job in jobs]
        assert sorted(job.worker_id or 0 for job in running) == [1, 2, 3]
        await w.queue.cancel(jobs[1])
        (late,) = await w.submit(b"/m/late.mkv")
        assert (await w.ended(late)).worker_id == running[1].worker_id


async def test_limits_change_while_jobs_run(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(worker_count=1)) as w:
        paths = [b"/m/%d.mkv" % n for n in range(6)]
        w.engine.files = dict.fromkeys(paths, forever)
        jobs = await w.submit(*paths)
        await w.until(jobs[0], Status.RUNNING)
        w.queue.configure(Settings(worker_count=3))
        w.workers.configure()
        await w.until(jobs[2], Status.RUNNING)
        w.queue.configure(Settings(worker_count=1))
        w.workers.configure()
        for job in jobs[:2]:
            await w.queue.cancel(job)
        await trio.sleep(10)
        assert len(w.workers.running) == 1  # three had run, and two have left
        await w.queue.cancel(jobs[2])
        await w.until(jobs[3], Status.RUNNING)


# --- timeouts and retries ---------------------------------------------------


async def test_an_attempt_that_takes_too_long_is_tried_again_and_fails_at_last(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    settings = Settings(timeout_seconds=300, retry_attempts=2, retry_delay_seconds=60)
    async with world(tmp_path, settings) as w:
        w.engine.files[b"/m/a.mkv"] = forever
        (job,) = await w.submit(b"/m/a.mkv")
        final = await w.ended(job)
    assert (final.status, final.reason, final.attempt) == (Status.FAILED, "timeout", 3)
    waits = [later - earlier for earlier, later in zip(w.engine.at, w.engine.at[1:], strict=False)]
    assert waits == pytest.approx([360, 360], abs=1)


async def test_a_write_is_never_cut_off_by_the_timeout(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async def slow_write(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await trio.sleep(299)
        await before_write(plan_of(claim.path))
        await trio.sleep(1000)
        return DONE

    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = slow_write
        (job,) = await w.submit(b"/m/a.mkv")
        assert (await w.ended(job)).result == "success"
    assert w.engine.order == [b"/m/a.mkv"]


async def test_what_can_pass_is_tried_again_after_the_delay_at_low_priority(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = raising(IoFailed(), IoFailed())
        (job,) = await w.submit(b"/m/a.mkv")
        final = await w.ended(job)
    assert (final.result, final.attempt, final.priority) == ("success", 3, Priority.LOW)
    assert w.engine.at[2] - w.engine.at[0] == pytest.approx(120, abs=1)


@pytest.mark.parametrize("error", [CorruptFile(), ChangedMeanwhile(), EditConflict()])
async def test_what_cannot_pass_is_not_tried_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, error: Exception
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = raising(error)
        (job,) = await w.submit(b"/m/a.mkv")
        final = await w.ended(job)
    assert (final.status, final.reason) == (Status.FAILED, error.reason)  # type: ignore[attr-defined]
    assert len(w.engine.order) == 1


async def test_a_file_never_seen_is_looked_for_again_and_one_seen_before_is_gone(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/never.mkv"] = raising(*[FileNotFound()] * 5)
        w.engine.files[b"/m/seen.mkv"] = raising(IoFailed(), FileNotFound(), FileNotFound())
        never, seen = await w.submit(b"/m/never.mkv", b"/m/seen.mkv")
        finals = [await w.ended(never), await w.ended(seen)]
    assert [(job.reason, job.attempt) for job in finals] == [("not_found", 3), ("gone", 2)]


async def test_a_busy_file_is_looked_at_again_without_an_attempt_and_not_for_ever(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    settings = Settings(settle_seconds=5, retry_attempts=2, retry_delay_seconds=60)
    async with world(tmp_path, settings) as w:
        w.engine.files[b"/m/a.mkv"] = raising(*[FileBusy()] * 200)
        w.engine.files[b"/m/b.mkv"] = raising(FileBusy(retry_after=2.5))
        job, short = await w.submit(b"/m/a.mkv", b"/m/b.mkv")
        assert (await w.ended(short)).attempt == 1
        final = await w.ended(job)
    assert (final.reason, final.attempt) == ("busy", 3)
    at = [at for path, at in zip(w.engine.order, w.engine.at, strict=True) if path == b"/m/a.mkv"]
    assert len(at) == BUSY_DEFERRALS + 3
    assert at[BUSY_DEFERRALS] - at[0] == pytest.approx(BUSY_DEFERRALS * 5, abs=1)


async def test_a_busy_file_is_no_busy_loop_where_nothing_has_to_settle(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(settle_seconds=0)) as w:
        w.engine.files[b"/m/a.mkv"] = raising(*[FileBusy()] * 5)
        (job,) = await w.submit(b"/m/a.mkv")
        assert (await w.ended(job)).result == "success"
    assert w.engine.at[-1] - w.engine.at[0] == pytest.approx(5 * SHORTEST_BUSY_SECONDS, abs=0.5)


async def test_a_job_whose_code_raises_something_unforeseen_fails_alone(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = raising(ZeroDivisionError("oh"))
        w.engine.files[b"/m/c.mkv"] = raising(ExceptionGroup("oh", [ValueError("in a nursery")]))
        jobs = await w.submit(b"/m/a.mkv", b"/m/b.mkv", b"/m/c.mkv")
        finals = [await w.ended(job) for job in jobs]
    assert [(job.status, job.reason) for job in finals] == [
        (Status.FAILED, "internal_error"),
        (Status.COMPLETED, None),
        (Status.FAILED, "internal_error"),
    ]
    assert Counter(w.engine.order).most_common(1)[0][1] == 1  # none is tried again


# --- space ------------------------------------------------------------------


async def test_a_job_waits_for_space_without_a_slot_and_goes_on_when_there_is_some(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    settings = Settings(worker_count=1, space_check_seconds=60)
    async with world(tmp_path, settings) as w:
        no_space = NoSpace(needed=1000, free=10)
        w.engine.free = 1000  # exactly what is needed is not enough
        w.engine.files[b"/m/a.mp4"] = raising(no_space)
        waiting, other = await w.submit(b"/m/a.mp4", b"/m/b.mp4")
        await w.until(waiting, Status.WAITING_FOR_SPACE)
        await w.ended(other)
        await trio.sleep(3600)
        assert w.engine.order.count(b"/m/a.mp4") == 1
        w.engine.free = 1001
        begin = trio.current_time()
        final = await w.ended(waiting)
    assert (final.result, final.attempt) == ("success", 1)
    assert w.engine.at[-1] - begin <= 61


async def test_a_file_system_that_hangs_keeps_no_other_file_waiting(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    class Half(FakeEngine):
        async def free_space(self, path: bytes) -> int:
            if path.startswith(b"/dead/"):
                await trio.sleep_forever()
            return 11

    async with world(tmp_path, Settings(space_check_seconds=60), Half()) as w:
        paths = [b"/dead/%d.mkv" % n for n in range(20)] + [b"/m/a.mkv"]
        w.engine.files = {path: raising(NoSpace(needed=10)) for path in paths}
        jobs = await w.submit(*paths)
        for job in jobs:
            await w.until(job, Status.WAITING_FOR_SPACE)
        with trio.fail_after(61):
            assert (await w.ended(jobs[-1])).result == "success"
        await trio.sleep(1000)
        assert (await w.queue.job(jobs[0])).status is Status.WAITING_FOR_SPACE


async def test_a_file_system_that_cannot_be_asked_leaves_it_to_the_attempt(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/unmounted.mkv"] = raising(NoSpace(needed=10), CorruptFile())
        (job,) = await w.submit(b"/m/unmounted.mkv")
        assert (await w.ended(job)).reason == "corrupt"


# --- cancel and stop --------------------------------------------------------


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


# --- edits that broke off ---------------------------------------------------


@pytest.mark.parametrize(
    ("state", "expected"),
    [("completed", (Status.COMPLETED, None)), ("rolled_back", (Status.FAILED, "verify_failed"))],
)
async def test_a_plan_left_open_by_a_crash_is_settled_before_anything_else(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    state: Any,
    expected: tuple[Status, str | None],
) -> None:
    job = await crash_while_writing(tmp_path)
    engine = FakeEngine()
    engine.recoveries[b"/m/a.mkv"] = lambda: Recovery(state, "settled", 7)
    async with world(tmp_path, engine=engine) as w:
        final = await w.queue.job(job)  # at once: the workers report started behind it
    assert (final.status, final.reason) == expected
    assert w.engine.order == []


async def test_an_edit_that_had_not_begun_runs_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    job = await crash_while_writing(tmp_path)
    engine = FakeEngine()
    engine.recoveries[b"/m/a.mkv"] = lambda: Recovery("interrupted", "untouched", 7)
    async with world(tmp_path, engine=engine) as w:
        assert (await w.ended(job)).result == "success"
    assert w.engine.order == [b"/m/a.mkv"]


async def test_a_conflict_is_reported_and_nothing_is_touched(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    job = await crash_while_writing(tmp_path)
    engine = FakeEngine()

    def conflict() -> Recovery:
        raise EditConflict(path=b"/m/a.mkv")

    engine.recoveries[b"/m/a.mkv"] = conflict
    async with world(tmp_path, engine=engine) as w:
        final = await w.ended(job)
    assert (final.status, final.reason) == (Status.FAILED, "conflict")


async def test_a_file_that_cannot_be_settled_yet_stays_owned_over_stops_until_it_can(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    job = await crash_while_writing(tmp_path)

    def unmounted() -> Recovery:
        raise IoFailed("Host is down")

    engine = FakeEngine()
    engine.recoveries[b"/m/a.mkv"] = unmounted
    async with world(tmp_path, engine=engine) as w:
        assert (await w.queue.job(job)).status is Status.RUNNING
        await w.queue.stopping()
        w.workers.interrupt()
        await w.workers.idle()
    async with world(tmp_path, engine=engine) as w:
        await trio.sleep(1000)
        assert (await w.queue.job(job)).status is Status.RUNNING
        engine.recoveries[b"/m/a.mkv"] = lambda: Recovery("completed", "settled", 7)
        assert (await w.ended(job)).result == "success"
    assert engine.order == []


async def test_a_hanging_file_does_not_keep_the_start(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    await crash_while_writing(tmp_path)

    class Hanging(FakeEngine):
        async def recover(self, plan: Plan) -> Recovery:
            await trio.sleep_forever()
            raise AssertionError

    async with world(tmp_path, engine=Hanging()) as w:
        (other,) = await w.submit(b"/m/b.mkv")
        assert (await w.ended(other)).result == "success"


async def crash_while_writing(folder: Path) -> int:
    """A daemon that dies between the durable plan and the end; gives the job."""
    planned, dead = trio.Event(), trio.Event()
    jobs: list[int] = []

    async def die(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await before_write(plan_of(claim.path))
        planned.set()
        await dead.wait()
        claim.revoked = True  # nothing more of this run is journalled
        raise JournalUnavailable

    async def live_and_die() -> None:
        async with world(folder) as w:
            w.engine.files[b"/m/a.mkv"] = die
            jobs.extend(await w.submit(b"/m/a.mkv"))
            await planned.wait()
            dead.set()
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        await live_and_die()
    return jobs[0]


async def break_off(claim: Claim, before_write: BeforeWrite) -> Outcome:
    """The disk fails between two writes."""
    await before_write(plan_of(claim.path))
    raise HalfEdited("Input/output error", path=claim.path)


def failing(times: float, state: Any = "completed") -> Callable[[], Recovery]:
    """A file that cannot be settled so many times."""
    tries = count()

    def recover() -> Recovery:
        if next(tries) < times:
            raise IoFailed("still down")
        return Recovery(state, "The interrupted edit is complete", 7)

    return recover


async def test_an_edit_that_broke_off_in_the_middle_is_settled_by_the_same_rules(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = break_off
        w.engine.recoveries[b"/m/a.mkv"] = failing(2)
        (job,) = await w.submit(b"/m/a.mkv")
        assert (await w.ended(job)).track_changed


async def test_a_half_edited_file_is_never_given_up_and_holds_no_slot(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(worker_count=1, max_queue_size=100)) as w:
        w.engine.files[b"/m/a.mkv"] = break_off
        w.engine.recoveries[b"/m/a.mkv"] = failing(100)
        half, other, same = await w.submit(b"/m/a.mkv", b"/m/b.mkv", b"/m/a.mkv")
        assert (await w.ended(other)).result == "success"
        await trio.sleep(60 * 60)
        assert (await w.queue.job(half)).status is Status.RUNNING
        assert (await w.queue.job(same)).status is Status.QUEUED, "nobody else touches the file"
        w.engine.files[b"/m/a.mkv"] = edit
        assert (await w.ended(half)).track_changed
        await w.ended(same)


async def test_a_half_edited_file_is_settled_by_the_next_start(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = break_off
        w.engine.recoveries[b"/m/a.mkv"] = failing(math.inf)
        (job,) = await w.submit(b"/m/a.mkv")
        await trio.sleep(100)
        await w.queue.stopping()
        w.workers.interrupt()
        with trio.fail_after(1):
            await w.workers.idle()
    engine = FakeEngine()
    engine.recoveries[b"/m/a.mkv"] = failing(0)
    async with world(tmp_path, engine=engine) as w:
        assert (await w.ended(job)).track_changed
    assert engine.order == []


async def test_an_edit_that_broke_off_before_its_first_byte_is_an_ordinary_failed_attempt(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = break_off
        w.engine.recoveries[b"/m/a.mkv"] = failing(0, "interrupted")
        (job,) = await w.submit(b"/m/a.mkv")
        final = await w.ended(job)
    assert (final.status, final.reason, final.attempt) == (Status.FAILED, "io_error", 3)


@pytest.mark.parametrize("asked_while_writing", [True, False])
async def test_only_a_person_gives_a_half_edited_file_up(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, asked_while_writing: bool
) -> None:
    writing = trio.Event()

    async def slowly(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await before_write(plan_of(claim.path))
        writing.set()
        await trio.sleep(5)
        raise HalfEdited("Input/output error", path=claim.path)

    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = slowly
        w.engine.recoveries[b"/m/a.mkv"] = failing(3 if asked_while_writing else math.inf)
        (job,) = await w.submit(b"/m/a.mkv")
        await writing.wait()
        if not asked_while_writing:
            await trio.sleep(500)
        with pytest.raises(AlreadyEnded):
            await w.queue.cancel(job)
        final = await w.ended(job)
    if asked_while_writing:  # it came behind the first byte: the edit is brought to its end
        assert final.track_changed
    else:
        assert (final.status, final.reason) == (Status.FAILED, "io_error")
        assert "may be changed in part" in (final.message or "")


async def test_a_file_that_is_absent_at_the_start_may_be_on_a_share_that_comes_later(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    job = await crash_while_writing(tmp_path)
    begin = trio.current_time()

    def mounted_later() -> Recovery:
        if trio.current_time() - begin < GONE_SECONDS / 2:
            raise FileGone(path=b"/m/a.mkv")
        return Recovery("completed", "settled", 7)

    engine = FakeEngine()
    engine.recoveries[b"/m/a.mkv"] = mounted_later
    async with world(tmp_path, engine=engine) as w:
        assert (await w.ended(job)).track_changed


async def test_a_file_that_stays_absent_is_gone(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    job = await crash_while_writing(tmp_path)

    def gone() -> Recovery:
        raise FileGone(path=b"/m/a.mkv")

    engine = FakeEngine()
    engine.recoveries[b"/m/a.mkv"] = gone
    async with world(tmp_path, engine=engine) as w:
        assert (await w.ended(job)).reason == "gone"


# --- what ends the daemon ---------------------------------------------------


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


# --- deliveries that run in the daemon --------------------------------------


def delivery(*paths: bytes) -> NewDelivery:
    return NewDelivery("sonarr", "Download", tuple(NewJob(path) for path in paths))


async def test_with_worker_count_0_a_delivery_runs_in_the_daemon_one_job_after_another(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(worker_count=0)) as w:
        paths = [b"/m/1.mkv", b"/m/2.mp4", b"/m/3.mkv"]
        w.engine.files = dict.fromkeys(paths, taking(1.0))
        w.engine.files[b"/m/3.mkv"] = raising(NoSpace(needed=10))
        jobs = await w.workers.run_here(await w.queue.deliver(delivery(*paths)))
    assert [(job.result, job.reason) for job in jobs] == [
        ("success", None), ("success", None), ("failed", "no_space"),
    ]  # fmt: skip
    assert w.engine.order == paths
    assert w.engine.most == 1


@pytest.mark.parametrize("error", [IoFailed(), FileBusy(), FileNotFound()])
async def test_with_worker_count_0_there_is_one_attempt(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, error: Any
) -> None:
    async with world(tmp_path, Settings(worker_count=0)) as w:
        w.engine.files[b"/m/1.mkv"] = raising(error)
        (job,) = await w.workers.run_here(await w.queue.deliver(delivery(b"/m/1.mkv")))
    assert (job.result, job.reason, job.attempt) == ("failed", error.reason, 1)


async def test_a_client_that_hangs_up_cancels_nothing(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(worker_count=0)) as w:
        w.engine.files[b"/m/1.mkv"] = taking(100)
        accepted = await w.queue.deliver(delivery(b"/m/1.mkv", b"/m/2.mkv"))
        with trio.move_on_after(90) as patience:
            await w.workers.run_here(accepted)
        assert patience.cancelled_caught
        for job in accepted.jobs:
            assert (await w.ended(job)).result == "success"


async def test_what_was_queued_before_stays_queued_untouched_with_worker_count_0(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path) as w:
        await w.queue.pause()
        (job,) = await w.submit(b"/m/queued.mkv")
        await w.queue.stopping()
    async with world(tmp_path, Settings(worker_count=0)) as w:
        await w.queue.resume()
        await w.workers.run_here(await w.queue.deliver(delivery(b"/m/1.mkv")))
        await trio.sleep(10_000)
        assert (await w.queue.job(job)).status is Status.QUEUED
    assert w.engine.order == [b"/m/1.mkv"]


async def test_a_delivery_left_by_a_restart_goes_on_in_the_daemon(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    settings = Settings(worker_count=0)
    async with world(tmp_path, settings) as w:
        await w.queue.stopping()
        accepted = await w.queue.deliver(delivery(b"/m/1.mkv"))
    async with world(tmp_path, settings) as w:
        assert (await w.ended(accepted.jobs[0])).result == "success"


async def test_workers_can_be_switched_off_and_on_while_jobs_wait_and_run(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    def switch(workers: int) -> None:
        w.queue.configure(Settings(worker_count=workers))
        w.workers.configure()

    async with world(tmp_path, Settings(worker_count=1)) as w:
        w.engine.files[b"/m/running.mkv"] = taking(100)
        running, waiting = await w.submit(b"/m/running.mkv", b"/m/waiting.mkv")
        await w.until(running, Status.RUNNING)
        switch(0)
        with pytest.raises(WorkersOff):
            await w.submit(b"/m/late.mkv")
        (direct,) = await w.workers.run_here(await w.queue.deliver(delivery(b"/m/1.mkv")))
        assert direct.result == "success"
        assert (await w.ended(running)).result == "success", "what runs goes on"
        await trio.sleep(10_000)
        untouched = await w.queue.job(waiting)
        assert (untouched.status, untouched.attempt) == (Status.QUEUED, 0)
        w.engine.files = dict.fromkeys([b"/m/2.mkv", b"/m/3.mkv"], taking(100))
        accepted = await w.queue.deliver(delivery(b"/m/2.mkv", b"/m/3.mkv"))
        await w.until(accepted.jobs[0], Status.RUNNING)
        switch(2)  # the second of the delivery goes to the workers, like what waited
        assert (await w.ended(waiting)).attempt == 1
        assert [job.result for job in await w.workers.run_here(accepted)] == ["success"] * 2
    assert Counter(w.engine.order).most_common(1)[0][1] == 1


async def test_a_paused_queue_holds_deliveries_also_with_worker_count_0(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(worker_count=0)) as w:
        await w.queue.pause()
        accepted = await w.queue.deliver(delivery(b"/m/1.mkv"))
        with trio.move_on_after(90) as patience:
            await w.workers.run_here(accepted)
        assert patience.cancelled_caught
        assert w.engine.order == []
        await w.queue.resume()
        assert (await w.ended(accepted.jobs[0])).result == "success"


async def test_a_delivery_whose_jobs_are_cancelled_is_answered(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(worker_count=0)) as w:
        w.engine.files[b"/m/1.mkv"] = forever
        accepted = await w.queue.deliver(delivery(b"/m/1.mkv", b"/m/2.mkv"))
        await w.until(accepted.jobs[0], Status.RUNNING)
        for job in reversed(accepted.jobs):
            await w.queue.cancel(job)
        jobs = await w.workers.run_here(accepted)
    assert [job.status for job in jobs] == [Status.CANCELLED] * 2
