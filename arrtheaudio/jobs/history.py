"""Named queries over what has happened: one job, lists, batches, deliveries, statistics.

All run on a read-only connection inside one view of the tables. Lists come
from index ranges, one arm per facet, which SQLite merges; the join order is
pinned, and tests pin the query plans. queue.md: lists stay fast over a
million ended jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final, Literal

import apsw
import attrs
import orjson

from arrtheaudio.errors import UnknownId
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs import words
from arrtheaudio.jobs.encoding import decode_body
from arrtheaudio.jobs.facets import IS_ALREADY, IS_FAILED
from arrtheaudio.jobs.models import IdKind, NewJob, format_id
from arrtheaudio.jobs.moments import Span
from arrtheaudio.jobs.replay import rows_of

Order = Literal["job", "seq"]  # by creation, by last change

_COLUMNS: Final = "j.seq, j.at, j.type, j.job, j.parent, j.body"
# first_rows: rows by their own number; ids bound as a JSON list
FIRST_ROWS: Final = f"""SELECT {_COLUMNS}
 FROM json_each(?) AS wanted CROSS JOIN journal AS j ON j.seq = wanted.value"""
# later_rows: what happened to these jobs behind their first rows; plans are not shown
LATER_ROWS: Final = f"""SELECT {_COLUMNS}
 FROM json_each(?) AS wanted CROSS JOIN journal AS j INDEXED BY journal_job
 ON j.job = wanted.value AND j.job <> j.seq AND j.type <> '{ev.JOB_PLANNED}' ORDER BY j.seq"""
# asked: what was asked with these jobs, and with their batches; ids bound as a JSON list
ASKED: Final = f"""SELECT j.seq, j.body, b.seq, b.body
 FROM json_each(?) AS wanted CROSS JOIN journal AS j ON j.seq = wanted.value
 LEFT JOIN journal AS b ON b.seq = j.parent AND b.type = '{ev.BATCH_QUEUED}'
 WHERE j.type = '{ev.JOB_QUEUED}'"""
# parent_rows: the rows of a batch or a webhook itself
PARENT_ROWS: Final = f"""SELECT {_COLUMNS} FROM journal AS j INDEXED BY journal_parent
 WHERE j.parent = ? AND j.job IS NULL ORDER BY j.seq"""
# jobs_of_parent: every job of a webhook or a batch, in the order of the request
JOBS_OF_PARENT: Final = """SELECT job FROM open INDEXED BY open_parent WHERE parent = ?1
 UNION ALL SELECT job FROM finished INDEXED BY finished_parent WHERE parent = ?1 ORDER BY 1"""
# ended_of_parent: its ended jobs, newest end first
ENDED_OF_PARENT: Final = """SELECT job FROM finished INDEXED BY finished_parent
 WHERE parent = ? ORDER BY seq DESC LIMIT ? OFFSET ?"""
COUNT_ENDED_OF_PARENT: Final = """SELECT count(*) FROM finished INDEXED BY finished_parent
 WHERE parent = ?"""

# open_arm: live jobs with no more than their queued row
OPEN_ARM: Final = """SELECT job, job FROM open WHERE facet IN (SELECT value FROM json_each(?))
 AND job NOT IN (SELECT value FROM json_each(?))"""
UNDONE_COUNTS: Final = """SELECT facet, count(*) FROM finished INDEXED BY finished_undone
 WHERE undone GROUP BY facet"""
IS_PROBLEM: Final = f"{IS_FAILED} AND NOT dismissed"  # as the index finished_problem


@attrs.frozen
class Found:
    """A job's rows, ascending, and the first row of its webhook or batch."""

    rows: tuple[ev.Row, ...]
    parent: ev.Row | None

    @property
    def batch_body(self) -> dict[str, Any] | None:
        """What the batch asked, for a batch's job."""
        if self.parent is not None and self.parent.type == ev.BATCH_QUEUED:
            return self.parent.body
        return None


