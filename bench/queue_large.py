"""What must not grow with history or load: the start, memory per waiting job, lists.

The journal is made of the queue's own rows (drafts, event bodies, fold, writer), only
without waiting for each job; ``journal verify`` then proves it against the complete fold.
"""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import attrs
import trio
from queue_own import DONE, new_job, settings
from rich.progress import Progress
from rounds import Sample

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.draft import Draft
from arrtheaudio.jobs.fold import apply
from arrtheaudio.jobs.models import JobFilter, NewBatch, Priority, Source, Status
from arrtheaudio.jobs.queue import open_queue
from arrtheaudio.jobs.schema import connect_reader
from arrtheaudio.jobs.state import State, batch_end_body
from arrtheaudio.jobs.verify import verify
from arrtheaudio.jobs.writer import Writer, encode_row
from arrtheaudio.media import Outcome

GROUP = 1000  # jobs of one transaction: a batch, or as many as DELIVERY each of webhooks
DELIVERY = 5
LIVE = 10_000
RETRIED = 20  # one live job of so many has been tried already
DEEPEST_OFFSET = 10_000
PAGE = 50
MEMORY_POINTS = 4
WARM = 10_000  # jobs, until everything that is bounded has its size
CHANGED = Outcome("success", None, "Made the Japanese track the default", True, "flags")


