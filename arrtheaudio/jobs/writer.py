"""The writer: the one connection that writes and checkpoints, used by one thread only.

Commits groups of rows and projects each row to the derived tables in the same
transaction. Knows rows and tables; nothing of waiting, jobs' rules or HTTP.
A commit that raises is *unknown*, not failed (queue.md, Journal): the caller
closes this writer and opens another.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

import apsw

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs import titles
from arrtheaudio.jobs.encoding import decode_bytes, encode_body
from arrtheaudio.jobs.facets import ALREADY, CHANGED, IS_FAILED, OPEN_BATCH, end_of, source_of
from arrtheaudio.jobs.fold import BATCH_ENDED_FACET
from arrtheaudio.jobs.schema import connect_writer, local_day, sync_folder
from arrtheaudio.jobs.wal import LogRoom

WAL_BOUND_PAGES: Final = 16_384  # 64 MiB of 4 KiB pages: checkpoint even when busy

QUARTER_SECONDS: Final = 900  # days begin at a multiple of this in all time zones of today

# insert_*: what is inserted many at a time, one statement for so many rows. Each statement is a
# hand-over of the interpreter, which a busy event loop may keep for SWITCH_SECONDS (drive.py).
ROWS_AT_ONCE: Final = (64, 8)
INSERT: Final = "INSERT INTO journal"
OPEN: Final = "INSERT INTO open"
FINISH: Final = "INSERT INTO finished(job, seq, facet, parent, ms, path, reason, language)"
CLOSE: Final = "DELETE FROM open WHERE job IN (SELECT value FROM json_each(?))"
# mark_*: what becomes of an ended job later
MARK: Final = {
    "undone": "UPDATE finished SET undone = 1 WHERE job = ?",
    "dismissed": "UPDATE finished SET dismissed = 1 WHERE job = ?",
    "restored": "UPDATE finished SET dismissed = 0 WHERE job = ?",
    "settled": f"""UPDATE finished INDEXED BY finished_problem SET dismissed = 1
 WHERE path = ? AND job < ? AND {IS_FAILED} AND NOT dismissed""",
}
# What a later result of a file settles, if there is any at all: mostly there is not.
ANY_PROBLEM: Final = f"""SELECT 1 FROM finished INDEXED BY finished_problem
 WHERE {IS_FAILED} AND NOT dismissed LIMIT 1"""
KEEP: Final = """INSERT INTO kept VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
 SET n = n + excluded.n, ran = ran + excluded.ran, ms = ms + excluded.ms"""
TALLY: Final = """INSERT INTO tally VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE
 SET n = n + excluded.n, ran = ran + excluded.ran, ms = ms + excluded.ms"""
TELL: Final = """INSERT INTO told VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
 SET n = n + excluded.n"""
# forget_*: what one journal.trimmed row names, as a JSON list of numbers
FORGET_LATER_ROWS: Final = """DELETE FROM journal WHERE seq IN (
 SELECT j.seq FROM json_each(?1) AS gone CROSS JOIN journal AS j INDEXED BY journal_job
 ON j.job = gone.value AND j.job <> j.seq)"""
FORGET_QUEUED_ROWS: Final = "DELETE FROM journal WHERE seq IN (SELECT value FROM json_each(?1))"
FORGET_PARENT_ROWS: Final = """DELETE FROM journal WHERE seq IN (
 SELECT j.seq FROM json_each(?1) AS gone CROSS JOIN journal AS j INDEXED BY journal_parent
 ON j.parent = gone.value AND j.job IS NULL)"""
FORGET_FINISHED: Final = "DELETE FROM finished WHERE job IN (SELECT value FROM json_each(?1))"

Encoded = tuple[int, float, str, int | None, int | None, bytes]
Finished = tuple[int, int, int, int | None, int | None, bytes, str | None, str | None]
Mark = Literal["undone", "dismissed", "restored", "settled"]

_MARKS: Final[dict[str, Mark]] = {
    ev.JOB_UNDONE: "undone",
    ev.PROBLEM_DISMISSED: "dismissed",
    ev.PROBLEM_RESTORED: "restored",
}


def encode_row(row: ev.Row) -> Encoded:
    """A row as it is bound to INSERT."""
    seq, at, kind, job, parent, body = row
    return (seq, at, kind, job, parent, encode_body(body))


@functools.cache
def _inserting(into: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{into} VALUES {', '.join([row] * rows)}"


class Writer:
    """One open journal. Not thread-safe: its thread is its lock."""

    def __init__(
        self, path: Path, *, synchronous: str = "FULL", wal_bound_pages: int = WAL_BOUND_PAGES
    ) -> None:
        self._path = path
        self._wal_bound_pages = wal_bound_pages
        self.connection = connect_writer(path, synchronous=synchronous)
        self._log_room = LogRoom(path)
        self._wal_pages = 0
        self._entries_durable = False
        self.connection.set_wal_hook(self._note_wal)

    def _note_wal(self, _: apsw.Connection, __: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def commit(self, rows: Sequence[ev.Row], encoded: Sequence[Encoded]) -> None:
        """One transaction, durable when this returns. Raises apsw.Error: then it is unknown."""
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        self._insert(INSERT, encoded)
        self._project(rows)
        execute("COMMIT")
        if not self._entries_durable:
            sync_folder(self._path)
            self._entries_durable = True

    def _project(self, rows: Iterable[ev.Row]) -> None:
        many = self.connection.executemany
        projection = project(rows)
        self._insert(OPEN, projection.opened)
        if projection.closed:
            self.connection.execute(CLOSE, (encode_body(projection.closed).decode(),))
            self._insert(FINISH, projection.finished)
        if kept := projection.kept():
            many(KEEP, [(facet, *sums) for facet, sums in kept.items()])
        if projection.tally:
            many(TALLY, [(*key, *sums) for key, sums in projection.tally.items()])
        if projection.told:
            many(TELL, [(*key, n) for key, n in projection.told.items()])
        if projection.titles:
            many(titles.REMEMBER, list(projection.titles.items()))
        self._mark(projection.marks)
        for body in projection.trimmed:
            self._forget(body)

    def _insert(self, into: str, rows: Sequence[tuple[apsw.SQLiteValue, ...]]) -> None:
        at = 0
        for count in ROWS_AT_ONCE:
            while len(rows) - at >= count:
                values = tuple(chain.from_iterable(rows[at : at + count]))
                self.connection.execute(_inserting(into, len(rows[at]), count), values)
                at += count
        if at < len(rows):
            self.connection.executemany(_inserting(into, len(rows[at]), 1), rows[at:])

    def _mark(self, marks: Sequence[tuple[Mark, tuple[int] | tuple[bytes, int]]]) -> None:
        execute = self.connection.execute
        if all(mark == "settled" for mark, _ in marks) and not execute(ANY_PROBLEM).fetchone():
            return
        for mark, bindings in marks:
            execute(MARK[mark], bindings)

    def _forget(self, body: dict[str, Any]) -> None:
        execute = self.connection.execute
        jobs, parents = encode_body(body["jobs"]), encode_body(body["parents"])
        if body["jobs"]:
            execute(FORGET_LATER_ROWS, (jobs.decode(),))
            execute(FORGET_QUEUED_ROWS, (jobs.decode(),))
            execute(FORGET_FINISHED, (jobs.decode(),))
        if body["parents"]:
            execute(FORGET_PARENT_ROWS, (parents.decode(),))
            execute(FORGET_FINISHED, (parents.decode(),))

    def tidy(self) -> None:
        """Between two commits, while nobody waits for one."""
        if self._wal_pages >= self._wal_bound_pages:
            self.checkpoint()
        self._log_room.want(self._wal_pages)

    @property
    def wants_checkpoint(self) -> bool:
        """Pages wait in the WAL."""
        return self._wal_pages > 0

    def checkpoint(self) -> None:
        """Move the WAL's pages into the database; the next commit starts the WAL anew."""
        self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        self._wal_pages = 0

    def close(self) -> None:
        """Close the connection; the last one out checkpoints."""
        self.connection.close()


