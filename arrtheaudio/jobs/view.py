"""From rows to what is shown: a job from its own rows, an event from one row. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.batch_view import final_progress
from arrtheaudio.jobs.encoding import decode_bytes
from arrtheaudio.jobs.facets import container_of, kind_of, source_of
from arrtheaudio.jobs.models import (
    BatchStatus,
    Event,
    Job,
    Priority,
    SelectedTrack,
    Status,
    TrackReport,
)

UNDETERMINED: Final = "und"  # ISO 639-2: what a file says that does not know


class Origin(NamedTuple):
    """What every event of a job repeats."""

    path: bytes
    facet: int
    parent: int | None

    @property
    def webhook(self) -> int | None:
        """The delivery, which only Sonarr and Radarr make."""
        return self.parent if source_of(self.facet) != "manual" else None

    @property
    def batch(self) -> int | None:
        """The batch, whose jobs are always manual."""
        return self.parent if source_of(self.facet) == "manual" else None


def origin_of(queued: ev.Row) -> Origin:
    """The origin in a ``job.queued`` row."""
    return Origin(decode_bytes(queued.body["path"]), queued.body["facet"], queued.parent)


# --- events -----------------------------------------------------------------

# What of a row's body the event shows under the same name (as in models.Job).
_SHOWN: Final[dict[str, tuple[str, ...]]] = {
    ev.JOB_QUEUED: ("dry_run", "retry_of", "undo_of", "title", "requested_path"),
    ev.JOB_STARTED: ("attempt", "worker_id"),
    ev.JOB_COMPLETED: (
        *("result", "reason", "message", "track_changed", "method", "container", "size_bytes"),
        "selected_track",
    ),
    ev.JOB_FAILED: ("result", "reason", "message"),
    ev.JOB_CANCELLED: ("message",),
    ev.JOB_RETRYING: ("reason", "message"),
    ev.JOB_DEFERRED: ("reason", "heavy"),
    ev.JOB_INTERRUPTED: ("crash",),
    ev.JOB_WAITING: ("needed", "free"),
    ev.JOB_SPACE_FOUND: (),
    ev.JOB_PLANNED: (),
    ev.JOB_UNDONE: ("undone_by",),
    ev.PROBLEM_DISMISSED: (),
    ev.PROBLEM_RESTORED: (),
}
_BATCH_STATUS: Final = {
    ev.BATCH_QUEUED: BatchStatus.QUEUED,
    ev.BATCH_STARTED: BatchStatus.RUNNING,
    ev.BATCH_CANCELLING: BatchStatus.CANCELLING,
    ev.BATCH_COMPLETED: BatchStatus.COMPLETED,
    ev.BATCH_CANCELLED: BatchStatus.CANCELLED,
    ev.BATCH_FAILED: BatchStatus.FAILED,
}


def status_after(row: ev.Row) -> Status:
    """A job's status behind one of its rows."""
    if row.type == ev.JOB_QUEUED:
        return Status.QUEUED
    if row.type == ev.JOB_UNDONE:
        return Status.COMPLETED
    if row.type in ev.AFTER_END:
        return Status.FAILED  # only failed jobs are dismissed
    return ev.MOVES[row.type][1]


def job_event(row: ev.Row, origin: Origin) -> Event:
    """The event of a ``job.*`` row."""
    shown = row.body
    body: dict[str, Any] = {
        "job": row.job,
        "webhook": origin.webhook,
        "batch": origin.batch,
        "source": source_of(origin.facet),
        "path": origin.path,
        "kind": kind_of(origin.facet),
        "status": status_after(row),
    }
    body.update({key: shown[key] for key in _SHOWN[row.type] if key in shown})
    if row.type == ev.JOB_QUEUED:
        body["priority"] = Priority(shown["priority"])
        body["container"] = container_of(origin.facet)
    if row.type == ev.JOB_COMPLETED:
        body["previous_language"] = _previous_language(shown)
    if "ms" in shown:
        body["duration_ms"] = shown["ms"]
    if body["status"] is Status.QUEUED and row.type != ev.JOB_QUEUED:
        body["next_attempt_at"] = row.at + shown.get("delay", 0.0)
    return Event(row.seq, row.at, row.type, body)


def other_event(row: ev.Row, path: bytes | None) -> Event:
    """The event of a batch's, a webhook's or the queue's own row."""
    body = {key: value for key, value in row.body.items() if key not in ("path", "last")}
    if row.type == ev.WEBHOOK_RECEIVED:
        body["webhook"] = row.parent
    elif row.parent is not None:
        body["batch"] = row.parent
        body["path"] = path
        if row.type in _BATCH_STATUS:
            body["status"] = _BATCH_STATUS[row.type]
        if row.type in ev.BATCH_ENDS:
            body["progress"] = final_progress(body.pop("total"), body.pop("ended"))
        if "priority" in body:
            body["priority"] = Priority(body["priority"])
    return Event(row.seq, row.at, row.type, body)


