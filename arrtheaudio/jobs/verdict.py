"""What becomes of an attempt: pure decisions from how it ended.

An attempt gives an outcome, raises one of our errors, is cancelled, or meets the
unforeseen. Each ends in exactly one verdict, and each verdict is one of the queue's
owner operations. queue.md: Workers (retries, busy, space, timeouts), invariant 7.
"""

from __future__ import annotations

from typing import Final

import attrs

from arrtheaudio.errors import (
    ArrtheaudioError,
    FileBusy,
    FileGone,
    FileNotFound,
    MediaError,
    NeedsHeavyLane,
    NoSpace,
    ShareAway,
)
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.media import Outcome

BUSY_DEFERRALS: Final = 60
# With media.settle_seconds 0 a locked file would use them all, and 120 commits, within a second.
SHORTEST_BUSY_SECONDS: Final = 1.0
# A share that is away, for some seven hours in all; then the job fails, and makes room for others.
AWAY_DEFERRALS: Final = 30
LONGEST_AWAY_SECONDS: Final = 900.0
TIMEOUT: Final = "timeout"
INTERNAL_ERROR: Final = "internal_error"
INTERNAL_MESSAGE: Final = "An unforeseen error; the daemon's log has the details."


@attrs.frozen
class Completed:
    """The file is as it should be, or is left alone by design."""

    outcome: Outcome


@attrs.frozen
class Failed:
    """The job ends here."""

    reason: str
    message: str


@attrs.frozen
class Retrying:
    """Another attempt may succeed, ``delay`` seconds later."""

    reason: str
    message: str
    delay: float


@attrs.frozen
class Deferred:
    """This attempt does not count: it could not be made yet, or not in this lane."""

    reason: str
    delay: float = 0.0
    heavy: bool = False


@attrs.frozen
class WaitingForSpace:
    """A rewrite needs room (bytes); the attempt does not count."""

    needed: int
    free: int


@attrs.frozen
class Cancelled:
    """Somebody asked for it, and the file is untouched."""


@attrs.frozen
class Interrupted:
    """The daemon stops; the job keeps its place, and the attempt does not count."""


Verdict = Completed | Failed | Retrying | Deferred | WaitingForSpace | Cancelled | Interrupted


def of_error(error: MediaError, claim: Claim, settings: Settings) -> Verdict:
    """The verdict on an attempt that one of our errors ended."""
    if isinstance(error, NeedsHeavyLane):
        return Deferred("heavy", heavy=True)
    away = isinstance(error, ShareAway)
    if away and not claim.direct and claim.away_deferrals < AWAY_DEFERRALS:
        delay = max(settings.retry_delay_seconds, 1.0) * 2**claim.away_deferrals
        return Deferred(error.reason, delay=min(delay, LONGEST_AWAY_SECONDS))
    if isinstance(error, FileNotFound) and not away and claim.seen:
        error = FileGone(path=error.path)
    message = error.advice
    if claim.direct:  # a delivery that runs in the daemon: one attempt, no waiting
        return Failed(error.reason, message)
    if isinstance(error, NoSpace):
        if not error.needed:  # more free bytes would not help: a quota, or no inode is left
            return retry_or_fail(error.reason, message, claim, settings)
        return WaitingForSpace(error.needed, error.free)
    if isinstance(error, FileBusy) and claim.busy_deferrals < BUSY_DEFERRALS:
        delay = settings.settle_seconds if error.retry_after is None else error.retry_after
        return Deferred(error.reason, delay=max(delay, SHORTEST_BUSY_SECONDS))
    if error.retried:
        return retry_or_fail(error.reason, message, claim, settings)
    return Failed(error.reason, message)


def of_timeout(claim: Claim, settings: Settings) -> Verdict:
    """The verdict on an attempt that took too long."""
    message = f"The attempt took longer than {settings.timeout_seconds:g} seconds"
    return retry_or_fail(TIMEOUT, message, claim, settings)


def retry_or_fail(reason: str, message: str, claim: Claim, settings: Settings) -> Verdict:
    """Another attempt where one is left."""
    if claim.attempt < claim.max_attempts:
        return Retrying(reason, message, settings.retry_delay_seconds)
    return Failed(reason, message)


def unforeseen(error: Exception) -> Failed:
    """The verdict on an exception that nobody raised on purpose."""
    if isinstance(error, ArrtheaudioError):
        return Failed(INTERNAL_ERROR, error.advice)
    return Failed(INTERNAL_ERROR, INTERNAL_MESSAGE)
