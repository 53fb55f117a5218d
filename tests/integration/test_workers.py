"""Workers on a virtual clock: limits, slots, and waiting for space."""

from __future__ import annotations

from pathlib import Path

import trio
import trio.testing
from workers_kit import BeforeWrite, FakeEngine, edit, forever, raising, taking, world

from arrtheaudio.errors import CorruptFile, NeedsHeavyLane, NoSpace
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import Status
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.media import Outcome


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
        jobs = await w.submit_endless(3)
        running = [await w.until(job, Status.RUNNING) for job in jobs]
        assert sorted(job.worker_id or 0 for job in running) == [1, 2, 3]
        await w.queue.cancel(jobs[1])
        (late,) = await w.submit(b"/m/late.mkv")
        assert (await w.ended(late)).worker_id == running[1].worker_id


async def test_limits_change_while_jobs_run(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with world(tmp_path, Settings(worker_count=1)) as w:
        jobs = await w.submit_endless(6)
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
