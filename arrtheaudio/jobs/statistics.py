"""Statistics: of what is kept, of today, and of all time (api.md: /stats, /jobs/stats)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import apsw
import attrs

from arrtheaudio.jobs.facets import CANCELLED, ENDED_FACETS, ENDS, FAILED, container_of, end_of
from arrtheaudio.jobs.models import Status
from arrtheaudio.jobs.overview import Statistics

# kept_sums: ended jobs that are still listed, by facet; tally_sums: all ever ended
KEPT_SUMS: Final = "SELECT facet, n, ran, ms FROM kept"
DAY_SUMS: Final = "SELECT facet, n, ran, ms FROM tally WHERE day = ?"
LIFETIME_SUMS: Final = "SELECT facet, sum(n), sum(ran), sum(ms) FROM tally GROUP BY facet"


@attrs.define
class _Sums:
    n: int = 0
    ran: int = 0
    ms: int = 0

    @property
    def average(self) -> float | None:
        return self.ms / self.ran if self.ran else None


def _sum(rows: Iterable[tuple[int, int, int, int]], ends: frozenset[int]) -> _Sums:
    sums = _Sums()
    for facet, n, ran, ms in rows:
        if facet in ENDED_FACETS and end_of(facet) in ends:
            sums.n += n
            sums.ran += ran
            sums.ms += ms
    return sums


_ALL: Final = frozenset(range(ENDS))
_FAILED: Final = frozenset({FAILED})
_COMPLETED: Final = _ALL - {FAILED, CANCELLED}
_PROCESSED: Final = _COMPLETED | _FAILED


def statistics(connection: apsw.Connection, day: int, live: Mapping[Status, int]) -> Statistics:
    """All of it; ``live`` are the live jobs by status, ``day`` is today (schema.local_day)."""
    kept = list(connection.execute(KEPT_SUMS))
    today = list(connection.execute(DAY_SUMS, (day,)))
    ever = list(connection.execute(LIFETIME_SUMS))
    by_container = {
        name: _sum([row for row in ever if container_of(row[0]) == name], _PROCESSED)
        for name in ("mkv", "mp4")
    }
    counts = {
        **live,
        Status.COMPLETED: _sum(kept, _COMPLETED).n,
        Status.FAILED: _sum(kept, _FAILED).n,
        Status.CANCELLED: _sum(kept, frozenset({CANCELLED})).n,
    }
    return Statistics(
        kept=counts,
        average_ms=_sum(kept, _ALL).average,
        today_completed=_sum(today, _COMPLETED).n,
        today_failed=_sum(today, _FAILED).n,
        today_average_ms=_sum(today, _ALL).average,
        lifetime_jobs=_sum(ever, _ALL).n + sum(live.values()),
        lifetime_processed=_sum(ever, _PROCESSED).n,
        lifetime_ms=_sum(ever, _ALL).ms,
        mkv_processed=by_container["mkv"].n,
        mp4_processed=by_container["mp4"].n,
        mkv_average_ms=by_container["mkv"].average,
        mp4_average_ms=by_container["mp4"].average,
    )
