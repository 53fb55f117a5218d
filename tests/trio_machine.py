"""A hypothesis state machine whose rules run in Trio, under a virtual clock.

Time passes only inside a rule, and only as far as the rule waits: between two
rules the clock stands still, so that the same rules always do the same.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio
import trio.testing
from hypothesis.stateful import RuleBasedStateMachine
from trio._core import _run

T = TypeVar("T")

# Trio shuffles its tasks to find races; here the order must repeat for hypothesis to shrink.
SCHEDULING_SEED = 20_260_101


class TrioMachine(RuleBasedStateMachine):
    """Rules call ``self.run(async_function, …)``; ``self.nursery`` holds what outlives a rule."""

    nursery: trio.Nursery

    def __init__(self) -> None:
        super().__init__()
        self._clock = trio.testing.MockClock()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run_trio)
        self._thread.start()
        self._ready.wait()

    def _run_trio(self) -> None:
        async def main() -> None:
            self._stop = trio.Event()
            self._token = trio.lowlevel.current_trio_token()
            async with trio.open_nursery() as self.nursery:
                self._ready.set()
                await self._stop.wait()
                self.nursery.cancel_scope.cancel()

        _run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
        _run._r.seed(SCHEDULING_SEED)
        try:
            trio.run(main, clock=self._clock)
        except BaseException as error:
            self._error = error

    def run(self, function: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Run it in Trio and wait. What the background raised comes out here."""
        try:
            return trio.from_thread.run(self._let_time_pass, function, args, trio_token=self._token)
        except (trio.RunFinishedError, trio.Cancelled):
            self._thread.join()
            raise self._error or AssertionError("Trio has ended") from None

    async def _let_time_pass(self, function: Callable[..., Awaitable[T]], args: Any) -> T:
        self._clock.autojump_threshold = 0
        try:
            return await function(*args)
        finally:
            self._clock.autojump_threshold = math.inf

    def teardown(self) -> None:
        """End Trio; fail if its background failed."""

        def end() -> None:
            self._clock.autojump_threshold = 0  # what closes may wait
            self._stop.set()

        with contextlib.suppress(trio.RunFinishedError):
            trio.from_thread.run_sync(end, trio_token=self._token)
        self._thread.join()
        if self._error is not None:
            raise self._error
