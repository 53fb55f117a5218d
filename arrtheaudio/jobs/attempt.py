"""One attempt at one job: from its claim to exactly one of the queue's owner operations.

Everything runs in the claim's own cancel scope, whose deadline is the timeout.
Reading may be abandoned. When the plan is about to be journalled a shield comes up,
and from the durable plan to the durable end nothing is cancelled any more; so a
cancel that is acknowledged never meets a half-written file (invariant 9). An edit that
broke off between two writes is handed on, claim and all, to be settled.

Knows the claim, the engine and the verdicts; nothing of lanes, limiters and threads.
queue-internals.md: one attempt.
"""

from __future__ import annotations

import attrs
import structlog
import trio

from arrtheaudio.errors import HalfEdited, JournalUnavailable, MediaError
from arrtheaudio.jobs import verdict as verdicts
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import Engine
from arrtheaudio.jobs.models import format_id
from arrtheaudio.jobs.owner import Owner, end
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.verdict import Cancelled, Completed, Interrupted, Verdict
from arrtheaudio.media import Plan

_log = structlog.get_logger(__name__)


@attrs.frozen
class Unsettled:
    """The edit broke off between two writes; its claim has not ended."""

    plan: Plan
    error: HalfEdited


async def attempt(queue: Owner, engine: Engine, claim: Claim, worker_id: int) -> Unsettled | None:
    """Run one attempt to its end, or give what is left to be settled.

    Raises only what ends the daemon. The job then stays in the middle of its attempt,
    which the next start takes for a crash: so it cannot end every daemon.
    """
    settings = queue.settings
    try:
        queue.started(claim, worker_id)
        claim.scope.deadline = trio.current_time() + settings.timeout_seconds
        with claim.scope:
            unsettled = await _work(queue, engine, claim, settings)
            if unsettled is not None:
                return unsettled
        if claim.scope.cancelled_caught:
            await end(queue, claim, _of_cancellation(claim, settings))
    except JournalUnavailable as error:
        # The queue has revoked the claim; after reopening it places the job anew.
        _log.info("attempt_lost", job=format_id("job", claim.job), detail=str(error))
    except (trio.Cancelled, BaseExceptionGroup) as error:
        # The daemon ends for another reason, and the file is untouched. Where a program
        # runs, the cancellation comes out of that program's nursery, in a group.
        if isinstance(error, trio.Cancelled) or error.split(trio.Cancelled)[1] is None:
            queue.release(claim)
        raise
    queue.release(claim)
    return None


async def _work(queue: Owner, engine: Engine, claim: Claim, settings: Settings) -> Unsettled | None:
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
            return Unsettled(plans[-1], error)
        except MediaError as error:
            verdict = verdicts.of_error(error, claim, settings)
        except JournalUnavailable:
            raise
        except Exception as error:
            _tell_unforeseen(claim, error)
            verdict = verdicts.unforeseen(error)
        except BaseExceptionGroup as group:
            cancelled, rest = group.split(trio.Cancelled)
            if cancelled is None or not isinstance(rest, ExceptionGroup):
                raise
            _tell_unforeseen(claim, rest)  # on its way out of what was cancelled
            raise cancelled from None
        guard.shield = True
        await end(queue, claim, verdict)
    return None


def _tell_unforeseen(claim: Claim, error: Exception) -> None:
    _log.error(
        "job_raised",
        job=format_id("job", claim.job),
        path=claim.path,
        attempt=claim.attempt,
        exc_info=error,
    )


def _of_cancellation(claim: Claim, settings: Settings) -> Verdict | None:
    match claim.why:
        case "cancel":
            return Cancelled()
        case "stop":
            return Interrupted()
        case "journal":
            return None
    return verdicts.of_timeout(claim, settings)
