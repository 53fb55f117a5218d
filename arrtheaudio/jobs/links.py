"""``media.hardlinks: wait``: files that were left alone for their hard links are looked at again.

A job for such a file has ended as skipped (``hardlinked``). Here the file is looked at
every hour for 30 days, and when the other link is gone (the torrent no longer seeds) a
new job is queued. Keeps nothing of its own: what to look at is read from the list of
ended jobs, newest first, and after a restart it is read again. media.md: Hard links.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

import attrs
import structlog
import trio

from arrtheaudio.errors import HardLinked, QueueError
from arrtheaudio.jobs.models import Job, JobFilter, NewJob, Priority, Status, format_id
from arrtheaudio.jobs.queue import Queue

LOOK_SECONDS: Final = 3600.0
WATCHED_DAYS: Final = 30
SECONDS_PER_DAY: Final = 86_400
PAGE: Final = 200  # jobs of one reading, so that the event loop is never held for long
LIVE: Final = (Status.QUEUED, Status.RUNNING, Status.WAITING_FOR_SPACE)
STAT_SECONDS: Final = 10.0  # a share that is silent for longer is asked again next time

_log = structlog.get_logger(__name__)


class Links(Protocol):
    """How many names a file has."""

    async def links(self, path: bytes) -> int:
        """Hard links of this file. Raises: OSError."""


class LinkWatch:
    """The service; ``wanted`` asks the configuration of the moment."""

    def __init__(
        self,
        queue: Queue,
        engine: Links,
        wanted: Callable[[], bool],
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._queue = queue
        self._engine = engine
        self._wanted = wanted
        self._now = now
        self._watched: dict[bytes, Job] = {}
        self._read_until = 0.0  # jobs that ended before are known

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look every hour, for ever."""
        task_status.started()
        await self._look_for_ever()

    async def _look_for_ever(self) -> NoReturn:
        while True:
            if self._wanted():
                try:
                    await self._collect()
                    await self._look()
                except QueueError as error:  # full, or the journal is away: next time
                    _log.info("linked_files_wait", detail=str(error))
            await trio.sleep(LOOK_SECONDS)

    async def _collect(self) -> None:
        """Add what ended as hardlinked since the last time; the newest job of a file counts."""
        begin = self._now()
        oldest = max(self._read_until, begin - WATCHED_DAYS * SECONDS_PER_DAY)
        newest: dict[bytes, Job] = {}
        offset = 0
        while True:
            # The pages shift while jobs end: then some are seen twice, and none is missed.
            page = await self._queue.jobs(
                JobFilter(
                    result=("skipped",),
                    kind=("process",),
                    order_by="updated_at",
                    limit=PAGE,
                    offset=offset,
                )
            )
            for job in page.jobs:
                if job.updated_at >= oldest:
                    newest.setdefault(job.path, job)
            if not page.jobs or page.jobs[-1].updated_at < oldest:
                break
            offset += PAGE
        for path, job in newest.items():
            self._watched.pop(path, None)
            if job.reason == HardLinked.reason:
                self._watched[path] = job
        self._read_until = begin

    async def _look(self) -> None:
        for path, job in list(self._watched.items()):
            if self._now() - job.updated_at > WATCHED_DAYS * SECONDS_PER_DAY:
                del self._watched[path]
                continue
            try:
                with trio.move_on_after(STAT_SECONDS):
                    if await self._engine.links(path) == 1:
                        await self._queue_again(job)
            except FileNotFoundError:
                del self._watched[path]
            except OSError as error:
                _log.debug("links_unknown", path=path, detail=error.strerror)

    async def _is_last(self, job: Job) -> bool:
        """Nothing became of the file since, and no other job for it is on its way."""
        last = JobFilter(path=job.path, kind=("process",), order_by="updated_at", limit=1)
        live = attrs.evolve(last, status=LIVE)
        if (await self._queue.jobs(live)).total:
            return False
        return [one.seq for one in (await self._queue.jobs(last)).jobs] == [job.seq]

    async def _queue_again(self, job: Job) -> None:
        if not await self._is_last(job):
            del self._watched[job.path]  # what comes of the other one is collected
            return
        new = NewJob(
            path=job.path,
            requested_path=job.requested_path,
            title=job.title,
            original_language=job.original_language,
            series_type=job.series_type,
            tags=job.tags,
            language_priority=job.language_priority,
            dry_run=job.dry_run,
        )
        accepted = await self._queue.submit([new], priority=Priority.LOW)
        del self._watched[job.path]
        _log.info(
            "link_is_gone",
            path=job.path,
            skipped=format_id("job", job.seq),
            queued=format_id("job", accepted.jobs[0]),
        )
