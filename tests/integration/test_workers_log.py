"""What the log tells of jobs and of the journal is what is durable, and no crash is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio
import trio.testing
from queue_kit import claim_started, delivery, inline_queue, plan_for, snapshot
from structlog.testing import capture_logs
from workers_kit import DONE, BeforeWrite, FakeEngine, forever, raising, world

from arrtheaudio.errors import FileBusy, IoFailed, JournalUnavailable
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import NewBatch, Status, format_id
from arrtheaudio.jobs.workers import Workers
from arrtheaudio.media import Outcome

Lines = list[dict[str, Any]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """What is logged."""
    structlog.reset_defaults()
    with capture_logs() as captured:
        yield captured  # type: ignore[misc]


def told(lines: Lines, *names: str) -> list[str]:
    """The events of these lines that are about jobs, or begin with a name."""
    return [line["event"] for line in lines if line["event"].startswith(("job_", *names))]


async def test_an_attempt_that_fails_in_a_cancelled_batch_is_told_as_failed(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, lines: Lines
) -> None:
    async def slowly(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await trio.sleep(5)
        raise IoFailed("bad disk", path=claim.path)

    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = slowly
        batch = await w.queue.start_batch(NewBatch(b"/m"))
        await w.queue.batch_discovered(batch, [b"/m/a.mkv"], last=b"/m/a.mkv", complete=True)
        job = batch + 1
        await w.until(job, Status.RUNNING)
        await w.queue.cancel_batch(batch)
        assert (await w.ended(job)).status is Status.FAILED
        await trio.sleep(1)
    assert told(lines) == ["job_failed"]


async def test_an_attempt_that_ends_while_it_is_cancelled_is_told_as_stopped(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, lines: Lines
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = forever
        (job,) = await w.submit(b"/m/a.mkv")
        await w.until(job, Status.RUNNING)
        await w.queue.cancel(job)
        await trio.sleep(1)
    assert [(line["event"], line["verdict"]) for line in lines if "verdict" in line] == [
        ("job_stopped", "cancelled")
    ]


async def test_each_end_of_an_attempt_is_told_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, lines: Lines
) -> None:
    async with world(tmp_path) as w:
        w.engine.files[b"/m/a.mkv"] = raising(FileBusy(), IoFailed("bad disk"))
        (job,) = await w.submit(b"/m/a.mkv")
        await w.ended(job)
        await trio.sleep(1)
    assert told(lines) == ["job_deferred", "job_retrying", "job_completed"]


async def test_an_end_that_could_not_be_journalled_is_not_told(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, lines: Lines
) -> None:
    failing = False

    def fault(moment: str) -> None:
        nonlocal failing
        if failing and moment == "before":
            failing = False
            raise OSError("disk full")

    async def lose(claim: Claim, before_write: BeforeWrite) -> Outcome:
        nonlocal failing
        await trio.sleep(1)
        if len(engine.order) == 1:
            failing = True
            raise IoFailed("bad disk")
        return DONE

    engine = FakeEngine(files={b"/m/a.mkv": lose})
    async with (
        inline_queue(tmp_path / "jobs.db", fault=fault) as queue,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(Workers(queue, engine).run)
        await queue.deliver(delivery("/m/a.mkv"))
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert told(lines) == ["job_completed"]


async def test_a_start_behind_a_crash_names_what_was_running_and_what_is_given_up(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, lines: Lines
) -> None:
    path = tmp_path / "0.db"
    async with inline_queue(path) as queue:
        first, second = (await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))).jobs
        await claim_started(queue)
        claim = await claim_started(queue)
        await queue.planned(claim, plan_for(claim.path))
        path = snapshot(path, tmp_path / "1.db")
    assert lines == []
    async with inline_queue(path) as queue:
        found = [(line["event"], line.get("job"), line.get("edit_open")) for line in lines]
        assert found == [
            ("last_daemon_died", None, None),
            ("job_was_running", format_id("job", first), False),
            ("job_was_running", format_id("job", second), True),
        ]
        await claim_started(queue)
        path = snapshot(path, tmp_path / "2.db")
    lines.clear()
    async with inline_queue(path):
        (failed,) = [line for line in lines if line["event"] == "job_failed"]
    assert (failed["job"], failed["reason"]) == (format_id("job", first), "poisoned")
    assert failed["path"] == b"/m/a.mkv"


async def test_a_first_start_and_one_behind_a_clean_stop_warn_of_nothing(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, lines: Lines
) -> None:
    for _ in range(2):
        async with inline_queue(tmp_path / "jobs.db") as queue:
            await queue.deliver(delivery("/m/a.mkv"))
    assert lines == []


async def test_the_journals_return_is_told_with_how_long_it_was_away(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, lines: Lines
) -> None:
    failing = False

    def fault(moment: str) -> None:
        if failing:
            raise OSError("No space left on device")

    async with inline_queue(tmp_path / "jobs.db", fault=fault) as queue:
        failing = True
        with pytest.raises(JournalUnavailable):
            await queue.pause()
        await trio.sleep(100)
        assert "journal_available_again" not in told(lines, "journal")
        failing = False
        await trio.sleep(100)
        (back,) = [line for line in lines if line["event"] == "journal_available_again"]
    assert back["log_level"] == "warning"
    assert 100 <= back["seconds"] <= 110
