"""Attempts on a virtual clock: timeouts, what is tried again and what is not."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import trio
import trio.testing
from workers_kit import DONE, BeforeWrite, Behaviour, forever, plan_of, raising, world

from arrtheaudio.errors import (
    ChangedMeanwhile,
    CorruptFile,
    EditConflict,
    FileBusy,
    FileNotFound,
    IoFailed,
    ShareAway,
)
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import Priority, Status
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.verdict import BUSY_DEFERRALS, SHORTEST_BUSY_SECONDS
from arrtheaudio.media import Outcome


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
        w.engine.files[b"/m/seen.mkv"] = raising(FileBusy(), FileNotFound(), FileNotFound())
        never, seen = await w.submit(b"/m/never.mkv", b"/m/seen.mkv")
        finals = [await w.ended(never), await w.ended(seen)]
    assert [(job.reason, job.attempt) for job in finals] == [("not_found", 3), ("gone", 1)]


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


@pytest.mark.parametrize("dead", [raising(IoFailed()), forever])
async def test_a_share_that_did_not_answer_has_shown_no_file(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, dead: Behaviour
) -> None:
    async def absent_then_there(claim: Claim, before_write: BeforeWrite) -> Outcome:
        match claim.attempt:
            case 1:
                return await dead(claim, before_write)
            case 2:
                raise FileNotFound()
        return DONE

    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = absent_then_there
        (job,) = await w.submit(b"/m/a.mkv")
        assert (await w.ended(job)).result == "success"


async def test_while_a_share_is_away_its_files_are_looked_for_ever_more_rarely(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    settings = Settings(retry_attempts=2, retry_delay_seconds=60)
    async with world(tmp_path, settings) as w:
        w.engine.files[b"/m/a.mkv"] = raising(*[ShareAway()] * 8, FileNotFound())
        w.engine.files[b"/m/b.mkv"] = raising(*[ShareAway()] * 100)
        back, never = await w.submit(b"/m/a.mkv", b"/m/b.mkv")
        final = await w.ended(back)
        assert (final.result, final.attempt) == ("success", 2)
        looks = [at for at, path in zip(w.engine.at, w.engine.order, strict=True) if b"a" in path]
        waits = [later - earlier for earlier, later in pairwise(looks)]
        assert waits == pytest.approx([60, 120, 240, 480, *[900] * 4, 60], abs=1)
        final = await w.ended(never)
        assert (final.result, final.reason, final.attempt) == ("failed", "not_found", 3)
        assert final.completed_at is not None
        assert 6 * 3600 < final.completed_at - final.created_at < 8 * 3600
