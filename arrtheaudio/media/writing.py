"""Carrying a change out: prepare, hand over the plan, write.

Whatever takes long or may fail for reasons of its own (copying, ffmpeg) is done
on a file beside the original before the plan is handed over, and can be
cancelled. What follows is short and never cancelled. media.md "Writing safely".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio

from arrtheaudio.errors import EditConflict, FileGone, FileNotFound, HalfEdited, NoSpace
from arrtheaudio.media import before_image, replace
from arrtheaudio.media.access import naming
from arrtheaudio.media.change import Change, edit_in_place
from arrtheaudio.media.host import Host
from arrtheaudio.media.remux import remux
from arrtheaudio.media.replace import Finished
from arrtheaudio.media.tracks import Plan, Replacement
from arrtheaudio.media.ways import need_space

BeforeWrite = Callable[[Plan], Awaitable[None]]


@attrs.frozen
class Written:
    """A change that was carried out."""

    plan: Plan
    mtime_ns: int


async def carry_out(
    change: Change, before_write: BeforeWrite, threads: trio.CapacityLimiter, host: Host
) -> Written:
    """Carry out one change; ``before_write`` is awaited once, before the file changes.

    Raises MediaError, HardLinked among them where a reflink copy is impossible.
    """
    try:
        if change.way == "in_place":
            return await _in_place(change, before_write, threads)
        if change.way == "remux":
            finished = await remux(change, threads)
        else:
            finished = await trio.to_thread.run_sync(
                replace.copy, change, host, trio.from_thread.check_cancelled, limiter=threads
            )
        return await _replace(change, finished, before_write, threads)
    except FileNotFound as error:  # it was there when it was looked at
        raise FileGone(path=change.path) from error
    except NoSpace:  # it became full meanwhile; or there are bytes, and a quota, or no inode
        await trio.to_thread.run_sync(_need_space, change, host, limiter=threads)
        raise


def _need_space(change: Change, host: Host) -> None:
    with naming(change.path):
        need_space(change.path, change.status.st_size, host)


async def _in_place(
    change: Change, before_write: BeforeWrite, threads: trio.CapacityLimiter
) -> Written:
    plan = await _plan(change, None, threads)
    try:
        await before_write(plan)
        mtime_ns = await trio.to_thread.run_sync(edit_in_place, change, limiter=threads)
    except HalfEdited:
        raise  # recovery needs the before-image
    except EditConflict as error:
        before_image.name_in(error, plan.before_image)
        raise
    except BaseException:
        before_image.discard(plan.before_image)
        raise
    before_image.discard(plan.before_image)
    return Written(plan, mtime_ns)


async def _plan(
    change: Change, replacement: Replacement | None, threads: trio.CapacityLimiter
) -> Plan:
    """A thread costs more than a small plan, and the event loop must not wait for a large one."""
    if not change.large:
        return change.plan(replacement)
    return await trio.to_thread.run_sync(change.plan, replacement, limiter=threads)


async def _replace(
    change: Change,
    finished: Finished,
    before_write: BeforeWrite,
    threads: trio.CapacityLimiter,
) -> Written:
    try:
        plan = await _plan(change, finished.replacement, threads)
        await before_write(plan)
        mtime_ns = await trio.to_thread.run_sync(replace.publish, change, finished, limiter=threads)
    except BaseException:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(finished.temporary.discard, limiter=threads)
        raise
    return Written(plan, mtime_ns)
