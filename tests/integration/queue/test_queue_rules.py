"""Single rules of the queue under a virtual clock, where the state machine is too coarse."""

from __future__ import annotations

import os
from pathlib import Path

import apsw
import pytest
import trio
import trio.testing
from queue_kit import DONE, claim_started, delivery, inline_queue, next_claim, run_next

from arrtheaudio.errors import JournalUnavailable, QueueFull, WorkersOff
from arrtheaudio.jobs.models import NewBatch, NewDelivery, NewJob, Priority, Status
from arrtheaudio.jobs.queue import Settings, identify_file
from arrtheaudio.media import Outcome


async def test_a_job_keeps_all_it_was_asked_over_a_restart(path: Path, autojump_clock) -> None:
    new = NewJob(
        path=b"/m/caf\xe9 \xff.mkv",
        requested_path="/tv/x.mkv",
        title="Title",
        original_language="ja",
        series_type="anime",
        tags=("dub", "4k"),
        language_priority=("jpn", "eng"),
        expected_size=12345,
        dry_run=True,
    )
    sent = NewDelivery("radarr", "Download", (new,), instance="4k", title="Film")
    async with inline_queue(path) as queue:
        accepted = await queue.deliver(sent)
    async with inline_queue(path) as queue:
        claim = await next_claim(queue)
        assert claim is not None
        assert claim.request == new
        job = await queue.job(claim.job)
        assert (job.source, job.priority) == ("radarr", Priority.HIGH)
        assert (job.path, job.title, job.tags) == (new.path, "Title", ("dub", "4k"))
        assert (job.instance, job.webhook) == ("4k", accepted.webhook)


async def test_a_batchs_job_has_its_batchs_wishes(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(
            NewBatch(b"/m", dry_run=True, priority=Priority.LOW, language_priority=("jpn",))
        )
        await queue.batch_discovered(batch, [b"/m/a.mkv"], last=b"/m/a.mkv", complete=True)
        claim = await next_claim(queue)
        assert claim is not None
        assert claim.batch == batch
        assert (await queue.job(claim.job)).priority is Priority.LOW
        assert (claim.request.dry_run, claim.request.language_priority) == (True, ("jpn",))


async def test_heavy_jobs_wait_in_their_own_lane(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        film, episode = (await queue.deliver(delivery("/m/film.mp4", "/m/episode.mkv"))).jobs
        claim = await next_claim(queue, heavy=False)
        assert claim is not None
        assert claim.job == episode, "the older heavy job blocks nobody"
        queue.started(claim, 1)
        await queue.deferred(claim, "heavy", heavy=True)
        assert await next_claim(queue, heavy=False) is None
        first = await next_claim(queue, light=False)
        second = await next_claim(queue, light=False)
        assert first is not None
        assert second is not None
        assert (first.job, second.job, second.attempt) == (film, episode, 1)


async def test_links_to_one_file_are_one_file(tmp_path: Path, autojump_clock) -> None:
    real = tmp_path / "a.mkv"
    real.write_bytes(b"x")
    (tmp_path / "soft.mkv").symlink_to(real)
    os.link(real, tmp_path / "hard.mkv")
    names = [str(tmp_path / name) for name in ("a.mkv", "soft.mkv", "hard.mkv", "other.mkv")]
    async with inline_queue(tmp_path / "jobs.db", identify=identify_file) as queue:
        jobs = (await queue.deliver(delivery(*names))).jobs
        first, other = await next_claim(queue), await next_claim(queue)
        assert first is not None
        assert other is not None
        assert (first.job, other.job) == (jobs[0], jobs[3])
        assert await next_claim(queue) is None
        queue.started(first, 1)
        await queue.completed(first, DONE)
        following = await next_claim(queue)
        assert following is not None
        assert following.job == jobs[1]


async def test_direct_deliveries_run_beside_the_lanes_and_survive(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        (waiting,) = (await queue.deliver(delivery("/m/before.mkv"))).jobs
    async with inline_queue(path, worker_count=0) as queue:
        accepted = await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))
        assert queue.direct_jobs() == accepted.jobs
        for refused in (
            queue.submit([NewJob(b"/m/c.mkv")]),
            queue.start_batch(NewBatch(b"/m")),
            queue.retry(waiting),
        ):
            with pytest.raises(WorkersOff):
                await refused
        claim = await queue.claim_direct(accepted.jobs[0])
        assert claim is not None
        assert (claim.direct, claim.max_attempts) == (True, 1)
        queue.started(claim, 1)
        await queue.completed(claim, DONE)
        assert await queue.claim_direct(accepted.jobs[0]) is None
        assert await next_claim(queue) is None, "what was queued stays untouched"
    async with inline_queue(path, worker_count=0) as queue:
        assert queue.direct_jobs() == accepted.jobs[1:]
        queue.configure(Settings(worker_count=2))
        first, second = await next_claim(queue), await next_claim(queue)
        assert first is not None
        assert second is not None
        assert [first.job, second.job] == [waiting, accepted.jobs[1]]


async def test_workers_off_and_on_again_list_a_direct_job_once(path: Path, autojump_clock) -> None:
    async with inline_queue(path, worker_count=0) as queue:
        accepted = await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))
        for count in (2, 0, 2):
            queue.configure(Settings(worker_count=count))
        assert tuple(job.seq for job in queue.state().next) == accepted.jobs


