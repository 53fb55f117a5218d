"""From the database to the live state: quickly at restart, completely for verification.

The quick way reads what is alive and the counts of what ended, so its time
does not grow with the history; ``jobs/verify.py`` proves it against the
complete fold. queue.md: Journal (restart).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

import apsw

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.encoding import decode_body
from arrtheaudio.jobs.facets import OPEN_BATCH, end_of
from arrtheaudio.jobs.fold import replay
from arrtheaudio.jobs.state import LiveBatch, State

# CROSS JOIN and INDEXED BY pin the order: left alone, the planner once took 3.1 s, not 13 ms.
# live_batches: every row of the unfinished batches themselves
LIVE_BATCHES: Final = f"""SELECT j.seq, j.at, j.type, j.job, j.parent, j.body
 FROM open AS o CROSS JOIN journal AS j INDEXED BY journal_parent
 ON j.parent = o.job AND j.job IS NULL WHERE o.facet = {OPEN_BATCH}"""
# live_queued: the first row of every live job, ascending
LIVE_QUEUED: Final = f"""SELECT j.seq, j.at, j.type, j.job, j.parent, j.body
 FROM open AS o CROSS JOIN journal AS j ON j.seq = o.job WHERE o.facet <> {OPEN_BATCH}
 ORDER BY o.job"""
# live_later: the other rows of live jobs; plans are large, and the fold does not read them
LIVE_LATER: Final = f"""SELECT j.seq, j.at, j.type, j.job, j.parent,
 CASE j.type WHEN '{ev.JOB_PLANNED}' THEN x'' ELSE j.body END
 FROM open AS o CROSS JOIN journal AS j INDEXED BY journal_job
 ON j.job = o.job AND j.job <> j.seq"""
# last_control: the row that stands among types that revoke one another
LAST_CONTROL: Final = """SELECT seq, at, type, job, parent, body
 FROM journal INDEXED BY journal_control
 WHERE job IS NULL AND parent IS NULL AND type IN (?, ?) ORDER BY seq DESC LIMIT 1"""
KEPT: Final = "SELECT facet, n FROM kept WHERE n > 0"
HEAD: Final = "SELECT coalesce(max(seq), 0) FROM journal"
# batch_ended: what ended of one unfinished batch
BATCH_ENDED: Final = """SELECT facet, count(*) FROM finished INDEXED BY finished_parent
 WHERE parent = ? GROUP BY facet"""
BATCH_LAST_END: Final = """SELECT j.seq, j.at FROM finished AS f INDEXED BY finished_parent
 CROSS JOIN journal AS j ON j.seq = f.seq WHERE f.parent = ? ORDER BY f.seq DESC LIMIT 1"""
EVERYTHING: Final = "SELECT seq, at, type, job, parent, body FROM journal ORDER BY seq"

_seq: Final = attrgetter("seq")


def rows_of(connection: apsw.Connection, sql: str, *bindings: object) -> Iterator[ev.Row]:
    """The rows of a query over the journal's six columns."""
    for seq, at, kind, job, parent, raw in connection.execute(sql, bindings):
        yield ev.Row(seq, at, kind, job, parent, decode_body(raw))


def load(connection: apsw.Connection) -> State:
    """The live state from what is alive and the counts of the rest, in the caller's view.

    Raises: JournalCorrupt, apsw.Error.
    """
    others = [row for sql in (LIVE_BATCHES, LIVE_LATER) for row in rows_of(connection, sql)]
    for types in ((ev.PAUSED, ev.RESUMED), (ev.DAEMON_STARTED, ev.DAEMON_STOPPING)):
        others.extend(rows_of(connection, LAST_CONTROL, *types))
    others.sort(key=_seq)
    # Merged, not collected: a million waiting jobs' rows at once would take a gigabyte.
    rows = heapq.merge(rows_of(connection, LIVE_QUEUED), others, key=_seq)
    state = replay(rows)
    for batch in state.batches.values():
        _add_ended(connection, batch)
    for facet, count in connection.execute(KEPT):
        state.ended[facet] = count
    (state.head,) = next(connection.execute(HEAD))
    return state


def _add_ended(connection: apsw.Connection, batch: LiveBatch) -> None:
    for facet, count in connection.execute(BATCH_ENDED, (batch.seq,)):
        batch.ended[end_of(facet)] += count
        batch.total += count
    for seq, at in connection.execute(BATCH_LAST_END, (batch.seq,)):
        if seq > batch.updated_seq:
            batch.updated_at, batch.updated_seq = at, seq


def load_by_folding_everything(connection: apsw.Connection) -> State:
    """The live state from every row that is kept: slow, and the truth."""
    return replay(rows_of(connection, EVERYTHING))
