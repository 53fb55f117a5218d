"""Webhooks of Sonarr and Radarr: durable first, then 202 at once (api.md, arr.md).

A delivery is never sent again, so nothing here fails for a file that cannot be
seen yet or an event that is not for us; a path that may not be touched becomes
a skipped job that says why.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
import trio

from arrtheaudio.api import wire
from arrtheaudio.api.delivery_views import (
    AcceptedWebhook,
    Acknowledged,
    ProcessedWebhook,
    WebhookView,
    delivery_view,
    processed_jobs,
)
from arrtheaudio.api.routes import Answer, Operation, Witness, reply
from arrtheaudio.api.services import Services
from arrtheaudio.api.storage import Place, Storage
from arrtheaudio.arr import payloads
from arrtheaudio.errors import ArrtheaudioError, BadDelivery
from arrtheaudio.jobs.models import Accepted, Job, NewDelivery, NewJob, format_id

log = structlog.get_logger("arrtheaudio.webhooks")

# A season pack has fewer files; whoever sends thousands shall not fill the log with them.
LOGGED_FILES: Final = 50

# Sonarr gives up after 100 s; by then it must have its answer.
PROCESS_SECONDS: Final = 90.0
INSTANCE_CHARACTERS: Final = 64

# For the document only: what is read is arr.payloads' business, and unknown fields are ignored.
_FILE: Final = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "relativePath": {"type": "string"},
        "size": {"type": "integer", "minimum": 0},
    },
}
_FILES: Final = {"type": "array", "items": _FILE}
_TITLE: Final = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "path": {"type": "string"},
        "folderPath": {"type": "string"},
        "type": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "originalLanguage": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
}
_BODY: Final = {
    "type": "object",
    "required": ["eventType"],
    "properties": {
        "eventType": {"type": "string", "minLength": 1, "examples": ["Download", "Test"]},
        "series": _TITLE,
        "movie": _TITLE,
        "episodeFile": _FILE,
        "episodeFiles": _FILES,
        "movieFile": _FILE,
        "movieFiles": _FILES,
    },
}


class Webhooks:
    """The webhook endpoints of one app."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def sonarr(self, services: Services, *, body: Any, instance: str | None = None) -> Answer:
        """A delivery of Sonarr."""
        return await self._receive(services, "sonarr", body, instance)

    async def radarr(self, services: Services, *, body: Any, instance: str | None = None) -> Answer:
        """A delivery of Radarr."""
        return await self._receive(services, "radarr", body, instance)

    async def _receive(
        self, services: Services, app: payloads.App, body: Any, instance: str | None
    ) -> Answer:
        if instance is not None and len(instance) > INSTANCE_CHARACTERS:
            raise BadDelivery(f"an instance's name has at most {INSTANCE_CHARACTERS} characters")
        match payloads.parse(app, body):
            case payloads.TestEvent():
                view = {"status": "ok", "message": f"{app.capitalize()} is connected."}
                return reply(view)
            case payloads.Ignored(message=message):
                return reply({"status": "ignored", "message": message})
            case payloads.Delivery() as delivery:
                return await self._deliver(services, delivery, instance)

    async def _deliver(
        self, services: Services, delivery: payloads.Delivery, instance: str | None
    ) -> Answer:
        paths = [file.path for file in delivery.files]
        places = await self._storage.places_now_or_unresolved(paths, instance)
        new = NewDelivery(
            source=delivery.app,
            event=delivery.event,
            instance=instance,
            title=delivery.title,
            jobs=_new_jobs(delivery, places, dry_run=services.config.execution.dry_run),
        )
        accepted = await services.queue.deliver(new)
        _warn_of_refused(new, accepted)
        if services.config.processing.worker_count == 0 and services.run_here is not None:
            jobs = await _run_here(services.run_here, accepted, services.stopping)
            if jobs is not None:
                return _processed(accepted, jobs)
        return _accepted(accepted, delivery.unusable)


