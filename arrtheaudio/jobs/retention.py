"""Retention: what has ended long ago leaves the journal, whole jobs at a time.

One row says what was removed, in the same transaction, so that numbers are
never used twice and the fold still equals the state. A batch's or delivery's
own rows go with its last job; what belongs to an unfinished batch stays.
Lifetime tallies outlive all rows. queue.md: Retention.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import apsw
import attrs
import orjson

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.facets import BATCH_FACETS, ended_facets
from arrtheaudio.jobs.models import BatchStatus, Status
from arrtheaudio.jobs.moments import seq_before

CHUNK: Final = 500  # jobs removed by one commit: some 10 ms
DAY_SECONDS: Final = 86_400.0

# last_life: the moment of the last row that was written before this daemon began
LAST_LIFE: Final = f"""SELECT at FROM journal WHERE seq < (
  SELECT seq FROM journal INDEXED BY journal_control
  WHERE job IS NULL AND parent IS NULL AND type = '{ev.DAEMON_STARTED}' ORDER BY seq DESC LIMIT 1)
 ORDER BY seq DESC LIMIT 1"""
# old_jobs: ended jobs of a facet that ended before a moment, oldest first
OLD_JOBS: Final = """SELECT f.job, f.parent, f.ms
 FROM finished AS f INDEXED BY finished_facet_seq CROSS JOIN journal AS j ON j.seq = f.seq
 WHERE f.facet = ?1 AND f.seq < ?2 AND j.at < ?3
 AND f.job NOT IN (SELECT value FROM json_each(?4))
 AND (f.parent IS NULL OR NOT EXISTS (SELECT 1 FROM open WHERE job = f.parent))
 ORDER BY f.seq LIMIT ?5"""
# emptied_parents: of these batches and webhooks, those that have no job left but the named ones
EMPTIED_PARENTS: Final = """SELECT p.value FROM json_each(?1) AS p
 WHERE NOT EXISTS (SELECT 1 FROM open INDEXED BY open_parent WHERE parent = p.value)
 AND NOT EXISTS (SELECT 1 FROM open WHERE job = p.value)
 AND NOT EXISTS (SELECT 1 FROM finished INDEXED BY finished_parent
  WHERE parent = p.value AND job NOT IN (SELECT value FROM json_each(?2)))"""
BATCH_FACET: Final = "SELECT facet FROM finished WHERE job = ?"
# old_empty_batches: ended batches without any job
OLD_EMPTY_BATCHES: Final = """SELECT f.job FROM finished AS f INDEXED BY finished_facet_seq
 CROSS JOIN journal AS j ON j.seq = f.seq
 WHERE f.facet = ?1 AND f.seq < ?2 AND j.at < ?3
 AND NOT EXISTS (SELECT 1 FROM finished AS g INDEXED BY finished_parent WHERE g.parent = f.job)
 ORDER BY f.seq LIMIT ?4"""

_BATCH_STATUS: Final = {
    Status.COMPLETED: BatchStatus.COMPLETED,
    Status.CANCELLED: BatchStatus.CANCELLED,
    Status.FAILED: BatchStatus.FAILED,
}


@attrs.frozen
class Removal:
    """What one journal.trimmed row removes."""

    jobs: tuple[int, ...]
    parents: tuple[int, ...]
    kept: tuple[tuple[int, int, int, int], ...]  # facet, n, ran, ms to subtract

    def body(self) -> dict[str, Any]:
        """The row's body."""
        return {
            "jobs": list(self.jobs),
            "parents": list(self.parents),
            "kept": [list(sums) for sums in self.kept],
        }


def _json(values: Collection[int]) -> str:
    return orjson.dumps(list(values)).decode()


def end_of_last_life(connection: apsw.Connection) -> float | None:
    """When the daemon before this one wrote last; None if there was none."""
    row = connection.execute(LAST_LIFE).fetchone()
    return None if row is None else row[0]


def next_removal(
    connection: apsw.Connection,
    before: Mapping[Status, float],
    protected: Sequence[int],
    *,
    limit: int = CHUNK,
) -> Removal | None:
    """The next chunk to remove: what ended as a status before its moment; None if nothing is old.

    ``protected``: jobs that something still needs (a waiting undo).
    """
    sums: dict[int, list[int]] = {}
    jobs: list[int] = []
    touched: set[int] = set()
    empty: list[int] = []
    for status, moment in before.items():
        bound = seq_before(connection, moment)
        for facet in sorted(ended_facets((status,))):
            found = connection.execute(
                OLD_JOBS, (facet, bound, moment, _json(protected), limit - len(jobs))
            )
            for job, parent, ms in found:
                jobs.append(job)
                _subtract(sums, facet, ms)
                if parent is not None:
                    touched.add(parent)
        facet = BATCH_FACETS[_BATCH_STATUS[status]]
        empty += [
            job
            for (job,) in connection.execute(
                OLD_EMPTY_BATCHES, (facet, bound, moment, limit - len(empty))
            )
        ]
    emptied = connection.execute(EMPTIED_PARENTS, (_json(sorted(touched)), _json(jobs)))
    parents = [*(parent for (parent,) in emptied), *empty]
    for parent in parents:
        for (facet,) in connection.execute(BATCH_FACET, (parent,)):
            _subtract(sums, facet, None)
    if not jobs and not parents:
        return None
    kept = tuple((facet, n, ran, ms) for facet, (n, ran, ms) in sorted(sums.items()))
    return Removal(tuple(jobs), tuple(parents), kept)


def _subtract(sums: dict[int, list[int]], facet: int, ms: int | None) -> None:
    of_facet = sums.setdefault(facet, [0, 0, 0])
    of_facet[0] += 1
    if ms is not None:
        of_facet[1] += 1
        of_facet[2] += ms


def count_old(
    connection: apsw.Connection, before: Mapping[Status, float], protected: Sequence[int]
) -> int:
    """How many jobs ``next_removal`` would remove in all."""
    total = 0
    for status, moment in before.items():
        bound = seq_before(connection, moment)
        for facet in ended_facets((status,)):
            bindings = (facet, bound, moment, _json(protected), -1)
            ((count,),) = connection.execute(f"SELECT count(*) FROM ({OLD_JOBS})", bindings)
            total += count
    return total
