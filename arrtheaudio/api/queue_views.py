"""The live queue and the statistics as the API shows them: shapes, and what fills them. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from arrtheaudio.api import wire
from arrtheaudio.api.schema import Note
from arrtheaudio.jobs.models import Job, Status, format_id
from arrtheaudio.jobs.overview import QueueState, Statistics


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

    job_id: wire.JobId
    status: Status
    file: str
    container: str | None
    started_at: wire.Time | None
    worker_id: int | None


class NextJob(TypedDict):
    """A waiting job, in dispatch order."""

    job_id: wire.JobId
    status: Status
    file: str
    priority: wire.PriorityWord
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


def workers(state: QueueState) -> Workers:
    """Slots: all, busy, free."""
    idle = max(0, state.workers - state.running)
    return {"total": state.workers, "active": state.running, "idle": idle}


def queue_numbers(state: QueueState) -> QueueNumbers:
    """The live queue in numbers."""
    return {
        "size": state.queued + state.running + state.waiting_for_space,
        "queued": state.queued,
        "running": state.running,
        "waiting_for_space": state.waiting_for_space,
    }


def capacity(state: QueueState) -> Capacity:
    """Places: all, taken."""
    return {"limit": state.limit, "used": state.used}


def current_job(job: Job) -> CurrentJob:
    """A running job."""
    return {
        "job_id": format_id("job", job.seq),
        "status": job.status,
        "file": wire.text(job.path),
        "container": job.container,
        "started_at": wire.time_or_none(job.started_at),
        "worker_id": job.worker_id,
    }


def queue_view(state: QueueState, stats: Statistics) -> QueueView:
    """The live queue with its running and next jobs."""
    numbers = queue_numbers(state)
    return {
        "total_jobs": numbers["size"],
        "queued": state.queued,
        "running": state.running,
        "waiting_for_space": state.waiting_for_space,
        "completed_today": stats.today_completed,
        "failed_today": stats.today_failed,
        "paused": state.paused,
        "capacity": capacity(state),
        "workers": workers(state),
        "current_jobs": [current_job(one) for one in state.current],
        "next_jobs": [
            {
                "job_id": format_id("job", one.seq),
                "status": one.status,
                "file": wire.text(one.path),
                "priority": wire.priority(one.priority),
                "position": position,
            }
            for position, one in enumerate(state.next, 1)
        ],
    }


def statistics_view(state: QueueState, stats: Statistics) -> StatisticsView:
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
