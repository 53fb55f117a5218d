"""Edits as they are recorded: plans, what they left behind, which of them can be undone.

Named queries like those of ``history``, for whoever claims a job and whoever undoes one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import apsw
import orjson

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.encoding import decode_body, decode_plan
from arrtheaudio.jobs.facets import CHANGED, ENDED_FACETS, end_of, source_of
from arrtheaudio.jobs.history import parent_rows
from arrtheaudio.jobs.models import Source
from arrtheaudio.jobs.replay import rows_of
from arrtheaudio.media import Plan

_COLUMNS: Final = "j.seq, j.at, j.type, j.job, j.parent, j.body"
# last_plan: the latest edit plan of a job
LAST_PLAN: Final = f"""SELECT {_COLUMNS} FROM journal AS j INDEXED BY journal_job
 WHERE j.job = ? AND j.job <> j.seq AND j.type = '{ev.JOB_PLANNED}' ORDER BY j.seq DESC LIMIT 1"""
# undoable_of_batch: changed, with a plan that is no remux, not undone yet
UNDOABLE: Final = f"""SELECT f.job, f.path, f.facet FROM finished AS f INDEXED BY finished_parent
 WHERE f.parent = ?1 AND f.facet IN (SELECT value FROM json_each(?2))
 AND EXISTS (SELECT 1 FROM journal AS j INDEXED BY journal_job
  WHERE j.job = f.job AND j.job <> j.seq AND j.type = '{ev.JOB_PLANNED}')
 AND NOT EXISTS (SELECT 1 FROM journal AS j INDEXED BY journal_job
  WHERE j.job = f.job AND j.job <> j.seq AND (j.type = '{ev.JOB_UNDONE}'
   OR j.type = '{ev.JOB_COMPLETED}' AND CAST(j.body AS TEXT) ->> 'method' = 'remux'))
 ORDER BY f.job"""
# last_edits: the ends of the latest ended jobs of these paths, which are bound as a JSON
# list of hexadecimal numbers, because a file's name need not be text
LAST_EDITS: Final = f"""SELECT f.path, {_COLUMNS} FROM json_each(?) AS wanted
 CROSS JOIN finished AS f ON f.job = (SELECT g.job FROM finished AS g INDEXED BY finished_path
  WHERE g.path = unhex(wanted.value) ORDER BY g.seq DESC LIMIT 1)
 CROSS JOIN journal AS j ON j.seq = f.seq"""


def _json(values: Iterable[object]) -> str:
    return orjson.dumps(list(values)).decode()


def last_plan(connection: apsw.Connection, job: int) -> Plan | None:
    """The edit plan that a job journalled last."""
    found = edit_to_undo(connection, job)
    return None if found is None else found[0]


def edit_to_undo(connection: apsw.Connection, job: int) -> tuple[Plan, int | None] | None:
    """The edit plan that a job journalled last, and the job's batch or webhook."""
    for row in rows_of(connection, LAST_PLAN, job):
        return decode_plan(row.body), row.parent
    return None


def last_edit_mtimes(connection: apsw.Connection, paths: Iterable[bytes]) -> dict[bytes, int]:
    """The mtimes (ns) that our latest jobs left on these paths, where they wrote anything."""
    wanted = _json(path.hex() for path in paths)
    return {
        path: mtime
        for path, *_, raw in connection.execute(LAST_EDITS, (wanted,))
        if (mtime := decode_body(raw).get("mtime_ns")) is not None
    }


def undoable_of_batch(connection: apsw.Connection, batch: int) -> list[tuple[int, bytes, Source]]:
    """(job, path, source) of the batch's changes that can be undone. Raises: UnknownId."""
    parent_rows(connection, "batch", batch)
    changed = _json(facet for facet in ENDED_FACETS if end_of(facet) == CHANGED)
    return [
        (job, path, source_of(facet))
        for job, path, facet in connection.execute(UNDOABLE, (batch, changed))
    ]
