"""What the queue shows: one job, lists, batches, deliveries, the live state, the feed.

Live numbers come from memory, everything else from the journal. A list's total
is exact for the moment it was asked.
"""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from pathlib import Path

import apsw
import attrs
import trio

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.admission import Requests
from arrtheaudio.jobs.batch_view import batch_of_live, batch_of_rows
from arrtheaudio.jobs.facets import (
    ALREADY,
    BATCH_FACETS,
    CHANGED,
    FAILED,
    container_of,
    end_of,
    ended_facets,
    live_facets,
    source_of,
)
from arrtheaudio.jobs.feed import read_chunk
from arrtheaudio.jobs.history import (
    EndedArm,
    Found,
    LiveArm,
    PageQuery,
    batch_rows,
    count_ended,
    delivery_rows,
    jobs_rows,
    page_ids,
    parent_rows,
    undone_counts,
)
from arrtheaudio.jobs.models import (
    Batch,
    BatchPage,
    BatchStatus,
    Delivery,
    EventChunk,
    Job,
    JobFilter,
    JobPage,
    Status,
)
from arrtheaudio.jobs.moments import Span, span
from arrtheaudio.jobs.overview import JournalHealth, QueueState, Statistics
from arrtheaudio.jobs.schema import local_day
from arrtheaudio.jobs.state import LiveJob
from arrtheaudio.jobs.statistics import statistics
from arrtheaudio.jobs.words import finder

SCAN_SLICE = 20_000  # live jobs looked at without letting others run: some 5 ms
NEXT_SHOWN = 10  # jobs that GET /queue announces
_LIVE = (Status.QUEUED, Status.RUNNING, Status.WAITING_FOR_SPACE)


def _live_statuses(filter: JobFilter) -> tuple[Status, ...]:
    """The statuses of live jobs that can match at all."""
    ended = (filter.completed_from, filter.completed_to) != (None, None)
    if filter.result or filter.track_changed or filter.undone or filter.language or ended:
        return ()  # a live job has no result yet
    return tuple(
        status
        for status in _LIVE
        if (not filter.status or status in filter.status)
        and (not filter.problem or status is Status.WAITING_FOR_SPACE)
    )


def _live_facets(filter: JobFilter) -> frozenset[int]:
    return live_facets(filter.source, filter.container, filter.kind)


def _narrows_live(filter: JobFilter) -> bool:
    """Counters of live jobs do not tell how many match."""
    asked = (filter.webhook, filter.batch, filter.path, filter.folder, filter.q)
    times = (filter.created_from, filter.created_to)
    return asked != (None,) * 5 or times != (None, None) or bool(filter.reason)


def _total(connection: apsw.Connection, ended: EndedArm, counters: Mapping[int, int]) -> int:
    """How many ended jobs match."""
    counted = sum(counters.get(facet, 0) for facet in ended.facets)
    if ended.counted:
        return counted
    if attrs.evolve(ended, undone=None).counted and not ended.undone:
        undone = undone_counts(connection)
        return counted - sum(undone.get(facet, 0) for facet in ended.facets)
    return count_ended(connection, ended)


def _span(connection: apsw.Connection, since: float | None, until: float | None) -> Span | None:
    """The rows of a span of time, if it has a limit."""
    if since is None and until is None:
        return None
    return span(
        connection,
        -math.inf if since is None else since,
        math.inf if until is None else until,
    )