def _json(values: Iterable[object]) -> str:
    return orjson.dumps(list(values)).decode()


def unknown(kind: IdKind, seq: int) -> UnknownId:
    """The error for an id that is not (or no longer) there."""
    return UnknownId(f"No {kind} {format_id(kind, seq)} is kept")


# --- jobs -------------------------------------------------------------------


def jobs_rows(connection: apsw.Connection, jobs: Sequence[int]) -> list[Found]:
    """The rows of these jobs, in this order; what is no job is left out."""
    wanted = _json(jobs)
    rows = {row.seq: [row] for row in rows_of(connection, FIRST_ROWS, wanted)}
    for row in rows_of(connection, LATER_ROWS, wanted):
        if row.job in rows:
            rows[row.job].append(row)
    parents = _json({first.parent for first, *_ in rows.values() if first.parent is not None})
    parent = {row.seq: row for row in rows_of(connection, FIRST_ROWS, parents)}
    return [
        Found(tuple(rows[job]), parent.get(rows[job][0].parent or 0))
        for job in jobs
        if job in rows and rows[job][0].type == ev.JOB_QUEUED
    ]


def asked(connection: apsw.Connection, jobs: Sequence[int]) -> list[tuple[int, NewJob, int | None]]:
    """(job, what was asked, the job that it undoes) of these jobs; what is no job is left out."""
    batches: dict[int | None, dict[str, Any] | None] = {None: None}
    found = []
    for job, raw, batch, raw_batch in connection.execute(ASKED, (_json(jobs),)):
        if batch not in batches:
            batches[batch] = decode_body(raw_batch)
        body = decode_body(raw)
        found.append((job, ev.new_job_of(body, batches[batch]), body.get("undo_of")))
    return found


def job_rows(connection: apsw.Connection, job: int) -> Found:
    """One job. Raises: UnknownId."""
    found = jobs_rows(connection, [job])
    if not found:
        raise unknown("job", job)
    return found[0]


def parent_rows(connection: apsw.Connection, kind: IdKind, seq: int) -> list[ev.Row]:
    """The own rows of a batch or webhook. Raises: UnknownId."""
    rows = list(rows_of(connection, PARENT_ROWS, seq))
    begins = ev.BATCH_QUEUED if kind == "batch" else ev.WEBHOOK_RECEIVED
    if not rows or rows[0].type != begins:
        raise unknown(kind, seq)
    return rows


def delivery_rows(connection: apsw.Connection, webhook: int) -> tuple[ev.Row, list[Found]]:
    """A webhook's row and its jobs. Raises: UnknownId."""
    (received,) = parent_rows(connection, "webhook", webhook)
    jobs = [job for (job,) in connection.execute(JOBS_OF_PARENT, (webhook,))]
    return received, jobs_rows(connection, jobs)


def batch_rows(
    connection: apsw.Connection, batch: int, limit: int, offset: int
) -> tuple[list[ev.Row], list[Found], int]:
    """A batch's own rows, a page of its ended jobs, and how many there are. Raises: UnknownId."""
    rows = parent_rows(connection, "batch", batch)
    jobs = [job for (job,) in connection.execute(ENDED_OF_PARENT, (batch, limit, offset))]
    ((total,),) = connection.execute(COUNT_ENDED_OF_PARENT, (batch,))
    return rows, jobs_rows(connection, jobs), total


# --- lists ------------------------------------------------------------------


@attrs.frozen
class LiveArm:
    """The live jobs that a list takes.

    ``facets`` (where not None): jobs with no more than their queued row, from the
    table ``open``; ``without`` are those that have more. ``named`` are (job, key)
    that memory picked, key being the last row's seq or the job's own.
    """

    facets: Collection[int] | None = None
    without: Collection[int] = ()
    named: Collection[tuple[int, int]] = ()


