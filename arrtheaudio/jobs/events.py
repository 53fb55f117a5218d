"""The journal's rows: the types of events, their legal moves, and their bodies.

An event is one row; it never changes. Bodies are JSON values, written so that
a row can be projected to the tables by itself: a ``job.queued`` row holds all
that the job needs after a restart (what its batch has in common stands in the
batch's row), a terminal row all that lists and totals need.
Knows nothing of SQL and of waiting. queue.md: Vocabulary, Journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import attrs

from arrtheaudio.jobs.encoding import decode_bytes, encode_bytes
from arrtheaudio.jobs.facets import (
    ALREADY,
    CANCELLED,
    CHANGED,
    FAILED,
    SKIPPED,
    SUCCESS,
    container_by_name,
    ended_facet,
    kind_of,
    live_facet,
    source_of,
)
from arrtheaudio.jobs.models import BatchFilters, NewBatch, NewJob, Priority, Source, Status, Title
from arrtheaudio.media import Outcome, Track

JOB_QUEUED: Final = "job.queued"
JOB_STARTED: Final = "job.started"
JOB_PLANNED: Final = "job.planned"
JOB_COMPLETED: Final = "job.completed"
JOB_FAILED: Final = "job.failed"
JOB_CANCELLED: Final = "job.cancelled"
JOB_RETRYING: Final = "job.retrying"
JOB_DEFERRED: Final = "job.deferred"
JOB_INTERRUPTED: Final = "job.interrupted"
JOB_WAITING: Final = "job.waiting_for_space"
JOB_SPACE_FOUND: Final = "job.space_found"
JOB_UNDONE: Final = "job.undone"
PROBLEM_DISMISSED: Final = "problem.dismissed"  # of a failed job: no longer shown as a problem
PROBLEM_RESTORED: Final = "problem.restored"
BATCH_QUEUED: Final = "batch.queued"
BATCH_STARTED: Final = "batch.started"
BATCH_DISCOVERED: Final = "batch.discovered"
BATCH_CANCELLING: Final = "batch.cancelling"
BATCH_COMPLETED: Final = "batch.completed"
BATCH_CANCELLED: Final = "batch.cancelled"
BATCH_FAILED: Final = "batch.failed"
WEBHOOK_RECEIVED: Final = "webhook.received"
PAUSED: Final = "queue.paused"
RESUMED: Final = "queue.resumed"
DAEMON_STARTED: Final = "daemon.started"
DAEMON_STOPPING: Final = "daemon.stopping"
REOPENED: Final = "journal.reopened"
TRIMMED: Final = "journal.trimmed"

# Rows of a job behind its end; they move nothing.
AFTER_END: Final = frozenset({JOB_UNDONE, PROBLEM_DISMISSED, PROBLEM_RESTORED})
INTERNAL: Final = frozenset({JOB_PLANNED, DAEMON_STARTED, REOPENED, TRIMMED})  # not in the feed
JOB_ENDS: Final = frozenset({JOB_COMPLETED, JOB_FAILED, JOB_CANCELLED})
BATCH_ENDS: Final = frozenset({BATCH_COMPLETED, BATCH_CANCELLED, BATCH_FAILED})
_BATCH: Final = frozenset({BATCH_QUEUED, BATCH_STARTED, BATCH_DISCOVERED, BATCH_CANCELLING})

# event: (from, to). What is not listed is no move. An automatic retry, an
# interruption and a deferral go back to queued; a refused path never runs.
MOVES: Final[Mapping[str, tuple[frozenset[Status], Status]]] = {
    JOB_STARTED: (frozenset({Status.QUEUED}), Status.RUNNING),
    JOB_PLANNED: (frozenset({Status.RUNNING}), Status.RUNNING),
    JOB_COMPLETED: (frozenset({Status.RUNNING}), Status.COMPLETED),
    JOB_FAILED: (frozenset({Status.RUNNING}), Status.FAILED),
    JOB_CANCELLED: (
        frozenset({Status.QUEUED, Status.RUNNING, Status.WAITING_FOR_SPACE}),
        Status.CANCELLED,
    ),
    JOB_RETRYING: (frozenset({Status.RUNNING}), Status.QUEUED),
    JOB_DEFERRED: (frozenset({Status.RUNNING}), Status.QUEUED),
    JOB_INTERRUPTED: (frozenset({Status.RUNNING}), Status.QUEUED),
    JOB_WAITING: (frozenset({Status.RUNNING}), Status.WAITING_FOR_SPACE),
    JOB_SPACE_FOUND: (frozenset({Status.WAITING_FOR_SPACE}), Status.QUEUED),
}
ALREADY_CORRECT: Final = "already_correct"  # media's word for a file that needs nothing
# What the feed shows.
PUBLIC: Final = (
    frozenset({JOB_QUEUED, WEBHOOK_RECEIVED, PAUSED, RESUMED, DAEMON_STOPPING, *MOVES})
    | (AFTER_END | _BATCH | BATCH_ENDS)
) - INTERNAL
REFUSED_FROM: Final = frozenset({Status.QUEUED})  # job.completed with ``refused``


class Row(NamedTuple):
    """One row of the journal. ``job`` is its own seq in a job.queued row."""

    seq: int
    at: float
    type: str
    job: int | None
    parent: int | None  # seq of the webhook's or the batch's first row
    body: dict[str, Any]


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}


# --- what is asked ----------------------------------------------------------


def queued_body(
    new: NewJob,
    source: Source,
    priority: Priority,
    *,
    retry_of: int | None = None,
    undo_of: int | None = None,
    direct: bool = False,
) -> dict[str, Any]:
    """The body of ``job.queued`` for a job that stands by itself or in a delivery."""
    container = container_by_name(new.path)
    body: dict[str, Any] = {
        "path": encode_bytes(new.path),
        "facet": live_facet(source, container, "process" if undo_of is None else "undo"),
        "priority": int(priority),
    }
    if container == "mp4":
        body["heavy"] = True
    if direct:
        body["direct"] = True
    _add_wishes(body, new)
    if retry_of is not None:
        body["retry_of"] = retry_of
    if undo_of is not None:
        body["undo_of"] = undo_of
    return body


def _add_wishes(body: dict[str, Any], new: NewJob) -> None:
    """What was asked beyond the path; an empty text, and a size of 0, say nothing.

    Spelled out: a loop over the names takes three times as long, for every job of a flood.
    """
    if new.requested_path:
        body["requested_path"] = new.requested_path
    if new.title:
        body["title"] = new.title
    if new.original_language:
        body["original_language"] = new.original_language
    if new.series_type:
        body["series_type"] = new.series_type
    if new.tags:
        body["tags"] = new.tags
    if new.language_priority:
        body["language_priority"] = new.language_priority
    if new.expected_size:
        body["expected_size"] = new.expected_size
    if new.dry_run:
        body["dry_run"] = True


def found_body(path: bytes, priority: int, title: Title | None = None) -> dict[str, Any]:
    """The body of ``job.queued`` for a file that a batch found: the rest is the batch's.

    ``title``: what is known of it.
    """
    container = container_by_name(path)
    body: dict[str, Any] = {
        "path": encode_bytes(path),
        "facet": live_facet("manual", container),
        "priority": priority,
    }
    if container == "mp4":
        body["heavy"] = True
    if title is not None:
        body |= {key: value for key, value in attrs.asdict(title).items() if value}
    return body


def new_job_of(body: Mapping[str, Any], batch: Mapping[str, Any] | None) -> NewJob:
    """What was asked, from a ``job.queued`` body and, for a batch's job, the batch's."""
    own, asked = body.get, (batch or body).get
    wishes = asked("language_priority")
    return NewJob(
        path=decode_bytes(body["path"]),
        requested_path=own("requested_path"),
        title=own("title"),
        original_language=own("original_language"),
        series_type=own("series_type"),
        tags=tuple(own("tags", ())),
        language_priority=None if wishes is None else tuple(wishes),
        expected_size=own("expected_size"),
        dry_run=asked("dry_run", False),
    )


def batch_body(new: NewBatch) -> dict[str, Any]:
    """The body of ``batch.queued``."""
    filters = attrs.asdict(new.filters, filter=lambda _, value: value not in (None, ()))
    return _without_none(
        {
            "path": encode_bytes(new.path),
            "requested_path": new.requested_path,
            "recursive": new.recursive,
            "pattern": new.pattern,
            "dry_run": new.dry_run,
            "priority": int(new.priority),
            "filters": filters,
            "language_priority": _list(new.language_priority),
        }
    )


def new_batch_of(body: Mapping[str, Any]) -> NewBatch:
    """What was asked, from a ``batch.queued`` body."""
    filters = dict(body["filters"])
    wishes = body.get("language_priority")
    return NewBatch(
        path=decode_bytes(body["path"]),
        requested_path=body.get("requested_path"),
        recursive=body["recursive"],
        pattern=body.get("pattern"),
        dry_run=body["dry_run"],
        priority=Priority(body["priority"]),
        filters=BatchFilters(
            min_size_mb=filters.get("min_size_mb"),
            max_age_days=filters.get("max_age_days"),
            exclude_patterns=tuple(filters.get("exclude_patterns", ())),
        ),
        language_priority=None if wishes is None else tuple(wishes),
    )


def _list(words: tuple[str, ...] | None) -> list[str] | None:
    return None if words is None else list(words)


# --- how a job ended --------------------------------------------------------


def end_body(
    path: bytes,
    facet: int,
    end: int,
    *,
    ms: int | None,
    result: str | None,
    reason: str | None,
    message: str,
) -> dict[str, Any]:
    """What every terminal row of a job holds; ``facet`` is the job's live one."""
    body: dict[str, Any] = {"path": encode_bytes(path), "facet": ended_facet(end, facet)}
    if ms is not None:
        body["ms"] = ms
    if result is not None:
        body["result"] = result
    if reason is not None:
        body["reason"] = reason
    body["message"] = message
    return body