class Reading(Requests):
    """The reading half of the face."""

    # --- jobs ---

    async def jobs(self, filter: JobFilter) -> JobPage:
        """A page of jobs and the number that match."""
        by_seq = filter.order_by == "updated_at"
        if filter.webhook is not None and filter.batch is not None:
            return JobPage((), 0)  # no job has both
        live, live_total = await self._live_arm(filter, by_seq=by_seq)
        counters = dict(self._state.ended)

        def look(connection: apsw.Connection) -> tuple[list[Found], int]:
            ended = self._ended_arm(connection, filter)
            query = PageQuery(
                live,
                ended,
                "seq" if by_seq else "job",
                filter.order == "desc",
                filter.limit,
                filter.offset,
                filter.before,
            )
            return jobs_rows(connection, page_ids(connection, query)), _total(
                connection, ended, counters
            )

        found, total = await self._readers.run(look)
        return JobPage(tuple(self._job_of(one) for one in found), total + live_total)

    def _ended_arm(self, connection: apsw.Connection, filter: JobFilter) -> EndedArm:
        """The ended jobs that match. In a reader's thread: reads counters only."""
        facets = ended_facets(
            filter.status, filter.result, filter.source, filter.container, filter.kind
        )
        if filter.problem:
            facets = frozenset(facet for facet in facets if end_of(facet) == FAILED)
        if filter.track_changed is not None:
            facets = frozenset(
                facet for facet in facets if (end_of(facet) == CHANGED) is filter.track_changed
            )
        reasons = frozenset(filter.reason)
        if reasons == {ev.ALREADY_CORRECT}:
            facets = frozenset(facet for facet in facets if end_of(facet) == ALREADY)
            reasons = frozenset()
        return EndedArm(
            frozenset(facet for facet in facets if self._state.ended[facet]),
            parent=filter.batch if filter.webhook is None else filter.webhook,
            path=filter.path,
            folder=filter.folder,
            q=filter.q,
            reasons=tuple(sorted(reasons)),
            undone=filter.undone,
            problem=filter.problem,
            created=_span(connection, filter.created_from, filter.created_to),
            languages=tuple(sorted(set(filter.language))),
            ended=_span(connection, filter.completed_from, filter.completed_to),
        )

    async def _live_matching(self, filter: JobFilter) -> list[LiveJob]:
        """The live jobs that match, by looking at every one."""
        statuses, facets = _live_statuses(filter), _live_facets(filter)
        if not statuses:
            return []
        found = await self._scan(filter)
        return [job for job in found if job.status in statuses and job.facet in facets]

    async def _live_arm(self, filter: JobFilter, *, by_seq: bool) -> tuple[LiveArm, int]:
        """The live jobs that match, and their number."""
        state = self._state
        statuses, facets = _live_statuses(filter), _live_facets(filter)
        if not statuses:
            return LiveArm(), 0
        narrowed = _narrows_live(filter)
        if narrowed:
            picked = await self._live_matching(filter)
        else:
            moved = [state.jobs[seq] for seq in state.moved]
            picked = [job for job in moved if job.status in statuses and job.facet in facets]
        named = [(job.seq, job.moved.last if by_seq and job.moved else job.seq) for job in picked]
        if narrowed:
            return LiveArm(named=named), len(named)
        total = sum(
            n for (at, _, facet), n in state.live.items() if at in statuses and facet in facets
        )
        if Status.QUEUED not in statuses:
            return LiveArm(named=named), total
        return LiveArm(facets, tuple(state.moved), named), total

    async def _scan(self, wanted: JobFilter) -> list[LiveJob]:
        """The live jobs of a parent, below a path, with a word in it."""
        parent = wanted.batch if wanted.webhook is None else wanted.webhook
        path = None if wanted.path is None else wanted.path.rstrip(b"/")
        folder = None if wanted.folder is None else wanted.folder.rstrip(b"/") or b"/"
        says = None if wanted.q is None else finder(wanted.q)
        since = -math.inf if wanted.created_from is None else wanted.created_from
        until = math.inf if wanted.created_to is None else wanted.created_to

        def matches(job: LiveJob) -> bool:
            return (
                (parent is None or job.parent == parent)
                and since <= job.at < until
                and (not wanted.reason or (job.moved and job.moved.reason) in wanted.reason)
                and (path is None or job.path == path or job.path.startswith(path + b"/"))
                and (folder is None or os.path.dirname(job.path) == folder)
                and (says is None or says(job.path))
            )

        everything = list(self._state.jobs.values())
        found: list[LiveJob] = []
        for begin in range(0, len(everything), SCAN_SLICE):
            found += filter(matches, everything[begin : begin + SCAN_SLICE])
            await trio.lowlevel.checkpoint()
        return found

    # --- deliveries and batches ---

    async def delivery(self, webhook: int) -> Delivery:
        """One webhook and its jobs. Raises: UnknownId."""
        received, found = await self._readers.run(
            lambda connection: delivery_rows(connection, webhook)
        )
        body = received.body
        return Delivery(
            received.seq,
            body["source"],
            body.get("instance"),
            body["event"],
            body.get("title"),
            received.at,
            tuple(self._job_of(one) for one in found),
        )

    async def batch(self, batch: int, *, limit: int = 50, offset: int = 0) -> Batch:
        """One batch with a page of its ended jobs, newest first. Raises: UnknownId."""
        rows, found, total = await self._readers.run(
            lambda connection: batch_rows(connection, batch, limit, offset)
        )
        live = self._live_batch(batch)
        shown = batch_of_rows(rows) if live is None else live
        files = tuple(self._job_of(one) for one in found)
        return attrs.evolve(shown, files=files, files_total=total)

    def _live_batch(self, batch: int) -> Batch | None:
        live = self._state.batches.get(batch)
        if live is None:
            return None
        eta = None
        if live.discovery_complete:  # before that nobody knows how much is left
            eta = self._pace(batch).eta_seconds(live.live, trio.current_time())
        return batch_of_live(live, eta)

    def live_batches(self) -> tuple[Batch, ...]:
        """The unfinished batches with their progress, from memory."""
        shown = (self._live_batch(batch) for batch in self._state.batches)
        return tuple(batch for batch in shown if batch is not None)

    async def batches(
        self, *, status: Collection[BatchStatus] = (), limit: int = 50, offset: int = 0
    ) -> BatchPage:
        """A page of batches, newest first."""
        state = self._state
        # Also those that nothing has ended as yet: a live one may, until the tables are read.
        facets = frozenset(
            facet for ended, facet in BATCH_FACETS.items() if not status or ended in status
        )
        live = [seq for seq, one in state.batches.items() if not status or one.status in status]
        total = len(live) + sum(state.ended[facet] for facet in facets)
        named = [(seq, seq) for seq in live]
        query = PageQuery(LiveArm(named=named), EndedArm(facets), limit=limit, offset=offset)

        def look(connection: apsw.Connection) -> list[list[ev.Row]]:
            ids = page_ids(connection, query)
            return [parent_rows(connection, "batch", seq) for seq in ids]

        pages = await self._readers.run(look)
        shown = (self._live_batch(rows[0].seq) or batch_of_rows(rows) for rows in pages)
        return BatchPage(tuple(shown), total)

    # --- the queue ---

    def state(self) -> QueueState:
        """The live queue at this moment, from memory."""
        state = self._state
        running = [
            job for job in (state.jobs[seq] for seq in state.moved) if job.status is Status.RUNNING
        ]
        return QueueState(
            queued=state.count(Status.QUEUED),
            running=state.count(Status.RUNNING),
            waiting_for_space=state.count(Status.WAITING_FOR_SPACE),
            paused=state.paused,
            limit=self.settings.max_queue_size,
            used=state.places + self._reserved,
            workers=self.settings.worker_count,
            current=tuple(self._live_job(job) for job in sorted(running, key=lambda job: job.seq)),
            next=tuple(self._live_job(state.jobs[seq]) for seq in self._lanes.first(NEXT_SHOWN)),
            depth=state.depth,
        )

    def _live_job(self, job: LiveJob) -> Job:
        moved = job.moved
        in_batch = job.parent in self._state.batches
        delayed = moved is not None and moved.delay > 0
        return Job(
            seq=job.seq,
            status=job.status,
            path=job.path,
            priority=job.priority,
            source=source_of(job.facet),
            created_at=job.at,
            updated_at=job.at if moved is None else moved.last_at,
            kind="process" if job.undo_of is None else "undo",
            container=container_of(job.facet),
            webhook=None if in_batch else job.parent,
            batch=job.parent if in_batch else None,
            undo_of=job.undo_of,
            attempt=job.attempt,
            max_attempts=self._max_attempts(job),
            started_at=None if moved is None else moved.started_at,
            next_attempt_at=moved.last_at + moved.delay if moved and delayed else None,
            reason=None if moved is None else moved.reason,
            message=None if moved is None else moved.message,
            worker_id=None if moved is None else moved.worker_id,
        )

    async def stats(self) -> Statistics:
        """Counts and averages; kept, today, ever."""
        live = {status: self._state.count(status) for status in _LIVE}
        day = local_day(self._now())
        return await self._readers.run(lambda connection: statistics(connection, day, live))

    def health(self) -> JournalHealth:
        """How the journal fares."""
        wal = self.path.with_name(self.path.name + "-wal")
        return JournalHealth(
            sqlite_version=apsw.sqlite_lib_version(),
            seq=self._state.head,
            size_bytes=_size(self.path) + _size(wal),
            last_commit_ms=self._journal.last_commit_ms,
            writable=self._journal.available,
            detail=self._journal.detail or self._warning,
            commits=self._journal.commits,
            committed=self._journal.committed,
            commit_seconds=self._journal.commit_seconds,
        )

    # --- the feed ---

    @property
    def head(self) -> int:
        """The last durable row; ``state()`` and ``live_batches()`` contain it."""
        return self._feed.head

    async def events(self, since: int, *, limit: int = 1000, upto: int | None = None) -> EventChunk:
        """Public rows behind the cursor; go on at ``next_since``.

        ``upto``: none behind this number, and that from the journal.
        """
        await trio.lowlevel.checkpoint()
        if upto is None:
            chunk = self._feed.recent(since, limit)  # last: it reaches up to the head of now
            if chunk is not None:
                return chunk
        head = self._feed.head if upto is None else min(upto, self._feed.head)
        return await self._readers.run(
            lambda connection: read_chunk(connection, since, head, limit)
        )

    async def wait_beyond(self, seq: int) -> None:
        """Return when the journal has rows behind ``seq``."""
        await self._feed.wait_beyond(seq)


def _size(file: Path) -> int:
    """In bytes; 0 if it is not there.

    One call, because SQLite removes the write-ahead log whenever it gives a journal up.
    """
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