@attrs.frozen
class EndedArm:
    """The ended jobs that a list takes; besides facets, a parent or a path may narrow it."""

    facets: Collection[int]
    parent: int | None = None
    path: bytes | None = None  # this file, or all below this folder
    folder: bytes | None = None  # files right in this folder
    q: str | None = None  # substring of the path, letters of either case
    reasons: tuple[str, ...] = ()  # already_correct is told by the facet alone
    languages: tuple[str, ...] = ()  # of the chosen track
    undone: bool | None = None
    problem: bool = False  # failures that were not dismissed
    created: Span | None = None  # of their first rows
    ended: Span | None = None  # of the rows that ended them

    @property
    def narrowed(self) -> bool:
        """The index ranges of the facets do not suffice."""
        return bool(
            (self.parent, self.path, self.folder, self.q) != (None,) * 4
            or self.reasons
            or self.languages
            or self.problem
            or self.undone
            or self.ended
        )

    @property
    def counted(self) -> bool:
        """Facet counters tell how many match."""
        return not self.narrowed and self.created is None and self.undone is None


@attrs.frozen
class PageQuery:
    """Which page of the merged arms, in which order."""

    live: LiveArm
    ended: EndedArm
    order: Order = "job"
    descending: bool = True
    limit: int = 50
    offset: int = 0
    before: int | None = None  # only keys below this number


def page_sql(query: PageQuery) -> tuple[str, list[object]]:
    """The compound query of a page: columns job and key."""
    arms: list[str] = []
    bindings: list[object] = []
    for sql, values in [*_ended_arms(query), *_live_arms(query)]:
        arms.append(sql)
        bindings += values
    direction = "DESC" if query.descending else "ASC"
    sql = " UNION ALL ".join(arms)
    return f"{sql} ORDER BY 2 {direction} LIMIT ? OFFSET ?", [
        *bindings,
        query.limit,
        query.offset,
    ]


def _ended_arms(query: PageQuery) -> Iterable[tuple[str, list[object]]]:
    ended, order = query.ended, query.order
    tail, more = _ranges(ended)
    if query.before is not None:
        tail += f" AND {order} < ?"
        more.append(query.before)
    if not ended.narrowed:
        for facet in sorted(ended.facets):
            yield (
                f"SELECT job, {order} FROM finished INDEXED BY finished_facet_{order}"
                f" WHERE facet = ?{tail}",
                [facet, *more],
            )
        return
    for source, condition, values in _narrowed(ended):
        yield f"SELECT job, {order} FROM {source} WHERE {condition}{tail}", [*values, *more]


def _ranges(ended: EndedArm) -> tuple[str, list[object]]:
    """What holds for every arm besides its facets."""
    tail, values = "", list[object]()
    for row, within in (("job", ended.created), ("seq", ended.ended)):
        if within is not None:
            tail += f" AND {row} >= ? AND {row} < ?"
            values += (within.first, within.behind)
            if within.times is not None:
                at = f"(SELECT j.at FROM journal AS j WHERE j.seq = finished.{row})"
                tail += f" AND {at} >= ? AND {at} < ?"
                values += within.times
    if ended.undone is False:
        tail += " AND NOT undone"
    return tail, values


