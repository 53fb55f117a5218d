"""The queue's face for people who look: figures by day, problems, facets, one action for many.

Problems are failed jobs that were neither dismissed nor settled (by their retry or by
a later success or failure of the same file), and jobs that wait for space. So a file
is one problem however often it fails. Dismissing is a row of the failed job.
dashboard.md: Endpoints needed beyond api.md.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Final

import apsw
import attrs

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs import figures
from arrtheaudio.jobs.admission import in_chunks
from arrtheaudio.jobs.cleaning import Cleaning
from arrtheaudio.jobs.encoding import encode_bytes
from arrtheaudio.jobs.facets import end_of, kind_of, live_of, source_of
from arrtheaudio.jobs.figures import By, DayCounts, LastDelivery
from arrtheaudio.jobs.history import (
    Found,
    PageQuery,
    facet_counts,
    jobs_rows,
    page_ids,
    undone_counts,
)
from arrtheaudio.jobs.models import JobFilter, JobKind, Priority, Status
from arrtheaudio.jobs.schema import local_day

WAITING: Final = "waiting_for_space"  # the reason of problems that are no failures


@attrs.frozen
class ProblemGroup:
    """Problems with one reason in one folder; ``job`` and ``message`` are of the newest."""

    reason: str
    folder: bytes
    count: int
    job: int
    message: str | None
    needed: int | None = None  # bytes; of the largest that waits
    free: int | None = None  # bytes, when it was looked at last


@attrs.frozen
class JobCounts:
    """How many jobs match a filter."""

    waiting: int
    running: int
    ended: Mapping[tuple[JobKind, int, bool], int]  # by end (facets.py), and whether undone


_WAITING: Final = frozenset({Status.QUEUED, Status.WAITING_FOR_SPACE})
_RUNNING: Final = frozenset({Status.RUNNING})


class Insight(Cleaning):
    """Questions and actions over many jobs."""

    # --- figures ---

    async def daily(self, days: int) -> tuple[DayCounts, ...]:
        """What ended on each of the last local days, the oldest first."""
        wanted = figures.last_days(self._now(), days)
        return await self._readers.run(partial(figures.daily, days=wanted))

    async def breakdown(self, by: By, days: int) -> tuple[tuple[str, int], ...]:
        """How many jobs in the last local days, by language, reason or source."""
        first, *_ = figures.last_days(self._now(), days)
        return await self._readers.run(partial(figures.breakdown, by=by, first_day=first))

    async def today(self) -> tuple[int, DayCounts]:
        """This local day, and the number that it contains; ``head`` has reached that number."""
        day = local_day(self._now())
        seq, counts = await self._readers.run(partial(figures.day_at_head, day=day))
        await self._feed.wait_beyond(seq - 1)
        return seq, counts

    async def last_deliveries(self) -> list[LastDelivery]:
        """The newest delivery of each instance."""
        return await self._readers.run(figures.last_deliveries)

    async def counts(self, filter: JobFilter) -> JobCounts:
        """How many jobs match, by what became of them."""
        waiting = await self._count_live(filter, _WAITING)
        running = await self._count_live(filter, _RUNNING)
        counters = dict(self._state.ended)

        def look(connection: apsw.Connection) -> dict[tuple[int, bool], int]:
            ended = self._ended_arm(connection, filter)
            if not ended.counted:
                return facet_counts(connection, ended)
            undone = undone_counts(connection)
            told = {(facet, True): undone.get(facet, 0) for facet in ended.facets}
            rest = {
                (facet, False): counters.get(facet, 0) - undone.get(facet, 0)
                for facet in ended.facets
            }
            return told | rest

        ended: Counter[tuple[JobKind, int, bool]] = Counter()
        for (facet, undone), n in (await self._readers.run(look)).items():
            ended[kind_of(facet), end_of(facet), undone] += n
        return JobCounts(waiting, running, ended)

    async def _count_live(self, filter: JobFilter, statuses: frozenset[Status]) -> int:
        wanted = statuses & set(filter.status) if filter.status else statuses
        if not wanted:
            return 0
        narrower = attrs.evolve(filter, status=tuple(sorted(wanted)))
        _, count = await self._live_arm(narrower, by_seq=False)
        return count

    # --- problems ---

    async def problem_count(self) -> int:
        """How many jobs need the user."""
        failed = await self._readers.run(figures.failure_count)
        return failed + self._state.count(Status.WAITING_FOR_SPACE)

    async def problems(self) -> tuple[ProblemGroup, ...]:
        """What needs the user, by reason and folder, the newest first."""
        waiting: dict[bytes, list[tuple[int, int, int]]] = {}  # folder: (needed, job, last row)
        for job in (self._state.jobs[seq] for seq in self._state.moved):
            if job.status is Status.WAITING_FOR_SPACE and job.moved is not None:
                entry = (job.moved.needed, job.seq, job.moved.last)
                waiting.setdefault(os.path.dirname(job.path), []).append(entry)

        def look(connection: apsw.Connection) -> list[ProblemGroup]:
            return [*_waiting_groups(connection, waiting), *_failed_groups(connection)]

        groups = await self._readers.run(look)
        return tuple(sorted(groups, key=lambda group: group.job, reverse=True))

    async def dismiss(self, reason: str, folder: str) -> int:
        """Show these failures as problems no longer; their number.

        ``folder`` as text, undecodable bytes as U+FFFD. Raises: JournalUnavailable.
        """
        return await self._mark(figures.TO_DISMISS, ev.PROBLEM_DISMISSED, reason, folder)

    async def restore(self, reason: str, folder: str) -> int:
        """Show dismissed failures again; their number. Raises: JournalUnavailable."""
        return await self._mark(figures.TO_RESTORE, ev.PROBLEM_RESTORED, reason, folder)

    async def _mark(self, query: str, kind: str, reason: str, folder: str) -> int:
        def look(connection: apsw.Connection) -> list[tuple[int, int | None, int, bytes]]:
            return [
                (job, parent, facet, path)
                for job, parent, facet, path in connection.execute(query, (reason,))
                if os.path.dirname(path).decode("utf-8", "replace") == folder
            ]

        async with self._history:
            found = await self._readers.run(look)
            for chunk in in_chunks(found):
                draft = self._draft()
                for job, parent, facet, path in chunk:
                    body = {"path": encode_bytes(path), "facet": live_of(facet)}
                    draft.job(kind, job, parent, body)
                await self._commit(draft)
        return len(found)

    # --- one action for many ---

    async def matching(self, filter: JobFilter) -> list[int]:
        """The ids of all jobs that match, the newest first."""
        live, _ = await self._live_arm(filter, by_seq=False)

        def look(connection: apsw.Connection) -> list[int]:
            ended = self._ended_arm(connection, filter)
            return page_ids(connection, PageQuery(live, ended, limit=-1))

        return await self._readers.run(look)

    async def cancel_many(self, jobs: Iterable[int]) -> int:
        """Cancel what waits, ask what runs to stop; how many that were.

        Raises: JournalUnavailable; what was cancelled before stays so.
        """
        asked, waiting = 0, []
        for seq in jobs:
            claim = self._claims.get(seq)
            if claim is not None:
                claim.cancel("cancel")
                asked += 1
            else:
                waiting.append(seq)
        for chunk in in_chunks(waiting):
            asked += await self._cancel_chunk(chunk)
        return asked

    async def _cancel_chunk(self, jobs: Iterable[int]) -> int:
        draft = self._draft()
        for seq in dict.fromkeys(jobs):
            job = self._state.jobs.get(seq)
            if job is None or seq in self._owned or job.status is Status.RUNNING:
                continue
            body = ev.cancelled_body(job.path, job.facet, ms=None)
            draft.job(ev.JOB_CANCELLED, seq, job.parent, body)
        if draft.rows:
            await self._commit_owned(draft)
        return len(draft.rows)

    async def retry_many(self, jobs: Sequence[int]) -> int:
        """A new job for each that failed or was cancelled, all in one transaction; their number.

        Raises: WorkersOff, JournalUnavailable.
        """
        self._need_workers()
        bodies: list[dict[str, Any]] = []
        undone: set[int] = set()  # two failures of one undo make one new job
        async with self._history:
            for chunk in in_chunks(list(dict.fromkeys(jobs))):
                bodies += await self._bodies_of_retries(chunk, undone)
            return await self._commit_again(bodies)

    async def _bodies_of_retries(
        self, jobs: Sequence[int], undone: set[int]
    ) -> list[dict[str, Any]]:
        def look(connection: apsw.Connection) -> tuple[list[Found], set[int]]:
            found = jobs_rows(connection, jobs)
            wanted = (one.rows[0].body.get("undo_of") for one in found)
            kept = figures.undoable_among(connection, {job for job in wanted if job is not None})
            return found, {job for job, *_ in kept}

        found, undoable = await self._readers.run(look)
        undoable -= self._state.undoing.keys()
        bodies = []
        for one in found:
            old = self._job_of(one)
            if old.status not in (Status.FAILED, Status.CANCELLED):
                continue
            if old.undo_of is None:
                new = ev.new_job_of(one.rows[0].body, one.batch_body)
                body = ev.queued_body(new, old.source, Priority.NORMAL, retry_of=old.seq)
                bodies.append(body)
            elif old.undo_of in undoable and old.undo_of not in undone:
                undone.add(old.undo_of)
                bodies.append(self._undo_body(old.undo_of, old.path, old.source, old.seq))
        return bodies

    async def undo_many(self, jobs: Sequence[int]) -> int:
        """An undo job for each change that can be undone, all in one transaction; their number.

        Raises: WorkersOff, JournalUnavailable.
        """
        self._need_workers()
        wanted = dict.fromkeys(jobs)
        async with self._history:
            found = await self._readers.run(
                lambda connection: figures.undoable_among(connection, wanted)
            )
            return await self._commit_undos(
                [(job, path, source_of(facet)) for job, path, facet in found]
            )


def _waiting_groups(
    connection: apsw.Connection, waiting: dict[bytes, list[tuple[int, int, int]]]
) -> Iterator[ProblemGroup]:
    last_rows = [last for entries in waiting.values() for _, _, last in entries]
    bodies = figures.bodies_of(connection, last_rows)
    for folder, entries in waiting.items():
        needed, job, last = max(entries)
        free = bodies.get(last, {}).get("free")
        yield ProblemGroup(WAITING, folder, len(entries), job, None, needed, free)


def _failed_groups(connection: apsw.Connection) -> Iterator[ProblemGroup]:
    groups: dict[tuple[str, bytes], list[figures.Failure]] = {}
    for failure in figures.failures(connection):
        key = (failure.reason, os.path.dirname(failure.path))
        groups.setdefault(key, []).append(failure)
    bodies = figures.bodies_of(connection, [newest.ended for newest, *_ in groups.values()])
    for (reason, folder), (newest, *older) in groups.items():
        message = bodies.get(newest.ended, {}).get("message")
        yield ProblemGroup(reason, folder, 1 + len(older), newest.job, message)