async def test_a_delivery_larger_than_the_limit_is_admitted_whole(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path, max_queue_size=2) as queue:
        await queue.deliver(delivery(*(f"/m/{number}.mkv" for number in range(9))))
        with pytest.raises(QueueFull):
            await queue.deliver(delivery("/m/x.mkv"))
        refused = NewJob(b"/etc/x", refused=("outside_media_roots", "no"))
        await queue.deliver(NewDelivery("sonarr", "Download", (refused,)))
        assert queue.state().used == 9


async def test_concurrent_requests_cannot_overbook(path: Path, autojump_clock) -> None:
    taken = []

    async def ask(number: int) -> None:
        try:
            taken.append(await queue.deliver(delivery(f"/m/{number}.mkv")))
        except QueueFull:
            return

    async with inline_queue(path, max_queue_size=3, latency=lambda: 1.0) as queue:
        async with trio.open_nursery() as nursery:
            for number in range(10):
                nursery.start_soon(ask, number)
        assert len(taken) == queue.state().used == 3


async def test_a_job_that_is_being_cancelled_is_nobodys_to_run(path: Path, autojump_clock) -> None:
    async with inline_queue(path, latency=lambda: 1.0) as queue:
        (job,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        await queue.work_changed()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.cancel, job)
            await trio.sleep(0.1)
            assert queue.claim(light=True, heavy=True) is None
        assert (await queue.job(job)).status is Status.CANCELLED


async def test_all_who_cancel_a_running_job_hear_of_its_end(path: Path, autojump_clock) -> None:
    heard = []

    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)

        async def cancel() -> None:
            heard.append((await queue.cancel(claim.job)).status)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(cancel)
            await trio.testing.wait_all_tasks_blocked()
            assert heard == []
            await queue.cancelled(claim)
        await claim.wait_ended()  # nothing to wait for any more
    assert heard == [Status.CANCELLED] * 3


async def test_what_a_run_reports_behind_a_failure_of_the_journal_does_not_count(
    path: Path, autojump_clock
) -> None:
    broken = False

    def fault(moment: str) -> None:
        nonlocal broken
        if broken:
            broken = False
            raise apsw.IOError("disk I/O error")

    async with inline_queue(path, fault=fault) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        broken = True
        with pytest.raises(JournalUnavailable):
            await queue.pause()
        while not queue.health().writable:  # noqa: ASYNC110
            await trio.sleep(1)
        with pytest.raises(JournalUnavailable):
            await queue.completed(claim, DONE)
        queue.release(claim)
        await queue.wait_beyond(queue.head)
        again = await claim_started(queue)
        assert (again.job, again.attempt) == (claim.job, 1), "the attempt was given back"


async def test_what_takes_no_place_keeps_nobody_out_while_it_is_committed(
    path: Path, autojump_clock
) -> None:
    refused = NewJob(b"/etc/x", refused=("outside_media_roots", "no"))
    async with inline_queue(path, max_queue_size=1, latency=lambda: 1.0) as queue:
        (changed,) = (await queue.deliver(delivery("/m/a.mkv"))).jobs
        await run_next(queue)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(queue.deliver, NewDelivery("sonarr", "Download", (refused,)))
            nursery.start_soon(queue.undo, changed)
            await trio.sleep(0.1)
            await queue.deliver(delivery("/m/b.mkv"))
        assert queue.state().used == 1


async def test_the_last_edits_mtime_comes_with_the_next_claim(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        await run_next(queue, Outcome("success", None, "", True, "in_place", mtime_ns=77))
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await next_claim(queue)
        assert claim is not None
        assert claim.own_mtime_ns == 77