def _narrowed(ended: EndedArm) -> Iterable[tuple[str, str, list[object]]]:
    conditions = ["facet IN (SELECT value FROM json_each(?))"]
    values: list[object] = [_json(ended.facets)]
    if ended.problem:
        conditions.append(IS_PROBLEM)
    if ended.undone:
        conditions.append("undone")
    if ended.reasons:
        told = f"reason IN ({', '.join('?' * len(ended.reasons))})"
        already = ev.ALREADY_CORRECT in ended.reasons
        conditions.append(f"({told} OR {IS_ALREADY})" if already else told)
        values += ended.reasons
    if ended.languages:
        conditions.append(f"language IN ({', '.join('?' * len(ended.languages))})")
        values += ended.languages
    if ended.q is not None:
        says, parts = words.condition(ended.q)
        conditions.append(says)
        values += parts
    if ended.folder is not None:
        folder = ended.folder.rstrip(b"/")
        conditions.append("path > ? AND path < ? AND NOT instr(substr(path, ?), x'2F')")
        values += (*_below(folder), len(folder) + 2)
    source = _source(ended)
    if ended.parent is not None:
        conditions.append("parent = ?")
        values.append(ended.parent)
    if ended.path is None:
        yield source, " AND ".join(conditions), values
        return
    folder = ended.path.rstrip(b"/")
    yield source, " AND ".join([*conditions, "path = ?"]), [*values, folder or b"/"]
    below = [*values, *_below(folder)]
    yield source, " AND ".join([*conditions, "path >= ? AND path < ?"]), below


def _below(folder: bytes) -> tuple[bytes, bytes]:
    """The range of all that begins with ``folder/``: '0' is the character behind '/'."""
    return folder + b"/", folder + b"0"


def _source(ended: EndedArm) -> str:
    """The table with the index that narrows best."""
    for index, fits in (
        ("finished_path", (ended.path, ended.folder) != (None, None)),
        ("finished_parent", ended.parent is not None),
        ("finished_problem", ended.problem),
        ("finished_reason", ended.reasons and ev.ALREADY_CORRECT not in ended.reasons),
        ("finished_facet_seq", ended.ended is not None),
        ("finished_language", bool(ended.languages)),
        ("finished_undone", bool(ended.undone)),
        ("finished_facet_job", ended.q is None),
    ):
        if fits:
            return f"finished INDEXED BY {index}"
    return "finished"


def _live_arms(query: PageQuery) -> Iterable[tuple[str, list[object]]]:
    live, before = query.live, query.before
    if live.facets is not None:
        tail = "" if before is None else " AND job < ?"
        more = [] if before is None else [before]
        yield f"{OPEN_ARM}{tail}", [_json(live.facets), _json(live.without), *more]
    named = [entry for entry in live.named if before is None or entry[1] < before]
    if named:
        # Joined to open: whatever ended since memory was asked is in the other arms.
        yield (
            "SELECT o.job, named.value ->> 1 FROM json_each(?) AS named"
            " CROSS JOIN open AS o ON o.job = named.value ->> 0",
            [_json(named)],
        )


def page_ids(connection: apsw.Connection, query: PageQuery) -> list[int]:
    """The jobs (or batches) of one page."""
    if not (query.ended.facets or query.live.facets or query.live.named):
        return []
    sql, bindings = page_sql(query)
    if not sql.startswith("SELECT"):  # nothing is left before the number
        return []
    return [job for job, _ in connection.execute(sql, bindings)]


def count_ended(connection: apsw.Connection, ended: EndedArm) -> int:
    """How many ended jobs match, where the counters do not tell."""
    tail, more = _ranges(ended)
    total = 0
    for source, condition, values in _narrowed(ended):
        ((count,),) = connection.execute(
            f"SELECT count(*) FROM {source} WHERE {condition}{tail}", [*values, *more]
        )
        total += count
    return total


def facet_counts(connection: apsw.Connection, ended: EndedArm) -> dict[tuple[int, bool], int]:
    """How many ended jobs match, by facet and whether they were undone."""
    tail, more = _ranges(ended)
    counts: dict[tuple[int, bool], int] = {}
    for source, condition, values in _narrowed(ended):
        for facet, undone, n in connection.execute(
            f"SELECT facet, undone, count(*) FROM {source} WHERE {condition}{tail}"
            " GROUP BY facet, undone",
            [*values, *more],
        ):
            counts[facet, bool(undone)] = counts.get((facet, bool(undone)), 0) + n
    return counts


def undone_counts(connection: apsw.Connection) -> dict[int, int]:
    """Changes that were undone, by facet."""
    return dict(connection.execute(UNDONE_COUNTS))
