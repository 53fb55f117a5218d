"""One attempt at one job: from its claim to exactly one of the queue's owner operations.

Everything runs in the claim's own cancel scope, whose deadline is the timeout.
Reading may be abandoned. When the plan is about to be journalled a shield comes up,
and from the durable plan to the durable end nothing is cancelled any more; so a
cancel that is acknowledged never meets a half-written file (invariant 9).

Knows the claim, the engine and the verdicts; nothing of lanes, limiters and threads.
queue-internals.md: one attempt.
"""

from __future__ import annotations

from typing import Final

import structlog
import trio

from arrtheaudio.errors import HalfEdited, JournalUnavailable, MediaError
from arrtheaudio.jobs import verdict as verdicts
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import Engine
from arrtheaudio.jobs.models import format_id
from arrtheaudio.jobs.owner import Owner, end
from arrtheaudio.jobs.recovery import try_to_settle
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.verdict import Cancelled, Completed, Failed, Interrupted, Verdict
from arrtheaudio.media import Plan

# A half-edited file is settled again after so many seconds, and at last by the next start.
RECOVERY_DELAYS: Final = (1.0, 5.0, 30.0)

_log = structlog.get_logger(__name__)


async def attempt(queue: Owner, engine: Engine, claim: Claim, worker_id: int) -> None:
    """Run one attempt to its end. Raises only what ends the daemon."""
    settings = queue.settings
    try:
        queue.started(claim, worker_id)
        claim.scope.deadline = trio.current_time() + settings.timeout_seconds
        with claim.scope:
            await _work(queue, engine, claim, settings)
        if claim.scope.cancelled_caught:
            await end(queue, claim, _of_cancellation(claim, settings))
    except JournalUnavailable as error:
        # The queue has revoked the claim; after reopening it places the job anew.
        _log.info("attempt_lost", job=format_id("job", claim.job), detail=str(error))
    finally:
        queue.release(claim)


async def _work(queue: Owner, engine: Engine, claim: Claim, settings: Settings) -> None:
    """The engine's work and the verdict on it, one shield over all that follows the plan."""
    plans: list[Plan] = []
    with trio.CancelScope() as guard:

        async def before_write(plan: Plan) -> None:
            await trio.lowlevel.checkpoint_if_cancelled()  # the last moment for a cancel
            guard.shield = True
            await queue.planned(claim, plan)
            plans.append(plan)

        verdict: Verdict
        try:
            heavy = claim.heavy or claim.direct
            outcome = await engine.process(claim, heavy=heavy, before_write=before_write)
            verdict = Completed(outcome)
        except HalfEdited as error:
            verdict = await _settle_half(engine, claim, plans[-1], error, settings)
        except MediaError as error:
            verdict = verdicts.of_error(error, claim, settings)
        except JournalUnavailable:
            raise
        except Exception as error:
            _log.exception(
                "job_raised",
                job=format_id("job", claim.job),
                path=claim.path,
                attempt=claim.attempt,
            )
            verdict = verdicts.unforeseen(error)
        guard.shield = True
        await end(queue, claim, verdict)


async def _settle_half(
    engine: Engine, claim: Claim, plan: Plan, error: HalfEdited, settings: Settings
) -> Verdict:
    """The edit broke off between two writes: settle it now, as the next start would."""
    for delay in RECOVERY_DELAYS:
        verdict, detail = await try_to_settle(engine, plan)
        if isinstance(verdict, Interrupted):
            return verdicts.retry_or_fail(error.reason, error.advice, claim, settings)
        if verdict is not None:
            return verdict
        _log.warning("half_edited", job=format_id("job", claim.job), detail=detail)
        await trio.sleep(delay)
    return Failed(error.reason, error.advice)


def _of_cancellation(claim: Claim, settings: Settings) -> Verdict | None:
    match claim.why:
        case "cancel":
            return Cancelled()
        case "stop":
            return Interrupted()
        case "journal":
            return None
    return verdicts.of_timeout(claim, settings)
