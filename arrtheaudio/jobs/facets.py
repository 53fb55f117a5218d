"""Facets: what lists filter by and totals count by, as one small integer.

A live job's facet is source x container (0 to 8); an ended job's adds its end
(0 to 53). Unfinished and ended batches have facets of their own, so that one
set of tables and counters serves both. The numbers stand in the journal's
tables: never renumber them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from arrtheaudio.jobs.models import BatchStatus, Source, Status

SOURCES: Final[tuple[Source, ...]] = ("sonarr", "radarr", "manual")
CONTAINERS: Final = (None, "mkv", "mp4")
# How a job ended. SUCCESS: without a change (a dry run); ALREADY: skipped as already_correct.
CHANGED, SUCCESS, SKIPPED, FAILED, CANCELLED, ALREADY = range(6)

KINDS: Final = len(SOURCES) * len(CONTAINERS)  # number of live facets
ENDS: Final = 6
ENDED_FACETS: Final = range(ENDS * KINDS)
FAILED_FACETS: Final = range(FAILED * KINDS, FAILED * KINDS + KINDS)  # schema.py names them, too
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
    (source, container): at * len(CONTAINERS) + to
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


def live_facet(source: Source, container: str | None) -> int:
    """The facet of a job that has not ended."""
    return _LIVE[source, container]


def ended_facet(end: int, live: int) -> int:
    """The facet of a job that ended as ``end``."""
    return end * KINDS + live


def source_of(facet: int) -> Source:
    """The source in a live or ended facet."""
    return SOURCES[facet % KINDS // len(CONTAINERS)]


def container_of(facet: int) -> str | None:
    """The container in a live or ended facet."""
    return CONTAINERS[facet % len(CONTAINERS)]


def end_of(facet: int) -> int:
    """How the job of an ended facet ended."""
    return facet // KINDS


def status_of(facet: int) -> Status:
    """The status in an ended facet."""
    return _STATUS_OF[end_of(facet)]


def result_of(facet: int) -> str | None:
    """The result in an ended facet; a cancelled job has none."""
    return _RESULT_OF[end_of(facet)]


def live_facets(source: Iterable[str] = (), container: Iterable[str] = ()) -> frozenset[int]:
    """The live facets that match; nothing named means any."""
    sources, containers = set(source), set(container)
    return frozenset(
        facet
        for facet in range(KINDS)
        if (not sources or source_of(facet) in sources)
        and (not containers or container_of(facet) in containers)
    )


def ended_facets(
    status: Iterable[Status] = (),
    result: Iterable[str] = (),
    source: Iterable[str] = (),
    container: Iterable[str] = (),
) -> frozenset[int]:
    """The ended facets that match; nothing named means any."""
    statuses, results = set(status), set(result)
    kinds = live_facets(source, container)
    return frozenset(
        facet
        for facet in ENDED_FACETS
        if (not statuses or status_of(facet) in statuses)
        and (not results or result_of(facet) in results)
        and facet % KINDS in kinds
    )
