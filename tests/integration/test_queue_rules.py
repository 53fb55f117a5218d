"""Single rules of the queue under a virtual clock, where the state machine is too coarse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from queue_kit import (
    DONE,
    EPOCH,
    claim_started,
    delivery,
    inline_queue,
    next_claim,
    plan_for,
    run_next,
    snapshot,
)

from arrtheaudio.errors import (
    AlreadyEnded,
    NotEnded,
    NothingToUndo,
    QueueFull,
    UnknownId,
    WorkersOff,
)
from arrtheaudio.jobs.models import (
    BatchStatus,
    JobFilter,
    NewBatch,
    NewDelivery,
    NewJob,
    Priority,
    Status,
)
from arrtheaudio.jobs.queue import Settings, identify_file
from arrtheaudio.media import Outcome


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


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
        assert (claim.source, claim.instance, claim.webhook) == ("radarr", "4k", accepted.webhook)
        assert claim.priority is Priority.HIGH
        job = await queue.job(claim.job)
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
        assert (claim.batch, claim.priority) == (batch, Priority.LOW)
        assert (claim.request.dry_run, claim.request.language_priority) == (True, ("jpn",))


async def test_a_delay_does_not_follow_a_jumping_wall_clock(path: Path, autojump_clock) -> None:
    jump = 0.0

    def now() -> float:
        return EPOCH + trio.current_time() + jump

    async with inline_queue(path, now=now) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        await queue.retrying(claim, "io_error", "bad", 60)
        jump = 365 * 86_400.0
        await trio.sleep(59)
        assert await next_claim(queue) is None
        await trio.sleep(1.1)
        claim = await claim_started(queue)
        await queue.retrying(claim, "io_error", "bad", 60)
        jump = 0.0  # a year back while the daemon is down
    async with inline_queue(path, now=now) as queue:
        await trio.sleep(61)
        assert await next_claim(queue) is not None, "never longer than the whole delay"


async def test_the_rest_of_a_delay_is_waited_for_behind_a_restart(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        await queue.retrying(claim, "io_error", "bad", 60)
        await trio.sleep(20)
    async with inline_queue(path) as queue:
        await trio.sleep(39)
        assert await next_claim(queue) is None
        await trio.sleep(2)
        assert await next_claim(queue) is not None


async def test_work_changed_wakes_when_a_delay_is_over(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await claim_started(queue)
        begin = trio.current_time()
        await queue.retrying(claim, "io_error", "bad", 60)
        queue.release(claim)
        while queue.claim(light=True, heavy=True) is None:
            await queue.work_changed()
        assert trio.current_time() - begin == pytest.approx(60, abs=0.5)


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


async def test_a_kill_behind_a_clean_stop_is_no_crash(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    for life in range(4):
        async with inline_queue(path) as queue:
            if not life:
                await queue.deliver(delivery("/m/a.mkv"))
            claim = await claim_started(queue)
            assert claim.attempt == 1, "the attempt was given back"
            await queue.stopping()
            assert await next_claim(queue) is None
            path = snapshot(path, tmp_path / f"{life}.db")


async def test_two_crashes_in_a_row_poison_a_job(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    for life in range(2):
        async with inline_queue(path, retry_attempts=5) as queue:
            if not life:
                await queue.deliver(delivery("/m/a.mkv"))
            claim = await claim_started(queue)
            assert claim.attempt == life + 1
            path = snapshot(path, tmp_path / f"{life}.db")
    async with inline_queue(path) as queue:
        job = await queue.job(claim.job)
        assert (job.status, job.reason) == (Status.FAILED, "poisoned")


async def test_a_crash_between_two_ordinary_failures_poisons_nothing(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    for life in range(2):
        async with inline_queue(path, retry_attempts=9) as queue:
            if not life:
                await queue.deliver(delivery("/m/a.mkv"))
            claim = await claim_started(queue)
            await queue.retrying(claim, "io_error", "bad", 0)
            queue.release(claim)
            claim = await claim_started(queue)
            path = snapshot(path, tmp_path / f"{life}.db")
    async with inline_queue(path, retry_attempts=9) as queue:
        assert (await queue.job(claim.job)).status is Status.QUEUED


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


async def test_undo_is_offered_once_and_only_for_changes(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        changed, same, waiting = (
            await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv", "/m/c.mkv"))
        ).jobs
        await run_next(queue)
        await run_next(queue, Outcome("skipped", "already_correct", "Nothing to do"))
        with pytest.raises(NothingToUndo):
            await queue.undo(same)
        with pytest.raises(NotEnded):
            await queue.undo(waiting)
        undo = await queue.undo(changed)
        with pytest.raises(NothingToUndo):
            await queue.undo(changed)
        await queue.cancel(waiting)
        claim = await claim_started(queue)
        assert (claim.job, claim.kind, claim.undo_plan) == (undo, "undo", plan_for(b"/m/a.mkv"))
        await queue.planned(claim, plan_for(claim.path))
        await queue.completed(claim, DONE)
        job = await queue.job(changed)
        assert job.undone
        assert job.events[-1].type == "job.undone"
        with pytest.raises(NothingToUndo):
            await queue.undo(changed)
        with pytest.raises(NothingToUndo):
            await queue.undo(undo)


async def test_a_whole_batch_is_undone_by_one_request(path: Path, autojump_clock) -> None:
    async with inline_queue(path, max_queue_size=2) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        files = [f"/m/{number}.mkv".encode() for number in range(5)]
        await queue.batch_discovered(batch, files, last=files[-1], complete=True)
        with pytest.raises(NotEnded):
            await queue.undo_batch(batch)
        for _ in range(3):
            await run_next(queue)
        await run_next(queue, Outcome("success", None, "remuxed", True, "remux"))
        await run_next(queue, Outcome("skipped", "already_correct", ""))
        while queue.live_batches():
            await queue.wait_beyond(queue.head)
        assert await queue.undo_batch(batch) == 3
        assert queue.state().used == 0, "undo jobs take no places"
        assert [await run_next(queue) for _ in range(3)]
        with pytest.raises(NothingToUndo):
            await queue.undo_batch(batch)


async def test_the_last_edits_mtime_comes_with_the_next_claim(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        await run_next(queue, Outcome("success", None, "", True, "in_place", mtime_ns=77))
        await queue.deliver(delivery("/m/a.mkv"))
        claim = await next_claim(queue)
        assert claim is not None
        assert claim.own_mtime_ns == 77


async def test_an_eta_needs_a_rate_and_a_known_end(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        files = [f"/m/{number}.mkv".encode() for number in range(10)]
        await queue.batch_discovered(batch, files, last=files[-1], complete=False)

        async def eta() -> int | None:
            return (await queue.batch(batch)).progress.eta_seconds

        assert await eta() is None
        for _ in range(4):
            await run_next(queue)
            await trio.sleep(10)
        assert await eta() is None, "nobody knows how much is left"
        await queue.batch_discovered(batch, [], last=files[-1], complete=True)
        assert await eta() == pytest.approx(80, abs=2)
        (shown,) = queue.live_batches()
        assert shown.status is BatchStatus.RUNNING
        assert shown.progress.processed == 4


async def test_an_empty_batch_completes_at_once(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        await queue.batch_discovered(batch, [], last=None, complete=True)
        await queue.wait_discovered(batch)
        while queue.live_batches():
            await queue.wait_beyond(queue.head)
        shown = await queue.batch(batch)
        assert (shown.status, shown.progress.eta_seconds) == (BatchStatus.COMPLETED, 0)


async def test_a_batch_whose_folder_is_unreadable_fails(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        await queue.batch_failed(batch, "permission denied")
        shown = await queue.batch(batch)
        assert (shown.status, shown.error) == (BatchStatus.FAILED, "permission denied")
        with pytest.raises(AlreadyEnded):
            await queue.cancel_batch(batch)


async def test_discovery_goes_on_behind_the_last_journalled_path(
    path: Path, tmp_path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        assert (await queue.next_discovery()).last is None
        await queue.batch_discovered(batch, [b"/m/b.mkv"], last=b"/m/c\xff", complete=False)
        path = snapshot(path, tmp_path / "copy.db")
    async with inline_queue(path) as queue:
        discovery = await queue.next_discovery()
        assert (discovery.last, discovery.total_files) == (b"/m/c\xff", 1)
        await queue.cancel_batch(batch)
        assert discovery.scope.cancel_called
        assert not await queue.batch_discovered(batch, [b"/m/d.mkv"], last=b"d", complete=False)


async def test_cleaned_up_ids_are_unknown_and_their_numbers_are_a_gap(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        accepted = await queue.deliver(delivery("/m/a.mkv"))
        await run_next(queue)
        kept = (await queue.deliver(delivery("/m/b.mkv"))).jobs[0]
        await trio.sleep(10)
        assert await queue.cleanup(older_than_days=0, statuses=[Status.COMPLETED]) == 1
        with pytest.raises(UnknownId):
            await queue.job(accepted.jobs[0])
        with pytest.raises(UnknownId):
            await queue.delivery(accepted.webhook or 0)
        assert (await queue.jobs(JobFilter())).total == 1
        stats = await queue.stats()
        assert (stats.kept[Status.COMPLETED], stats.lifetime_jobs) == (0, 2)
        queue._feed.reset(queue.head)
        chunk = await queue.events(0)
        assert chunk.gap == (accepted.webhook, accepted.jobs[0] + 3)
        assert [event.body["job"] for event in chunk.events if "job" in event.body] == [kept]
        assert (await queue.events(chunk.next_since)).gap is None
        beyond = await queue.events(queue.head + 100)
        assert beyond.gap == (queue.head + 100, queue.head)


async def test_retention_follows_the_configured_days(path: Path, autojump_clock) -> None:
    async with inline_queue(path, job_history_days=2, failed_job_days=5) as queue:
        good, bad = (await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))).jobs
        await run_next(queue)
        claim = await claim_started(queue)
        await queue.failed(claim, "corrupt", "bad")
        kept = []
        for _ in range(7):
            await trio.sleep(86_400)
            kept.append([job.seq for job in (await queue.jobs(JobFilter(order="asc"))).jobs])
        assert kept[0] == [good, bad]
        assert kept[3] == [bad]
        assert kept[6] == []
