"""Batches as the API shows them: the shape of each answer, and what fills it. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict, cast

from arrtheaudio.api import wire
from arrtheaudio.api.schema import Note
from arrtheaudio.jobs.models import Batch, BatchFilters, BatchStatus, Job, Progress, format_id


class StartedBatch(TypedDict):
    """The batch is in the journal; discovery has begun."""

    status: Literal["started"]
    batch_id: wire.BatchId
    job_id: wire.BatchId
    estimated_files: int
    discovery_complete: bool
    message: str


class FiltersView(TypedDict, total=False):
    """The filters that were asked for."""

    min_size_mb: float
    max_age_days: float
    exclude_patterns: list[str]


class ProgressView(TypedDict):
    """Exact totals of a batch."""

    total_files: int
    processed: int
    completed: int
    success: int
    skipped: int
    already_correct: Annotated[int, Note("of the skipped ones")]
    failed: int
    cancelled: int
    running: int
    queued: int
    remaining: int
    percent: float
    progress_percent: float
    eta_seconds: int | None


class ResultsView(TypedDict):
    """What the ended jobs of a batch did."""

    success: int
    failed: int
    skipped: int
    track_changes: int


class BatchFile(TypedDict):
    """One ended job of a batch."""

    job_id: wire.JobId
    file: str
    status: Literal["success", "skipped", "failed", "cancelled"]
    message: str | None
    duration_ms: int | None
    timestamp: wire.Time | None


class BatchItem(TypedDict):
    """One batch as lists show it."""

    batch_id: wire.BatchId
    job_id: wire.BatchId
    status: BatchStatus
    path: str
    recursive: bool
    pattern: str | None
    dry_run: bool
    priority: wire.PriorityWord
    language_priority: list[str] | None
    filters: FiltersView
    created_at: wire.Time
    started_at: wire.Time | None
    updated_at: wire.Time
    completed_at: wire.Time | None
    discovery_complete: bool
    discovery_errors: list[str]
    progress: ProgressView
    results: ResultsView
    error: str | None


class BatchView(BatchItem):
    """One batch with a page of its ended jobs, newest first."""

    files: list[BatchFile]
    files_total: int


class BatchList(TypedDict):
    """A page of batches."""

    total: int
    limit: int
    offset: int
    batches: list[BatchItem]


class CancelledBatch(TypedDict):
    """What was queued is cancelled; running jobs end (with ``force``: are cancelled)."""

    status: Literal["cancelling", "cancelled"]
    batch_id: wire.BatchId
    cancelled_jobs: int
    processed_before_cancel: int
    message: str


class UndoBatch(TypedDict):
    """Undo jobs are queued for every change of the batch."""

    batch_id: wire.BatchId
    job_ids_total: int


def batch_progress(totals: Progress, *, complete: bool) -> ProgressView:
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


def batch_filters(asked: BatchFilters) -> FiltersView:
    """Only the filters that were asked for."""
    view: FiltersView = {}
    if asked.min_size_mb is not None:
        view["min_size_mb"] = asked.min_size_mb
    if asked.max_age_days is not None:
        view["max_age_days"] = asked.max_age_days
    if asked.exclude_patterns:
        view["exclude_patterns"] = list(asked.exclude_patterns)
    return view


def batch_item(batch: Batch) -> BatchItem:
    """One batch as lists show it."""
    totals = batch.progress
    return {
        "batch_id": format_id("batch", batch.seq),
        "job_id": format_id("batch", batch.seq),
        "status": batch.status,
        "path": wire.text(batch.path),
        "recursive": batch.recursive,
        "pattern": batch.pattern,
        "dry_run": batch.dry_run,
        "priority": wire.priority(batch.priority),
        "language_priority": wire.words(batch.language_priority),
        "filters": batch_filters(batch.filters),
        "created_at": wire.time(batch.created_at),
        "started_at": wire.time_or_none(batch.started_at),
        "updated_at": wire.time(batch.updated_at),
        "completed_at": wire.time_or_none(batch.completed_at),
        "discovery_complete": batch.discovery_complete,
        "discovery_errors": list(batch.discovery_errors),
        "progress": batch_progress(totals, complete=batch.status == "completed"),
        "results": {
            "success": totals.success,
            "failed": totals.failed,
            "skipped": totals.skipped,
            "track_changes": totals.track_changes,
        },
        "error": batch.error,
    }


def batch_view(batch: Batch) -> BatchView:
    """One batch with its page of ended jobs."""
    return {
        **batch_item(batch),
        "files": [_batch_file(one) for one in batch.files],
        "files_total": batch.files_total,
    }


def _batch_file(job: Job) -> BatchFile:
    return {
        "job_id": format_id("job", job.seq),
        "file": wire.text(job.path),
        "status": cast(Any, job.result or "cancelled"),
        "message": job.message,
        "duration_ms": job.duration_ms,
        "timestamp": wire.time_or_none(job.completed_at),
    }
