"""What an action on many jobs would do, without doing it: how many it would take.

Each ``would_…`` counts as the action of the same name in insight.py and admission.py
chooses, at this moment; both may find something else a moment later. Only reads.
dashboard.md: Endpoints, 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import apsw

from arrtheaudio.jobs import figures
from arrtheaudio.jobs.facets import ENDED_FACETS, kind_of, status_of
from arrtheaudio.jobs.history import LiveArm, PageQuery, jobs_rows, page_ids
from arrtheaudio.jobs.insight import Insight
from arrtheaudio.jobs.models import JobFilter, Status

# ended_among: how these jobs ended, by facet; what is live or no job is left out
ENDED_AMONG: Final = """SELECT f.job, f.facet
 FROM json_each(?) AS wanted CROSS JOIN finished AS f ON f.job = wanted.value"""


class Prospects(Insight):
    """Questions before an action on many jobs."""

    async def would_cancel(self, jobs: Iterable[int]) -> int:
        """How many of these ``cancel_many`` would end or ask to stop."""
        return sum(seq in self._claims or self._waits(seq) for seq in jobs)

    def _waits(self, seq: int) -> bool:
        job = self._state.jobs.get(seq)
        return job is not None and seq not in self._owned and job.status is not Status.RUNNING

    async def would_retry(self, jobs: Sequence[int]) -> int:
        """For how many of these ``retry_many`` would make a new job. Raises: WorkersOff."""
        self._need_workers()
        undoing = frozenset(self._state.undoing)

        def look(connection: apsw.Connection) -> int:
            ended = connection.execute(ENDED_AMONG, (figures.json_of(jobs),))
            retried = [
                (job, kind_of(facet))
                for job, facet in ended
                if facet in ENDED_FACETS and status_of(facet) in (Status.FAILED, Status.CANCELLED)
            ]
            undos = [job for job, kind in retried if kind == "undo"]
            rows = (one.rows[0].body for one in jobs_rows(connection, undos))
            changes = {row["undo_of"] for row in rows}
            again = _undoable(connection, changes, undoing)
            return len(retried) - len(undos) + again

        return await self._readers.run(look)

    async def would_undo(self, jobs: Iterable[int]) -> int:
        """For how many of these ``undo_many`` would make a job. Raises: WorkersOff."""
        self._need_workers()
        undoing = frozenset(self._state.undoing)
        return await self._readers.run(lambda connection: _undoable(connection, jobs, undoing))

    async def undoable(self, filter: JobFilter) -> int:
        """How many jobs that match can be undone; looks at each change: some 3 µs."""
        undoing = frozenset(self._state.undoing)

        def look(connection: apsw.Connection) -> int:
            ended = self._ended_arm(connection, filter)
            jobs = page_ids(connection, PageQuery(LiveArm(), ended, limit=-1))
            return _undoable(connection, jobs, undoing)

        return await self._readers.run(look)


def _undoable(connection: apsw.Connection, jobs: Iterable[int], undoing: frozenset[int]) -> int:
    found = figures.undoable_among(connection, jobs)
    return sum(job not in undoing for job, *_ in found)