async def _run_here(
    run: Callable[[Accepted], Awaitable[list[Job]]], accepted: Accepted, stopping: trio.Event
) -> list[Job] | None:
    """The jobs behind their ends; None where the sender, or a daemon that stops, cannot wait."""
    jobs: list[Job] | None = None
    failure: ArrtheaudioError | None = None

    async def give_up() -> None:
        await stopping.wait()
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(give_up)
        with trio.move_on_after(PROCESS_SECONDS):
            try:
                jobs = await run(accepted)
            except ArrtheaudioError as error:  # out of the nursery as it is, not in a group
                failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return jobs


def _new_jobs(
    delivery: payloads.Delivery, places: list[Place], *, dry_run: bool
) -> tuple[NewJob, ...]:
    jobs: dict[bytes, NewJob] = {}  # two names of one file are one job
    for file, place in zip(delivery.files, places, strict=True):
        jobs.setdefault(
            place.path,
            NewJob(
                path=place.path,
                requested_path=file.path,
                title=delivery.title,
                original_language=delivery.original_language,
                series_type=delivery.series_type,
                tags=delivery.tags,
                expected_size=file.size,
                dry_run=dry_run,
                refused=place.skipped,
            ),
        )
    return tuple(jobs.values())


def _warn_of_refused(new: NewDelivery, accepted: Accepted) -> None:
    """Sonarr shows nobody what became of its files: who connects them reads it in the log."""
    refused = [
        (format_id("job", seq), job.requested_path, *job.refused)
        for seq, job in zip(accepted.jobs, new.jobs, strict=True)
        if job.refused is not None
    ]
    for job_id, path, reason, message in refused[:LOGGED_FILES]:
        log.warning("file refused", path=path, reason=reason, why=message, job=job_id)
    if len(refused) > LOGGED_FILES:
        webhook = _webhook_id(accepted)
        log.warning("more files refused", files=len(refused) - LOGGED_FILES, webhook=webhook)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _accepted(accepted: Accepted, unusable: int) -> Answer:
    left_out = f"; {unusable} without a usable path left out" if unusable else ""
    view: AcceptedWebhook = {
        "status": "accepted",
        "webhook_id": _webhook_id(accepted),
        "job_ids": [format_id("job", seq) for seq in accepted.jobs],
        "file_count": len(accepted.jobs),
        "message": f"{_files(len(accepted.jobs))} queued for processing{left_out}",
    }
    return reply(view, 202)


def _processed(accepted: Accepted, jobs: list[Job]) -> Answer:
    view: ProcessedWebhook = {
        "status": "processed",
        "webhook_id": _webhook_id(accepted),
        "job_ids": [format_id("job", seq) for seq in accepted.jobs],
        "file_count": len(accepted.jobs),
        "message": f"{_files(len(accepted.jobs))} processed",
        "jobs": processed_jobs(jobs),
    }
    return reply(view)


def _webhook_id(accepted: Accepted) -> str:
    assert accepted.webhook is not None, "a delivery always has its own row"
    return format_id("webhook", accepted.webhook)


async def show(services: Services, *, webhook_id: str) -> Answer:
    """One delivery and its jobs."""
    seq = wire.seq_of("webhook", webhook_id)
    return reply(delivery_view(await services.queue.delivery(seq)))


_DELIVERED: Final = {
    200: Acknowledged | ProcessedWebhook,
    202: AcceptedWebhook,
}


def operations(
    storage: Storage, witness: Callable[[payloads.App], Witness]
) -> tuple[Operation, ...]:
    """The routes of this module; ``witness`` is told of every delivery and its answer."""
    hooks = Webhooks(storage)
    apps: tuple[tuple[payloads.App, Callable[..., Any]], ...] = (
        ("sonarr", hooks.sonarr),
        ("radarr", hooks.radarr),
    )
    deliveries = tuple(
        Operation(
            method,
            f"/webhook/{app}{suffix}",
            handler,
            f"A webhook of {app.capitalize()}{' (one of several instances)' if suffix else ''}",
            "webhooks",
            _DELIVERED,
            free_body=_BODY,
            tolerant=True,
            witness=witness(app),
        )
        for app, handler in apps
        for suffix in ("", "/{instance}")
        for method in ("POST", "PUT")
    )
    shown = Operation(
        "GET",
        "/webhook/{webhook_id}",
        show,
        "One delivery and what became of it",
        "webhooks",
        {200: WebhookView},
        errors=(404,),
    )
    return (*deliveries, shown)