# --- jobs -------------------------------------------------------------------


def job_of(
    rows: Sequence[ev.Row], parent: ev.Row | None, *, max_attempts: int, detailed: bool = False
) -> Job:
    """A job from its rows, ascending, and the first row of its webhook or batch."""
    queued = rows[0]
    origin = origin_of(queued)
    batch = parent.body if parent is not None and parent.type == ev.BATCH_QUEUED else None
    new = ev.new_job_of(queued.body, batch)
    body = queued.body
    shown: dict[str, Any] = {
        "seq": queued.seq,
        "status": Status.QUEUED,
        "path": origin.path,
        "priority": Priority(body["priority"]),
        "source": source_of(origin.facet),
        "created_at": queued.at,
        "updated_at": queued.at,
        "next_attempt_at": None,
        "kind": kind_of(origin.facet),
        "container": container_of(origin.facet),
        "instance": None if parent is None else parent.body.get("instance"),
        "webhook": origin.webhook,
        "batch": origin.batch,
        "retry_of": body.get("retry_of"),
        "undo_of": body.get("undo_of"),
        "dry_run": new.dry_run,
        "title": new.title,
        "original_language": new.original_language,
        "series_type": new.series_type,
        "tags": new.tags,
        "requested_path": new.requested_path,
        "language_priority": new.language_priority,
        "attempt": 0,
        "max_attempts": 1 if body.get("direct") else max_attempts,
    }
    for row in rows[1:]:
        _VIEWS[row.type](shown, row)
        shown["status"] = status_after(row)
        if row.type not in ev.AFTER_END:
            shown["updated_at"] = row.at
    if detailed:
        shown["events"] = tuple(
            job_event(row, origin) for row in rows if row.type not in ev.INTERNAL
        )
    else:
        shown.pop("tracks", None)
    return Job(**shown)


def _view_started(shown: dict[str, Any], row: ev.Row) -> None:
    shown["attempt"] += 1
    shown["started_at"] = row.at
    shown["worker_id"] = row.body.get("worker_id")
    shown["next_attempt_at"] = shown["reason"] = shown["message"] = None


def _view_requeued(shown: dict[str, Any], row: ev.Row) -> None:
    shown["worker_id"] = None
    shown["reason"] = row.body.get("reason")
    shown["message"] = row.body.get("message")
    delay = row.body.get("delay", 0.0)
    shown["next_attempt_at"] = row.at + delay if delay else None


def _view_retrying(shown: dict[str, Any], row: ev.Row) -> None:
    _view_requeued(shown, row)
    shown["priority"] = Priority.LOW


def _view_given_back(shown: dict[str, Any], row: ev.Row) -> None:
    _view_requeued(shown, row)
    if not row.body.get("crash"):
        shown["attempt"] -= 1


def _view_ended(shown: dict[str, Any], row: ev.Row) -> None:
    body = row.body
    shown["completed_at"] = row.at
    shown["next_attempt_at"] = None
    shown["container"] = container_of(body["facet"])
    shown["duration_ms"] = body.get("ms")
    shown["track_changed"] = body.get("track_changed", False)
    for key in ("result", "reason", "message", "method", "size_bytes"):
        shown[key] = body.get(key)
    if "selected_track" in body:
        shown["selected_track"] = SelectedTrack(**body["selected_track"])
    shown["previous_language"] = _previous_language(body)
    shown["tracks"] = tuple(TrackReport(**track) for track in body.get("tracks", ()))


def _previous_language(completed: Mapping[str, Any]) -> str | None:
    """The language of the track that was the default when the job looked."""
    for track in completed.get("tracks", ()):
        if track["default"]:
            known: str = track["language"]
            return None if known == UNDETERMINED else known
    return None


def _view_undone(shown: dict[str, Any], row: ev.Row) -> None:
    shown["undone"] = True


def _view_nothing(shown: dict[str, Any], row: ev.Row) -> None:
    """A row that the list does not show."""


_VIEWS: Final[dict[str, Callable[[dict[str, Any], ev.Row], None]]] = {
    ev.JOB_STARTED: _view_started,
    ev.JOB_PLANNED: _view_nothing,
    ev.JOB_COMPLETED: _view_ended,
    ev.JOB_FAILED: _view_ended,
    ev.JOB_CANCELLED: _view_ended,
    ev.JOB_RETRYING: _view_retrying,
    ev.JOB_DEFERRED: _view_given_back,
    ev.JOB_INTERRUPTED: _view_given_back,
    ev.JOB_WAITING: _view_given_back,
    ev.JOB_SPACE_FOUND: _view_requeued,
    ev.JOB_UNDONE: _view_undone,
    ev.PROBLEM_DISMISSED: _view_nothing,
    ev.PROBLEM_RESTORED: _view_nothing,
}
