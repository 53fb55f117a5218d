"""media.hardlinks: wait: the file is looked at hourly, and queued when the other link is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio
import trio.testing
from workers_kit import BeforeWrite, plan_of

from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.drive import InlineDrive
from arrtheaudio.jobs.links import LOOK_SECONDS, PAGE, WATCHED_DAYS, LinkWatch
from arrtheaudio.jobs.models import JobFilter, NewJob
from arrtheaudio.jobs.queue import Queue, open_queue
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.workers import Workers
from arrtheaudio.media import Outcome, Plan, Recovery

EPOCH = 1_800_000_000.0
DAY = 86_400
RIGHT = Outcome("skipped", "already_correct", "")


@attrs.define
class LinkedFiles:
    """An engine whose files are skipped while they have several links."""

    links_of: dict[bytes, int] = attrs.field(factory=dict)
    looks: int = 0
    end: Outcome = RIGHT

    async def process(self, claim: Claim, *, heavy: bool, before_write: BeforeWrite) -> Outcome:
        await trio.sleep(0.001)
        if self.links_of.get(claim.path, 1) > 1:
            return Outcome("skipped", "hardlinked", "it has 2 hard links")
        if self.end.track_changed:
            await before_write(plan_of(claim.path))
        return self.end

    async def links(self, path: bytes) -> int:
        self.looks += 1
        if path not in self.links_of:
            raise FileNotFoundError(path)
        return self.links_of[path]

    async def clear_leftovers(self, path: bytes) -> None:
        raise AssertionError

    async def free_space(self, path: bytes) -> int:
        return 0

    async def recover(self, plan: Plan) -> Recovery:
        raise AssertionError


@asynccontextmanager
async def watching(
    folder: Path, files: LinkedFiles, *, wanted: bool = True, settings: Settings | None = None
) -> AsyncIterator[Queue]:
    def now() -> float:
        return EPOCH + trio.current_time()

    async with (
        open_queue(
            folder / "jobs.db",
            settings or Settings(max_queue_size=10_000),
            now=now,
            identify=lambda path: path,
            drive=lambda opener: InlineDrive(opener),
        ) as queue,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(Workers(queue, files).run)
        nursery.start_soon(LinkWatch(queue, files, lambda: wanted, now=now).run)
        yield queue
        nursery.cancel_scope.cancel()


async def reasons(queue: Queue) -> list[str | None]:
    """Of all jobs, oldest first."""
    page = await queue.jobs(JobFilter(order="asc", limit=1000))
    return [job.reason for job in page.jobs]


async def test_a_job_is_queued_within_the_hour_after_the_link_is_gone_and_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    files = LinkedFiles({b"/m/a.mkv": 2})
    async with watching(tmp_path, files) as queue:
        await queue.submit(
            [NewJob(b"/m/a.mkv", original_language="ja", tags=("dub",), language_priority=("eng",))]
        )
        await trio.sleep(5 * LOOK_SECONDS)
        assert await reasons(queue) == ["hardlinked"]
        files.links_of[b"/m/a.mkv"] = 1
        await trio.sleep(LOOK_SECONDS + 60)
        assert await reasons(queue) == ["hardlinked", "already_correct"]
        (again,) = (await queue.jobs(JobFilter(limit=1))).jobs
        assert (again.original_language, again.tags) == ("ja", ("dub",))
        assert again.language_priority == ("eng",)
        await trio.sleep(50 * LOOK_SECONDS)
        assert len(await reasons(queue)) == 2


async def test_it_is_remembered_over_a_restart_among_many_others(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    files = LinkedFiles({b"/m/a.mkv": 2})
    async with watching(tmp_path, files) as queue:
        await queue.submit([NewJob(b"/m/a.mkv")])
        await queue.submit([NewJob(b"/m/%d.mkv" % n) for n in range(PAGE + 50)])
        await trio.sleep(60)
    files.links_of[b"/m/a.mkv"] = 1
    async with watching(tmp_path, files) as queue:
        await trio.sleep(60)
        found = await queue.jobs(JobFilter(path=b"/m/a.mkv"))
        assert [job.reason for job in found.jobs] == ["already_correct", "hardlinked"]


async def test_after_30_days_and_for_a_file_that_is_gone_nobody_looks_any_more(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    files = LinkedFiles({b"/m/a.mkv": 2, b"/m/b.mkv": 2})
    settings = Settings(job_history_days=100)
    async with watching(tmp_path, files, settings=settings) as queue:
        await queue.submit([NewJob(b"/m/a.mkv"), NewJob(b"/m/b.mkv")])
        await trio.sleep(2 * LOOK_SECONDS)
        del files.links_of[b"/m/b.mkv"]
        await trio.sleep((WATCHED_DAYS + 1) * DAY)
        looks = files.looks
        await trio.sleep(10 * LOOK_SECONDS)
        assert files.looks == looks
        assert await reasons(queue) == ["hardlinked", "hardlinked"]


async def test_a_newer_job_of_the_file_counts(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    files = LinkedFiles({b"/m/a.mkv": 2})
    async with watching(tmp_path, files) as queue:
        await queue.submit([NewJob(b"/m/a.mkv")])
        await trio.sleep(LOOK_SECONDS + 60)
        files.links_of[b"/m/a.mkv"] = 1
        await queue.submit([NewJob(b"/m/a.mkv")])  # somebody asked before the hour was over
        await trio.sleep(10 * LOOK_SECONDS)
        assert await reasons(queue) == ["hardlinked", "already_correct"]


async def test_where_it_is_not_configured_nobody_looks(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    files = LinkedFiles({b"/m/a.mkv": 2})
    async with watching(tmp_path, files, wanted=False) as queue:
        await queue.submit([NewJob(b"/m/a.mkv")])
        await trio.sleep(10 * LOOK_SECONDS)
    assert files.looks == 0


async def test_a_file_that_waits_already_is_not_queued_again_by_a_restart(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    files = LinkedFiles({b"/m/a.mkv": 2})
    async with watching(tmp_path, files) as queue:
        await queue.submit([NewJob(b"/m/a.mkv")])
        await trio.sleep(60)
        await queue.pause()
    files.links_of[b"/m/a.mkv"] = 1
    for _ in range(3):
        async with watching(tmp_path, files) as queue:
            await trio.sleep(2 * LOOK_SECONDS)
            assert queue.state().queued == 1


async def test_a_file_that_was_handled_since_is_not_queued_again_by_a_restart(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    files = LinkedFiles({b"/m/a.mkv": 2})
    async with watching(tmp_path, files, wanted=False) as queue:
        await queue.submit([NewJob(b"/m/a.mkv")])
        await trio.sleep(60)
        files.links_of[b"/m/a.mkv"] = 1
        files.end = Outcome("success", None, "Set default audio track", track_changed=True)
        await queue.submit([NewJob(b"/m/a.mkv")])
        await trio.sleep(60)
    async with watching(tmp_path, files) as queue:
        await trio.sleep(2 * LOOK_SECONDS)
        assert await reasons(queue) == ["hardlinked", None]


async def test_an_undo_that_was_skipped_for_its_links_becomes_no_other_job(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    files = LinkedFiles({b"/m/a.mkv": 1})
    files.end = Outcome("success", None, "Set default audio track", True, "in_place")
    async with watching(tmp_path, files) as queue:
        (job,) = (await queue.submit([NewJob(b"/m/a.mkv")])).jobs
        await trio.sleep(60)
        files.links_of[b"/m/a.mkv"] = 2
        await queue.undo(job)
        await trio.sleep(2 * LOOK_SECONDS)
        files.links_of[b"/m/a.mkv"] = 1
        await trio.sleep(2 * LOOK_SECONDS)
        assert await reasons(queue) == [None, "hardlinked"]
