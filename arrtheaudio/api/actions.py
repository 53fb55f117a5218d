"""One action for all jobs that match, or for named ones (dashboard.md: Endpoints, 5).

``expected`` is the number that the user agreed to: if more match meanwhile, nothing
is done. Retry and undo are one transaction; cancel ends in chunks. ``dry_run`` tells the
number beforehand.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Final, Literal, TypedDict

import attrs

from arrtheaudio.api.errors import MoreMatch
from arrtheaudio.api.fields import GivenJobId
from arrtheaudio.api.job_filters import JobMatch
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import BadRequest, Bounds, FieldProblem, Length, Note
from arrtheaudio.api.services import Services
from arrtheaudio.jobs.models import parse_id
from arrtheaudio.jobs.queue import Queue

NAMED_JOBS: Final = 10_000

Action = Literal["cancel", "retry", "undo"]


@attrs.frozen
class JobAction:
    """What to do, with which jobs: ``filter`` or ``job_ids``."""

    action: Action
    filter: JobMatch | None = None
    job_ids: (
        Annotated[
            tuple[GivenJobId, ...],
            Length(1, NAMED_JOBS),
        ]
        | None
    ) = None
    expected: Annotated[int, Bounds(0)] | None = None
    dry_run: Annotated[bool, Note("only count")] = False


class ActionView(TypedDict):
    """``matched`` jobs were meant; for ``accepted`` of them there was something to do.

    ``counted``: it was asked what would be done, and nothing was.
    """

    status: Literal["accepted", "counted"]
    action: Action
    matched: int
    accepted: int


_Work = Callable[[Queue, Sequence[int]], Awaitable[int]]
_ACTIONS: Final[Mapping[Action, _Work]] = {
    "cancel": lambda queue, jobs: queue.cancel_many(jobs),
    "retry": lambda queue, jobs: queue.retry_many(jobs),
    "undo": lambda queue, jobs: queue.undo_many(jobs),
}
_PROSPECTS: Final[Mapping[Action, _Work]] = {
    "cancel": lambda queue, jobs: queue.would_cancel(jobs),
    "retry": lambda queue, jobs: queue.would_retry(jobs),
    "undo": lambda queue, jobs: queue.would_undo(jobs),
}


async def act(services: Services, *, body: JobAction) -> Answer:
    """Do it for all of them, or count those for which there is something to do."""
    if (body.filter is None) == (body.job_ids is None):
        message = "give either filter or job_ids"
        raise BadRequest([FieldProblem("filter", message), FieldProblem("job_ids", message)])
    queue = services.queue
    if body.filter is not None:
        jobs = await queue.matching(body.filter.filter())
    else:
        jobs = sorted({parse_id(written)[1] for written in body.job_ids or ()})
    if body.expected is not None and len(jobs) > body.expected:
        raise MoreMatch(f"{len(jobs)} jobs match, not {body.expected}")
    work = (_PROSPECTS if body.dry_run else _ACTIONS)[body.action]
    accepted = await work(queue, jobs) if jobs else 0
    view: ActionView = {
        "status": "counted" if body.dry_run else "accepted",
        "action": body.action,
        "matched": len(jobs),
        "accepted": accepted,
    }
    return reply(view, 200 if body.dry_run else 202)


OPERATIONS = (
    Operation(
        "POST",
        "/jobs/actions",
        act,
        "Cancel, retry or undo all jobs that match",
        "jobs",
        {200: ActionView, 202: ActionView},
        errors=(409,),
        body=JobAction,
    ),
)
