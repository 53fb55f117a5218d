"""Dispatch and the owner's operations: claim a job, report what became of it.

``claim`` is a synchronous pop; from then on the job has one owner, who ends
the claim by exactly one operation below. Each is one durable row, and the
live state changes behind its commit. queue.md: invariants 4 to 7 and 9.

A dispatcher's loop::

    while True:
        await queue.work_changed()
        for claim, plan in queue.take_open_plans(): ...   # settle, then end the claim
        while (claim := queue.claim(light=..., heavy=...)) is not None: ...

``recheck`` wakes it where only the caller knows that something changed (tokens
freed, limits raised). After an operation raised JournalUnavailable the run is
void: leave it, and let ``release`` (always in the owner's ``finally``) do the rest.
"""

from __future__ import annotations

from typing import Any, Final

import apsw
import structlog
import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.edits import edit_to_undo, last_edit_mtimes, last_plan
from arrtheaudio.jobs.encoding import encode_bytes, encode_plan
from arrtheaudio.jobs.facets import container_of, live_facet, source_of
from arrtheaudio.jobs.history import asked
from arrtheaudio.jobs.models import NewJob, SpaceWaiter, Status
from arrtheaudio.jobs.reading import Reading
from arrtheaudio.jobs.scouting import Scouted
from arrtheaudio.jobs.state import LiveJob
from arrtheaudio.jobs.titles import recall, told_anew
from arrtheaudio.media import Outcome, Plan

SCOUTED_AT_ONCE: Final = 64  # heads of each lane whose files are looked up ahead of the claim
SCOUTED_SECONDS: Final = 1.0  # how long such a look counts as "at claim"
UNREADABLE_SECONDS: Final = 1.0  # until the journal is read again that could not be

_log = structlog.get_logger(__name__)


