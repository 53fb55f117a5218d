"""Facets: what lists filter by and totals count by, as one small integer.

A live job's facet is source x container (0 to 8); an ended job's adds its end
(0 to 53); a job of kind undo has the same ones, UNDO higher. Unfinished and
ended batches have facets of their own, so that one set of tables and counters
serves both. The numbers stand in the journal's tables: never renumber them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from arrtheaudio.jobs.models import BatchStatus, JobKind, Source, Status

SOURCES: Final[tuple[Source, ...]] = ("sonarr", "radarr", "manual")
CONTAINERS: Final = (None, "mkv", "mp4")
JOB_KINDS: Final[tuple[JobKind, ...]] = ("process", "undo")
# How a job ended. SUCCESS: without a change (a dry run); ALREADY: skipped as already_correct.
CHANGED, SUCCESS, SKIPPED, FAILED, CANCELLED, ALREADY = range(6)

PLACES: Final = len(SOURCES) * len(CONTAINERS)  # where a job may come from, and what it holds
ENDS: Final = 6
UNDO: Final = 22 * PLACES  # what is added for a job of kind undo; there is room for more ends
LIVE_FACETS: Final = frozenset({*range(PLACES), *range(UNDO, UNDO + PLACES)})
ENDED_FACETS: Final = frozenset(
    undo + facet for undo in (0, UNDO) for facet in range(ENDS * PLACES)
)
# As SQL; the tables' indexes and every query that uses them say it in these words.
IS_FAILED: Final = "(facet BETWEEN 27 AND 35 OR facet BETWEEN 225 AND 233)"
IS_CANCELLED: Final = "(facet BETWEEN 36 AND 44 OR facet BETWEEN 234 AND 242)"
IS_ALREADY: Final = "(facet BETWEEN 45 AND 53 OR facet BETWEEN 243 AND 251)"
OPEN_BATCH: Final = 99
BATCH_FACETS: Final = {
    BatchStatus.COMPLETED: 100,
    BatchStatus.CANCELLED: 101,
    BatchStatus.FAILED: 102,
}

_CONTAINER_OF: Final = {
    b"mkv": "mkv",
    b"webm": "mkv",
    b"mka": "mkv",
    b"mp4": "mp4",
    b"m4v": "mp4",
    b"mov": "mp4",
}
_LIVE: Final = {
    (kind, source, container): undo * UNDO + at * len(CONTAINERS) + to
    for undo, kind in enumerate(JOB_KINDS)
    for at, source in enumerate(SOURCES)
    for to, container in enumerate(CONTAINERS)
}
_STATUS_OF: Final = {
    CHANGED: Status.COMPLETED,
    SUCCESS: Status.COMPLETED,
    SKIPPED: Status.COMPLETED,
    FAILED: Status.FAILED,
    CANCELLED: Status.CANCELLED,
    ALREADY: Status.COMPLETED,
}
_RESULT_OF: Final = {
    CHANGED: "success",
    SUCCESS: "success",
    SKIPPED: "skipped",
    FAILED: "failed",
    CANCELLED: None,
    ALREADY: "skipped",
}


def container_by_name(path: bytes) -> str | None:
    """mkv, mp4 or None, by the file name's extension (queue.md: heavy; api.md: container)."""
    return _CONTAINER_OF.get(path[-5:].rpartition(b".")[2].lower())


def live_facet(source: Source, container: str | None, kind: JobKind = "process") -> int:
    """The facet of a job that has not ended."""
    return _LIVE[kind, source, container]


def ended_facet(end: int, live: int) -> int:
    """The facet of a job that ended as ``end``."""
    return end * PLACES + live


def live_of(facet: int) -> int:
    """The facet that the job of an ended facet had before."""
    return facet // UNDO * UNDO + facet % PLACES


def kind_of(facet: int) -> JobKind:
    """The kind of job in a live or ended facet."""
    return JOB_KINDS[facet // UNDO]


def source_of(facet: int) -> Source:
    """The source in a live or ended facet."""
    return SOURCES[facet % PLACES // len(CONTAINERS)]


def container_of(facet: int) -> str | None:
    """The container in a live or ended facet."""
    return CONTAINERS[facet % len(CONTAINERS)]


def end_of(facet: int) -> int:
    """How the job of an ended facet ended."""
    return facet % UNDO // PLACES


def status_of(facet: int) -> Status:
    """The status in an ended facet."""
    return _STATUS_OF[end_of(facet)]


def result_of(facet: int) -> str | None:
    """The result in an ended facet; a cancelled job has none."""
    return _RESULT_OF[end_of(facet)]


def live_facets(
    source: Iterable[str] = (), container: Iterable[str] = (), kind: Iterable[str] = ()
) -> frozenset[int]:
    """The live facets that match; nothing named means any."""
    sources, containers, kinds = set(source), set(container), set(kind)
    return frozenset(
        facet
        for facet in LIVE_FACETS
        if (not sources or source_of(facet) in sources)
        and (not containers or container_of(facet) in containers)
        and (not kinds or kind_of(facet) in kinds)
    )


def ended_facets(
    status: Iterable[Status] = (),
    result: Iterable[str] = (),
    source: Iterable[str] = (),
    container: Iterable[str] = (),
    kind: Iterable[str] = (),
) -> frozenset[int]:
    """The ended facets that match; nothing named means any."""
    statuses, results = set(status), set(result)
    lives = live_facets(source, container, kind)
    return frozenset(
        facet
        for facet in ENDED_FACETS
        if (not statuses or status_of(facet) in statuses)
        and (not results or result_of(facet) in results)
        and live_of(facet) in lives
    )
