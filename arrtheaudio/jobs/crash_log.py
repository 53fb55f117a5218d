"""What the log says of a daemon that died: which jobs it was at, and which of them are given up.

Knows the folded state; decides nothing. queue.md: invariant 7.
"""

from __future__ import annotations

import structlog

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.models import Status, format_id
from arrtheaudio.jobs.state import LiveJob, State

_log = structlog.get_logger(__name__)


def tell_of_crash(state: State) -> None:
    """The last daemon ended without a clean stop; this is the state that it left."""
    running = [job for job in state.jobs.values() if job.status is Status.RUNNING]
    _log.warning("last_daemon_died", running_jobs=len(running))
    for job in running:
        assert job.moved is not None
        _log.warning(
            "job_was_running",
            job=format_id("job", job.seq),
            path=job.path,
            attempt=job.attempt,
            edit_open=job.moved.plan is not None,
        )


def tell_if_poisoned(row: ev.Row, job: LiveJob) -> None:
    """A job failed for good: where no attempt of this daemon's did, nobody else tells of it."""
    reason = row.body["reason"]
    if reason == "poisoned":
        _log.warning(
            "job_failed",
            job=format_id("job", job.seq),
            path=job.path,
            attempt=job.attempt,
            reason=reason,
            message=row.body["message"],
        )