class Ownership(Reading):
    """The dispatcher's and the workers' half of the face."""

    # --- dispatch ---

    async def work_changed(self) -> None:
        """Return when something may be dispatchable that was not when ``claim`` gave None.

        Looks up the next files beforehand, so that ``claim`` need not wait.
        """
        while True:
            wanted = [] if self._halted else self._unscouted()
            if wanted:
                try:
                    await self._scout(wanted)
                except JournalUnavailable as error:
                    _log.error("journal_unreadable", error=str(error))
                    await trio.sleep(UNREADABLE_SECONDS)
                    continue
                self._changed = trio.Event()
                return
            if self._changed.is_set():
                self._changed = trio.Event()
                await trio.lowlevel.checkpoint()
                return
            await self._changed.wait()

    def recheck(self) -> None:
        """Make ``work_changed`` return: tokens were freed, or limits raised."""
        self._wake()

    @property
    def _halted(self) -> bool:
        return (
            self._state.paused
            or self._stopping
            or not self.settings.worker_count
            or not self._journal.available
        )

    def claim(self, *, light: bool, heavy: bool) -> Claim | None:
        """Pop the first due job among the lanes that have room; None if there is none (yet).

        A job whose real file is being worked on gives way to the next one until it is free.
        """
        if self._halted:
            return None
        while (head := self._lanes.head(light=light, heavy=heavy)) is not None:
            seq, lane = head
            scouted = self._scouted.get(seq)
            if scouted is None or self._clock() - scouted.at > SCOUTED_SECONDS:
                self._wake()  # work_changed looks the file up, then it is claimable
                return None
            job = self._state.jobs[seq]
            if scouted.identity in self._files:
                self._lanes.exclude(seq, job.priority, lane, scouted.identity)
                continue
            self._lanes.pop(seq, lane)
            return self._own(job, scouted)
        return None

    async def claim_direct(self, job: int, *, wait: bool = True) -> Claim | None:
        """Claim one job of a delivery that runs in the daemon (worker_count 0).

        None if it has ended, is owned, or went to the lanes, and while nothing may start.
        Its real file must be free: waits until it is, or gives None where ``wait`` is not set.
        """
        while self._waits_here(job):
            await self._scout([job])
            scouted = self._scouted.get(job)
            if scouted is None or not self._waits_here(job):  # both may change during the look
                continue
            if scouted.identity not in self._files:
                return self._own(self._state.jobs[job], scouted)
            if not wait:
                return None
            await self._feed.wait_change()
        return None

    def _waits_here(self, job: int) -> bool:
        """A job for ``claim_direct`` that may start now."""
        live = self._state.jobs.get(job)
        if live is None or not live.direct or live.status is not Status.QUEUED:
            return False
        if self.settings.worker_count:
            return False  # it went to the lanes
        paused = self._state.paused and self.settings.heeds_pause
        held = paused or self._stopping or not self._journal.available
        return not held and job not in self._owned

    def direct_jobs(self) -> tuple[int, ...]:
        """Live jobs of deliveries that run in the daemon, oldest first (left by a restart, too)."""
        if self.settings.worker_count:
            return ()
        return tuple(job.seq for job in self._state.jobs.values() if job.direct)

    def _own(self, job: LiveJob, scouted: Scouted, *, crashed: bool = False) -> Claim:
        moved = job.moved
        undo_plan, undo_parent = scouted.undo or (None, None)
        claim = Claim(
            job=job.seq,
            request=scouted.request,
            attempt=job.attempt + (job.status is Status.QUEUED),
            max_attempts=self._max_attempts(job),
            heavy=job.heavy,
            identity=scouted.identity,
            kind="process" if job.undo_of is None else "undo",
            batch=job.parent if source_of(job.facet) == "manual" else None,
            seen=moved is not None and moved.seen,
            busy_deferrals=0 if moved is None else moved.busy,
            away_deferrals=0 if moved is None else moved.away,
            undo_plan=undo_plan,
            undo_parent=undo_parent,
            own_mtime_ns=scouted.own_mtime_ns,
            direct=job.direct,
            crashed=crashed,
        )
        if job.status is Status.RUNNING:
            claim.started, claim.started_at = True, self._clock()
        self._scouted.pop(job.seq, None)
        self._owned.add(job.seq)
        self._claims[job.seq] = claim
        self._files[scouted.identity] = job.seq
        return claim

    # --- looking up what a claim needs ---

    def _unscouted(self) -> list[int]:
        """The next heads of both lanes, if a first one of them was not looked up just now."""
        # Half the time: what is new enough here still is when ``claim`` comes a moment later.
        old = self._clock() - SCOUTED_SECONDS / 2
        for light in (True, False):
            head = self._lanes.head(light=light, heavy=not light)
            if head is not None and (
                (known := self._scouted.get(head[0])) is None or known.at < old
            ):
                return [
                    *self._lanes.first(SCOUTED_AT_ONCE, lanes=(False,)),
                    *self._lanes.first(SCOUTED_AT_ONCE, lanes=(True,)),
                ]
        return []

    async def _scout(self, wanted: list[int]) -> None:
        """Read the rows and identify the real files of these jobs."""
        jobs = {seq: self._state.jobs[seq] for seq in wanted}

        def look(
            connection: apsw.Connection,
        ) -> list[tuple[int, NewJob, int | None, tuple[Plan, int | None] | None]]:
            mtimes = last_edit_mtimes(connection, {job.path for job in jobs.values()})
            # What a delivery told since the row was written counts: it may have run before.
            manual: set[int] = set()
            if self._any_title:
                manual = {seq for seq, job in jobs.items() if source_of(job.facet) == "manual"}
            told = recall(connection, {jobs[seq].path for seq in manual})
            return [
                (
                    seq,
                    told_anew(request, told.get(request.path)) if seq in manual else request,
                    mtimes.get(request.path),
                    None if undone is None else edit_to_undo(connection, undone),
                )
                for seq, request, undone in asked(connection, wanted)
            ]

        looked, identities = await self._scouts.look(look, [job.path for job in jobs.values()])
        now = self._clock()
        self._scouted.clear()
        for seq, request, own_mtime_ns, undo in looked:
            self._scouted[seq] = Scouted(request, identities[request.path], own_mtime_ns, undo, now)

    # --- open plans ---

    async def take_open_plans(self) -> list[tuple[Claim, Plan]]:
        """Claim every running job whose edit may be unfinished, with its plan.

        At boot before anything else runs, and after each ``work_changed`` (the journal
        may have failed and been opened again). Settle each with ``media.recover``, then
        end its claim: completed, interrupted (nothing was written), or failed. None are
        given while no end of theirs would be taken; ``work_changed`` returns behind that.
        """
        wanted = sorted(self._unsettled) if self._journal.available else []
        if not wanted:
            return []
        plans = await self._readers.run(
            lambda connection: {job: last_plan(connection, job) for job in wanted}
        )
        await self._scout([job for job in wanted if job in self._unsettled])
        if not self._journal.available:  # it failed during the look
            return []
        taken = []
        for job in wanted:
            plan, scouted = plans[job], self._scouted.get(job)
            if job in self._unsettled and plan is not None and scouted is not None:
                self._unsettled.discard(job)
                live = self._state.jobs[job]
                crashed = live.moved is not None and live.moved.plan in self._left_open
                taken.append((self._own(live, scouted, crashed=crashed), plan))
        return taken

    # --- the owner's operations; what ends a claim gives the kind of event that is durable ---

    def started(self, claim: Claim, worker_id: int) -> None:
        """The attempt begins. The row is durable with, or before, ``planned``.

        Raises: JournalUnavailable.
        """
        live = self._live(claim)
        begun = {"worker_id": worker_id, "attempt": claim.attempt}
        self._journal.post(self._event(ev.JOB_STARTED, live, begun))
        claim.started, claim.started_at = True, self._clock()
        batch = self._state.batches.get(claim.batch) if claim.batch is not None else None
        if batch is not None and batch.started_at is None:
            on_its_way = (ev.BATCH_STARTED, batch.seq)
            if on_its_way not in self._batch_rows:
                self._batch_rows.add(on_its_way)
                draft = self._draft()
                draft.parent(ev.BATCH_STARTED, batch.seq)
                self._submit(draft)  # in the same transaction: nobody else ran meanwhile

    async def planned(self, claim: Claim, plan: Plan) -> None:
        """Return when the plan is durable: only then may the first byte be written."""
        await self._commit_event(ev.JOB_PLANNED, self._live(claim), encode_plan(plan))

    async def completed(self, claim: Claim, outcome: Outcome) -> str:
        """The file is as it should be, or is left alone by design."""
        live = self._live(claim)
        ms, dry_run = self._spent_ms(claim), claim.request.dry_run
        body = ev.completed_body(live.path, live.facet, outcome, ms=ms, dry_run=dry_run)
        if live.undo_of is None or not body.get("track_changed"):
            return await self._commit_event(ev.JOB_COMPLETED, live, body)
        draft = self._draft()
        draft.job(ev.JOB_COMPLETED, claim.job, live.parent, body)
        facet = live_facet(source_of(live.facet), container_of(live.facet))
        undone = {"path": encode_bytes(live.path), "facet": facet, "undone_by": claim.job}
        draft.job(ev.JOB_UNDONE, live.undo_of, claim.undo_parent, undone)
        await self._commit(draft)
        return ev.JOB_COMPLETED

    async def failed(self, claim: Claim, reason: str, message: str) -> str:
        """The job ends; it is not tried again by itself."""
        live = self._live(claim)
        body = ev.failed_body(live.path, live.facet, reason, message, ms=self._spent_ms(claim))
        return await self._commit_event(ev.JOB_FAILED, live, body)

    async def cancelled(self, claim: Claim) -> str:
        """The run was cancelled and its file is untouched."""
        live = self._live(claim)
        body = ev.cancelled_body(live.path, live.facet, ms=self._spent_ms(claim))
        return await self._commit_event(ev.JOB_CANCELLED, live, body)

    async def retrying(self, claim: Claim, reason: str, message: str, delay: float) -> str:
        """The attempt failed; another follows at priority low, with the same id."""
        if claim.why == "cancel":
            return await self.cancelled(claim)
        batch = self._state.batches.get(claim.batch or 0)
        if batch is not None and self._is_cancelling(batch):
            return await self.failed(claim, reason, message)
        body = {"reason": reason, "message": message, "delay": delay}
        return await self._requeue(claim, ev.JOB_RETRYING, body)

    async def deferred(
        self, claim: Claim, reason: str, *, delay: float = 0, heavy: bool = False
    ) -> str:
        """Not now: back to its place, or to the heavy lane, with the attempt given back."""
        body: dict[str, Any] = {"reason": reason}
        if delay:
            body["delay"] = delay
        if heavy:
            body["heavy"] = True
        return await self._requeue(claim, ev.JOB_DEFERRED, body)

    async def waiting_for_space(self, claim: Claim, needed: int, free: int) -> str:
        """No room for a rewrite: wait without a slot, with the attempt given back (bytes)."""
        return await self._requeue(claim, ev.JOB_WAITING, {"needed": needed, "free": free})

    async def interrupted(self, claim: Claim) -> str | None:
        """The run was stopped and its file is untouched: back to its place.

        The attempt is given back, unless the daemon had died in it.
        """
        if claim.revoked or (not claim.started and claim.why != "cancel"):
            self.release(claim)
            return None
        if claim.crashed and claim.why != "cancel":
            live, draft = self._live(claim), self._draft()
            self._draft_interrupted(live, draft, crash=True)
            await self._commit(draft)
            return draft.rows[0].type
        return await self._requeue(claim, ev.JOB_INTERRUPTED, {})

    async def _requeue(self, claim: Claim, kind: str, body: dict[str, Any]) -> str:
        batch = self._state.batches.get(claim.batch or 0)
        if claim.why == "cancel" or (batch is not None and self._is_cancelling(batch)):
            return await self.cancelled(claim)
        return await self._commit_event(kind, self._live(claim), body)

    def _live(self, claim: Claim) -> LiveJob:
        if claim.revoked:
            raise JournalUnavailable("The journal failed during this run; the job is looked at")
        return self._state.jobs[claim.job]

    def _spent_ms(self, claim: Claim) -> int | None:
        if not claim.started:
            return None
        return round((self._clock() - claim.started_at) * 1000)

    def release(self, claim: Claim) -> None:
        """The owner leaves. Harmless behind a durable operation; else the job finds its place."""
        if claim.left or claim.ended:
            return
        claim.left = True
        job = self._state.jobs.get(claim.job)
        if job is not None and claim.started and not claim.revoked:
            draft = self._draft()
            draft.job(ev.JOB_INTERRUPTED, claim.job, job.parent)
            self._submit_early(draft)
            return
        self._let_go(claim.job)
        if job is not None and self._journal.open:  # else ``opened`` places it
            draft = self._draft()
            self._place(job, draft, crash=False)
            if draft.rows:
                self._submit_early(draft)
            batch = self._state.batches.get(job.parent or 0)
            if batch is not None and self._is_cancelling(batch):
                self._cancellations.send_nowait(batch.seq)  # it was passed over as a run
        self._wake()

    # --- free space ---

    def space_waiters(self) -> tuple[SpaceWaiter, ...]:
        """The jobs that wait for space, oldest first."""
        waiting = (self._state.jobs[seq] for seq in sorted(self._state.moved))
        return tuple(
            SpaceWaiter(job.seq, job.path, job.moved.needed)
            for job in waiting
            if job.status is Status.WAITING_FOR_SPACE and job.moved is not None
        )

    async def space_found(self, job: int) -> None:
        """A waiting job may go on; nothing happens if it does not wait (any more)."""
        live = self._state.jobs.get(job)
        if live is None or live.status is not Status.WAITING_FOR_SPACE or job in self._owned:
            return
        draft = self._draft()
        draft.job(ev.JOB_SPACE_FOUND, job, live.parent)
        await self._commit_owned(draft)
