"""How the daemon is asked to stop, and what ends it when it cannot.

``Requests`` counts signals: the first asks for a stop, the second for one at once,
the third for none of the courtesies. ``Backstop`` is the last resort against what no
cancellation reaches: a thread in the kernel on a share or disk that does not answer.
Knows nothing of services. queue.md: Workers, Stop.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Final

import structlog
import trio

EXIT_HUNG: Final = 1
STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_log = structlog.get_logger(__name__)


class Backstop:
    """Ends the process hard when a stop has not ended it in time."""

    def __init__(self, hard_exit: Callable[[int], object]) -> None:
        self._hard_exit = hard_exit
        self._timer: threading.Timer | None = None

    def arm(self, seconds: float) -> None:
        """From now on the process ends within ``seconds``. The last call counts."""
        self.disarm()
        # A thread, because what may hang is the event loop's own last step: closing the journal.
        self._timer = threading.Timer(seconds, self.strike, args=("the stop took too long",))
        self._timer.daemon = True
        self._timer.start()

    def disarm(self) -> None:
        """The stop is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def strike(self, why: str) -> None:
        """End the process here and now; the journal settles what was open at the next start."""
        _log.error("hard_exit", why=why)
        self._hard_exit(EXIT_HUNG)


class StopRequests:
    """What the signals have asked for so far."""

    def __init__(self, backstop: Backstop) -> None:
        self._backstop = backstop
        self.stop: Final = trio.Event()
        self.at_once: Final = trio.Event()

    def receive(self, signum: int) -> None:
        """One more signal."""
        name = signal.Signals(signum).name
        if not self.stop.is_set():
            _log.info("stop_requested", signal=name)
            self.stop.set()
        elif not self.at_once.is_set():
            _log.info("stop_at_once_requested", signal=name)
            self.at_once.set()
        else:
            self._backstop.strike(f"{name}, asked three times")
