"""A batch as it is shown: a live one from the fold, an ended one from its own rows. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.facets import ALREADY, CANCELLED, CHANGED, FAILED, SKIPPED, SUCCESS
from arrtheaudio.jobs.fold import replay
from arrtheaudio.jobs.models import Batch, BatchStatus, Progress
from arrtheaudio.jobs.state import LiveBatch

_STATUS = {
    ev.BATCH_COMPLETED: BatchStatus.COMPLETED,
    ev.BATCH_CANCELLED: BatchStatus.CANCELLED,
    ev.BATCH_FAILED: BatchStatus.FAILED,
}


def final_progress(total: int, ended: Sequence[int]) -> Progress:
    """The totals of an ended batch: ``ended`` counts its jobs by facet of their end."""
    return Progress(
        total_files=total,
        success=ended[CHANGED] + ended[SUCCESS],
        skipped=ended[SKIPPED] + ended[ALREADY],
        already_correct=ended[ALREADY],
        failed=ended[FAILED],
        cancelled=ended[CANCELLED],
        track_changes=ended[CHANGED],
    )


def progress_of(batch: LiveBatch, eta_seconds: int | None = None) -> Progress:
    """Exact totals (api.md: progress)."""
    return attrs.evolve(
        final_progress(batch.total, batch.ended),
        running=batch.running,
        queued=batch.live - batch.running,
        eta_seconds=eta_seconds,
    )


def batch_of_live(batch: LiveBatch, eta_seconds: int | None = None) -> Batch:
    """A batch that has not ended (or whose end is told by ``batch_of_rows``)."""
    request = batch.request
    return Batch(
        seq=batch.seq,
        status=batch.status,
        path=request.path,
        recursive=request.recursive,
        pattern=request.pattern,
        dry_run=request.dry_run,
        priority=request.priority,
        filters=request.filters,
        created_at=batch.created_at,
        updated_at=batch.updated_at,
        progress=progress_of(batch, eta_seconds),
        started_at=batch.started_at,
        discovery_complete=batch.discovery_complete,
        discovery_errors=tuple(batch.errors),
        language_priority=request.language_priority,
    )


def batch_of_rows(rows: Sequence[ev.Row]) -> Batch:
    """A batch from all its own rows; the last one is its end, with the totals."""
    *before, last = rows
    if last.type not in ev.BATCH_ENDS:
        before.append(last)
    (batch,) = replay(before).batches.values()
    if last.type not in ev.BATCH_ENDS:
        return batch_of_live(batch)
    batch.total, batch.ended, batch.updated_at = last.body["total"], last.body["ended"], last.at
    return attrs.evolve(
        batch_of_live(batch, eta_seconds=0),
        status=_STATUS[last.type],
        completed_at=last.at,
        error=last.body.get("error"),
    )
