"""The door from jobs to media: one claim's file, run, undone, recovered, on our own threads.

Workers know this small interface; tests put a fake behind it. Owns the threads for
blocking file work, and the confinement: wherever a link leads at this moment, nothing
outside the media roots is touched. Knows the claim and media's values; nothing of the
journal. queue.md: Workers; api.md: paths from clients.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

import attrs
import structlog
import trio

from arrtheaudio import media
from arrtheaudio.errors import (
    FileGone,
    FileNotFound,
    IoFailed,
    MediaError,
    NothingToUndo,
    ShareAway,
)
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.looks import Looks
from arrtheaudio.jobs.models import NewJob, Title
from arrtheaudio.jobs.mounts import place_of
from arrtheaudio.jobs.walk import is_inside
from arrtheaudio.media import Context, Options, Outcome, Plan, Recovery, Request, Rules

BeforeWrite = Callable[[Plan], Awaitable[None]]

OUTSIDE: Final = "outside_media_roots"
OUTSIDE_MESSAGE: Final = (
    "The file is not below one of media_roots, or a link leads out of them. "
    "Add its folder to media_roots, or map it with path_mappings."
)
UNDO_DRY_RUN: Final = "Would put the original bytes back"
# Far more than workers: what was abandoned on a share that does not answer keeps its thread.
THREADS: Final = 128

_log = structlog.get_logger(__name__)


class Engine(Protocol):
    """What workers need of media."""

    async def process(self, claim: Claim, *, heavy: bool, before_write: BeforeWrite) -> Outcome:
        """Bring the claim's file in order, or undo what its plan says."""

    async def recover(self, plan: Plan) -> Recovery:
        """Settle an open plan."""

    async def clear_leftovers(self, path: bytes) -> None:
        """Remove what a crash in the middle of a rewrite left beside this file."""

    async def free_space(self, path: bytes) -> int:
        """Bytes free where this file would be rewritten."""

    async def links(self, path: bytes) -> int:
        """Hard links of this file."""


@attrs.frozen
class Policy:
    """What of the configuration an attempt needs; replaced whole by a reload.

    ``roots``: nothing outside these folders is touched, wherever links lead. None: the
    paths are the user's own authority (the command line without a daemon).
    """

    rules: Rules
    options: Options
    roots: tuple[bytes, ...] | None
    dry_run: bool = False  # of every job


class MediaEngine:
    """The real one."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._threads = trio.CapacityLimiter(THREADS)
        self._looks = Looks()

    async def process(self, claim: Claim, *, heavy: bool, before_write: BeforeWrite) -> Outcome:
        """Bring the claim's file in order, or undo what its plan says. Raises MediaError."""
        policy = self.policy
        if claim.kind == "undo" and claim.undo_plan is None:
            raise NothingToUndo("What was changed is not recorded any more", path=claim.path)
        named = claim.path if claim.undo_plan is None else claim.undo_plan.path
        path = await trio.to_thread.run_sync(
            partial(_confine, named, policy.roots),
            abandon_on_cancel=True,
            limiter=self._threads,
        )
        if path is None:
            return Outcome("skipped", OUTSIDE, OUTSIDE_MESSAGE)
        try:
            if claim.undo_plan is not None:
                plan = attrs.evolve(claim.undo_plan, path=path)
                return await self._undo(plan, heavy, before_write)
            return await self._change(claim, path, policy, heavy, before_write)
        except (FileNotFound, FileGone) as error:
            away = partial(_is_share_away, named, policy.roots or ())
            if await trio.to_thread.run_sync(away, abandon_on_cancel=True, limiter=self._threads):
                raise ShareAway(path=named) from error
            raise

    async def _change(
        self, claim: Claim, path: bytes, policy: Policy, heavy: bool, before_write: BeforeWrite
    ) -> Outcome:
        wanted = claim.request
        request = Request(
            path=path,
            rules=policy.rules,
            context=context_of(wanted, wanted.language_priority),
            options=policy.options,
            dry_run=wanted.dry_run or policy.dry_run,
            heavy=heavy,
            expected_size=wanted.expected_size,
            own_mtime_ns=claim.own_mtime_ns,
        )
        return await media.run(request, before_write=before_write, limiter=self._threads)

    async def _undo(self, plan: Plan, heavy: bool, before_write: BeforeWrite) -> Outcome:
        if self.policy.dry_run:
            return Outcome("success", None, UNDO_DRY_RUN)
        return await media.undo(
            plan,
            before_write=before_write,
            options=self.policy.options,
            heavy=heavy,
            limiter=self._threads,
        )

    async def recover(self, plan: Plan) -> Recovery:
        """Settle an open plan. Never abandoned: it may be writing. Raises MediaError."""
        return await trio.to_thread.run_sync(
            _recover, plan, self.policy.roots, limiter=self._threads
        )

    async def clear_leftovers(self, path: bytes) -> None:
        """Remove what a crash in the middle of a rewrite left beside this file."""
        await trio.to_thread.run_sync(
            partial(_clear_leftovers, path), abandon_on_cancel=True, limiter=self._threads
        )

    async def free_space(self, path: bytes) -> int:
        """Bytes free where this file would be rewritten. Raises OSError."""
        return await self._looks.run(place_of(path), partial(_free_space, path))

    async def links(self, path: bytes) -> int:
        """Hard links of this file. Raises OSError."""
        status = await self._looks.run(place_of(path), partial(os.stat, path))
        return status.st_nlink


def context_of(title: Title | NewJob | None, languages: tuple[str, ...] | None) -> Context:
    """What a choice hangs on beside the rules."""
    if title is None:
        return Context(language_priority=languages)
    return Context(title.original_language, title.series_type, title.tags, languages)


def _confine(path: bytes, roots: tuple[bytes, ...] | None) -> bytes | None:
    """The file behind all links; None where it is outside the roots."""
    try:
        real = os.path.realpath(path)
        if roots is None or any(is_inside(real, os.path.realpath(root)) for root in roots):
            return real
    except OSError as error:
        raise IoFailed(error.strerror or str(error), path=path) from error
    return None


def _recover(plan: Plan, roots: tuple[bytes, ...] | None) -> Recovery:
    """A folder that was moved since, with a link in its place, is followed within the roots."""
    path = _confine(plan.path, roots) or plan.path
    try:
        return media.recover(attrs.evolve(plan, path=path))
    except FileGone as error:
        if _is_share_away(plan.path, roots or ()):
            raise ShareAway(path=plan.path) from error
        raise


def _is_share_away(path: bytes, roots: tuple[bytes, ...]) -> bool:
    """A media root of this path is missing, or empty as a mount point is without its mount."""
    # A root that is the very file was named by the user: it is missing itself.
    return any(path != root and is_inside(path, root) and _is_empty(root) for root in roots)


def _is_empty(root: bytes) -> bool:
    try:
        with os.scandir(root) as entries:
            return next(entries, None) is None
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False


def _clear_leftovers(path: bytes) -> None:
    try:
        media.clear_leftovers(os.path.realpath(path))
    except (MediaError, OSError) as error:
        _log.info("leftovers_stay", path=path, detail=str(error))


def _free_space(path: bytes) -> int:
    status = os.statvfs(os.path.dirname(os.path.realpath(path)))
    return status.f_bavail * status.f_frsize
