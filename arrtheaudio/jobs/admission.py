"""What is asked of the queue: deliveries, files by hand, retries, undoing, cancelling, pausing.

Each request is one transaction, all or nothing, and returns behind its commit
(invariants 1 and 2). Admission: a request is taken whole while at least one place is
free; check and reservation have no checkpoint between them.
queue.md: Admission, Webhooks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import apsw
import trio

from arrtheaudio.errors import (
    AlreadyEnded,
    JournalUnavailable,
    NotEnded,
    NothingToUndo,
    QueueFull,
    WorkersOff,
)
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.core import Core
from arrtheaudio.jobs.draft import Draft
from arrtheaudio.jobs.edits import last_plan, undoable_of_batch
from arrtheaudio.jobs.history import Found, job_rows
from arrtheaudio.jobs.models import (
    ENDED,
    Accepted,
    Job,
    NewDelivery,
    NewJob,
    Priority,
    Source,
    Status,
    Title,
    format_id,
)
from arrtheaudio.jobs.state import LiveJob
from arrtheaudio.jobs.titles import recall, with_title
from arrtheaudio.jobs.view import job_of

ITEMS_AT_ONCE: Final = 500  # looked at, drafted, or committed where a request is no transaction
_Item = TypeVar("_Item")


def in_chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """The items in pieces; each holds the event loop some 5 ms at most."""
    for begin in range(0, len(items), ITEMS_AT_ONCE):
        yield items[begin : begin + ITEMS_AT_ONCE]


class Requests(Core):
    """Requests that make or change jobs."""

    # --- admission ---

    def _admit(self, wanted: int) -> None:
        """Raises: QueueFull. Without a place to take (only refused files), always admitted."""
        if wanted and self._state.places + self._reserved >= self.settings.max_queue_size:
            raise QueueFull(f"All {self.settings.max_queue_size} places of the queue are taken")

    def _need_workers(self) -> None:
        if not self.settings.worker_count:
            raise WorkersOff()

    async def titles(self, paths: Sequence[bytes]) -> dict[bytes, Title]:
        """What deliveries told of these files' titles, by path. Raises: JournalUnavailable."""
        if not self._any_title or not paths:
            return {}
        return await self._readers.run(partial(recall, paths=paths))

    # --- new jobs ---

    async def deliver(self, delivery: NewDelivery) -> Accepted:
        """Journal one webhook with all its files.

        With ``worker_count`` 0 its jobs are marked as direct: they enter no lane, and
        ``claim_direct`` gives them to whoever runs them in the daemon.
        Raises: QueueFull, JournalUnavailable.
        """
        self._admit(sum(new.refused is None for new in delivery.jobs))
        self._any_title = self._any_title or any(new.knows_title for new in delivery.jobs)
        draft = self._draft()
        body = {
            "source": delivery.source,
            "event": delivery.event,
            "instance": delivery.instance,
            "title": delivery.title,
            "total_jobs": len(delivery.jobs),
        }
        webhook = draft.begin(
            ev.WEBHOOK_RECEIVED, {key: value for key, value in body.items() if value is not None}
        )
        direct = not self.settings.worker_count
        jobs = [
            self._draft_job(
                draft, new, delivery.source, Priority.HIGH, parent=webhook, direct=direct
            )
            for new in delivery.jobs
        ]
        await self._commit(draft)
        return Accepted(tuple(jobs), webhook)

    async def submit(
        self,
        jobs: Sequence[NewJob],
        *,
        priority: Priority = Priority.NORMAL,
        direct: bool = False,
    ) -> Accepted:
        """Journal single files by hand.

        ``direct``: they enter no lane, ``claim_direct`` gives them to the caller (worker_count 0).
        Raises: QueueFull, WorkersOff, JournalUnavailable.
        """
        if not direct:
            self._need_workers()
        if not jobs:
            return Accepted(())
        known = await self.titles([new.path for new in jobs if not new.knows_title])
        jobs = [with_title(new, known.get(new.path)) for new in jobs] if known else jobs
        self._admit(sum(new.refused is None for new in jobs))
        draft = self._draft()
        ids = [self._draft_job(draft, new, "manual", priority, direct=direct) for new in jobs]
        await self._commit(draft)
        return Accepted(tuple(ids))

    @staticmethod
    def _draft_job(
        draft: Draft,
        new: NewJob,
        source: Source,
        priority: Priority,
        *,
        parent: int | None = None,
        direct: bool = False,
    ) -> int:
        body = ev.queued_body(new, source, priority, direct=direct)
        if new.refused is None:
            return draft.queued(body, parent)
        body["refused"] = True
        job = draft.queued(body, parent, takes_place=False)
        end = ev.refused_body(new.path, body["facet"], *new.refused)
        draft.job(ev.JOB_COMPLETED, job, parent, end)
        return job

    async def retry(self, job: int) -> int:
        """A new job for a failed or cancelled one; it belongs to no batch and is never refused.

        Raises: UnknownId, NotEnded, AlreadyEnded (completed), WorkersOff, JournalUnavailable.
        """
        self._need_workers()
        found = await self._readers.run(lambda connection: job_rows(connection, job))
        old = self._job_of(found)
        self._need_ended(old)
        if old.status is Status.COMPLETED:
            raise AlreadyEnded("Completed jobs are not retried", path=old.path, status=old.status)
        if old.undo_of is not None:
            return await self._undo(old.undo_of, retry_of=job)
        new = ev.new_job_of(found.rows[0].body, found.batch_body)
        draft = self._draft()
        body = ev.queued_body(new, old.source, Priority.NORMAL, retry_of=job)
        fresh = draft.queued(body, takes_place=False)
        await self._commit(draft)
        return fresh

    # --- undo ---

    async def undo(self, job: int, *, direct: bool = False) -> int:
        """A new job of kind undo that puts the original bytes back.

        ``direct``: it enters no lane, ``claim_direct`` gives it to the caller (worker_count 0).
        Raises: UnknownId, NotEnded, NothingToUndo, WorkersOff, JournalUnavailable.
        """
        if not direct:
            self._need_workers()
        return await self._undo(job, direct=direct)

    async def _undo(self, job: int, *, retry_of: int | None = None, direct: bool = False) -> int:
        def look(connection: apsw.Connection) -> tuple[Found, bool]:
            found = job_rows(connection, job)
            return found, last_plan(connection, job) is not None

        async with self._history:
            found, planned = await self._readers.run(look)
            old = self._job_of(found)
            self._need_ended(old)
            undoable = planned and old.track_changed and old.method != "remux"
            if not undoable or old.undone or old.kind == "undo" or job in self._state.undoing:
                raise NothingToUndo("No change of this job can be undone", path=old.path)
            draft = self._draft()
            body = self._undo_body(job, old.path, old.source, retry_of, direct=direct)
            fresh = draft.queued(body, takes_place=False)
            await self._commit(draft)
            return fresh

    @staticmethod
    def _undo_body(
        job: int,
        path: bytes,
        source: Source,
        retry_of: int | None = None,
        *,
        direct: bool = False,
    ) -> dict[str, Any]:
        new = NewJob(path=path)
        return ev.queued_body(
            new, source, Priority.HIGH, undo_of=job, retry_of=retry_of, direct=direct
        )

    async def undo_batch(self, batch: int, *, direct: bool = False) -> int:
        """Undo every change of a batch that can be; the number of undo jobs, one transaction.

        ``direct``: as in ``undo``; the jobs are then among ``direct_jobs``.
        Raises: UnknownId, NotEnded, NothingToUndo, WorkersOff, JournalUnavailable.
        """
        if not direct:
            self._need_workers()
        if batch in self._state.batches:
            raise NotEnded(f"{format_id('batch', batch)} has not ended yet")
        async with self._history:
            found = await self._readers.run(lambda connection: undoable_of_batch(connection, batch))
            count = await self._commit_undos(found, direct=direct)
        if not count:
            raise NothingToUndo("No change of this batch can be undone")
        return count

    async def _commit_undos(
        self, found: Sequence[tuple[int, bytes, Source]], *, direct: bool = False
    ) -> int:
        """An undo job for each that has none yet; their number. Holding ``_history``."""
        bodies = []
        for chunk in in_chunks(found):
            bodies += [
                self._undo_body(job, path, source, direct=direct)
                for job, path, source in chunk
                if job not in self._state.undoing
            ]
            await trio.lowlevel.checkpoint()
        return await self._commit_again(bodies)

    async def _commit_again(self, bodies: Sequence[dict[str, Any]]) -> int:
        """New jobs for ended ones, which take no places: one transaction; their number."""
        draft = self._draft()
        for body in bodies:
            draft.queued(body, takes_place=False)
        if bodies:
            await self._commit(draft)
        return len(bodies)

    # --- cancel ---

    async def cancel(self, job: int) -> Job:
        """Cancel a job; a running one through its scope. Its file is then never changed.

        Raises: UnknownId, AlreadyEnded (also if the edit finished first), JournalUnavailable.
        """
        asked = False
        while (live := self._state.jobs.get(job)) is not None:
            claim = self._claims.get(job)
            if claim is not None:
                asked = True
                claim.cancel("cancel")
                await claim.wait_ended()
                if claim.revoked:
                    raise JournalUnavailable("Whether the job was cancelled is unknown")
            elif job in self._owned or job in self._unsettled:
                await self._wait_change()
            else:
                asked = True
                await self._cancel_waiting(live)
        final = await self.job(job)
        if asked and final.status is Status.CANCELLED:
            return final
        raise AlreadyEnded(f"It is {final.status}", path=final.path, status=final.status)

    async def _cancel_waiting(self, live: LiveJob) -> None:
        draft = self._draft()
        body = ev.cancelled_body(live.path, live.facet, ms=None)
        draft.job(ev.JOB_CANCELLED, live.seq, live.parent, body)
        await self._commit_owned(draft)

    # --- the whole queue ---

    async def pause(self) -> None:
        """No job starts until ``resume``, over restarts too; what runs goes on."""
        await self._control(ev.PAUSED)

    async def resume(self) -> None:
        """Jobs start again."""
        await self._control(ev.RESUMED)

    async def stopping(self) -> None:
        """Journal that a clean stop has begun (a kill behind it is no crash); nothing starts now.

        Raises: JournalUnavailable.
        """
        self._stopping = True
        await self._control(ev.DAEMON_STOPPING)

    async def _control(self, kind: str) -> None:
        draft = self._draft()
        draft.control(kind)
        await self._commit(draft)

    # --- shared ---

    def _job_of(self, found: Found, *, detailed: bool = False) -> Job:
        attempts = self.settings.max_attempts
        return job_of(found.rows, found.parent, max_attempts=attempts, detailed=detailed)

    async def job(self, job: int) -> Job:
        """One job with its tracks and its own history. Raises: UnknownId."""
        found = await self._readers.run(lambda connection: job_rows(connection, job))
        return self._job_of(found, detailed=True)

    @staticmethod
    def _need_ended(job: Job) -> None:
        if job.status not in ENDED:
            raise NotEnded(f"It is {job.status}", path=job.path)
