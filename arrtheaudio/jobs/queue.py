"""The queue's face: everything that must survive is a row of one journal, the rest is derived.

Nine invariants (queue.md), each with a property test that can fail:

1. An acknowledged request survives kill -9 and power loss at any instant.
2. One request is all or nothing.
3. fold(journal) == live state == derived tables, after every step and restart.
4. Dispatch order is priority, then FIFO, among the jobs that are due.
5. A job never runs twice at once, nor two jobs for one real file.
6. Never more jobs at once than workers, nor heavy ones than their limit; who waits holds no slot.
7. Attempts are durable starts not given back; two crashes in a row poison a job.
8. Exactly one terminal event per job and per batch.
9. A job cancelled with an acknowledgement never changes its file afterwards.

The parts: admission.py (requests), ownership.py (claims), batches.py,
reading.py (lists, feed), cleaning.py (retention, backup), insight.py (figures,
problems, many jobs at once), prospects.py (how many that would be) on core.py (memory).
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.drive import Drive, InlineDrive, ThreadDrive
from arrtheaudio.jobs.facets import source_of
from arrtheaudio.jobs.lock import exclusive_lock, network_file_system
from arrtheaudio.jobs.models import Status
from arrtheaudio.jobs.prospects import Prospects
from arrtheaudio.jobs.readers import Readers
from arrtheaudio.jobs.schema import check_version
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.titles import any_known
from arrtheaudio.jobs.writer import Writer

__all__ = ["Queue", "Settings", "identify_file", "open_queue"]

_log = structlog.get_logger(__name__)


def identify_file(path: bytes) -> Hashable:
    """Which real file a path is: device and inode behind all links, else the path."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return path
    return (found.st_dev, found.st_ino)


class Queue(Prospects):
    """All that is asked of the queue; made by ``open_queue``."""

    def configure(self, settings: Settings) -> None:
        """New limits and delays, at once."""
        before, self.settings = self.settings, settings
        if settings.worker_count and not before.worker_count:
            for job in self._state.jobs.values():
                if job.direct and job.status is Status.QUEUED:
                    self._enqueue(job)
        if _retention(settings) != _retention(before):
            changed, self._retention_changed = self._retention_changed, trio.Event()
            changed.set()
        self._wake()

    async def begin(self, nursery: trio.Nursery) -> None:
        """Run the journal, until ``end``, and the queue's own services.

        In the nursery that encloses everybody who uses the queue: what fails here ends them.
        """
        await nursery.start(self._journal.run)
        self._any_title = await self._readers.run(any_known)
        self._services = await nursery.start(self._serve)

    async def _serve(self, *, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        try:
            async with trio.open_nursery() as services:
                services.start_soon(self._watch_due_times)
                services.start_soon(self._cancel_batches)
                services.start_soon(self._retain)
                task_status.started(services.cancel_scope)
        finally:
            self._served.set()

    async def cancel_broken_off(self) -> None:
        """Cancel what a killed command line left waiting: nobody waits for it any more.

        A daemon with ``worker_count`` 0 takes deliveries only, so what is direct and was asked
        for by hand, and every direct undo, came from a command line.
        """
        left = [
            job.seq
            for job in self._state.jobs.values()
            if job.direct
            and (job.undo_of is not None or source_of(job.facet) == "manual")
            and job.status is Status.QUEUED
        ]
        try:
            await self.cancel_many(left)
        except JournalUnavailable as error:  # a full disk: the next start does it
            _log.warning("left_by_a_command", jobs=len(left), detail=str(error))

    async def end(self, *, clean: bool) -> None:
        """Commit what is pending and close the journal; after a clean run say so before."""
        if clean and not self._state.stopped_cleanly:
            with suppress(JournalUnavailable):
                await self.stopping()
        if self._services is not None:
            self._services.cancel()
            await self._served.wait()  # they read, too
        self._readers.close()  # before the writer: only a writer that leaves last removes the log
        self._journal.close()

    def warn_of_file_system(self, kind: str | None) -> None:
        """Say in the log and in ``health`` that the journal lies on a network file system."""
        if kind is not None:
            self._warning = f"The journal lies on a network file system ({kind})"
            _log.warning("journal_on_network_file_system", path=str(self.path), type=kind)

    async def _watch_due_times(self) -> None:
        """A service: delayed jobs enter their lanes when they are due."""
        while True:
            due = self._lanes.next_due
            if due is None:
                await self._delayed.wait()
            else:
                with trio.move_on_at(due):
                    await self._delayed.wait()
            self._delayed = trio.Event()
            for seq in self._lanes.take_due(trio.current_time()):
                job = self._state.jobs.get(seq)
                if job is not None and job.status is Status.QUEUED and seq not in self._owned:
                    self._lanes.push(seq, job.priority, job.heavy)
                    self._wake()


@asynccontextmanager
async def open_queue(
    path: Path,
    settings: Settings,
    *,
    now: Callable[[], float] = time.time,
    identify: Callable[[bytes], Hashable] = identify_file,
    drive: Callable[[Callable[[], Writer]], Drive] = ThreadDrive,
) -> AsyncIterator[Queue]:
    """Open the journal (lock, schema check, replay), give the queue, close the journal last.

    ``drive``: how commits are run; an ``InlineDrive`` keeps everything in the event loop.
    Raises: JournalLocked, JournalTooNew, JournalCorrupt, JournalError.
    """
    with exclusive_lock(path):
        check_version(path)
        engine = drive(lambda: Writer(path))
        readers = Readers(path, threads=not isinstance(engine, InlineDrive))
        queue = Queue(path, settings, engine, readers, now=now, identify=identify)
        queue.warn_of_file_system(network_file_system(path.parent))
        try:
            async with trio.open_nursery() as nursery:
                clean = False
                try:
                    await queue.begin(nursery)
                    await queue.cancel_broken_off()
                    yield queue
                    clean = True
                finally:
                    with trio.CancelScope(shield=True):
                        await queue.end(clean=clean)
                    nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _single(group) from None


def _retention(settings: Settings) -> tuple[float, ...]:
    hours = settings.cleanup_interval_hours
    return settings.job_history_days, settings.failed_job_days, hours


def _single(error: BaseException) -> BaseException:
    """What is wrapped once for each nursery, unwrapped where it is one error."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        (error,) = error.exceptions
    return error
