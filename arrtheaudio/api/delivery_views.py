"""Deliveries as the API shows them: the shape of each answer, and what fills it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NotRequired, TypedDict

from arrtheaudio.api import wire
from arrtheaudio.api.job_views import Result, job_result
from arrtheaudio.jobs.models import Delivery, Job, Source, Status, format_id


class AcceptedWebhook(TypedDict):
    """The delivery is in the journal; its jobs will run."""

    status: Literal["accepted"]
    webhook_id: wire.WebhookId
    job_ids: list[wire.JobId]
    file_count: int
    message: str


class ProcessedJob(TypedDict):
    """How one job of a delivery ended (worker_count 0)."""

    job_id: wire.JobId
    status: Status
    result: Result | None
    reason: str | None


class ProcessedWebhook(TypedDict):
    """The delivery was worked off before the answer (worker_count 0)."""

    status: Literal["processed"]
    webhook_id: wire.WebhookId
    job_ids: list[wire.JobId]
    file_count: int
    message: str
    jobs: list[ProcessedJob]


class Acknowledged(TypedDict):
    """Nothing to do."""

    status: Literal["ok", "ignored"]
    message: str


class WebhookJob(TypedDict):
    """One job of a delivery."""

    job_id: wire.JobId
    status: Status
    file: str
    result: Result | None
    duration_ms: int | None


class WebhookView(TypedDict):
    """One delivery and what became of it. ``completed`` includes ``skipped``."""

    webhook_id: wire.WebhookId
    source: Source
    instance: str | None
    event: str
    title: str | None
    series_title: NotRequired[str | None]
    movie_title: NotRequired[str | None]
    created_at: wire.Time
    total_jobs: int
    completed: int
    running: int
    queued: int
    waiting_for_space: int
    failed: int
    cancelled: int
    skipped: int
    jobs: list[WebhookJob]


def delivery_view(delivery: Delivery) -> WebhookView:
    """One delivery with counts over its jobs."""
    count = dict.fromkeys(Status, 0)
    for one in delivery.jobs:
        count[one.status] += 1
    view: WebhookView = {
        "webhook_id": format_id("webhook", delivery.seq),
        "source": delivery.source,
        "instance": delivery.instance,
        "event": delivery.event,
        "title": delivery.title,
        "created_at": wire.time(delivery.created_at),
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
                "file": wire.text(one.path),
                "result": job_result(one),
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


def processed_jobs(jobs: Iterable[Job]) -> list[ProcessedJob]:
    """How the jobs of a delivery ended (worker_count 0)."""
    return [
        {
            "job_id": format_id("job", one.seq),
            "status": one.status,
            "result": job_result(one),
            "reason": one.reason,
        }
        for one in jobs
    ]
