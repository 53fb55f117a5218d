"""Values of the queue as JSON: pure functions, one per noun, typed by ``answers``.

Ids get their written form, times RFC 3339, paths become text (undecodable bytes
U+FFFD). Nothing here asks anything of anybody.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import attrs

from arrtheaudio.api import answers
from arrtheaudio.jobs.facets import ALREADY, CANCELLED, CHANGED, ENDS, FAILED, SKIPPED, SUCCESS
from arrtheaudio.jobs.insight import JobCounts
from arrtheaudio.jobs.models import (
    Batch,
    BatchFilters,
    Delivery,
    Event,
    IdKind,
    Job,
    JournalHealth,
    Priority,
    Progress,
    QueueState,
    Statistics,
    Status,
    format_id,
)


def time(at: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def time_or_none(at: float | None) -> str | None:
    """As ``time``; None stays None."""
    return None if at is None else time(at)


def text(path: bytes) -> str:
    """A path for people: what is not UTF-8 becomes U+FFFD."""
    return path.decode("utf-8", "replace")


def _id(kind: IdKind, seq: int | None) -> str | None:
    return None if seq is None else format_id(kind, seq)


# --- jobs -------------------------------------------------------------------


def job_item(job: Job) -> answers.JobItem:
    """One job as lists show it."""
    return {
        "job_id": format_id("job", job.seq),
        "kind": job.kind,
        "status": job.status,
        "file_path": text(job.path),
        "container": cast(Any, job.container),
        "size_bytes": job.size_bytes,
        "priority": priority(job.priority),
        "source": job.source,
        "instance": job.instance,
        "webhook_id": _id("webhook", job.webhook),
        "batch_id": _id("batch", job.batch),
        "retry_of": _id("job", job.retry_of),
        "undo_of": _id("job", job.undo_of),
        "undone": job.undone,
        "dry_run": job.dry_run,
        "context": {
            "title": job.title,
            "original_language": job.original_language,
            "series_type": job.series_type,
            "tags": list(job.tags),
            "requested_path": job.requested_path,
        },
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "created_at": time(job.created_at),
        "started_at": time_or_none(job.started_at),
        "updated_at": time(job.updated_at),
        "completed_at": time_or_none(job.completed_at),
        "next_attempt_at": time_or_none(job.next_attempt_at),
        "duration_ms": job.duration_ms,
        "result": _result(job),
        "reason": job.reason,
        "message": job.message,
        "track_changed": job.track_changed,
        "selected_track": _selected(job),
        "previous_language": job.previous_language,
        "method": cast(Any, job.method),
        "worker_id": job.worker_id,
    }


def facets(counts: JobCounts) -> answers.JobFacets:
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
        "unchanged": ended[SUCCESS],
        "already_correct": ended[ALREADY],
        "skipped": ended[SKIPPED],
        "failed": ended[FAILED],
        "cancelled": ended[CANCELLED],
    }


def job(job: Job) -> answers.JobView:
    """One job in full."""
    return {
        **job_item(job),
        "tracks": [cast(answers.TrackView, attrs.asdict(track)) for track in job.tracks],
        "events": [event(one) for one in job.events],
    }


def priority(value: Priority) -> answers.PriorityWord:
    """As requests and answers spell it."""
    return cast(answers.PriorityWord, value.word)


def _result(job: Job) -> answers.Result | None:
    return cast("answers.Result | None", job.result)


def _selected(job: Job) -> answers.SelectedTrackView | None:
    track = job.selected_track
    return None if track is None else cast(answers.SelectedTrackView, attrs.asdict(track))


# Keys of event bodies that hold the seq of a thing: (name in answers, kind of id).
_IDS: Final[Mapping[str, tuple[str, IdKind]]] = {
    "job": ("job_id", "job"),
    "webhook": ("webhook_id", "webhook"),
    "batch": ("batch_id", "batch"),
    "retry_of": ("retry_of", "job"),
    "undo_of": ("undo_of", "job"),
    "undone_by": ("undone_by", "job"),
}


def event(event: Event) -> dict[str, Any]:
    """One public row of the journal, its fields named as in ``GET /jobs/{id}``."""
    view: dict[str, Any] = {"seq": event.seq, "at": time(event.at), "type": event.type}
    is_job = event.type.startswith("job.")
    for key, value in event.body.items():
        if key in _IDS:
            name, kind = _IDS[key]
            view[name] = _id(kind, value)
        elif key == "path":
            view["file_path" if is_job else "path"] = _plain(value)
        elif key.endswith("_at"):
            view[key] = time_or_none(value)
        elif isinstance(value, Progress):
            view[key] = progress(value, complete=event.type == "batch.completed")
        else:
            view[key] = _plain(value)
    return view


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return text(value)
        case Priority():
            return value.word
        case enum.Enum():
            return value.value
        case BatchFilters():
            return filters(value)
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple() | frozenset():
            return [_plain(item) for item in value]
        case _ if attrs.has(type(value)):
            return {key: _plain(item) for key, item in attrs.asdict(value, recurse=False).items()}
    return value


# --- deliveries -------------------------------------------------------------


def webhook(delivery: Delivery) -> answers.WebhookView:
    """One delivery with counts over its jobs."""
    count = dict.fromkeys(Status, 0)
    for one in delivery.jobs:
        count[one.status] += 1
    view: answers.WebhookView = {
        "webhook_id": format_id("webhook", delivery.seq),
        "source": delivery.source,
        "instance": delivery.instance,
        "event": delivery.event,
        "title": delivery.title,
        "created_at": time(delivery.created_at),
        "total_jobs": len(delivery.jobs),
        "completed": count[Status.COMPLETED],
        "running": count[Status.RUNNING],
        "queued": count[Status.QUEUED],
        "waiting_for_space": count[Status.WAITING_FOR_SPACE],
        "failed": count[Status.FAILED],
        "cancelled": count[Status.CANCELLED],
        "skipped": sum(one.result == "skipped" for one in delivery.jobs),
        "jobs": [
            {
                "job_id": format_id("job", one.seq),
                "status": one.status,
                "file": text(one.path),
                "result": _result(one),
                "duration_ms": one.duration_ms,
            }
            for one in delivery.jobs
        ],
    }
    if delivery.source == "sonarr":
        view["series_title"] = delivery.title
    elif delivery.source == "radarr":
        view["movie_title"] = delivery.title
    return view


def processed_jobs(jobs: Iterable[Job]) -> list[answers.ProcessedJob]:
    """How the jobs of a delivery ended (worker_count 0)."""
    return [
        {
            "job_id": format_id("job", one.seq),
            "status": one.status,
            "result": _result(one),
            "reason": one.reason,
        }
        for one in jobs
    ]


# --- batches ----------------------------------------------------------------


def progress(totals: Progress, *, complete: bool) -> answers.ProgressView:
    """Totals with what follows from them; ``complete``: the batch has completed."""
    if totals.total_files:
        percent = round(100 * totals.processed / totals.total_files, 1)
    else:
        percent = 100.0 if complete else 0.0
    return {
        "total_files": totals.total_files,
        "processed": totals.processed,
        "completed": totals.success + totals.skipped,
        "success": totals.success,
        "skipped": totals.skipped,
        "already_correct": totals.already_correct,
        "failed": totals.failed,
        "cancelled": totals.cancelled,
        "running": totals.running,
        "queued": totals.queued,
        "remaining": totals.queued + totals.running,
        "percent": percent,
        "progress_percent": percent,
        "eta_seconds": totals.eta_seconds,
    }


def filters(asked: BatchFilters) -> answers.FiltersView:
    """Only the filters that were asked for."""
    view: answers.FiltersView = {}
    if asked.min_size_mb is not None:
        view["min_size_mb"] = asked.min_size_mb
    if asked.max_age_days is not None:
        view["max_age_days"] = asked.max_age_days
    if asked.exclude_patterns:
        view["exclude_patterns"] = list(asked.exclude_patterns)
    return view


def batch_item(batch: Batch) -> answers.BatchItem:
    """One batch as lists show it."""
    totals = batch.progress
    return {
        "batch_id": format_id("batch", batch.seq),
        "job_id": format_id("batch", batch.seq),
        "status": batch.status,
        "path": text(batch.path),
        "recursive": batch.recursive,
        "pattern": batch.pattern,
        "dry_run": batch.dry_run,
        "priority": priority(batch.priority),
        "filters": filters(batch.filters),
        "created_at": time(batch.created_at),
        "started_at": time_or_none(batch.started_at),
        "updated_at": time(batch.updated_at),
        "completed_at": time_or_none(batch.completed_at),
        "discovery_complete": batch.discovery_complete,
        "discovery_errors": list(batch.discovery_errors),
        "progress": progress(totals, complete=batch.status == "completed"),
        "results": {
            "success": totals.success,
            "failed": totals.failed,
            "skipped": totals.skipped,
            "track_changes": totals.track_changes,
        },
        "error": batch.error,
    }


def batch(batch: Batch) -> answers.BatchView:
    """One batch with its page of ended jobs."""
    return {
        **batch_item(batch),
        "files": [_batch_file(one) for one in batch.files],
        "files_total": batch.files_total,
    }


def _batch_file(job: Job) -> answers.BatchFile:
    return {
        "job_id": format_id("job", job.seq),
        "file": text(job.path),
        "status": cast(Any, job.result or "cancelled"),
        "message": job.message,
        "duration_ms": job.duration_ms,
        "timestamp": time_or_none(job.completed_at),
    }


# --- queue and statistics ---------------------------------------------------


def workers(state: QueueState) -> answers.Workers:
    """Slots: all, busy, free."""
    idle = max(0, state.workers - state.running)
    return {"total": state.workers, "active": state.running, "idle": idle}


def queue_numbers(state: QueueState) -> answers.QueueNumbers:
    """The live queue in numbers."""
    return {
        "size": state.queued + state.running + state.waiting_for_space,
        "queued": state.queued,
        "running": state.running,
        "waiting_for_space": state.waiting_for_space,
    }


def current_job(job: Job) -> answers.CurrentJob:
    """A running job."""
    return {
        "job_id": format_id("job", job.seq),
        "status": job.status,
        "file": text(job.path),
        "container": job.container,
        "started_at": time_or_none(job.started_at),
        "worker_id": job.worker_id,
    }


def queue(state: QueueState, stats: Statistics) -> answers.QueueView:
    """The live queue with its running and next jobs."""
    return {
        "total_jobs": state.queued + state.running + state.waiting_for_space,
        "queued": state.queued,
        "running": state.running,
        "waiting_for_space": state.waiting_for_space,
        "completed_today": stats.today_completed,
        "failed_today": stats.today_failed,
        "paused": state.paused,
        "capacity": {"limit": state.limit, "used": state.used},
        "workers": workers(state),
        "current_jobs": [current_job(one) for one in state.current],
        "next_jobs": [
            {
                "job_id": format_id("job", one.seq),
                "status": one.status,
                "file": text(one.path),
                "priority": priority(one.priority),
                "position": position,
            }
            for position, one in enumerate(state.next, 1)
        ],
    }


def job_statistics(stats: Statistics) -> answers.JobStatistics:
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


def statistics(state: QueueState, stats: Statistics) -> answers.StatisticsView:
    """Statistics at a glance."""
    ended = stats.today_completed + stats.today_failed
    return {
        "queue": queue_numbers(state),
        "workers": workers(state),
        "today": {
            "jobs_completed": stats.today_completed,
            "jobs_failed": stats.today_failed,
            "success_rate": round(100 * stats.today_completed / ended, 1) if ended else None,
            "avg_duration_ms": stats.today_average_ms,
        },
        "lifetime": {
            "total_jobs": stats.lifetime_jobs,
            "total_files_processed": stats.lifetime_processed,
            "total_time_hours": stats.lifetime_ms / 3_600_000,
        },
        "containers": {
            "mkv_processed": stats.mkv_processed,
            "mp4_processed": stats.mp4_processed,
            "avg_mkv_ms": stats.mkv_average_ms,
            "avg_mp4_ms": stats.mp4_average_ms,
        },
    }


def journal(health: JournalHealth) -> answers.JournalView:
    """How the journal fares."""
    return {
        "sqlite_version": health.sqlite_version,
        "seq": health.seq,
        "size_bytes": health.size_bytes,
        "last_commit_ms": health.last_commit_ms,
    }
