"""Edits that broke off, by a crash or by a failing disk, are settled before anything else."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from workers_kit import BeforeWrite, FakeEngine, edit, plan_of, world

from arrtheaudio.errors import (
    AlreadyEnded,
    EditConflict,
    FileGone,
    HalfEdited,
    IoFailed,
    JournalUnavailable,
)
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import Status
from arrtheaudio.jobs.recovery import GONE_SECONDS
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.media import Outcome, Plan, Recovery


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


@pytest.mark.parametrize(
    ("asked_while_writing", "tries"), [(True, 3), (True, math.inf), (False, math.inf)]
)
async def test_only_a_person_gives_a_half_edited_file_up(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    asked_while_writing: bool,
    tries: float,
) -> None:
    writing = trio.Event()

    async def slowly(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await before_write(plan_of(claim.path))
        writing.set()
        await trio.sleep(5)
        raise HalfEdited("Input/output error", path=claim.path)

    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = slowly
        w.engine.recoveries[b"/m/a.mkv"] = failing(tries)
        (job,) = await w.submit(b"/m/a.mkv")
        await writing.wait()
        if not asked_while_writing:
            await trio.sleep(500)
        with trio.fail_after(100), pytest.raises(AlreadyEnded):
            await w.queue.cancel(job)
        final = await w.ended(job)
    if tries < math.inf:  # it came behind the first byte: the edit is brought to its end
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


async def test_a_fault_of_ours_while_settling_does_not_end_every_start(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    job = await crash_while_writing(tmp_path)
    faults = count()

    def recover() -> Recovery:
        if next(faults) < 3:
            raise IndexError("as a parser's fault")
        return Recovery("completed", "settled", 7)

    engine = FakeEngine(recoveries={b"/m/a.mkv": recover})
    async with world(tmp_path, engine=engine) as w:
        assert (await w.queue.job(job)).status is Status.RUNNING
        assert (await w.ended(job)).result == "success"
