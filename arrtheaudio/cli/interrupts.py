"""Ctrl-C where files are changed: what runs is ended in order, then the command ends.

Without this the KeyboardInterrupt is raised between any two instructions, also between
an edit and the row that records it; the next start would settle that, but nobody
should have to wait for it. A second signal breaks off at once, as usual.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

T = TypeVar("T")

STOPS: Final = (signal.SIGINT, signal.SIGTERM)


def run_orderly(work: Callable[[], Awaitable[T]]) -> T:
    """Run it on Trio; a signal cancels it and is raised as KeyboardInterrupt behind its end."""
    return trio.run(_orderly, work)


def interrupted() -> bool:
    """Whether the work is being ended; asked where an exception passes."""
    return trio.current_effective_deadline() == -math.inf


async def _orderly(work: Callable[[], Awaitable[T]]) -> T:
    stopped = False
    results: list[T] = []

    async def listen(*, task_status: trio.TaskStatus[None]) -> None:
        nonlocal stopped
        stops = [*STOPS]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: the terminal may close
            stops.append(signal.SIGHUP)
        with trio.open_signal_receiver(*stops) as signals:
            task_status.started()
            async for _ in signals:
                stopped = True
                break
        nursery.cancel_scope.cancel()

    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(listen)
            results.append(await work())
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        raise _single(group) from None
    if stopped or not results:
        raise KeyboardInterrupt
    return results[0]


def _single(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        (error,) = error.exceptions
    return error