class Projection:
    """What a group of rows means for the derived tables. Row-local: no row looks at another."""

    def __init__(self) -> None:
        self.opened: list[tuple[int, int, int | None]] = []
        self.closed: list[int] = []
        self.finished: list[Finished] = []
        self.marks: list[tuple[Mark, tuple[int] | tuple[bytes, int]]] = []  # in their order
        self.tally: dict[tuple[int, int], list[int]] = {}  # (day, facet): n, ran, ms
        self.told: dict[tuple[int, str, str], int] = {}  # (day, kind, word): n
        self.titles: dict[bytes, bytes] = {}  # path: what a delivery told
        self.trimmed: list[dict[str, Any]] = []
        self._quarter: float | None = None  # hour, of the last day that was looked up
        self._day = 0

    def kept(self) -> dict[int, list[int]]:
        """What is added to the counts of listed jobs. By facet: n, ran, ms."""
        kept: dict[int, list[int]] = {}
        for (_, facet), (n, ran, ms) in self.tally.items():
            _add(kept.setdefault(facet, [0, 0, 0]), n, ran, ms)
        for body in self.trimmed:
            for facet, n, ran, ms in body["kept"]:
                _add(kept.setdefault(facet, [0, 0, 0]), -n, -ran, -ms)
        return kept

    def _day_of(self, at: float) -> int:
        quarter = at // QUARTER_SECONDS
        if quarter != self._quarter:
            self._quarter, self._day = quarter, local_day(at)
        return self._day

    def _sum(self, day: int, facet: int, ms: int | None) -> None:
        sums = self.tally.get((day, facet))
        if sums is None:
            sums = self.tally[day, facet] = [0, 0, 0]
        _add(sums, 1, ms is not None, ms or 0)

    def end_job(self, row: ev.Row) -> None:
        """A job's terminal row."""
        body, job = row.body, row.job
        assert job is not None
        facet, ms = body["facet"], body.get("ms")
        path, end = decode_bytes(body["path"]), end_of(facet)
        reason = None if end == ALREADY else body.get("reason")
        day = self._day_of(row.at)
        self.closed.append(job)
        language = body["selected_track"]["language"] if "selected_track" in body else None
        self.finished.append((job, row.seq, facet, row.parent, ms, path, reason, language))
        self._sum(day, facet, ms)
        if row.type != ev.JOB_CANCELLED:
            self.marks.append(("settled", (path, job)))
        if reason is not None:
            self._tell(day, "reason", reason)
        if end == CHANGED and language is not None:
            self._tell(day, "language", language)

    def _tell(self, day: int, kind: str, word: str) -> None:
        key = (day, kind, word)
        self.told[key] = self.told.get(key, 0) + 1

    def end_batch(self, row: ev.Row) -> None:
        """A batch's terminal row; no duration counts there."""
        assert row.parent is not None
        facet = BATCH_ENDED_FACET[row.type]
        path = decode_bytes(row.body["path"])
        self.closed.append(row.parent)
        self.finished.append((row.parent, row.seq, facet, None, None, path, None, None))
        self._sum(self._day_of(row.at), facet, None)

    def mark(self, row: ev.Row) -> None:
        """A row of a job behind its end."""
        assert row.job is not None
        self.marks.append((_MARKS[row.type], (row.job,)))

    def trim(self, row: ev.Row) -> None:
        """Retention removed what the row names."""
        self.trimmed.append(row.body)


def _add(sums: list[int], n: int, ran: int, ms: int) -> None:
    sums[0] += n
    sums[1] += ran
    sums[2] += ms


def project(rows: Iterable[ev.Row]) -> Projection:
    """What these rows change in the derived tables."""
    projection = Projection()
    opened = projection.opened
    for row in rows:
        kind = row.type
        if kind == ev.JOB_QUEUED:
            opened.append((row.seq, row.body["facet"], row.parent))
            if "retry_of" in row.body:
                projection.marks.append(("dismissed", (row.body["retry_of"],)))
            told = "retry_of" not in row.body and source_of(row.body["facet"]) != "manual"
            if told and not titles.KEYS.isdisjoint(row.body):
                projection.titles[decode_bytes(row.body["path"])] = titles.body_of(row.body)
        elif kind in ev.JOB_ENDS:
            projection.end_job(row)
        elif kind == ev.BATCH_QUEUED:
            opened.append((row.seq, OPEN_BATCH, None))
        elif kind in ev.BATCH_ENDS:
            projection.end_batch(row)
        elif kind in ev.AFTER_END:
            projection.mark(row)
        elif kind == ev.TRIMMED:
            projection.trim(row)
    return projection
