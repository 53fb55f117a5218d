"""Settling open plans: edits that were journalled and whose end is not.

Serves the boot and a journal that failed and was opened again. A file that cannot be
settled at this moment (a share that is not mounted yet, another program's lock) is
tried again; meanwhile its job stays owned and running, so nobody else touches the
file, and a daemon that stops leaves the plan open for the next start.
queue-internals.md: settling an open plan.
"""

from __future__ import annotations

import structlog
import trio

from arrtheaudio.errors import EditConflict, FileGone, JournalUnavailable, MediaError, VerifyFailed
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import Engine
from arrtheaudio.jobs.models import format_id
from arrtheaudio.jobs.owner import Owner, end
from arrtheaudio.jobs.verdict import Completed, Failed, Interrupted, Verdict
from arrtheaudio.media import Outcome, Plan, Recovery

_log = structlog.get_logger(__name__)


async def settle(queue: Owner, engine: Engine, claim: Claim, plan: Plan, tried: trio.Event) -> None:
    """Settle one plan and end its claim; ``tried`` is set behind the first try.

    Cancelled by a stop, or with the daemon, it leaves the plan open and the claim
    without an end: a release would journal that the file is untouched.
    """
    try:
        with claim.scope:
            while True:
                verdict, error = await try_to_settle(engine, plan)
                if verdict is not None:
                    break
                tried.set()
                _log.warning(
                    "plan_unsettled", job=format_id("job", claim.job), path=plan.path, detail=error
                )
                await trio.sleep(queue.settings.retry_delay_seconds)
        if claim.scope.cancelled_caught:
            if claim.why == "stop":
                return
            verdict = Failed("io_error", f"Cancelled while the file could not be settled: {error}")
        await end(queue, claim, verdict)
    except JournalUnavailable as unavailable:
        _log.info("recovery_lost", job=format_id("job", claim.job), detail=str(unavailable))
    finally:
        tried.set()
    queue.release(claim)


async def try_to_settle(engine: Engine, plan: Plan) -> tuple[Verdict | None, str]:
    """The verdict, or None where the file cannot be settled now."""
    try:
        return of_recovery(plan, await engine.recover(plan)), ""
    except (EditConflict, FileGone) as error:
        return Failed(error.reason, error.advice), ""
    except MediaError as error:
        return None, error.advice


def of_recovery(plan: Plan, recovery: Recovery) -> Verdict:
    """What a settled plan means for its job."""
    match recovery.state:
        case "completed":
            return Completed(
                Outcome(
                    "success",
                    None,
                    recovery.message,
                    track_changed=True,
                    method=plan.method,
                    plan=plan,
                    mtime_ns=recovery.mtime_ns,
                )
            )
        case "interrupted":
            return Interrupted()
        case "rolled_back":
            return Failed(VerifyFailed.reason, recovery.message)
