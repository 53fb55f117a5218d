"""The queue's memory: the folded state, the lanes, the claims, and how rows reach them.

Everything here happens in the event loop without a checkpoint between check
and act. Durable facts change only in the fold, behind their commit; what is in
flight (lanes, claims, reservations) is runtime memory and is rebuilt whenever
the journal is opened. queue-internals.md: ownership instead of locks.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, Final

import structlog
import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.claims import Claim, Discovery
from arrtheaudio.jobs.crash_log import tell_if_poisoned, tell_of_crash
from arrtheaudio.jobs.draft import Draft
from arrtheaudio.jobs.drive import Drive
from arrtheaudio.jobs.encoding import decode_bytes
from arrtheaudio.jobs.eta import Pace
from arrtheaudio.jobs.feed import Feed
from arrtheaudio.jobs.fold import apply, queue_up
from arrtheaudio.jobs.journal import Journal, wait_landed
from arrtheaudio.jobs.lanes import Lanes
from arrtheaudio.jobs.models import BatchStatus, Priority, Status
from arrtheaudio.jobs.readers import Readers
from arrtheaudio.jobs.scouting import Scouted, Scouts
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.state import LiveBatch, LiveJob, Moved, State, batch_end_body

POISONED_CRASHES: Final = 2  # of the daemon, in a row, in the middle of one job
POISONED: Final = "The daemon died while working on this file {} in a row"
EXHAUSTED: Final = "The daemon died during the last attempt at this file"

QUIET: Final = frozenset({ev.JOB_STARTED, ev.JOB_PLANNED}) | ev.AFTER_END  # nothing follows

_new = tuple.__new__  # what a NamedTuple's own constructor does, in half the time
_log = structlog.get_logger(__name__)


class Core:
    """State and runtime memory; the parts of the queue are built on it."""

    def __init__(
        self,
        path: Path,
        settings: Settings,
        drive: Drive,
        readers: Readers,
        *,
        now: Callable[[], float] = time.time,
        identify: Callable[[bytes], Hashable],
    ) -> None:
        self.path = path
        self.settings = settings
        self._now = now
        self._clock = trio.lowlevel.current_clock().current_time  # asked several times for each job
        self._readers = readers
        self._journal = Journal(path, drive, self)
        self._feed = Feed()
        self._state = State()
        self._lanes = Lanes(self._waits_in_lane)
        self._owned: set[int] = set()  # jobs in nobody's lane: claimed, or being cancelled
        self._claims: dict[int, Claim] = {}
        self._files: dict[Hashable, int] = {}  # real files that claimed jobs work on
        self._unsettled: set[int] = set()  # running jobs with an open plan that nobody owns
        self._left_open: set[int] = set()  # rows of the plans in whose middle the last daemon died
        self._reserved = 0  # places of rows that have not landed
        self._reservations: deque[tuple[int, int]] = deque()  # (last seq of the rows, places)
        self._stopping = False
        self._warning = ""  # about the file system
        self._any_title = False  # that a delivery told of; until then there is nothing to recall
        self._history = trio.Lock()  # who looks at ended jobs, then writes what they then are
        self._starting: dict[bytes, int] = {}  # folders of batches on their way
        self._batch_rows: set[tuple[str, int]] = set()  # batch events on their way
        self._discoveries: dict[int, Discovery] = {}
        self._paces: dict[int, Pace] = {}
        self._scouted: dict[int, Scouted] = {}  # what the next claims need from the disk
        self._scouts = Scouts(readers, identify)
        self._services: trio.CancelScope | None = None  # the queue's own tasks
        self._served = trio.Event()  # they have ended
        self._retention_changed = trio.Event()  # its settings; replaced each time
        self._changed = trio.Event()  # something may be dispatchable
        self._delayed = trio.Event()  # the first due time changed
        self._discovery_wanted = trio.Event()
        self._cancellations, self._to_cancel = trio.open_memory_channel[int](math.inf)

    # --- rows out ---

    def _draft(self) -> Draft:
        return Draft(self._journal.next_seq, self._now())

    def _submit(self, draft: Draft, *, early: bool = False) -> None:
        self._journal.post(draft.rows, early=early)

    async def _commit(self, draft: Draft) -> None:
        ticket = self._journal.submit(draft.rows)
        if draft.places:
            self._reserved += draft.places
            self._reservations.append((draft.rows[-1].seq, draft.places))
        await wait_landed(ticket)

    def _event(self, kind: str, job: LiveJob, body: dict[str, Any]) -> tuple[ev.Row]:
        """What a draft would hold for one event of one job, which is what mostly happens."""
        return (
            _new(ev.Row, (self._journal.next_seq, self._now(), kind, job.seq, job.parent, body)),
        )

    async def _commit_event(self, kind: str, job: LiveJob, body: dict[str, Any]) -> str:
        """``_commit`` for one event; its kind."""
        await wait_landed(self._journal.submit(self._event(kind, job, body)))
        return kind

    async def _commit_owned(self, draft: Draft) -> None:
        """Commit the next event of jobs that wait; until it has landed they are this task's.

        They are taken behind the submission: where that is refused, nothing has changed.
        Where the commit fails, ``opened`` places them anew.
        """
        ticket = self._journal.submit(draft.rows)
        self._owned.update(row.job for row in draft.rows if row.job is not None)
        await wait_landed(ticket)

    async def _wait_change(self) -> None:
        """Return behind the next commit. Raises: JournalUnavailable where none is to come."""
        if not self._journal.open:
            raise JournalUnavailable("The journal cannot be written now")
        await self._feed.wait_change()

    async def _wait_while(self, on_its_way: Callable[[], bool]) -> None:
        """Return when what was submitted has landed.

        Raises: JournalUnavailable; whether it arrived is then unknown.
        """
        state = self._state
        while on_its_way():
            await self._wait_change()
            if self._state is not state or not self._journal.available:
                raise JournalUnavailable("The journal failed meanwhile")

    def _free_reservations(self, landed: int) -> None:
        """The rows up to this seq take their places in the state itself."""
        reservations = self._reservations
        while reservations and reservations[0][0] <= landed:
            self._reserved -= reservations.popleft()[1]

    def _forget_reservations(self) -> None:
        self._reserved = 0
        self._reservations.clear()

    # --- rows in (journal.Listener) ---

    def opened(self, state: State, *, again: bool) -> Sequence[ev.Row]:
        """The journal is open with this state: rebuild the runtime memory, settle the runs.

        Nothing but early rows is taken before these here have landed; what must be asked
        of the queue then is asked in ``_begin_again``.
        """
        self._state = state
        self._forget_reservations()
        self._batch_rows.clear()
        self._lanes = Lanes(self._waits_in_lane)
        self._owned = set(self._claims)
        self._feed.reset(state.head)
        self._paces = {seq: pace for seq, pace in self._paces.items() if seq in state.batches}
        draft = self._draft()
        crash = not again and not state.stopped_cleanly
        if crash:
            tell_of_crash(state)
        draft.control(ev.REOPENED if again else ev.DAEMON_STARTED)
        self._unsettled.clear()
        for job in state.jobs.values():
            if job.seq in self._claims:
                continue  # its old run has not ended; ``release`` decides then
            self._place(job, draft, crash=crash)
        for batch in state.batches.values():
            self._draft_batch_end(batch, draft)
        return draft.rows

    def _begin_again(self) -> None:
        """The first rows of this life have landed: what the last one left undone goes on."""
        self._discovery_wanted.set()
        for batch in self._state.batches.values():
            if batch.status is BatchStatus.CANCELLING:
                self._cancellations.send_nowait(batch.seq)
        if self._stopping and not self._state.stopped_cleanly:
            draft = self._draft()
            draft.control(ev.DAEMON_STOPPING)  # it was asked while nothing could be written
            self._submit_early(draft)

    def _place(self, job: LiveJob, draft: Draft, *, crash: bool) -> None:
        """Put a job that nobody owns where it belongs."""
        if job.status is Status.QUEUED:
            self._enqueue(job)
        elif job.status is Status.RUNNING:
            assert job.moved is not None
            if job.moved.plan is not None:
                self._unsettled.add(job.seq)
                if crash:
                    self._left_open.add(job.moved.plan)
            else:
                self._owned.add(job.seq)
                self._draft_interrupted(job, draft, crash=crash)

    def _draft_interrupted(self, job: LiveJob, draft: Draft, *, crash: bool) -> None:
        """Back to its place; after a crash the attempt counts, and two in a row are the end."""
        assert job.moved is not None
        if not crash:
            draft.job(ev.JOB_INTERRUPTED, job.seq, job.parent)
            return
        crashes = job.moved.crashes + 1
        if crashes < POISONED_CRASHES and job.attempt < self._max_attempts(job):
            draft.job(ev.JOB_INTERRUPTED, job.seq, job.parent, {"crash": True})
            return
        message = POISONED.format("twice") if crashes >= POISONED_CRASHES else EXHAUSTED
        body = ev.failed_body(job.path, job.facet, "poisoned", message, ms=None)
        draft.job(ev.JOB_FAILED, job.seq, job.parent, body)

    def _max_attempts(self, job: LiveJob) -> int:
        return 1 if job.direct else self.settings.max_attempts

    def landed(self, rows: Sequence[ev.Row]) -> None:
        """Fold durable rows, tell the feed, and react."""
        self._free_reservations(rows[-1].seq)
        at, end = 0, len(rows)
        while at < end:
            row = rows[at]
            begin, at = at, at + 1
            if row.type == ev.JOB_QUEUED:
                while at < end and rows[at].type == ev.JOB_QUEUED:
                    at += 1
                self._land_queued(rows[begin:at])
            elif row.job is not None:
                self._land_event(row, row.job)
            else:
                self._land_other(row)
        self._feed.wake()
        self._wake()

    def _land_queued(self, rows: Sequence[ev.Row]) -> None:
        """New jobs that follow each other: what a flood consists of."""
        jobs = queue_up(self._state, rows)
        if not self.settings.worker_count:  # ``_enqueue``: deliveries have no lane then
            jobs = [job for job in jobs if not job.direct]
        self._lanes.push_all(jobs)
        self._feed.add_queued(rows)

    def _land_event(self, row: ev.Row, number: int) -> None:
        job = self._state.jobs.get(number) or self._ended(row)
        apply(self._state, row)
        self._feed.add(row, job)
        if row.type not in QUIET:
            self._react(row, job)

    def _land_other(self, row: ev.Row) -> None:
        batches = self._state.batches
        path = batches[row.parent].request.path if row.parent in batches else None
        apply(self._state, row)
        if row.type == ev.BATCH_QUEUED:
            path = batches[row.seq].request.path
        self._feed.add(row, path=path)
        self._react_to_batch(row)

    def _ended(self, row: ev.Row) -> LiveJob:
        """The ended job of a row behind its end, which tells what an event needs."""
        body = row.body
        path = decode_bytes(body["path"])
        return LiveJob(row.job or 0, path, row.at, row.parent, body["facet"], Priority.HIGH)

    def _react(self, row: ev.Row, job: LiveJob) -> None:
        kind = row.type
        self._let_go(job.seq)
        batch = self._state.batches.get(job.parent) if job.parent is not None else None
        if kind in ev.JOB_ENDS:
            if kind == ev.JOB_FAILED:
                tell_if_poisoned(row, job)
            if batch is not None:
                self._pace(batch.seq).ended(trio.current_time())
                self._submit_batch_end(batch)
        elif batch is not None and self._is_cancelling(batch):
            self._cancellations.send_nowait(batch.seq)
        elif job.status is Status.QUEUED:
            self._enqueue(job, row.body.get("delay", 0.0))

    def _react_to_batch(self, row: ev.Row) -> None:
        parent = row.parent
        if parent is None:
            if row.type in (ev.DAEMON_STARTED, ev.REOPENED):
                self._begin_again()
            return
        if row.type == ev.BATCH_QUEUED:
            self._discovery_wanted.set()
        elif row.type in ev.BATCH_ENDS:
            self._paces.pop(parent, None)
            self._batch_rows -= {entry for entry in self._batch_rows if entry[1] == parent}
        elif row.type in (ev.BATCH_CANCELLING, ev.BATCH_DISCOVERED):
            if row.type == ev.BATCH_CANCELLING:
                self._cancellations.send_nowait(parent)
            self._submit_batch_end(self._state.batches[parent])
        if row.type in ev.BATCH_ENDS or row.body.get("complete"):
            self._discoveries.pop(parent, None)

    def _pace(self, batch: int) -> Pace:
        return self._paces.setdefault(batch, Pace())

    def broken(self) -> None:
        """Nothing can be written: stop every run; nothing they report counts any more."""
        self._forget_reservations()
        for claim in tuple(self._claims.values()):
            claim.revoked = True
            if claim.left:  # its last row is lost, and nobody is there to release it again
                self._let_go(claim.job)
            claim.cancel("journal")
        for discovery in self._discoveries.values():
            discovery.scope.cancel()
        self._discoveries.clear()
        self._feed.wake()

    def _is_cancelling(self, batch: LiveBatch) -> bool:
        """Cancelled already, or about to be."""
        on_its_way = (ev.BATCH_CANCELLING, batch.seq) in self._batch_rows
        return on_its_way or batch.status is BatchStatus.CANCELLING

    # --- a batch's end (invariant 8: exactly one) ---

    def _draft_batch_end(self, batch: LiveBatch, draft: Draft) -> None:
        cancelling = batch.status is BatchStatus.CANCELLING
        if batch.live or not (cancelling or batch.discovery_complete):
            return
        kind = ev.BATCH_CANCELLED if self._is_cancelling(batch) else ev.BATCH_COMPLETED
        if ("end", batch.seq) in self._batch_rows:
            return
        self._batch_rows.add(("end", batch.seq))
        draft.parent(kind, batch.seq, batch_end_body(batch))

    def _submit_batch_end(self, batch: LiveBatch) -> None:
        draft = self._draft()
        self._draft_batch_end(batch, draft)
        if draft.rows:
            self._submit_early(draft)

    def _submit_early(self, draft: Draft) -> None:
        try:
            self._submit(draft, early=True)
        except JournalUnavailable:  # ``opened`` finds the same thing to be done again
            _log.debug("row_postponed", type=draft.rows[0].type)

    # --- lanes ---

    def _waits_in_lane(self, seq: int, priority: Priority, heavy: bool) -> bool:
        job = self._state.jobs.get(seq)
        return (
            job is not None
            and job.status is Status.QUEUED
            and job.priority is priority
            and job.heavy is heavy
            and seq not in self._owned
        )

    def _enqueue(self, job: LiveJob, delay: float | None = None) -> None:
        """Into its lane, or behind its delay; deliveries that run in the daemon have no lane."""
        if job.seq in self._owned or (job.direct and not self.settings.worker_count):
            return
        if delay is None:
            delay = self._delay_left(job.moved) if job.moved is not None else 0.0
        if delay > 0:
            self._lanes.delay(job.seq, trio.current_time() + delay)
            self._delayed.set()
        else:
            self._lanes.push(job.seq, job.priority, job.heavy)

    def _delay_left(self, moved: Moved) -> float:
        """Of the durable delay, never more than all of it, however the clock was set since."""
        left = moved.last_at + moved.delay - self._now()
        return min(max(left, 0.0), moved.delay)

    def _let_go(self, seq: int) -> None:
        """The owner's operation is durable: nobody owns the job now."""
        self._owned.discard(seq)
        claim = self._claims.pop(seq, None)
        if claim is not None:
            self._free(claim)

    def _free(self, claim: Claim) -> None:
        if self._files.get(claim.identity) == claim.job:
            del self._files[claim.identity]
            self._lanes.readmit(claim.identity)
        claim.end()

    def _wake(self) -> None:
        self._changed.set()
