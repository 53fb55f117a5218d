"""The queue as the owner of a claim sees it, and the one way in which a claim ends.

Every verdict is exactly one of the owner's operations (invariant 8), journalled under
a shield. Knows verdicts and claims; nothing of files.
"""

from __future__ import annotations

from typing import Protocol

import structlog
import trio

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import format_id
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.verdict import (
    Cancelled,
    Completed,
    Deferred,
    Failed,
    Interrupted,
    Retrying,
    Verdict,
    WaitingForSpace,
)
from arrtheaudio.media import Outcome, Plan

_log = structlog.get_logger(__name__)


class Owner(Protocol):
    """The queue as the owner of a claim sees it. What ends a claim gives the event it became."""

    @property
    def settings(self) -> Settings: ...
    def started(self, claim: Claim, worker_id: int) -> None: ...
    async def planned(self, claim: Claim, plan: Plan) -> None: ...
    async def completed(self, claim: Claim, outcome: Outcome) -> str: ...
    async def failed(self, claim: Claim, reason: str, message: str) -> str: ...
    async def retrying(self, claim: Claim, reason: str, message: str, delay: float) -> str: ...
    async def deferred(
        self, claim: Claim, reason: str, *, delay: float = 0, heavy: bool = False
    ) -> str: ...
    async def waiting_for_space(self, claim: Claim, needed: int, free: int) -> str: ...
    async def interrupted(self, claim: Claim) -> str | None: ...
    async def cancelled(self, claim: Claim) -> str: ...
    def release(self, claim: Claim) -> None: ...


async def end(queue: Owner, claim: Claim, verdict: Verdict | None) -> None:
    """Journal the verdict; nothing of a revoked claim counts any more."""
    if verdict is None or claim.revoked:
        return
    event: str | None
    with trio.CancelScope(shield=True):
        match verdict:
            case Completed(outcome):
                event = await queue.completed(claim, outcome)
            case Failed(reason, message):
                event = await queue.failed(claim, reason, message)
            case Retrying(reason, message, delay):
                event = await queue.retrying(claim, reason, message, delay)
            case Deferred(reason, delay, heavy):
                event = await queue.deferred(claim, reason, delay=delay, heavy=heavy)
            case WaitingForSpace(needed, free):
                event = await queue.waiting_for_space(claim, needed, free)
            case Cancelled():
                event = await queue.cancelled(claim)
            case Interrupted():
                event = await queue.interrupted(claim)
    _tell(claim, verdict, event)


def _tell(claim: Claim, verdict: Verdict, event: str | None) -> None:
    """One line in the log of what is durable; what goes well is for those who ask.

    The event is not always the verdict's: what is cancelled meanwhile is not tried again.
    """
    log = _log.bind(job=format_id("job", claim.job), path=claim.path, attempt=claim.attempt)
    match event, verdict:
        case ev.JOB_COMPLETED, Completed(outcome) if outcome.track_changed:
            log.info("job_completed", message=outcome.message, method=outcome.method)
        case ev.JOB_COMPLETED, Completed(outcome):
            log.debug("job_completed", message=outcome.message, reason=outcome.reason)
        case ev.JOB_FAILED, Failed(reason, message) | Retrying(reason, message, _):
            log.warning("job_failed", reason=reason, message=message)
        case ev.JOB_RETRYING, Retrying(reason, message, delay):
            log.info("job_retrying", reason=reason, message=message, delay_seconds=delay)
        case ev.JOB_WAITING, WaitingForSpace(needed, free):
            log.warning("job_waiting_for_space", needed_bytes=needed, free_bytes=free)
        case ev.JOB_DEFERRED, Deferred(reason, delay):
            log.debug("job_deferred", reason=reason, delay_seconds=delay)
        case (ev.JOB_CANCELLED | ev.JOB_INTERRUPTED) as stopped, _:
            log.info("job_stopped", verdict=stopped.removeprefix("job."))
