"""One moment in which the journal cannot be read ends no service of the daemon."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from queue_kit import claim_started, delivery, inline_queue, plan_for, snapshot
from workers_kit import FakeEngine, world

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.models import Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.readers import Readers
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.workers import Workers
from arrtheaudio.media import Recovery

Fail = Callable[[int], None]


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Make the next so many readings fail."""
    left = 0
    run = Readers.run

    async def failing(self: Readers, query: Any, **options: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            raise JournalUnavailable("cannot be read (SQLITE_CANTOPEN)")
        return await run(self, query, **options)

    def fail(times: int) -> None:
        nonlocal left
        left = times

    monkeypatch.setattr(Readers, "run", failing)
    return fail


async def test_a_delivery_runs_in_the_daemon_all_the_same(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, unreadable: Fail
) -> None:
    async with world(tmp_path, Settings(worker_count=0)) as w:
        accepted = await w.queue.deliver(delivery("/m/a.mkv"))
        unreadable(1)
        w.workers._direct_wanted.set()
        await trio.sleep(60)
        assert (await w.queue.job(accepted.jobs[0])).status is Status.COMPLETED


async def test_what_a_poisoned_job_left_is_cleared_all_the_same(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, unreadable: Fail
) -> None:
    path = tmp_path / "0.db"
    for life in (1, 2):
        async with inline_queue(path) as queue:
            if life == 1:
                await queue.deliver(delivery("/m/a.mkv"))
            await claim_started(queue)
            path = snapshot(path, tmp_path / f"{life}.db")
    async with inline_queue(path) as queue:
        engine = FakeEngine()
        unreadable(3)
        await run_for_a_minute(queue, engine)
    assert engine.cleared == [b"/m/a.mkv"]


async def test_an_open_edit_is_settled_all_the_same(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, unreadable: Fail
) -> None:
    path = tmp_path / "0.db"
    async with inline_queue(path) as queue:
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        claim = await claim_started(queue)
        await queue.planned(claim, plan_for(claim.path))
        path = snapshot(path, tmp_path / "1.db")
    async with inline_queue(path) as queue:
        engine = FakeEngine()
        engine.recoveries[b"/m/a.mkv"] = lambda: Recovery("completed", "settled", 7)
        unreadable(3)
        await run_for_a_minute(queue, engine)
        assert (await queue.job(job)).status is Status.COMPLETED


async def run_for_a_minute(queue: Queue, engine: FakeEngine) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(Workers(queue, engine).run)
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