def completed_body(
    path: bytes, facet: int, outcome: Outcome, *, ms: int | None, dry_run: bool
) -> dict[str, Any]:
    """The body of ``job.completed``. A dry run never changes a track (api.md)."""
    changed = outcome.track_changed and not dry_run
    end = CHANGED if changed else SUCCESS
    if outcome.result == "skipped":
        end = ALREADY if outcome.reason == ALREADY_CORRECT else SKIPPED
    body = end_body(
        path,
        _probed_facet(facet, outcome),
        end,
        ms=ms,
        result=outcome.result,
        reason=outcome.reason,
        message=outcome.message,
    )
    media, decision = outcome.media, outcome.decision
    if changed:
        body["track_changed"] = True
    if outcome.method is not None:
        body["method"] = outcome.method
    if outcome.mtime_ns is not None:
        body["mtime_ns"] = outcome.mtime_ns
    if media is not None:
        body["container"] = media.container
        body["size_bytes"] = media.size
    if decision is not None:
        if decision.chosen is not None:
            body["selected_track"] = _track(decision.chosen)
        body["tracks"] = [
            {
                **_track(explained.track),
                "default": explained.track.default,
                "forced": explained.track.forced,
                "commentary": bool(explained.track.commentary),
                "chosen": explained.chosen,
                "why": explained.why,
            }
            for explained in decision.tracks
        ]
    return body


def _probed_facet(facet: int, outcome: Outcome) -> int:
    """The live facet with the container that the probe found instead of the name's."""
    if outcome.media is None:
        return facet
    return live_facet(source_of(facet), outcome.media.container, kind_of(facet))


def _track(track: Track) -> dict[str, Any]:
    return {
        "index": track.index,
        "language": track.language,
        "title": track.title,
        "codec": track.codec,
        "channels": track.channels,
    }


def failed_body(
    path: bytes, facet: int, reason: str, message: str, *, ms: int | None
) -> dict[str, Any]:
    """The body of ``job.failed``."""
    return end_body(path, facet, FAILED, ms=ms, result="failed", reason=reason, message=message)


def cancelled_body(path: bytes, facet: int, *, ms: int | None) -> dict[str, Any]:
    """The body of ``job.cancelled``."""
    return end_body(path, facet, CANCELLED, ms=ms, result=None, reason=None, message="Cancelled")


def refused_body(path: bytes, facet: int, reason: str, message: str) -> dict[str, Any]:
    """The body of ``job.completed`` for a path that may not be touched."""
    body = end_body(path, facet, SKIPPED, ms=None, result="skipped", reason=reason, message=message)
    body["refused"] = True
    return body
