"""The queue as the owner of a claim sees it, and the one way in which a claim ends.

Every verdict is exactly one of the owner's operations (invariant 8), journalled under
a shield. Knows verdicts and claims; nothing of files.
"""

from __future__ import annotations

from typing import Protocol

import structlog
import trio

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
    """The queue as the owner of a claim sees it."""

    @property
    def settings(self) -> Settings: ...
    def started(self, claim: Claim, worker_id: int) -> None: ...
    async def planned(self, claim: Claim, plan: Plan) -> None: ...
    async def completed(self, claim: Claim, outcome: Outcome) -> None: ...
    async def failed(self, claim: Claim, reason: str, message: str) -> None: ...
    async def retrying(self, claim: Claim, reason: str, message: str, delay: float) -> None: ...
    async def deferred(
        self, claim: Claim, reason: str, *, delay: float = 0, heavy: bool = False
    ) -> None: ...
    async def waiting_for_space(self, claim: Claim, needed: int, free: int) -> None: ...
    async def interrupted(self, claim: Claim) -> None: ...
    async def cancelled(self, claim: Claim) -> None: ...
    def release(self, claim: Claim) -> None: ...


async def end(queue: Owner, claim: Claim, verdict: Verdict | None) -> None:
    """Journal the verdict; nothing of a revoked claim counts any more."""
    if verdict is None or claim.revoked:
        return
    _tell(claim, verdict)
    with trio.CancelScope(shield=True):
        match verdict:
            case Completed(outcome):
                await queue.completed(claim, outcome)
            case Failed(reason, message):
                await queue.failed(claim, reason, message)
            case Retrying(reason, message, delay):
                await queue.retrying(claim, reason, message, delay)
            case Deferred(reason, delay, heavy):
                await queue.deferred(claim, reason, delay=delay, heavy=heavy)
            case WaitingForSpace(needed, free):
                await queue.waiting_for_space(claim, needed, free)
            case Cancelled():
                await queue.cancelled(claim)
            case Interrupted():
                await queue.interrupted(claim)


def _tell(claim: Claim, verdict: Verdict) -> None:
    """One line in the log; what goes well in a large batch is for those who ask."""
    log = _log.bind(job=format_id("job", claim.job), path=claim.path, attempt=claim.attempt)
    match verdict:
        case Completed(outcome) if outcome.track_changed:
            log.info("job_completed", message=outcome.message, method=outcome.method)
        case Completed(outcome):
            log.debug("job_completed", message=outcome.message, reason=outcome.reason)
        case Failed(reason, message):
            log.warning("job_failed", reason=reason, message=message)
        case Retrying(reason, message, delay):
            log.info("job_retrying", reason=reason, message=message, delay_seconds=delay)
        case WaitingForSpace(needed, free):
            log.warning("job_waiting_for_space", needed_bytes=needed, free_bytes=free)
        case Deferred(reason, delay):
            log.debug("job_deferred", reason=reason, delay_seconds=delay)
        case Cancelled() | Interrupted():
            log.info("job_stopped", verdict=type(verdict).__name__.lower())
