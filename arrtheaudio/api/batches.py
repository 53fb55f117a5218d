"""Batches: sweeps of a folder (api.md, Batches)."""

from __future__ import annotations

from typing import Annotated, Final

import attrs
import trio

from arrtheaudio.api import wire
from arrtheaudio.api.batch_views import (
    BatchList,
    BatchView,
    CancelledBatch,
    StartedBatch,
    UndoBatch,
    batch_item,
    batch_view,
)
from arrtheaudio.api.fields import (
    PAGE,
    PRIORITIES,
    GivenPriority,
    Languages,
    Limit,
    Offset,
    PathText,
)
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import BadRequest, Bounds, FieldProblem, Length
from arrtheaudio.api.services import Services
from arrtheaudio.api.storage import Storage
from arrtheaudio.errors import BadPattern, WorkersOff
from arrtheaudio.jobs.globs import Glob, check_names
from arrtheaudio.jobs.models import (
    BatchFilters,
    BatchStatus,
    NewBatch,
    format_id,
)

DISCOVERY_SECONDS: Final = 1.0  # a client waits this long for a first count

_PATTERN_CHARACTERS: Final = 1000
# The events after which a batch's count is final.
_DISCOVERED: Final = ("batch.completed", "batch.failed", "batch.cancelled")


@attrs.frozen
class Filters:
    """Which files of the folder are taken; left out means no limit."""

    min_size_mb: Annotated[float, Bounds(0, 1e9)] | None = None
    max_age_days: Annotated[float, Bounds(0, 1e6)] | None = None
    exclude_patterns: Annotated[
        tuple[Annotated[str, Length(1, _PATTERN_CHARACTERS)], ...], Length(0, 100)
    ] = ()


@attrs.frozen
class StartBatch:
    """One sweep of a folder."""

    path: PathText
    recursive: bool = True
    pattern: Annotated[str, Length(1, _PATTERN_CHARACTERS)] | None = None
    dry_run: bool = False
    priority: GivenPriority = "normal"
    filters: Filters = attrs.field(factory=Filters)
    language_priority: Languages | None = None


@attrs.frozen
class PageQuery:
    """A page of a batch's ended jobs."""

    limit: Limit = PAGE
    offset: Offset = 0


@attrs.frozen
class BatchQuery:
    """Which batches a list shows."""

    status: tuple[BatchStatus, ...] = ()
    limit: Limit = PAGE
    offset: Offset = 0


@attrs.frozen
class CancelQuery:
    """How a batch is cancelled."""

    force: bool = False


class Starts:
    """``POST /batch`` of one app."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def start(self, services: Services, *, body: StartBatch) -> Answer:
        """Journal a batch and answer with what was found within a second."""
        if services.config.processing.worker_count == 0:
            raise WorkersOff
        _check_patterns(body)
        folder = await self._storage.folder(body.path)
        since = services.queue.head
        seq = await services.queue.start_batch(
            NewBatch(
                path=folder,
                requested_path=body.path,
                recursive=body.recursive,
                pattern=body.pattern,
                dry_run=body.dry_run or services.config.execution.dry_run,
                priority=PRIORITIES[body.priority],
                filters=BatchFilters(
                    min_size_mb=body.filters.min_size_mb,
                    max_age_days=body.filters.max_age_days,
                    exclude_patterns=body.filters.exclude_patterns,
                ),
                language_priority=body.language_priority,
            )
        )
        with trio.move_on_after(DISCOVERY_SECONDS):
            await _discovered(services, seq, since)
        batch = await services.queue.batch(seq, limit=1)
        written = format_id("batch", seq)
        view: StartedBatch = {
            "status": "started",
            "batch_id": written,
            "job_id": written,
            "estimated_files": batch.progress.total_files,
            "discovery_complete": batch.discovery_complete,
            "message": "Batch scan started",
        }
        return reply(view, 202)


def _check_patterns(body: StartBatch) -> None:
    problems = []
    if body.pattern is not None:
        try:
            Glob(body.pattern)
        except BadPattern as error:
            problems.append(FieldProblem("pattern", error.advice))
    try:
        check_names(body.filters.exclude_patterns)
    except BadPattern as error:
        problems.append(FieldProblem("filters.exclude_patterns", error.advice))
    if problems:
        raise BadRequest(problems)


async def _discovered(services: Services, batch: int, since: int) -> None:
    """Return when the batch's folder has been walked to the end."""
    while True:
        chunk = await services.queue.events(since)
        for event in chunk.events:
            if event.body.get("batch") != batch:
                continue
            if event.type in _DISCOVERED or event.body.get("complete"):
                return
        since = chunk.next_since
        await services.queue.wait_beyond(since)


async def index(services: Services, *, query: BatchQuery) -> Answer:
    """A page of batches."""
    page = await services.queue.batches(status=query.status, limit=query.limit, offset=query.offset)
    view: BatchList = {
        "total": page.total,
        "limit": query.limit,
        "offset": query.offset,
        "batches": [batch_item(batch) for batch in page.batches],
    }
    return reply(view)


async def show(services: Services, *, batch_id: str, query: PageQuery) -> Answer:
    """One batch with a page of its ended jobs."""
    seq = wire.seq_of("batch", batch_id)
    batch = await services.queue.batch(seq, limit=query.limit, offset=query.offset)
    return reply(batch_view(batch))


async def cancel(services: Services, *, batch_id: str, query: CancelQuery) -> Answer:
    """Cancel what is queued; with ``force`` what runs, too."""
    seq = wire.seq_of("batch", batch_id)
    cancelled = await services.queue.cancel_batch(seq, force=query.force)
    still = cancelled.status == BatchStatus.CANCELLING
    view: CancelledBatch = {
        "status": "cancelling" if still else "cancelled",
        "batch_id": format_id("batch", seq),
        "cancelled_jobs": cancelled.cancelled_jobs,
        "processed_before_cancel": cancelled.processed_before_cancel,
        "message": "Running jobs are being cancelled."
        if still and query.force
        else "Running jobs end by themselves."
        if still
        else "The batch is cancelled.",
    }
    return reply(view, 202)


async def undo(services: Services, *, batch_id: str) -> Answer:
    """Queue an undo job for every change of the batch."""
    seq = wire.seq_of("batch", batch_id)
    view: UndoBatch = {
        "batch_id": format_id("batch", seq),
        "job_ids_total": await services.queue.undo_batch(seq),
    }
    return reply(view, 202)


def operations(storage: Storage) -> tuple[Operation, ...]:
    """The routes of this module."""
    tag = "batches"
    return (
        Operation(
            "POST",
            "/batch",
            Starts(storage).start,
            "Sweep a folder",
            tag,
            {202: StartedBatch},
            errors=(409,),
            body=StartBatch,
        ),
        Operation("GET", "/batch", index, "List batches", tag, {200: BatchList}, query=BatchQuery),
        Operation(
            "GET",
            "/batch/{batch_id}",
            show,
            "One batch with its progress and ended jobs",
            tag,
            {200: BatchView},
            errors=(404,),
            query=PageQuery,
        ),
        Operation(
            "DELETE",
            "/batch/{batch_id}",
            cancel,
            "Cancel a batch",
            tag,
            {202: CancelledBatch},
            errors=(404, 409),
            query=CancelQuery,
        ),
        Operation(
            "POST",
            "/batch/{batch_id}/undo",
            undo,
            "Undo every change of a batch",
            tag,
            {202: UndoBatch},
            errors=(404, 409),
        ),
    )
