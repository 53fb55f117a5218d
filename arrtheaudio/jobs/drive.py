"""What runs the commits: a dedicated thread, or the event loop for simulations.

Both open the writer, report the state found on disk, then commit groups of
rows, as the journal hands them over, until they are told to end. An exception
of the writer ends the life.
"""

from __future__ import annotations

import queue
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs
import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.events import Row
from arrtheaudio.jobs.replay import load
from arrtheaudio.jobs.state import State
from arrtheaudio.jobs.writer import Encoded, Writer, encode_row

IDLE_SECONDS: Final = 0.25  # without a commit, until the writer checkpoints

# How long a busy event loop may keep the interpreter from the writer, which asks for it again
# behind each step of SQLite. With Python's 5 ms a commit of 37 rows took 13 ms, so 3.4 ms.
SWITCH_SECONDS: Final = 0.0002


@attrs.define(eq=False)
class Ticket:
    """For one task that waits for its rows."""

    waiter: trio.lowlevel.Task | None = None
    settled: bool = False
    error: JournalUnavailable | None = None

    def succeed(self) -> None:
        """The rows are durable and folded."""
        self.settled = True
        if self.waiter is not None:
            trio.lowlevel.reschedule(self.waiter)

    def fail(self, error: JournalUnavailable) -> None:
        """Whether the rows are durable is unknown."""
        self.error = error
        self.succeed()


@attrs.define(eq=False)
class Group:
    """Rows that become durable together, in their order."""

    rows: list[Row] = attrs.field(factory=list)
    encoded: list[Encoded] = attrs.field(factory=list)
    requests: int = 0  # whose rows they are
    tickets: list[Ticket] = attrs.field(factory=list)

    def add(self, rows: Sequence[Row]) -> None:
        """The rows of one more request."""
        self.encoded.extend(map(encode_row, rows))
        self.rows.extend(rows)
        self.requests += 1


@attrs.frozen(eq=False)
class Opened:
    """A writer is open; this is the state on disk."""

    state: State


@attrs.frozen(eq=False)
class Landed:
    """A commit is durable."""

    group: Group
    ms: float


Report = Opened | Landed


class Drive(Protocol):
    """One writer's life after another."""

    def put(self, group: Group | None) -> None:
        """Queue what is committed together; None ends the life after what is queued."""

    def discard(self) -> None:
        """Forget what is queued: its writer is gone."""

    async def run(self, report: Callable[[Report], None]) -> None:
        """One life. Raises what ended it; returns after None."""


def commit_group(writer: Writer, group: Group) -> Landed:
    """Commit the group in one transaction."""
    begin = time.perf_counter()
    writer.commit(group.rows, group.encoded)
    return Landed(group, (time.perf_counter() - begin) * 1000)


class ThreadDrive:
    """Commits on one thread of its own, which alone owns the connection."""

    def __init__(self, open_writer: Callable[[], Writer]) -> None:
        self._open_writer = open_writer
        self._limiter = trio.CapacityLimiter(1)
        self._inbox: queue.SimpleQueue[Group | None] = queue.SimpleQueue()

    def put(self, group: Group | None) -> None:
        """Queue a group, or the end."""
        self._inbox.put(group)

    def discard(self) -> None:
        """Forget what is queued."""
        self._inbox = queue.SimpleQueue()

    async def run(self, report: Callable[[Report], None]) -> None:
        """One life, on the thread."""
        token = trio.lowlevel.current_trio_token()

        def tell(message: Report) -> None:
            token.run_sync_soon(report, message)

        before = sys.getswitchinterval()
        sys.setswitchinterval(min(before, SWITCH_SECONDS))
        try:
            await trio.to_thread.run_sync(self._live, tell, self._inbox, limiter=self._limiter)
        finally:
            sys.setswitchinterval(before)

    def _live(
        self,
        tell: Callable[[Report], None],
        inbox: queue.SimpleQueue[Group | None],
    ) -> None:
        writer = self._open_writer()
        try:
            tell(Opened(load(writer.connection)))
            while True:
                try:
                    group = inbox.get(timeout=IDLE_SECONDS if writer.wants_checkpoint else None)
                except queue.Empty:
                    writer.checkpoint()
                    continue
                if group is None:
                    writer.checkpoint()
                    return
                tell(commit_group(writer, group))
                writer.tidy()
        finally:
            writer.close()


class InlineDrive:
    """Commits in the event loop, after a virtual delay: for simulations under MockClock.

    ``latency()`` gives the seconds of one commit. ``fault(writer)`` is asked before and
    behind each one and may raise, as a disk would.
    """

    def __init__(
        self,
        open_writer: Callable[[], Writer],
        *,
        latency: Callable[[], float] = lambda: 0.0,
        fault: Callable[[str], None] = lambda moment: None,
    ) -> None:
        self._open_writer = open_writer
        self._latency = latency
        self._fault = fault
        self._inbox: deque[Group | None] = deque()
        self._arrived = trio.Event()

    def put(self, group: Group | None) -> None:
        """Queue a group, or the end."""
        self._inbox.append(group)
        self._arrived.set()

    def discard(self) -> None:
        """Forget what is queued."""
        self._inbox.clear()

    async def run(self, report: Callable[[Report], None]) -> None:
        """One life, in the event loop."""
        self._fault("open")
        writer = self._open_writer()
        try:
            report(Opened(load(writer.connection)))
            while True:
                while not self._inbox:
                    self._arrived = trio.Event()
                    await self._arrived.wait()
                await trio.sleep(self._latency())
                group = self._inbox.popleft()
                if group is None:
                    return
                self._fault("before")
                landed = commit_group(writer, group)
                self._fault("behind")
                report(landed)
                writer.checkpoint()
        finally:
            writer.close()
