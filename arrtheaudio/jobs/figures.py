"""Figures that outlive retention (by day, language, reason, source), and what needs the user.

Named queries and their values; all run on a read-only connection. The tallies are
by local day (schema.local_day). dashboard.md: charts, "Needs you"; api.md: hello.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import apsw
import attrs

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.encoding import decode_body
from arrtheaudio.jobs.facets import (
    CANCELLED,
    CHANGED,
    ENDED_FACETS,
    ENDS,
    IS_CANCELLED,
    IS_FAILED,
    end_of,
    kind_of,
    source_of,
)
from arrtheaudio.jobs.history import IS_PROBLEM
from arrtheaudio.jobs.models import Source
from arrtheaudio.jobs.replay import HEAD, rows_of
from arrtheaudio.jobs.statistics import DAY_SUMS

By = Literal["language", "reason", "source"]

RECENT_DELIVERIES: Final = 500  # looked through for the last one of each instance

# days_sums: what ended, by day and facet
DAYS_SUMS: Final = "SELECT day, facet, n, ran, ms FROM tally WHERE day >= ?"
# days_words: how often each word was told, the most frequent first
DAYS_WORDS: Final = """SELECT word, sum(n) FROM told WHERE day >= ? AND kind = ?
 GROUP BY word ORDER BY 2 DESC, 1"""
# problems: failures that nobody dismissed, newest first; problem_count: their number
PROBLEMS: Final = f"""SELECT job, seq, path, reason FROM finished INDEXED BY finished_problem
 WHERE {IS_PROBLEM} ORDER BY job DESC"""
PROBLEM_COUNT: Final = f"""SELECT count(*) FROM finished INDEXED BY finished_problem
 WHERE {IS_PROBLEM}"""
# to_dismiss, to_restore: failures with a reason; restored is only what was dismissed by hand
# and is still the last word on its file
TO_DISMISS: Final = f"""SELECT job, parent, facet, path
 FROM finished INDEXED BY finished_reason
 WHERE reason = ? AND {IS_PROBLEM} ORDER BY job"""
TO_RESTORE: Final = f"""SELECT f.job, f.parent, f.facet, f.path
 FROM finished AS f INDEXED BY finished_reason
 WHERE f.reason = ? AND {IS_FAILED} AND f.dismissed
 AND NOT EXISTS (SELECT 1 FROM finished AS g INDEXED BY finished_path
  WHERE g.path = f.path AND g.job > f.job AND g.seq > f.seq AND NOT {IS_CANCELLED})
 AND '{ev.PROBLEM_DISMISSED}' = (SELECT j.type FROM journal AS j INDEXED BY journal_job
  WHERE j.job = f.job AND j.job <> j.seq AND j.type LIKE 'problem.%' ORDER BY j.seq DESC LIMIT 1)
 ORDER BY f.job"""
# undoable_among: of these jobs, the changes that can be undone
UNDOABLE_AMONG: Final = f"""SELECT f.job, f.path, f.facet
 FROM json_each(?1) AS wanted CROSS JOIN finished AS f ON f.job = wanted.value
 WHERE f.facet IN (SELECT value FROM json_each(?2)) AND NOT f.undone
 AND EXISTS (SELECT 1 FROM journal AS j INDEXED BY journal_job
  WHERE j.job = f.job AND j.job <> j.seq AND j.type = '{ev.JOB_PLANNED}')
 AND NOT EXISTS (SELECT 1 FROM journal AS j
  WHERE j.seq = f.seq AND CAST(j.body AS TEXT) ->> 'method' = 'remux')
 ORDER BY f.job"""
# bodies: rows by their own number
BODIES: Final = """SELECT j.seq, j.body
 FROM json_each(?) AS wanted CROSS JOIN journal AS j ON j.seq = wanted.value"""
# recent_deliveries: the newest webhooks' own rows
DELIVERIES: Final = f"""SELECT j.seq, j.at, j.type, j.job, j.parent, j.body
 FROM journal AS j INDEXED BY journal_parent
 WHERE j.job IS NULL AND j.parent IS NOT NULL AND j.type = '{ev.WEBHOOK_RECEIVED}'
 ORDER BY j.parent DESC LIMIT ?"""


@attrs.define
class DayCounts:
    """What ended on one local day (yyyymmdd), undo jobs aside."""

    day: int
    ends: list[int] = attrs.field(factory=lambda: [0] * ENDS)  # by end
    ran: int = 0
    ms: int = 0

    @property
    def date(self) -> str:
        """As ISO 8601 writes it."""
        return f"{self.day // 10_000:04d}-{self.day // 100 % 100:02d}-{self.day % 100:02d}"

    @property
    def average_ms(self) -> float | None:
        """Of the jobs that ran; None without any."""
        return self.ms / self.ran if self.ran else None

    @property
    def processed(self) -> int:
        """Files that were looked at to the end."""
        return sum(self.ends) - self.ends[CANCELLED]

    def add(self, facet: int, n: int, ran: int, ms: int) -> None:
        """So many more of a facet; an undo is no file that was checked."""
        if facet in ENDED_FACETS and kind_of(facet) == "process":
            self.ends[end_of(facet)] += n
            self.ran += ran
            self.ms += ms


@attrs.frozen
class Failure:
    """One failed job that nobody dismissed."""

    job: int
    ended: int  # seq of its end
    path: bytes
    reason: str


@attrs.frozen
class LastDelivery:
    """The newest delivery of one instance of Sonarr or Radarr."""

    source: Source
    instance: str | None
    at: float
    event: str


def last_days(now: float, days: int) -> list[int]:
    """Local days as yyyymmdd, the oldest first; the last one is today."""
    today = datetime.fromtimestamp(now).date()
    dates = (today - timedelta(days=back) for back in range(days - 1, -1, -1))
    return [date.year * 10_000 + date.month * 100 + date.day for date in dates]


def daily(connection: apsw.Connection, days: Sequence[int]) -> tuple[DayCounts, ...]:
    """What ended on each of these days."""
    counts = {day: DayCounts(day) for day in days}
    for day, facet, n, ran, ms in connection.execute(DAYS_SUMS, (days[0],)):
        if day in counts:
            counts[day].add(facet, n, ran, ms)
    return tuple(counts.values())


def breakdown(connection: apsw.Connection, by: By, first_day: int) -> tuple[tuple[str, int], ...]:
    """How many jobs since a day, by word, the most frequent first."""
    if by != "source":
        return tuple(connection.execute(DAYS_WORDS, (first_day, by)))
    sums: dict[str, int] = {}
    for _, facet, n, _, _ in connection.execute(DAYS_SUMS, (first_day,)):
        if facet in ENDED_FACETS:
            sums[source_of(facet)] = sums.get(source_of(facet), 0) + n
    return tuple(sorted(sums.items(), key=lambda entry: (-entry[1], entry[0])))


def day_at_head(connection: apsw.Connection, day: int) -> tuple[int, DayCounts]:
    """One day as it stands at a number of the journal."""
    ((head,),) = connection.execute(HEAD)
    counts = DayCounts(day)
    for facet, n, ran, ms in connection.execute(DAY_SUMS, (day,)):
        counts.add(facet, n, ran, ms)
    return head, counts


def failures(connection: apsw.Connection) -> list[Failure]:
    """All failed jobs that nobody dismissed, newest first."""
    return [
        Failure(job, seq, path, reason) for job, seq, path, reason in connection.execute(PROBLEMS)
    ]


def failure_count(connection: apsw.Connection) -> int:
    """How many there are."""
    ((count,),) = connection.execute(PROBLEM_COUNT)
    return int(count)


def bodies_of(connection: apsw.Connection, seqs: Iterable[int]) -> dict[int, Mapping[str, Any]]:
    """The bodies of some rows."""
    return {seq: decode_body(raw) for seq, raw in connection.execute(BODIES, (json_of(seqs),))}


def undoable_among(
    connection: apsw.Connection, jobs: Iterable[int]
) -> list[tuple[int, bytes, int]]:
    """(job, path, facet) of those whose change can be undone."""
    changed = (facet for facet in ENDED_FACETS if _is_change(facet))
    return list(connection.execute(UNDOABLE_AMONG, (json_of(jobs), json_of(changed))))


def _is_change(facet: int) -> bool:
    return end_of(facet) == CHANGED and kind_of(facet) == "process"


def json_of(values: Iterable[int]) -> str:
    """Numbers as a query takes them for ``json_each``."""
    return "[" + ",".join(map(str, values)) + "]"


def last_deliveries(connection: apsw.Connection) -> list[LastDelivery]:
    """The newest delivery of each instance, among the last RECENT_DELIVERIES."""
    found: dict[tuple[Source, str | None], LastDelivery] = {}
    for row in rows_of(connection, DELIVERIES, RECENT_DELIVERIES):
        body = row.body
        key = (body["source"], body.get("instance"))
        found.setdefault(key, LastDelivery(*key, row.at, body["event"]))
    return list(found.values())
