"""The queue's housekeeping: retention by the clock and on request, and backups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path

import structlog
import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.batches import Batches
from arrtheaudio.jobs.models import ENDED, Status
from arrtheaudio.jobs.retention import DAY_SECONDS, count_old, next_removal
from arrtheaudio.jobs.verify import backup

HOUR_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


class Cleaning(Batches):
    """The housekeeping part of the face."""

    async def cleanup(
        self, *, older_than_days: float, statuses: Collection[Status], dry_run: bool = False
    ) -> int:
        """Remove ended jobs; their number. Only ended statuses are allowed.

        Raises: ValueError, JournalUnavailable.
        """
        if not ENDED.issuperset(statuses):
            raise ValueError("only completed, failed and cancelled jobs can be removed")
        moment = self._now() - older_than_days * DAY_SECONDS
        return await self._remove(dict.fromkeys(statuses, moment), dry_run=dry_run)

    async def _remove(self, before: Mapping[Status, float], *, dry_run: bool = False) -> int:
        def needed() -> list[int]:
            return list(self._state.undoing)  # jobs that a waiting undo reads

        if dry_run:
            protected = needed()
            return await self._readers.run(lambda c: count_old(c, before, protected))
        removed = 0
        while True:
            # No job is removed twice, nor while something is asked for it; others get their turn.
            async with self._history:
                look = partial(next_removal, before=before, protected=needed())
                removal = await self._readers.run(look)
                if removal is None:
                    return removed
                draft = self._draft()
                draft.control(ev.TRIMMED, removal.body())
                await self._commit(draft)
                removed += len(removal.jobs)

    async def _retain(self) -> None:
        """A service: remove what is older than the configured days, at start and regularly."""
        while True:
            try:
                now, settings = self._now(), self.settings
                history = now - settings.job_history_days * DAY_SECONDS
                removed = await self._remove(
                    {
                        Status.COMPLETED: history,
                        Status.CANCELLED: history,
                        Status.FAILED: now - settings.failed_job_days * DAY_SECONDS,
                    }
                )
                if removed:
                    _log.info("jobs_removed", jobs=removed)
            except JournalUnavailable:
                _log.warning("retention_postponed")
            await trio.sleep(self.settings.cleanup_interval_hours * HOUR_SECONDS)

    async def backup(self, target: Path) -> None:
        """A consistent, verified copy of the journal, while everything goes on.

        Raises: JournalError.
        """
        await self._readers.run(lambda connection: backup(connection, target), view=False)
