"""The journal seen from Trio: group commit, landing, and fail-stop with reopening.

Whatever is submitted while one commit runs goes into the next one; no timers,
no lingering. The next one begins behind the landing of the last, when whoever
was woken has run once: so those who ask again at once are one group, and do not
fall apart into two that take turns (measured with 8 ms per sync: 2,300 and
5,500 jobs a second). Rows get their seq here, in the order in which they are committed.
Behind each commit the rows *land*: the listener folds them, then the waiters
wake. A commit that raises is unknown: every waiter hears JournalUnavailable,
the connection is closed, another is opened with back-off, and the listener
gets the state as it then stands on disk. queue.md, Journal; invariants 1 to 3.

The drive is what runs commits: a thread of its own (``ThreadDrive``), or the
event loop itself for simulations with a virtual clock (``InlineDrive``).
Knows rows and commits; nothing of jobs' rules.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import structlog
import trio

from arrtheaudio.errors import JournalError, JournalUnavailable
from arrtheaudio.jobs.drive import Drive, Group, Landed, Opened, Report, Ticket
from arrtheaudio.jobs.events import Row
from arrtheaudio.jobs.refusal import refusal
from arrtheaudio.jobs.state import State

REOPEN_FIRST_SECONDS: Final = 0.1
REOPEN_LONGEST_SECONDS: Final = 10.0

_log = structlog.get_logger(__name__)


class Listener(Protocol):
    """Who folds the rows. All calls are synchronous and in the event loop."""

    def opened(self, state: State, *, again: bool) -> Sequence[Row]:
        """The journal was opened with this state; what is to be committed before anything else."""

    def landed(self, rows: Sequence[Row]) -> None:
        """These rows are durable: all of one commit, in its order."""

    def broken(self) -> None:
        """Nothing can be written, and what was being written is unknown."""


class Journal:
    """Rows in; durable when ``append`` returns."""

    def __init__(self, path: Path, drive: Drive, listener: Listener) -> None:
        self._path = path  # for messages
        self._drive = drive
        self._listener = listener
        self._handed: deque[Group] = deque()  # to the drive
        self._pending = Group()
        self._committing = False  # the drive has a group, or its landing is being heard of
        self._reports: deque[Report] = deque()
        self._reported = trio.Event()
        self._closing = trio.Event()
        self._ready = trio.Event()  # the first rows of this life are durable
        self._first: Ticket | None = None
        self._read = False  # what is on disk, by some life
        self._began = False  # the first rows of some life are durable
        self._broken_at: float | None = None  # monotonic; until rows are durable again
        self._commits_of_opening = 0  # until a life has done more than to begin
        self.open = False  # a writer lives
        self.next_seq = 1
        self.available = False
        self.detail = "not open yet"
        self.last_commit_ms: float | None = None
        self.commits = 0
        self.committed = 0  # requests
        self.commit_seconds = 0.0

    # --- appending ---

    def post(self, rows: Sequence[Row], *, early: bool = False) -> None:
        """Hand rows over without waiting; they are one transaction with whoever else waits.

        ``early``: also while the first rows of this life are not durable yet.
        Raises: JournalUnavailable, and then nothing of it is stored.
        """
        if not (self.available or (early and self.open)):
            raise JournalUnavailable(f"The journal cannot take rows now: {self.detail}")
        assert rows[0].seq == self.next_seq, "rows are numbered in the order of submission"
        self._pending.add(rows)
        self.next_seq += len(rows)
        if not self._committing:
            self._reported.set()  # handed over behind all that runs in this turn of the loop

    def submit(self, rows: Sequence[Row], *, early: bool = False) -> Ticket:
        """``post``, for one who then waits with ``wait_landed``."""
        self.post(rows, early=early)
        ticket = Ticket()
        self._pending.tickets.append(ticket)
        return ticket

    def _hand_over(self) -> None:
        """What is pending becomes the next commit."""
        self._committing = bool(self._pending.rows)
        if self._committing:
            group, self._pending = self._pending, Group()
            self._handed.append(group)
            self._drive.put(group)

    async def append(self, rows: Sequence[Row]) -> None:
        """Return when the rows are durable and folded.

        Raises: JournalUnavailable; whether they arrived is then unknown.
        """
        await wait_landed(self.submit(rows))

    # --- life ---

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open, and keep open until ``close``; report started once the first rows are durable.

        Where nothing can be written at first (a full disk), it is started without.
        Raises: what opening raised, if it fails before anything could be read.
        """
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._land_forever)
                nursery.start_soon(self._tell_ready, task_status)
                await self._live_again_and_again()
                nursery.cancel_scope.cancel()

    async def _tell_ready(self, task_status: trio.TaskStatus[None]) -> None:
        await self._ready.wait()
        task_status.started()

    async def _live_again_and_again(self) -> None:
        delay = REOPEN_FIRST_SECONDS
        while True:
            try:
                await self._drive.run(self._report)
            except Exception as error:
                self._land()
                if isinstance(error, JournalError):
                    self._give_up(str(error))
                    raise
                if not self._read:
                    raise refusal(error, self._path) from error
                if self.commits > self._commits_of_opening:
                    delay = REOPEN_FIRST_SECONDS
                self._break(error)
            else:
                self._land()
                return
            with trio.move_on_after(delay):
                await self._closing.wait()
            if self._closing.is_set():
                return
            self._ready.set()  # what is stored can be read; who wants more is told to come back
            delay = min(2 * delay, REOPEN_LONGEST_SECONDS)

    def _break(self, error: Exception) -> None:
        self.detail = str(error) or type(error).__name__
        _log.error("journal_unavailable", error=self.detail, hint=JournalUnavailable.hint)
        if self._broken_at is None:
            self._broken_at = trio.current_time()
        self.available = self.open = False
        self._drive.discard()
        self._fail_all(JournalUnavailable(f"The journal could not be written: {self.detail}"))
        self._listener.broken()

    def _fail_all(self, error: JournalUnavailable) -> None:
        """Everything that has not landed is unknown."""
        groups = (*self._handed, self._pending)
        self._handed.clear()
        self._pending = Group()
        for group in groups:
            for ticket in group.tickets:
                ticket.fail(error)

    def close(self) -> None:
        """Commit what is pending, then end ``run``. Harmless when repeated."""
        self._closing.set()
        self.available = self.open = False
        self.detail = "closed"
        self._hand_over()
        self._drive.put(None)

    # --- landing ---

    def _report(self, report: Report) -> None:
        # Called by run_sync_soon, where an exception would be a TrioInternalError.
        self._reports.append(report)
        self._reported.set()

    async def _land_forever(self) -> None:
        while True:
            await self._reported.wait()
            self._reported = trio.Event()
            if self._reports:
                self._land()
                await trio.lowlevel.checkpoint()  # with those who were woken, in any order
                await trio.lowlevel.checkpoint()  # behind all of them
            if not self._reports:
                self._hand_over()

    def _land(self) -> None:
        try:
            while self._reports:
                report = self._reports.popleft()
                if isinstance(report, Opened):
                    self._begin(report.state)
                else:
                    self._land_group(report)
        except Exception:
            self._give_up("The journal and the queue's state have come apart")
            raise

    def _give_up(self, why: str) -> None:
        """Nobody may go on, or wait, on what has ended for good."""
        unknown, self._pending = self._pending, Group()
        self._handed.append(unknown)  # nobody commits it any more
        self.close()
        self._fail_all(JournalUnavailable(why))

    def _begin(self, state: State) -> None:
        self._read = True
        self.open = not self._closing.is_set()
        self._commits_of_opening = self.commits + 1
        self.next_seq = state.head + 1
        self._first = None
        self._committing = False
        rows = self._listener.opened(state, again=self._began)
        if self.open:
            self._first = self.submit(rows, early=True)

    def _take_rows(self) -> None:
        """The first rows of this life are durable: others may follow."""
        self.available = True
        self.detail = ""
        self._began = True
        self._ready.set()
        if self._broken_at is not None:
            seconds = trio.current_time() - self._broken_at
            _log.warning("journal_available_again", seconds=round(seconds, 1))
            self._broken_at = None

    def _land_group(self, report: Landed) -> None:
        self.last_commit_ms = report.ms
        group = self._handed[0]
        assert report.group is group, "groups land in the order of submission"
        self.commits += 1
        self.committed += group.requests
        self.commit_seconds += report.ms / 1000
        self._listener.landed(group.rows)
        self._handed.popleft()
        for ticket in group.tickets:
            if ticket is self._first and not self._closing.is_set():
                self._take_rows()
            ticket.succeed()


async def wait_landed(ticket: Ticket) -> None:
    """Wait, whatever is cancelled meanwhile: whoever asked must learn what became of it.

    Trio's low level, because a shielded scope and an event cost several times as much,
    for each request.
    """
    if not ticket.settled:
        ticket.waiter = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(lambda _: trio.lowlevel.Abort.FAILED)
    if ticket.error is not None:
        raise JournalUnavailable(ticket.error.what) from ticket.error
