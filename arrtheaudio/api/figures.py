"""Figures for charts: by local day, and by language, reason or source; they outlive clean-up."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

import attrs

from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import Bounds
from arrtheaudio.api.services import Services
from arrtheaudio.jobs.facets import ALREADY, CANCELLED, CHANGED, FAILED, SKIPPED, SUCCESS
from arrtheaudio.jobs.figures import DayCounts

Days = Annotated[int, Bounds(1, 3660)]


@attrs.frozen
class DailyQuery:
    """How many local days, today included."""

    days: Days = 14


@attrs.frozen
class BreakdownQuery:
    """By what, and over how many local days, today included."""

    by: Literal["language", "reason", "source"]
    days: Days = 14


class DayView(TypedDict):
    """What ended on one local day, undo jobs aside. ``unchanged``: successful dry runs."""

    day: str
    changed: int
    already_correct: int
    unchanged: int
    skipped: int
    failed: int
    cancelled: int
    avg_ms: float | None


class DailyView(TypedDict):
    """The days in their order; the last one is today."""

    days: list[DayView]


class BreakdownItem(TypedDict):
    """So many jobs."""

    key: str
    count: int


class BreakdownView(TypedDict):
    """Languages of changed files, reasons of skipped and failed ones, or sources of all."""

    by: Literal["language", "reason", "source"]
    days: int
    items: list[BreakdownItem]


async def daily(services: Services, *, query: DailyQuery) -> Answer:
    """What ended, day by day."""
    counts = await services.queue.daily(query.days)
    view: DailyView = {"days": [_day(one) for one in counts]}
    return reply(view)


def _day(counts: DayCounts) -> DayView:
    ends = counts.ends
    return {
        "day": counts.date,
        "changed": ends[CHANGED],
        "already_correct": ends[ALREADY],
        "unchanged": ends[SUCCESS],
        "skipped": ends[SKIPPED],
        "failed": ends[FAILED],
        "cancelled": ends[CANCELLED],
        "avg_ms": counts.average_ms,
    }


async def breakdown(services: Services, *, query: BreakdownQuery) -> Answer:
    """How many, the most frequent first."""
    found = await services.queue.breakdown(query.by, query.days)
    view: BreakdownView = {
        "by": query.by,
        "days": query.days,
        "items": [{"key": key, "count": count} for key, count in found],
    }
    return reply(view)


OPERATIONS = (
    Operation(
        "GET",
        "/stats/daily",
        daily,
        "What ended on each local day",
        "queue",
        {200: DailyView},
        query=DailyQuery,
    ),
    Operation(
        "GET",
        "/stats/breakdown",
        breakdown,
        "How many by language, reason or source",
        "queue",
        {200: BreakdownView},
        query=BreakdownQuery,
    ),
)
