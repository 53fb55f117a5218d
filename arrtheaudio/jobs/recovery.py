"""Settling open plans: edits that were journalled and whose end is not.

Serves the boot, a journal that failed and was opened again, and an edit that broke off
between two writes. A file that cannot be settled at this moment (a share that is not
mounted yet, another program's lock) is tried again and again: a half-written file is
nobody's to give up. Meanwhile its job stays owned and running, without a slot, so
nobody else touches the file, and a daemon that stops leaves the plan open for the next
start. Only a person who cancels the job gives it up: at once, or behind the first few
tries where that was asked while the edit still ran, so that a passing fault leaves no
file half-written.
queue-internals.md: settling an open plan.
"""

from __future__ import annotations

from itertools import chain, repeat
from typing import Final

import structlog
import trio

from arrtheaudio.errors import (
    EditConflict,
    FileGone,
    HalfEdited,
    IoFailed,
    JournalUnavailable,
    MediaError,
    VerifyFailed,
)
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import Engine
from arrtheaudio.jobs.models import format_id
from arrtheaudio.jobs.owner import Owner, end
from arrtheaudio.jobs.verdict import (
    Completed,
    Failed,
    Interrupted,
    Verdict,
    retry_or_fail,
    unforeseen,
)
from arrtheaudio.media import Outcome, Plan, Recovery

# The pauses before the next tries; behind them the configured one, for ever.
FIRST_PAUSES: Final = (1.0, 5.0, 30.0)
# A share may be mounted after the daemon: until then its folder is there, and empty.
GONE_SECONDS: Final = 600.0
GIVEN_UP: Final = (
    "Cancelled while the edit could not be settled ({}); the file may be changed in part. "
    "Process it again when it can be read."
)

_log = structlog.get_logger(__name__)


async def settle(
    queue: Owner,
    engine: Engine,
    claim: Claim,
    plan: Plan,
    tried: trio.Event,
    error: HalfEdited | None = None,
) -> None:
    """Settle one plan and end its claim; ``tried`` is set behind the first try.

    ``error`` is what broke off the edit in this life. Cancelled by a stop, or with the
    daemon, it leaves the plan open and the claim without an end: a release would
    journal that the file is untouched.
    """
    verdict: Verdict | None = None
    detail = ""
    begin = trio.current_time()
    try:
        with claim.scope:
            pauses = chain(FIRST_PAUSES, repeat(queue.settings.retry_delay_seconds))
            for tries, pause in enumerate(pauses):
                patient = trio.current_time() - begin < GONE_SECONDS
                verdict, detail = await _try_to_settle(engine, plan, patient=patient)
                if verdict is not None:
                    break
                tried.set()
                _log.warning(
                    "plan_unsettled", job=format_id("job", claim.job), path=plan.path, detail=detail
                )
                if claim.why == "cancel" and tries >= len(FIRST_PAUSES):
                    claim.scope.cancel()  # asked while the edit ran, in a scope that is gone
                await trio.sleep(pause)
        if verdict is None:
            if claim.why == "stop":
                return
            verdict = Failed(IoFailed.reason, GIVEN_UP.format(detail))
        elif error is not None and isinstance(verdict, Interrupted):
            verdict = retry_or_fail(error.reason, error.advice, claim, queue.settings)
        await end(queue, claim, verdict)
    except JournalUnavailable as unavailable:
        _log.info("recovery_lost", job=format_id("job", claim.job), detail=str(unavailable))
    finally:
        tried.set()
    queue.release(claim)


async def _try_to_settle(
    engine: Engine, plan: Plan, *, patient: bool
) -> tuple[Verdict | None, str]:
    """The verdict, or None where the file cannot be settled now, and why."""
    try:
        return of_recovery(plan, await engine.recover(plan)), ""
    except FileGone as error:
        return None if patient else Failed(error.reason, error.advice), error.advice
    except EditConflict as error:
        return Failed(error.reason, error.advice), ""
    except MediaError as error:
        return None, error.advice
    except Exception as error:  # a fault of ours: it must not end the daemon at every start
        _log.error("settling_raised", path=plan.path, exc_info=error)
        return None, unforeseen(error).message


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
