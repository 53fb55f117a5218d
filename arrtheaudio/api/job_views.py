"""Jobs as the API shows them: the shape of every answer, and the function that fills it.

mypy holds the functions to the shapes and ``document`` describes the shapes, so the
OpenAPI document cannot say anything that the code does not. Pure.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict, cast

from arrtheaudio.api import wire
from arrtheaudio.api.event_views import EventView, event_view
from arrtheaudio.api.schema import Note
from arrtheaudio.jobs.facets import ALREADY, CANCELLED, CHANGED, ENDS, FAILED, SKIPPED, SUCCESS
from arrtheaudio.jobs.insight import JobCounts
from arrtheaudio.jobs.models import (
    Job,
    JobKind,
    SelectedTrack,
    Source,
    Status,
    TrackReport,
    format_id,
)
from arrtheaudio.jobs.overview import Statistics

Result = Literal["success", "skipped", "failed"]


class JobContext(TypedDict):
    """What the sender told of the title."""

    title: str | None
    original_language: str | None
    series_type: str | None
    tags: list[str]
    requested_path: str | None


class SelectedTrackView(TypedDict):
    """The audio track that was chosen."""

    index: int
    language: str
    title: str | None
    codec: str
    channels: int | None


class TrackView(SelectedTrackView):
    """One audio track, with the reason for or against it."""

    default: bool
    forced: bool
    commentary: bool
    chosen: bool
    why: str


class JobItem(TypedDict):
    """One job as lists show it."""

    job_id: wire.JobId
    kind: JobKind
    status: Status
    file_path: str
    container: Literal["mkv", "mp4"] | None
    size_bytes: int | None
    priority: wire.PriorityWord
    source: Source
    instance: str | None
    webhook_id: wire.WebhookId | None
    batch_id: wire.BatchId | None
    retry_of: wire.JobId | None
    undo_of: wire.JobId | None
    undone: bool
    dry_run: bool
    language_priority: Annotated[list[str] | None, Note("asked for with the job or its batch")]
    context: JobContext
    attempt: int
    max_attempts: int
    created_at: wire.Time
    started_at: wire.Time | None
    updated_at: wire.Time
    completed_at: wire.Time | None
    next_attempt_at: wire.Time | None
    duration_ms: int | None
    result: Result | None
    reason: str | None
    message: str | None
    track_changed: bool
    selected_track: SelectedTrackView | None
    previous_language: Annotated[str | None, Note("of the default audio track before the job")]
    method: Literal["in_place", "remux", "copy"] | None
    worker_id: int | None


class JobView(JobItem):
    """One job in full: its tracks and its history."""

    tracks: list[TrackView]
    events: list[EventView]


class JobFacets(TypedDict):
    """How many jobs match, by what became of them; ``changed`` without those undone.

    ``restored``: undo jobs that put the old bytes back.
    """

    all: int
    waiting: int
    running: int
    changed: int
    undone: int
    restored: int
    undoable: Annotated[
        int | None,
        Note("changes that POST /jobs/actions can undo; null unless track_changed=true is asked"),
    ]
    unchanged: Annotated[int, Note("successful without a change: dry runs")]
    already_correct: int
    skipped: int
    failed: int
    cancelled: int


class JobList(TypedDict):
    """A page of jobs; ``total`` is the number that match."""

    total: int
    limit: int
    offset: int
    jobs: list[JobItem]
    facets: NotRequired[JobFacets]


class AcceptedJobs(TypedDict):
    """The files are queued."""

    status: Literal["accepted"]
    job_ids: list[wire.JobId]
    file_count: int
    message: str


class CancelledJob(TypedDict):
    """The job has stopped and will not touch its file."""

    status: Literal["cancelled"]
    job_id: wire.JobId
    message: str


class RetriedJob(TypedDict):
    """A new job for the same file."""

    status: Literal["queued"]
    job_id: wire.JobId
    retry_of: wire.JobId


class UndoJob(TypedDict):
    """A new job that puts the old bytes back."""

    job_id: wire.JobId
    undo_of: wire.JobId


class JobStatistics(TypedDict):
    """Counts of the jobs still kept."""

    total_jobs: int
    running: int
    queued: int
    waiting_for_space: int
    completed: int
    failed: int
    cancelled: int
    total_files_processed: int
    success_rate: Annotated[float | None, Note("0 to 1; null without data")]
    average_duration_seconds: float | None


def job_item(job: Job) -> JobItem:
    """One job as lists show it."""
    return {
        "job_id": format_id("job", job.seq),
        "kind": job.kind,
        "status": job.status,
        "file_path": wire.text(job.path),
        "container": cast(Any, job.container),
        "size_bytes": job.size_bytes,
        "priority": wire.priority(job.priority),
        "source": job.source,
        "instance": job.instance,
        "webhook_id": wire.id_or_none("webhook", job.webhook),
        "batch_id": wire.id_or_none("batch", job.batch),
        "retry_of": wire.id_or_none("job", job.retry_of),
        "undo_of": wire.id_or_none("job", job.undo_of),
        "undone": job.undone,
        "dry_run": job.dry_run,
        "language_priority": wire.words(job.language_priority),
        "context": {
            "title": job.title,
            "original_language": job.original_language,
            "series_type": job.series_type,
            "tags": list(job.tags),
            "requested_path": job.requested_path,
        },
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "created_at": wire.time(job.created_at),
        "started_at": wire.time_or_none(job.started_at),
        "updated_at": wire.time(job.updated_at),
        "completed_at": wire.time_or_none(job.completed_at),
        "next_attempt_at": wire.time_or_none(job.next_attempt_at),
        "duration_ms": job.duration_ms,
        "result": job_result(job),
        "reason": job.reason,
        "message": job.message,
        "track_changed": job.track_changed,
        "selected_track": None if job.selected_track is None else _track(job.selected_track),
        "previous_language": job.previous_language,
        "method": cast(Any, job.method),
        "worker_id": job.worker_id,
    }


def job_view(job: Job) -> JobView:
    """One job in full."""
    return {
        **job_item(job),
        "tracks": [_explained(track) for track in job.tracks],
        "events": [event_view(one) for one in job.events],
    }


def _track(track: SelectedTrack | TrackReport) -> SelectedTrackView:
    return {
        "index": track.index,
        "language": track.language,
        "title": track.title,
        "codec": track.codec,
        "channels": track.channels,
    }


def _explained(track: TrackReport) -> TrackView:
    return {
        **_track(track),
        "default": track.default,
        "forced": track.forced,
        "commentary": track.commentary,
        "chosen": track.chosen,
        "why": track.why,
    }


def job_result(job: Job) -> Result | None:
    """How it ended; None while it has not, and where it was cancelled."""
    return cast("Result | None", job.result)


def job_facets(counts: JobCounts, undoable: int | None) -> JobFacets:
    """The counts beside a list."""
    ended, undone = [0] * ENDS, 0
    for (_, end, is_undone), n in counts.ended.items():
        if is_undone:
            undone += n
        else:
            ended[end] += n
    restored = counts.ended.get(("undo", CHANGED, False), 0)
    return {
        "all": counts.waiting + counts.running + sum(ended) + undone,
        "waiting": counts.waiting,
        "running": counts.running,
        "changed": ended[CHANGED] - restored,
        "undone": undone,
        "restored": restored,
        "undoable": undoable,
        "unchanged": ended[SUCCESS],
        "already_correct": ended[ALREADY],
        "skipped": ended[SKIPPED],
        "failed": ended[FAILED],
        "cancelled": ended[CANCELLED],
    }


def job_statistics(stats: Statistics) -> JobStatistics:
    """Counts of the jobs still kept."""
    kept = {status: stats.kept.get(status, 0) for status in Status}
    done, failed = kept[Status.COMPLETED], kept[Status.FAILED]
    average = stats.average_ms
    return {
        "total_jobs": sum(kept.values()),
        "running": kept[Status.RUNNING],
        "queued": kept[Status.QUEUED],
        "waiting_for_space": kept[Status.WAITING_FOR_SPACE],
        "completed": done,
        "failed": failed,
        "cancelled": kept[Status.CANCELLED],
        "total_files_processed": done + failed,
        "success_rate": done / (done + failed) if done + failed else None,
        "average_duration_seconds": None if average is None else average / 1000,
    }
