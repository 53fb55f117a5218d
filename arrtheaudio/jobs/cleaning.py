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
from arrtheaudio.jobs.retention import DAY_SECONDS, count_old, end_of_last_life, next_removal
from arrtheaudio.jobs.verify import backup

HOUR_SECONDS = 3600.0
CLOCK_LEAPT = "The clock is far ahead of the journal's last row"

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
        seen: tuple[float, float] | None = None  # the clock at a moment, and that moment
        while True:
            changed = self._retention_changed
            try:
                if seen is None:
                    last = await self._readers.run(end_of_last_life)
                    seen = (self._now() if last is None else last, trio.current_time())
                if self._clock_leapt(*seen):
                    _log.warning("retention_postponed", detail=CLOCK_LEAPT)
                elif removed := await self._remove_old():
                    _log.info("jobs_removed", jobs=removed)
                seen = (self._now(), trio.current_time())
            except JournalUnavailable as error:
                _log.warning("retention_postponed", detail=str(error))
            with trio.move_on_after(self.settings.cleanup_interval_hours * HOUR_SECONDS):
                await changed.wait()

    def _clock_leapt(self, then: float, at: float) -> bool:
        """It is wrong, perhaps: all would be old. Or nothing ran for as long; both can wait."""
        leap = self._now() - then - (trio.current_time() - at)
        return leap > self.settings.job_history_days * DAY_SECONDS

    async def _remove_old(self) -> int:
        now, settings = self._now(), self.settings
        history = now - settings.job_history_days * DAY_SECONDS
        return await self._remove(
            {
                Status.COMPLETED: history,
                Status.CANCELLED: history,
                Status.FAILED: now - settings.failed_job_days * DAY_SECONDS,
            }
        )

    async def backup(self, target: Path) -> None:
        """A consistent, verified copy of the journal, while everything goes on.

        Raises: JournalError.
        """
        await self._readers.run(lambda connection: backup(connection, target), view=False)
