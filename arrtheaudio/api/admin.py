"""Administration: clean-up of the history on request (api.md; queue.md, Retention)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

import attrs

from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import Bounds, Length
from arrtheaudio.api.services import Services
from arrtheaudio.config import as_tree
from arrtheaudio.jobs.models import Status


@attrs.frozen
class Cleanup:
    """Which ended jobs are forgotten."""

    older_than_days: Annotated[float, Bounds(0, 36_500)]
    statuses: Annotated[tuple[Literal["completed", "failed", "cancelled"], ...], Length(1, 3)] = (
        "completed",
        "cancelled",
    )
    dry_run: bool = False


class CleanupView(TypedDict):
    """What was, or with ``dry_run`` would be, removed from the history."""

    status: Literal["ok"]
    deleted_jobs: int
    message: str


async def cleanup(services: Services, *, body: Cleanup) -> Answer:
    """Forget ended jobs; their changes can then no longer be undone."""
    deleted = await services.queue.cleanup(
        older_than_days=body.older_than_days,
        statuses={Status(word) for word in body.statuses},
        dry_run=body.dry_run,
    )
    jobs = "1 job" if deleted == 1 else f"{deleted} jobs"
    view: CleanupView = {
        "status": "ok",
        "deleted_jobs": deleted,
        "message": f"{jobs} would be removed" if body.dry_run else f"{jobs} removed",
    }
    return reply(view)


async def show_config(services: Services) -> Answer:
    """The configuration as it counts now; the key is hidden."""
    return reply(as_tree(services.config))


OPERATIONS = (
    Operation(
        "GET",
        "/config",
        show_config,
        "The configuration in effect, secrets hidden",
        "administration",
        {200: dict[str, Any]},
    ),
    Operation(
        "POST",
        "/admin/cleanup",
        cleanup,
        "Forget ended jobs",
        "administration",
        {200: CleanupView},
        body=Cleanup,
    ),
)
