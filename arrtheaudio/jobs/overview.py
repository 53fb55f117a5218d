"""What the queue tells of itself as a whole: what waits and runs, its figures, its journal.

Values only, as in ``models``.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from arrtheaudio.jobs.models import Job, Priority, Status


@attrs.frozen
class QueueState:
    """The live queue at this moment, from memory."""

    queued: int
    running: int
    waiting_for_space: int
    paused: bool
    limit: int  # places
    used: int  # places
    workers: int
    current: tuple[Job, ...]
    next: tuple[Job, ...]  # the next 10 in dispatch order
    depth: Mapping[tuple[Status, Priority], int] = attrs.field(factory=dict)  # of live jobs


@attrs.frozen
class Statistics:
    """Counts and averages (api.md: /jobs/stats, /stats, /queue). Averages are None without data."""

    kept: Mapping[Status, int]  # ended jobs still kept, live ones as they are now
    average_ms: float | None  # of kept ended jobs that ran
    today_completed: int
    today_failed: int
    today_average_ms: float | None
    lifetime_jobs: int  # ever accepted
    lifetime_processed: int  # completed + failed
    lifetime_ms: int
    mkv_processed: int
    mp4_processed: int
    mkv_average_ms: float | None
    mp4_average_ms: float | None


@attrs.frozen
class JournalHealth:
    """How the journal fares, for ``GET /health``."""

    sqlite_version: str
    seq: int
    size_bytes: int
    last_commit_ms: float | None
    writable: bool
    detail: str  # "" or what is wrong or to be watched
    commits: int = 0  # since the start
    committed: int = 0  # requests that these commits made durable
    commit_seconds: float = 0.0  # that they took together
