"""The shape of every answer, as TypedDicts (api.md names the fields).

mypy holds ``views`` to these shapes and ``document`` describes them, so the OpenAPI
document cannot say anything that the code does not. One list of declarations
without logic, so it may be long. Times are RFC 3339 in UTC,
durations are in the unit their name ends with.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from arrtheaudio.api.schema import Note
from arrtheaudio.jobs.models import BatchStatus, JobKind, Source, Status

Result = Literal["success", "skipped", "failed"]
PriorityWord = Literal["high", "normal", "low"]
Time = Annotated[str, Note("RFC 3339, UTC", "2026-03-14T21:07:45.193Z")]
JobId = Annotated[str, Note("a job's id", "job_00000000002a")]
BatchId = Annotated[str, Note("a batch's id", "batch_00000000002a")]
WebhookId = Annotated[str, Note("a delivery's id", "webhook_000000000029")]


# --- deliveries -------------------------------------------------------------


class AcceptedWebhook(TypedDict):
    """The delivery is in the journal; its jobs will run."""

    status: Literal["accepted"]
    webhook_id: WebhookId
    job_ids: list[JobId]
    file_count: int
    message: str


class ProcessedJob(TypedDict):
    """How one job of a delivery ended (worker_count 0)."""

    job_id: JobId
    status: Status
    result: Result | None
    reason: str | None


class ProcessedWebhook(TypedDict):
    """The delivery was worked off before the answer (worker_count 0)."""

    status: Literal["processed"]
    webhook_id: WebhookId
    job_ids: list[JobId]
    file_count: int
    message: str
    jobs: list[ProcessedJob]


class Acknowledged(TypedDict):
    """Nothing to do."""

    status: Literal["ok", "ignored"]
    message: str


class WebhookJob(TypedDict):
    """One job of a delivery."""

    job_id: JobId
    status: Status
    file: str
    result: Result | None
    duration_ms: int | None


class WebhookView(TypedDict):
    """One delivery and what became of it. ``completed`` includes ``skipped``."""

    webhook_id: WebhookId
    source: Source
    instance: str | None
    event: str
    title: str | None
    series_title: NotRequired[str | None]
    movie_title: NotRequired[str | None]
    created_at: Time
    total_jobs: int
    completed: int
    running: int
    queued: int
    waiting_for_space: int
    failed: int
    cancelled: int
    skipped: int
    jobs: list[WebhookJob]


# --- jobs -------------------------------------------------------------------


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


class TrackView(TypedDict):
    """One audio track, with the reason for or against it."""

    index: int
    language: str
    title: str | None
    codec: str
    channels: int | None
    default: bool
    forced: bool
    commentary: bool
    chosen: bool
    why: str


class JobItem(TypedDict):
    """One job as lists show it."""

    job_id: JobId
    kind: JobKind
    status: Status
    file_path: str
    container: Literal["mkv", "mp4"] | None
    size_bytes: int | None
    priority: PriorityWord
    source: Source
    instance: str | None
    webhook_id: WebhookId | None
    batch_id: BatchId | None
    retry_of: JobId | None
    undo_of: JobId | None
    undone: bool
    dry_run: bool
    context: JobContext
    attempt: int
    max_attempts: int
    created_at: Time
    started_at: Time | None
    updated_at: Time
    completed_at: Time | None
    next_attempt_at: Time | None
    duration_ms: int | None
    result: Result | None
    reason: str | None
    message: str | None
    track_changed: bool
    selected_track: SelectedTrackView | None
    previous_language: Annotated[str | None, Note("of the default audio track before the job")]
    method: Literal["in_place", "remux", "copy"] | None
    worker_id: int | None


EventView = Annotated[
    dict[str, Any], Note("one row of the journal: seq, at, type, and what it tells")
]


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
    job_ids: list[JobId]
    file_count: int
    message: str


class CancelledJob(TypedDict):
    """The job has stopped and will not touch its file."""

    status: Literal["cancelled"]
    job_id: JobId
    message: str


class RetriedJob(TypedDict):
    """A new job for the same file."""

    status: Literal["queued"]
    job_id: JobId
    retry_of: JobId


class UndoJob(TypedDict):
    """A new job that puts the old bytes back."""

    job_id: JobId
    undo_of: JobId


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


# --- batches ----------------------------------------------------------------


class StartedBatch(TypedDict):
    """The batch is in the journal; discovery has begun."""

    status: Literal["started"]
    batch_id: BatchId
    job_id: BatchId
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

    job_id: JobId
    file: str
    status: Literal["success", "skipped", "failed", "cancelled"]
    message: str | None
    duration_ms: int | None
    timestamp: Time | None


class BatchItem(TypedDict):
    """One batch as lists show it."""

    batch_id: BatchId
    job_id: BatchId
    status: BatchStatus
    path: str
    recursive: bool
    pattern: str | None
    dry_run: bool
    priority: PriorityWord
    filters: FiltersView
    created_at: Time
    started_at: Time | None
    updated_at: Time
    completed_at: Time | None
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
    batch_id: BatchId
    cancelled_jobs: int
    processed_before_cancel: int
    message: str


class UndoBatch(TypedDict):
    """Undo jobs are queued for every change of the batch."""

    batch_id: BatchId
    job_ids_total: int


# --- queue, statistics, administration --------------------------------------


class Capacity(TypedDict):
    """Places of the queue."""

    limit: int
    used: int


class Workers(TypedDict):
    """How many jobs can run at once, and how many do."""

    total: int
    active: int
    idle: int


class CurrentJob(TypedDict):
    """A running job."""

    job_id: JobId
    status: Status
    file: str
    container: str | None
    started_at: Time | None
    worker_id: int | None


class NextJob(TypedDict):
    """A waiting job, in dispatch order."""

    job_id: JobId
    status: Status
    file: str
    priority: PriorityWord
    position: int


class QueueView(TypedDict):
    """The live queue."""

    total_jobs: int
    queued: int
    running: int
    waiting_for_space: int
    completed_today: int
    failed_today: int
    paused: bool
    capacity: Capacity
    workers: Workers
    current_jobs: list[CurrentJob]
    next_jobs: list[NextJob]


class PausedView(TypedDict):
    """Whether starts are paused; what runs goes on."""

    status: Literal["paused", "running"]
    paused: bool


class QueueNumbers(TypedDict):
    """The live queue in numbers."""

    size: int
    queued: int
    running: int
    waiting_for_space: int


class TodayNumbers(TypedDict):
    """This local day."""

    jobs_completed: int
    jobs_failed: int
    success_rate: Annotated[float | None, Note("percent; null without data")]
    avg_duration_ms: float | None


class LifetimeNumbers(TypedDict):
    """Everything ever accepted; outlives clean-up."""

    total_jobs: int
    total_files_processed: int
    total_time_hours: float


class ContainerNumbers(TypedDict):
    """By container."""

    mkv_processed: int
    mp4_processed: int
    avg_mkv_ms: float | None
    avg_mp4_ms: float | None


class StatisticsView(TypedDict):
    """Statistics at a glance."""

    queue: QueueNumbers
    workers: Workers
    today: TodayNumbers
    lifetime: LifetimeNumbers
    containers: ContainerNumbers


class CleanupView(TypedDict):
    """What was, or with ``dry_run`` would be, removed from the history."""

    status: Literal["ok"]
    deleted_jobs: int
    message: str


class JournalView(TypedDict):
    """How the journal fares."""

    sqlite_version: str
    seq: int
    size_bytes: int
    last_commit_ms: float | None


class CheckView(TypedDict):
    """One thing that must be right for the daemon to work."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str


class HealthView(TypedDict):
    """The short form is open; with the key it tells all."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    uptime_seconds: NotRequired[float]
    queue: NotRequired[QueueNumbers]
    workers: NotRequired[Workers]
    journal: NotRequired[JournalView]
    checks: NotRequired[list[CheckView]]


class Pong(TypedDict):
    """The daemon answers."""

    status: Literal["OK"]
