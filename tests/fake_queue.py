"""A queue in memory for tests of the API: the agreed face, no journal, no workers.

Status codes, fields and refusals can be provoked by setting what is answered;
``arrtheaudio.jobs.queue`` itself is tested elsewhere and, with the API, live.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Sequence
from typing import Any

import attrs
import trio

from arrtheaudio.errors import AlreadyEnded, BatchExists, UnknownId
from arrtheaudio.jobs.figures import DayCounts, LastDelivery
from arrtheaudio.jobs.insight import JobCounts, ProblemGroup
from arrtheaudio.jobs.models import (
    ENDED,
    Accepted,
    Batch,
    BatchCancelled,
    BatchPage,
    BatchStatus,
    Delivery,
    Event,
    EventChunk,
    Job,
    JobFilter,
    JobPage,
    NewBatch,
    NewDelivery,
    NewJob,
    Priority,
    Progress,
    Status,
    Title,
)
from arrtheaudio.jobs.overview import JournalHealth, QueueState, Statistics


class FakeQueue:
    """Remembers what it was asked; ``failure`` is raised by the next request."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.failure: Exception | None = None
        self.jobs_kept: dict[int, Job] = {}
        self.deliveries: dict[int, Delivery] = {}
        self.batches_kept: dict[int, Batch] = {}
        self.new_jobs: list[NewJob] = []
        self.new_deliveries: list[NewDelivery] = []
        self.new_batches: list[NewBatch] = []
        self.filters: list[JobFilter] = []
        self.paused = False
        self.head = 0
        self.feed: list[Event] = []
        self.cleaned: list[dict[str, Any]] = []
        self.writable = True
        self.find_files = 0  # how many a batch finds at once
        self._moved = trio.Event()

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure

    def _add(self, new: NewJob, **more: Any) -> int:
        seq = next(self._numbers)
        now = time.time()
        refused = new.refused
        self.jobs_kept[seq] = Job(
            seq=seq,
            status=Status.COMPLETED if refused else Status.QUEUED,
            path=new.path,
            created_at=now,
            updated_at=now,
            title=new.title,
            tags=new.tags,
            original_language=new.original_language,
            requested_path=new.requested_path,
            result="skipped" if refused else None,
            reason=refused[0] if refused else None,
            message=refused[1] if refused else None,
            **more,
        )
        self.new_jobs.append(new)
        return seq

    def publish(self, kind: str, **body: Any) -> None:
        """Add a row to the feed."""
        self.head = next(self._numbers)
        self.feed.append(Event(self.head, time.time(), kind, body))
        self._moved.set()
        self._moved = trio.Event()

    async def deliver(self, delivery: NewDelivery) -> Accepted:
        await trio.lowlevel.checkpoint()
        self._check()
        seq = next(self._numbers)
        jobs = tuple(
            self._add(new, priority=Priority.HIGH, source=delivery.source, webhook=seq)
            for new in delivery.jobs
        )
        self.new_deliveries.append(delivery)
        self.deliveries[seq] = Delivery(
            seq, delivery.source, delivery.instance, delivery.event, delivery.title, time.time(), ()
        )
        return Accepted(jobs, seq)

    async def submit(
        self, jobs: Sequence[NewJob], *, priority: Priority = Priority.NORMAL
    ) -> Accepted:
        await trio.lowlevel.checkpoint()
        self._check()
        return Accepted(tuple(self._add(new, priority=priority, source="manual") for new in jobs))

    async def start_batch(self, batch: NewBatch) -> int:
        await trio.lowlevel.checkpoint()
        self._check()
        for seq, other in self.batches_kept.items():
            if other.path == batch.path and other.completed_at is None:
                raise BatchExists(path=batch.path, batch=seq)
        seq = next(self._numbers)
        now = time.time()
        self.new_batches.append(batch)
        self.batches_kept[seq] = Batch(
            seq=seq,
            status=BatchStatus.QUEUED,
            path=batch.path,
            recursive=batch.recursive,
            pattern=batch.pattern,
            dry_run=batch.dry_run,
            priority=batch.priority,
            filters=batch.filters,
            created_at=now,
            updated_at=now,
            progress=Progress(total_files=self.find_files, queued=self.find_files),
            discovery_complete=True,
        )
        self.publish("batch.discovered", batch=seq, complete=True)
        return seq

    async def cancel(self, job: int) -> Job:
        kept = await self.job(job)
        if kept.status in ENDED:
            raise AlreadyEnded("It has ended already.", status=kept.status.value)
        self.jobs_kept[job] = attrs.evolve(kept, status=Status.CANCELLED)
        return self.jobs_kept[job]

    async def retry(self, job: int) -> int:
        kept = await self.job(job)
        return self._add(NewJob(kept.path), priority=kept.priority, source=kept.source)

    async def undo(self, job: int) -> int:
        kept = await self.job(job)
        return self._add(
            NewJob(kept.path), priority=Priority.HIGH, source=kept.source, kind="undo", undo_of=job
        )

    async def cancel_batch(self, batch: int, *, force: bool = False) -> BatchCancelled:
        kept = await self.batch(batch)
        status = BatchStatus.CANCELLED if force else BatchStatus.CANCELLING
        return BatchCancelled(status, kept.progress.queued, kept.progress.processed)

    async def undo_batch(self, batch: int) -> int:
        return (await self.batch(batch)).progress.track_changes

    async def pause(self) -> None:
        await trio.lowlevel.checkpoint()
        self._check()
        self.paused = True

    async def resume(self) -> None:
        await trio.lowlevel.checkpoint()
        self._check()
        self.paused = False

    async def cleanup(
        self, *, older_than_days: float, statuses: Collection[Status], dry_run: bool = False
    ) -> int:
        await trio.lowlevel.checkpoint()
        self.cleaned.append({"days": older_than_days, "statuses": statuses, "dry_run": dry_run})
        return 3

    async def job(self, job: int) -> Job:
        await trio.lowlevel.checkpoint()
        self._check()
        if job not in self.jobs_kept:
            raise UnknownId(f"job {job} is not kept")
        return self.jobs_kept[job]

    async def jobs(self, filter: JobFilter) -> JobPage:
        await trio.lowlevel.checkpoint()
        self._check()
        self.filters.append(filter)
        kept = list(self.jobs_kept.values())
        return JobPage(tuple(kept[filter.offset :][: filter.limit]), len(kept))

    async def delivery(self, webhook: int) -> Delivery:
        await trio.lowlevel.checkpoint()
        if webhook not in self.deliveries:
            raise UnknownId("not kept")
        jobs = tuple(job for job in self.jobs_kept.values() if job.webhook == webhook)
        return attrs.evolve(self.deliveries[webhook], jobs=jobs)

    async def batch(self, batch: int, *, limit: int = 50, offset: int = 0) -> Batch:
        await trio.lowlevel.checkpoint()
        self._check()
        if batch not in self.batches_kept:
            raise UnknownId("not kept")
        return self.batches_kept[batch]

    async def batches(
        self, *, status: Collection[BatchStatus] = (), limit: int = 50, offset: int = 0
    ) -> BatchPage:
        await trio.lowlevel.checkpoint()
        kept = [one for one in self.batches_kept.values() if not status or one.status in status]
        return BatchPage(tuple(kept[offset:][:limit]), len(kept))

    async def titles(self, paths: Sequence[bytes]) -> dict[bytes, Title]:
        """No delivery told anything."""
        return {}

    def state(self) -> QueueState:
        waiting = [job for job in self.jobs_kept.values() if job.status is Status.QUEUED]
        running = [job for job in self.jobs_kept.values() if job.status is Status.RUNNING]
        return QueueState(
            queued=len(waiting),
            running=len(running),
            waiting_for_space=0,
            paused=self.paused,
            limit=100,
            used=len(waiting),
            workers=2,
            current=tuple(running),
            next=tuple(waiting[:10]),
        )

    async def stats(self) -> Statistics:
        await trio.lowlevel.checkpoint()
        kept = dict.fromkeys(Status, 0)
        for job in self.jobs_kept.values():
            kept[job.status] += 1
        return Statistics(
            kept=kept,
            average_ms=12.0,
            today_completed=kept[Status.COMPLETED],
            today_failed=kept[Status.FAILED],
            today_average_ms=None,
            lifetime_jobs=len(self.jobs_kept),
            lifetime_processed=kept[Status.COMPLETED],
            lifetime_ms=7200,
            mkv_processed=0,
            mp4_processed=0,
            mkv_average_ms=None,
            mp4_average_ms=None,
        )

    # --- what the dashboard asks ---

    async def counts(self, filter: JobFilter) -> JobCounts:
        await trio.lowlevel.checkpoint()
        self.filters.append(filter)
        return JobCounts(0, 0, {})

    async def undoable(self, filter: JobFilter) -> int:
        await trio.lowlevel.checkpoint()
        return 0

    async def would_cancel(self, jobs: Sequence[int]) -> int:
        await trio.lowlevel.checkpoint()
        return len(jobs)

    would_retry = would_undo = would_cancel

    async def matching(self, filter: JobFilter) -> list[int]:
        await trio.lowlevel.checkpoint()
        self.filters.append(filter)
        return list(self.jobs_kept)

    async def retry_many(self, jobs: Sequence[int]) -> int:
        await trio.lowlevel.checkpoint()
        return len(jobs)

    async def daily(self, days: int) -> tuple[DayCounts, ...]:
        await trio.lowlevel.checkpoint()
        return tuple(DayCounts(20260300 + day) for day in range(1, days + 1))

    async def breakdown(self, by: str, days: int) -> tuple[tuple[str, int], ...]:
        await trio.lowlevel.checkpoint()
        return (("jpn", 3),)

    async def problems(self) -> tuple[ProblemGroup, ...]:
        await trio.lowlevel.checkpoint()
        return (ProblemGroup("corrupt", b"/media/tv", 2, 42, "cut short"),)

    async def dismiss(self, reason: str, folder: str) -> int:
        await trio.lowlevel.checkpoint()
        return 2

    async def restore(self, reason: str, folder: str) -> int:
        await trio.lowlevel.checkpoint()
        return 2

    async def last_deliveries(self) -> list[LastDelivery]:
        await trio.lowlevel.checkpoint()
        return []

    def health(self) -> JournalHealth:
        return JournalHealth("3.99.0", self.head, 4096, 0.5, self.writable, "")

    async def events(self, since: int, *, limit: int = 1000, upto: int | None = None) -> EventChunk:
        await trio.lowlevel.checkpoint()
        head = self.head if upto is None else min(upto, self.head)
        events = tuple(event for event in self.feed if since < event.seq <= head)[:limit]
        whole = len(events) < limit
        return EventChunk(events, max(since, head) if whole else events[-1].seq)

    async def wait_beyond(self, seq: int) -> None:
        while self.head <= seq:
            await self._moved.wait()
