"""What needs the user: failures that nobody dismissed, and jobs that wait for space.

A failure also leaves when it is retried, and when a later job for the same file
succeeds. ``GET /jobs?problem=true`` lists exactly the jobs that are counted here.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

import attrs

from arrtheaudio.api import wire
from arrtheaudio.api.fields import Word
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import Length
from arrtheaudio.api.services import Services
from arrtheaudio.arr.paths import LONGEST_PATH
from arrtheaudio.jobs.insight import ProblemGroup
from arrtheaudio.jobs.models import format_id


@attrs.frozen
class WhichProblems:
    """One group, as ``GET /problems`` names it."""

    reason: Word
    folder: Annotated[str, Length(0, LONGEST_PATH)]


class ProblemGroupView(TypedDict):
    """Problems with one reason in one folder; ``job_id`` and ``message`` are of the newest."""

    reason: str
    folder: str
    count: int
    message: str | None
    job_id: wire.JobId
    needed_bytes: int | None
    free_bytes: int | None


class ProblemsView(TypedDict):
    """All problems, the newest group first."""

    total: int
    groups: list[ProblemGroupView]


class MarkedView(TypedDict):
    """How many failures were dismissed, or are shown again."""

    status: Literal["dismissed", "restored"]
    jobs: int


async def index(services: Services) -> Answer:
    """All problems."""
    groups = await services.queue.problems()
    view: ProblemsView = {
        "total": sum(group.count for group in groups),
        "groups": [_group(group) for group in groups],
    }
    return reply(view)


def _group(group: ProblemGroup) -> ProblemGroupView:
    return {
        "reason": group.reason,
        "folder": wire.text(group.folder),
        "count": group.count,
        "message": group.message,
        "job_id": format_id("job", group.job),
        "needed_bytes": group.needed,
        "free_bytes": group.free,
    }


async def dismiss(services: Services, *, body: WhichProblems) -> Answer:
    """Show these failures no longer. Durable."""
    view: MarkedView = {
        "status": "dismissed",
        "jobs": await services.queue.dismiss(body.reason, body.folder),
    }
    return reply(view)


async def restore(services: Services, *, body: WhichProblems) -> Answer:
    """Show dismissed failures again. Durable."""
    view: MarkedView = {
        "status": "restored",
        "jobs": await services.queue.restore(body.reason, body.folder),
    }
    return reply(view)


OPERATIONS = (
    Operation("GET", "/problems", index, "What needs you", "problems", {200: ProblemsView}),
    Operation(
        "POST",
        "/problems/dismiss",
        dismiss,
        "Show failures no longer as problems",
        "problems",
        {200: MarkedView},
        body=WhichProblems,
    ),
    Operation(
        "POST",
        "/problems/restore",
        restore,
        "Show dismissed failures again",
        "problems",
        {200: MarkedView},
        body=WhichProblems,
    ),
)
