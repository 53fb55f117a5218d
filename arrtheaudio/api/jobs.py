"""Jobs: single files by hand, lists, one job, cancel, retry, undo (api.md, Jobs)."""

from __future__ import annotations

from typing import Annotated, Literal

import attrs

from arrtheaudio.api import batches, wire
from arrtheaudio.api.batch_views import BatchView, CancelledBatch
from arrtheaudio.api.fields import (
    LARGEST_NUMBER,
    PAGE,
    PRIORITIES,
    GivenPriority,
    Languages,
    Limit,
    Offset,
    PathText,
)
from arrtheaudio.api.job_filters import JobMatch
from arrtheaudio.api.job_views import (
    AcceptedJobs,
    CancelledJob,
    JobList,
    JobStatistics,
    JobView,
    RetriedJob,
    UndoJob,
    job_facets,
    job_item,
    job_statistics,
    job_view,
)
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import BadRequest, Bounds, FieldProblem, Length, Note
from arrtheaudio.api.services import Services
from arrtheaudio.api.storage import Storage
from arrtheaudio.jobs.models import IdKind, NewJob, format_id


@attrs.frozen
class SubmitFiles:
    """Single files by hand."""

    paths: Annotated[tuple[PathText, ...], Length(1, 1000)]
    dry_run: bool = False
    language_priority: Languages | None = None
    priority: GivenPriority = "normal"


@attrs.frozen
class JobQuery(JobMatch):
    """Which page of which jobs a list shows."""

    limit: Limit = PAGE
    offset: Offset = 0
    before: (
        Annotated[int, Bounds(1, LARGEST_NUMBER), Note("only what stands behind this number")]
        | None
    ) = None
    order_by: Literal["created_at", "updated_at"] = "created_at"
    order: Literal["desc", "asc"] = "desc"
    facets: Annotated[bool, Note("count what matches, too")] = False


class Submissions:
    """``POST /jobs`` of one app."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def submit(self, services: Services, *, body: SubmitFiles) -> Answer:
        """Queue single files."""
        places = await self._storage.places(body.paths)
        problems = [
            FieldProblem(f"paths[{number}]", place.refused.advice)
            for number, place in enumerate(places)
            if place.refused is not None
        ]
        if problems:
            raise BadRequest(problems)
        dry_run = body.dry_run or services.config.execution.dry_run
        new = {
            place.path: NewJob(
                path=place.path,
                requested_path=asked,
                language_priority=body.language_priority,
                dry_run=dry_run,
                refused=place.skipped,
            )
            for asked, place in zip(body.paths, places, strict=True)
        }
        accepted = await services.queue.submit(
            tuple(new.values()), priority=PRIORITIES[body.priority]
        )
        count = len(accepted.jobs)
        view: AcceptedJobs = {
            "status": "accepted",
            "job_ids": [format_id("job", seq) for seq in accepted.jobs],
            "file_count": count,
            "message": f"{count} {'file' if count == 1 else 'files'} queued for processing",
        }
        return reply(view, 202)


async def index(services: Services, *, query: JobQuery) -> Answer:
    """A page of jobs."""
    if query.before is not None and query.order == "asc":
        raise BadRequest([FieldProblem("before", "goes with descending order only")])
    wanted = query.filter()
    page = await services.queue.jobs(
        attrs.evolve(
            wanted,
            limit=query.limit,
            offset=query.offset,
            before=query.before,
            order_by=query.order_by,
            order=query.order,
        )
    )
    view: JobList = {
        "total": page.total,
        "limit": query.limit,
        "offset": query.offset,
        "jobs": [job_item(job) for job in page.jobs],
    }
    if query.facets:
        # To know what can be undone each change is looked at, so only who asks for changes pays.
        undoable = await services.queue.undoable(wanted) if query.track_changed else None
        view["facets"] = job_facets(await services.queue.counts(wanted), undoable)
    return reply(view)


def _is(kind: IdKind, written: str) -> bool:
    return written.startswith(f"{kind}_")


async def show(services: Services, *, job_id: str, query: batches.PageQuery) -> Answer:
    """One job in full; a batch's id is answered as under /batch."""
    if _is("batch", job_id):
        return await batches.show(services, batch_id=job_id, query=query)
    return reply(job_view(await services.queue.job(wire.seq_of("job", job_id))))


async def cancel(services: Services, *, job_id: str, query: batches.CancelQuery) -> Answer:
    """Cancel a job and wait until it has stopped; a batch's id cancels the batch."""
    if _is("batch", job_id):
        return await batches.cancel(services, batch_id=job_id, query=query)
    seq = wire.seq_of("job", job_id)
    await services.queue.cancel(seq)
    view: CancelledJob = {
        "status": "cancelled",
        "job_id": format_id("job", seq),
        "message": "The job is cancelled; its file is as it was.",
    }
    return reply(view)


async def retry(services: Services, *, job_id: str) -> Answer:
    """A new job for a failed or cancelled one."""
    seq = wire.seq_of("job", job_id)
    new = await services.queue.retry(seq)
    view: RetriedJob = {
        "status": "queued",
        "job_id": format_id("job", new),
        "retry_of": format_id("job", seq),
    }
    return reply(view, 202)


async def undo(services: Services, *, job_id: str) -> Answer:
    """A new job that puts the original header bytes back."""
    seq = wire.seq_of("job", job_id)
    new = await services.queue.undo(seq)
    view: UndoJob = {
        "job_id": format_id("job", new),
        "undo_of": format_id("job", seq),
    }
    return reply(view, 202)


async def statistics(services: Services) -> Answer:
    """Counts of the jobs still kept."""
    return reply(job_statistics(await services.queue.stats()))


def operations(storage: Storage) -> tuple[Operation, ...]:
    """The routes of this module."""
    tag = "jobs"
    return (
        Operation(
            "POST",
            "/jobs",
            Submissions(storage).submit,
            "Queue single files",
            tag,
            {202: AcceptedJobs},
            body=SubmitFiles,
        ),
        Operation("GET", "/jobs", index, "List jobs", tag, {200: JobList}, query=JobQuery),
        Operation(
            "GET",
            "/jobs/stats",
            statistics,
            "Counts of the jobs still kept",
            tag,
            {200: JobStatistics},
        ),
        Operation(
            "GET",
            "/jobs/{job_id}",
            show,
            "One job with its tracks and history",
            tag,
            {200: JobView | BatchView},
            errors=(404,),
            query=batches.PageQuery,
        ),
        Operation(
            "DELETE",
            "/jobs/{job_id}",
            cancel,
            "Cancel a job; answers when it has stopped",
            tag,
            {200: CancelledJob, 202: CancelledBatch},
            errors=(404, 409),
            query=batches.CancelQuery,
        ),
        Operation(
            "POST",
            "/jobs/{job_id}/retry",
            retry,
            "Try a failed or cancelled job again, as a new job",
            tag,
            {202: RetriedJob},
            errors=(404, 409),
        ),
        Operation(
            "POST",
            "/jobs/{job_id}/undo",
            undo,
            "Put the original bytes back, as a new job",
            tag,
            {202: UndoJob},
            errors=(404, 409),
        ),
    )
