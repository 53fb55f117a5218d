"""Work without a daemon: what is left behind when it is interrupted, or breaks off half-way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
import trio.testing
from queue_kit import inline_queue
from workers_kit import BeforeWrite, FakeEngine, like_a_program, plan_of

from arrtheaudio.cli.local import Local
from arrtheaudio.errors import HalfEdited, IoFailed
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import Job, NewJob, Status
from arrtheaudio.media import Outcome, Recovery

FILM = b"/m/film.mp4"


async def half(claim: Claim, before_write: BeforeWrite) -> Outcome:
    await before_write(plan_of(claim.path))
    raise HalfEdited("cannot put the old bytes back")


@asynccontextmanager
async def local(folder: Path, engine: FakeEngine) -> AsyncIterator[Local]:
    async with (
        inline_queue(folder / "jobs.db", worker_count=0) as queue,
        trio.open_nursery() as settling,
    ):
        yield Local(queue, engine, settling)  # type: ignore[arg-type]
        settling.cancel_scope.cancel()


async def test_an_interrupted_program_leaves_nothing_for_a_later_daemon(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with local(tmp_path, FakeEngine(files={FILM: like_a_program})) as work:
        with trio.move_on_after(5):
            await work.process([NewJob(FILM), NewJob(b"/m/b.mkv")], parallel=1, ended=print)
        assert trio.current_time() < 6
        assert work.queue.direct_jobs() == ()
        state = work.queue.state()
        assert (state.queued, state.running) == (0, 0)


async def test_an_edit_that_broke_off_is_settled_at_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, capsys
) -> None:
    engine = FakeEngine(files={FILM: half})
    engine.recoveries[FILM] = lambda: Recovery("completed", "settled", 7)
    told: list[Job] = []
    async with local(tmp_path, engine) as work:
        await work.process([NewJob(FILM)], parallel=1, ended=told.append)
    assert [job.result for job in told] == ["success"]
    assert [(job.batch, job.webhook, job.source) for job in told] == [(None, None, "manual")]
    assert capsys.readouterr().err == ""


async def test_an_edit_that_cannot_be_settled_ends_the_command_and_stays_for_the_next_start(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, capsys
) -> None:
    def away() -> Recovery:
        raise IoFailed("the share went away")

    engine = FakeEngine(files={FILM: half}, recoveries={FILM: away})
    told: list[Job] = []
    async with local(tmp_path, engine) as work:
        await work.process([NewJob(FILM), NewJob(b"/m/b.mkv")], parallel=1, ended=told.append)
        assert trio.current_time() < 60
        assert [job.status for job in told] == [Status.RUNNING, Status.COMPLETED]
        (job,) = work.queue.direct_jobs()
        assert job == told[0].seq
    assert "/m/film.mp4: an interrupted edit" in capsys.readouterr().err
    async with inline_queue(tmp_path / "jobs.db", worker_count=0) as queue:
        assert [claim.job for claim, _ in await queue.take_open_plans()] == [job]
