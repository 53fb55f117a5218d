"""With worker_count 0, deliveries run in the daemon, one job after another."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from workers_kit import BeforeWrite, forever, plan_of, raising, taking, world

from arrtheaudio.errors import FileBusy, FileNotFound, HalfEdited, IoFailed, NoSpace, WorkersOff
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import NewDelivery, NewJob, Status
from arrtheaudio.jobs.scouting import Scouts
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.media import Outcome, Recovery


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


@pytest.mark.parametrize("held_by", ["pause", "stopping"])
async def test_a_pause_or_stop_during_the_look_at_the_file_holds(
    tmp_path: Path,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    held_by: str,
) -> None:
    look = Scouts.look

    async def slowly(self: Scouts, *of: Any) -> Any:
        found = await look(self, *of)
        await trio.sleep(3)  # the share
        return found

    monkeypatch.setattr(Scouts, "look", slowly)
    async with world(tmp_path, Settings(worker_count=0)) as w:
        accepted = await w.queue.deliver(delivery(b"/m/1.mkv"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(w.workers.run_here, accepted)
            await trio.sleep(1)
            await getattr(w.queue, held_by)()
            await trio.sleep(60)
            nursery.cancel_scope.cancel()
        assert w.engine.order == []


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


async def test_a_delivery_whose_file_is_held_keeps_no_other_delivery_waiting(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    away = [IoFailed(), IoFailed(), IoFailed(), IoFailed(), IoFailed()]

    async def half(claim: Claim, before_write: BeforeWrite) -> Outcome:
        await before_write(plan_of(claim.path))
        raise HalfEdited("the share went away")

    def recover() -> Recovery:
        if away:
            raise away.pop()
        return Recovery("completed", "", 7)

    async with world(tmp_path, Settings(worker_count=0)) as w:
        w.engine.files[b"/m/a.mkv"] = half
        w.engine.recoveries[b"/m/a.mkv"] = recover
        (first,) = (await w.queue.deliver(delivery(b"/m/a.mkv"))).jobs
        await trio.sleep(10)
        w.engine.files[b"/m/a.mkv"] = taking(1.0)
        (held,) = (await w.queue.deliver(delivery(b"/m/a.mkv"))).jobs
        (other,) = (await w.queue.deliver(delivery(b"/m/b.mkv"))).jobs
        assert (await w.ended(other)).result == "success"
        assert (await w.queue.job(held)).status is Status.QUEUED
        for job in (first, held):
            assert (await w.ended(job)).result == "success"


async def test_what_went_to_the_lanes_is_not_run_in_the_daemon_as_well(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    paths = [b"/m/%d.mp4" % number for number in range(4)]
    async with world(tmp_path, Settings(worker_count=0)) as w:
        w.engine.files = dict.fromkeys(paths, taking(10.0))
        accepted = await w.queue.deliver(delivery(*paths))
        await trio.sleep(1)
        w.queue.configure(Settings(worker_count=2, max_mp4_concurrent=1))
        w.workers.configure()
        await w.ended(accepted.jobs[0])
        await trio.sleep(1)  # behind the one that ran when the settings changed
        w.engine.most_heavy = 0
        for job in accepted.jobs:
            assert (await w.ended(job)).result == "success"
        assert w.engine.most_heavy == 1