class Maker:
    """Writes a history: deliveries and batches, all ended, then jobs that live."""

    def __init__(self, path: Path) -> None:
        self._writer = Writer(path)
        self._state = State()
        self._rng = random.Random(1)
        self._number = 0
        self._at = time.time() - 20 * 86_400.0

    def make(self, ended: int, live: int) -> None:
        """Everything, with a progress bar."""
        with closing(self._writer), Progress(transient=True) as progress:
            task = progress.add_task("writing history", total=ended + live)
            for first in range(0, ended, GROUP):
                self._group(min(GROUP, ended - first), first // GROUP)
                progress.advance(task, GROUP)
            for first in range(0, live, GROUP):
                self._live(min(GROUP, live - first))
                progress.advance(task, GROUP)
            draft = self._draft()
            draft.control(ev.DAEMON_STOPPING)
            self._commit(draft)

    def _draft(self) -> Draft:
        self._at += 1.0
        return Draft(self._state.head + 1, self._at)

    def _commit(self, draft: Draft) -> None:
        for row in draft.rows:
            apply(self._state, row)
        self._writer.commit(draft.rows, [encode_row(row) for row in draft.rows])
        if self._writer.wants_checkpoint:
            self._writer.checkpoint()

    def _jobs(self, draft: Draft, count: int, source: Source, parent: int | None) -> list[int]:
        jobs = []
        for _ in range(count):
            new = new_job(self._number)
            self._number += 1
            priority = Priority.NORMAL if source == "manual" else Priority.HIGH
            if source == "manual" and parent is not None:
                body = ev.found_body(new.path, int(priority))
            else:
                body = ev.queued_body(new, source, priority)
            jobs.append(draft.queued(body, parent))
        return jobs

    def _group(self, count: int, number: int) -> None:
        """A batch of ``count`` files, or deliveries with as many."""
        if number % 2:
            return self._batch(count)
        source: Source = "sonarr" if number % 4 else "radarr"
        draft = self._draft()
        parent = {}
        for _ in range(0, count, DELIVERY):
            body = {"source": source, "event": "Download", "total_jobs": DELIVERY}
            webhook = draft.begin(ev.WEBHOOK_RECEIVED, body)
            parent |= dict.fromkeys(self._jobs(draft, DELIVERY, source, webhook), webhook)
        self._commit(draft)
        return self._end(parent)

    def _batch(self, count: int) -> None:
        draft = self._draft()
        seq = draft.begin(ev.BATCH_QUEUED, ev.batch_body(NewBatch(path=b"/media/tv")))
        jobs = self._jobs(draft, count, "manual", seq)
        draft.parent(ev.BATCH_DISCOVERED, seq, {"found": count, "complete": True})
        draft.parent(ev.BATCH_STARTED, seq)
        self._commit(draft)
        self._end(dict.fromkeys(jobs, seq))
        draft = self._draft()
        draft.parent(ev.BATCH_COMPLETED, seq, batch_end_body(self._state.batches[seq]))
        self._commit(draft)

    def _end(self, parent: dict[int, int]) -> None:
        draft = self._draft()
        for job, of in parent.items():
            draft.job(ev.JOB_STARTED, job, of, {"worker_id": 1, "attempt": 1})
        for job, of in parent.items():
            self._draft_end(draft, job, of)
        self._commit(draft)

    def _draft_end(self, draft: Draft, job: int, parent: int) -> None:
        live, luck = self._state.jobs[job], self._rng.random()
        ms = self._rng.randrange(1, 2000)
        if luck < 0.05:
            body = ev.cancelled_body(live.path, live.facet, ms=ms)
            draft.job(ev.JOB_CANCELLED, job, parent, body)
        elif luck < 0.1:
            body = ev.failed_body(live.path, live.facet, "io_error", "Input/output error", ms=ms)
            draft.job(ev.JOB_FAILED, job, parent, body)
        else:
            outcome = DONE if luck < 0.7 else CHANGED
            body = ev.completed_body(live.path, live.facet, outcome, ms=ms, dry_run=False)
            draft.job(ev.JOB_COMPLETED, job, parent, body)

    def _live(self, count: int) -> None:
        """Single files that wait; some have been tried before."""
        draft = self._draft()
        jobs = self._jobs(draft, count, "manual", None)
        for job in jobs[::RETRIED]:
            draft.job(ev.JOB_STARTED, job, None, {"worker_id": 1, "attempt": 1})
            body = {"reason": "io_error", "message": "Input/output error", "delay": 60.0}
            draft.job(ev.JOB_RETRYING, job, None, body)
        self._commit(draft)


def make_history(path: Path, ended: int) -> None:
    """A journal with so many ended jobs and ``LIVE`` that wait, and its proof."""
    Maker(path).make(ended, LIVE)
    with closing(connect_reader(path)) as connection:
        differences = verify(connection)
    assert not differences, differences


# --- the start ----------------------------------------------------------------


def restart(path: Path) -> Sample:
    """From opening the journal to the first claim, in a process that is running already."""

    async def first_dispatch() -> float:
        begin = time.perf_counter()
        async with open_queue(path, settings()) as queue:
            while (claim := queue.claim(light=True, heavy=True)) is None:
                await queue.work_changed()
            seconds = time.perf_counter() - begin
            queue.release(claim)
            return seconds

    return Sample(trio.run(first_dispatch))


# --- lists --------------------------------------------------------------------


def some_filters(count: int) -> list[JobFilter]:
    """Filters as a dashboard or a script may combine them, at any offset."""
    rng = random.Random(2)
    ended = (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
    statuses = [(), *((one,) for one in Status), ended, (Status.QUEUED, Status.FAILED)]
    return [
        JobFilter(
            status=rng.choice(statuses),
            result=rng.choice([(), (), ("success",), ("skipped",), ("failed",)]),
            source=rng.choice([(), (), ("sonarr",), ("radarr",), ("manual",)]),
            container=rng.choice([(), (), ("mkv",), ("mp4",)]),
            limit=PAGE,
            offset=rng.choice([0, rng.randrange(DEEPEST_OFFSET + 1), DEEPEST_OFFSET]),
            order_by=rng.choice(["created_at", "updated_at"]),
            order=rng.choice(["desc", "asc"]),
        )
        for _ in range(count)
    ]


def lists(path: Path, filters: Sequence[JobFilter]) -> Sample:
    """Ask for every page, one after another."""

    async def ask() -> list[float]:
        latencies = []
        async with open_queue(path, settings()) as queue:
            for wanted in filters:
                begin = time.perf_counter()
                page = await queue.jobs(wanted)
                latencies.append(time.perf_counter() - begin)
                assert len(page.jobs) == min(max(page.total - wanted.offset, 0), PAGE)
        return latencies

    latencies = trio.run(ask)
    return Sample(sum(latencies), latencies)


# --- memory -------------------------------------------------------------------


@attrs.frozen
class Resident:
    """Bytes of this process's memory with so many jobs in the queue."""

    jobs: int
    size: int


def resident() -> int:
    """Bytes that this process holds in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def memory(path: Path, total: int) -> list[Resident]:
    """Queue files, and look at this process's memory several times; wants a fresh process.

    The first look follows ``WARM`` of them: caches and the feed's ring are no job's.
    """
    looks = [WARM, *(total * n // MEMORY_POINTS for n in range(1, MEMORY_POINTS + 1))]

    async def fill() -> list[Resident]:
        points, queued = [], 0
        async with open_queue(path, settings()) as queue:
            await queue.pause()
            with Progress(transient=True) as progress:
                task = progress.add_task("queueing", total=total)
                for look in looks:
                    while queued < look:
                        count = min(GROUP, look - queued)
                        await queue.submit([new_job(queued + n) for n in range(count)])
                        queued += count
                        progress.update(task, completed=queued)
                    points.append(Resident(queued, resident()))
        return points

    return trio.run(fill)
