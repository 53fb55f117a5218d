"""The live queue: what is alive (jobs, batches), and counts of what ended.

Ended jobs themselves are found in the journal. Changed by the fold (``fold.py``) only,
so that the state is what the journal says.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import attrs

from arrtheaudio.jobs.encoding import encode_bytes
from arrtheaudio.jobs.facets import ENDS
from arrtheaudio.jobs.models import BatchStatus, NewBatch, Priority, Status


@attrs.define
class Moved:
    """What is known of a live job beyond its queued row; most jobs have none."""

    last: int  # seq of the job's last row
    last_at: float
    attempt: int = 0
    crashes: int = 0  # of the daemon, in a row, in the middle of this job
    started_at: float | None = None
    worker_id: int | None = None
    delay: float = 0.0  # seconds behind last_at until it is due
    plan: int | None = None  # seq of the open plan's row
    seen: bool = False
    busy: int = 0  # deferrals because the file was busy
    away: int = 0  # deferrals because its share was not mounted
    needed: int = 0  # bytes of free space it waits for
    reason: str | None = None
    message: str | None = None


@attrs.define
class LiveJob:
    """A job that has not ended. Changed by the fold only."""

    seq: int
    path: bytes
    at: float
    parent: int | None
    facet: int
    priority: Priority
    heavy: bool = False
    status: Status = Status.QUEUED
    undo_of: int | None = None
    direct: bool = False
    retried: bool = False  # asked for again by somebody: it was admitted once
    moved: Moved | None = None

    @property
    def attempt(self) -> int:
        """Durable starts that were not given back."""
        return self.moved.attempt if self.moved else 0


@attrs.define
class LiveBatch:
    """A batch that has not ended, with exact totals. Changed by the fold only."""

    seq: int
    request: NewBatch
    created_at: float
    updated_at: float
    updated_seq: int  # of the row that changed it last
    status: BatchStatus = BatchStatus.QUEUED
    started_at: float | None = None
    total: int = 0
    live: int = 0
    running: int = 0
    ended: list[int] = attrs.field(factory=lambda: [0] * ENDS)  # by end
    discovery_complete: bool = False
    last: bytes | None = None  # discovery goes on behind this path
    errors: list[str] = attrs.field(factory=list)


@attrs.define
class State:
    """The live queue."""

    head: int = 0  # seq of the last row
    jobs: dict[int, LiveJob] = attrs.field(factory=dict)
    moved: set[int] = attrs.field(factory=set)  # live jobs with more than their queued row
    batches: dict[int, LiveBatch] = attrs.field(factory=dict)
    undoing: dict[int, int] = attrs.field(factory=dict)  # job to undo: its live undo job
    live: Counter[tuple[Status, Priority, int]] = attrs.field(factory=Counter)  # jobs; by facet
    ended: Counter[int] = attrs.field(factory=Counter)  # kept ended jobs and batches by facet
    singles_waiting: int = 0  # places that jobs outside batches take
    paused: bool = False
    stopped_cleanly: bool = True  # no daemon runs, or it has begun a clean stop

    @property
    def places(self) -> int:
        """Places taken (queue.md, Admission)."""
        return self.singles_waiting + len(self.batches)

    def count(self, status: Status) -> int:
        """Live jobs in this status."""
        return sum(n for (at, _, _), n in self.live.items() if at is status)

    @property
    def depth(self) -> Counter[tuple[Status, Priority]]:
        """Live jobs by status and priority."""
        depth: Counter[tuple[Status, Priority]] = Counter()
        for (status, priority, _), n in self.live.items():
            depth[status, priority] += n
        return depth


def batch_end_body(batch: LiveBatch, error: str | None = None) -> dict[str, Any]:
    """The body of a batch's terminal row: its totals stay when its jobs are cleaned up."""
    body: dict[str, Any] = {
        "path": encode_bytes(batch.request.path),
        "total": batch.total,
        "ended": list(batch.ended),
    }
    if error is not None:
        body["error"] = error
    return body
