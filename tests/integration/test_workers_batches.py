"""Batches side by side, found and worked on at the same time, on a virtual clock."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing
from workers_kit import FakeEngine, World, raising, taking, world

from arrtheaudio.errors import CorruptFile
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.discovery import Chunks
from arrtheaudio.jobs.models import Batch, BatchStatus, NewBatch, NewDelivery, NewJob, Priority
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.walk import Chunk

FILES = 60
CHUNK = 7
SETTINGS = Settings(worker_count=3, max_mp4_concurrent=2)


@attrs.define
class SlowWalk:
    """A folder's files, a few at a time; every other is an MP4."""

    folder: bytes
    found: int = 0

    async def next(self) -> Chunk:
        await trio.sleep(0.3)
        numbers = range(self.found, min(self.found + CHUNK, FILES))
        self.found = numbers.stop
        files = tuple(
            b"%s/%02d.%s" % (self.folder, n, b"mp4" if n % 2 == 0 else b"mkv") for n in numbers
        )
        return Chunk(files, (), complete=self.found == FILES)


class Walker:
    """Every folder is walked slowly."""

    def begin(self, batch: NewBatch, *, after: bytes | None, now: float) -> Chunks:
        return SlowWalk(batch.path)


@attrs.define
class TimedEngine(FakeEngine):
    """Every file takes a while, an MP4 four times as long."""

    async def process(self, claim, *, heavy, before_write):  # type: ignore[no-untyped-def]
        self.files.setdefault(claim.path, taking(0.4 if heavy else 0.1))
        return await super().process(claim, heavy=heavy, before_write=before_write)


async def ended(w: World, batch: int) -> Batch:
    while (found := await w.queue.batch(batch)).completed_at is None:
        p = found.progress
        assert p.total_files == p.processed + p.cancelled + p.running + p.queued
        await w.queue.wait_beyond(w.queue.head)
    return found


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> list[Claim]:
    """What was dispatched, in order. (Tasks that begin together run in any order.)"""
    claims: list[Claim] = []
    claim = Queue.claim

    def remembered(self: Queue, *, light: bool, heavy: bool) -> Claim | None:
        found = claim(self, light=light, heavy=heavy)
        if found is not None:
            claims.append(found)
        return found

    monkeypatch.setattr(Queue, "claim", remembered)
    return claims


async def test_two_batches_run_first_in_first_out_over_both_and_within_the_limits(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, claimed: list[Claim]
) -> None:
    async with world(tmp_path, SETTINGS, TimedEngine(), Walker()) as w:
        w.engine.files[b"/a/01.mkv"] = raising(CorruptFile())
        batches = [await w.queue.start_batch(NewBatch(path)) for path in (b"/a", b"/b")]
        a, b = [await ended(w, batch) for batch in batches]
    for heavy in (False, True):
        jobs = [claim.job for claim in claimed if claim.heavy is heavy]
        assert jobs == sorted(jobs)
    folders = [claim.path[:2] for claim in claimed]
    assert folders != sorted(folders), "their chunks came in turn, and so did their jobs"
    assert (w.engine.most, w.engine.most_heavy) == (3, 2)
    assert Counter(w.engine.order).most_common(1)[0][1] == 1
    assert (a.progress.success, a.progress.failed, a.progress.total_files) == (59, 1, FILES)
    assert (b.progress.success, b.progress.failed, b.progress.total_files) == (FILES, 0, FILES)
    assert a.status is b.status is BatchStatus.COMPLETED


async def test_a_batch_that_asks_for_low_priority_gives_way_to_another_and_both_to_webhooks(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, claimed: list[Claim]
) -> None:
    async with world(tmp_path, SETTINGS, TimedEngine(), Walker()) as w:
        await w.queue.pause()
        low = await w.queue.start_batch(NewBatch(b"/low", priority=Priority.LOW))
        normal = await w.queue.start_batch(NewBatch(b"/normal"))
        await trio.sleep(60)  # all is found
        await w.queue.deliver(NewDelivery("radarr", "Download", (NewJob(b"/new/00.mkv"),)))
        await w.queue.resume()
        for batch in (low, normal):
            await ended(w, batch)
    for heavy in (False, True):
        folders = [claim.path.split(b"/")[1] for claim in claimed if claim.heavy is heavy]
        assert folders == sorted(folders, key=[b"new", b"normal", b"low"].index)


@pytest.mark.parametrize("force", [False, True])
async def test_cancelling_one_batch_under_load_touches_no_total_and_no_run_of_the_other(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, force: bool
) -> None:
    async with world(tmp_path, SETTINGS, TimedEngine(), Walker()) as w:
        a, b = [await w.queue.start_batch(NewBatch(path)) for path in (b"/a", b"/b")]
        await trio.sleep(1)
        while len({path[:2] for path in w.workers.running}) < 2:
            await w.queue.wait_beyond(w.queue.head)
        running = w.workers.running
        await w.queue.cancel_batch(a, force=force)
        cancelled, other = await ended(w, a), await ended(w, b)
    totals = cancelled.progress
    assert cancelled.status is BatchStatus.CANCELLED
    assert 0 < totals.cancelled < totals.total_files < FILES
    assert totals.total_files == totals.success + totals.cancelled
    assert totals.success == len({path for path in w.engine.order if path[:2] == b"/a"}) - (
        sum(path[:2] == b"/a" for path in running) if force else 0
    )
    assert other.progress.success == other.progress.total_files == FILES
    assert Counter(w.engine.order).most_common(1)[0][1] == 1, "no run of the other was cut off"
