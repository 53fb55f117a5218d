"""The queue's state machine, third part: claims, what becomes of them, and time."""

from __future__ import annotations

import trio
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from queue_kit import plan_for
from queue_machine_lives import RETRY_SECONDS, picks, settlements
from queue_machine_requests import QueueRequests

from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import Status
from arrtheaudio.media import Outcome

DAY = 86_400.0


class QueueRuns(QueueRequests):
    """Runs and their ends, time and retention."""

    @rule(light=st.booleans(), heavy=st.booleans())
    def claim_from(self, light: bool, heavy: bool) -> None:
        self.claim(light, heavy)

    def claim(self, light: bool, heavy: bool) -> None:
        async def go() -> tuple[Claim | None, float]:
            await self.look()
            # As a dispatcher: where a head's file is busy, the next one must be looked up first.
            while (claim := self.queue.claim(light=light, heavy=heavy)) is None:
                if not await self.changes():
                    break
            return claim, self.now()

        claim, now = self.run(go)
        expected = None if self.model.paused else self.model.next_job(now, light=light, heavy=heavy)
        assert (claim and claim.job) == (expected and expected.seq)
        if claim is None or expected is None:
            return
        self.claims[claim.job] = claim
        self.queue_call(lambda: self.queue.started(claim, 1))
        expected.status = "running"
        expected.attempt += 1
        assert claim.attempt == expected.attempt <= self.model.max_attempts
        batch = self.model.batches.get(expected.batch or 0)
        if batch is not None and batch.status == "queued":
            batch.status = "running"

    @rule(count=st.integers(2, 4))
    def claim_several(self, count: int) -> None:
        for _ in range(count):
            self.claim(True, True)

    @precondition(lambda self: any(not self.model.jobs[j].planned for j in self.claims))
    @rule(pick=picks)
    def plan(self, pick: int) -> None:
        claims = [c for j, c in self.claims.items() if not self.model.jobs[j].planned]
        self.plan_run(claims[pick % len(claims)])

    def plan_run(self, claim: Claim) -> None:
        self.run(self.queue.planned, claim, plan_for(claim.path))
        self.model.jobs[claim.job].planned = True

    @precondition(lambda self: self.claims)
    @rule(pick=picks, end=st.sampled_from(["changed", "success", "skipped", "failed"]))
    def finish(self, pick: int, end: str) -> None:
        self.finish_run(pick, end)

    def finish_run(self, pick: int, end: str) -> None:
        claim = list(self.claims.values())[pick % len(self.claims)]
        job = self.model.jobs[claim.job]
        if end == "failed":
            self.run(self.queue.failed, claim, "corrupt", "bad")
            self.model.end(job, "failed", "failed", self.clock())
        else:
            changed = end == "changed" and job.planned
            result = "skipped" if end == "skipped" else "success"
            self.run(self.queue.completed, claim, Outcome(result, None, "", changed, "in_place"))
            job.changed = changed
            if changed:
                self.note_undo(job)
            self.model.end(job, "completed", result, self.clock())
        self.leave(claim)

    def leave(self, claim: Claim) -> None:
        del self.claims[claim.job]
        self.queue_call(lambda: self.queue.release(claim))

    @precondition(lambda self: self.claims)
    @rule(pick=picks, how=st.sampled_from(["retry", "defer", "heavy", "space", "stop", "leave"]))
    def give_back(self, pick: int, how: str) -> None:
        claim = list(self.claims.values())[pick % len(self.claims)]
        job = self.model.jobs[claim.job]
        batch = self.model.batches.get(job.batch or 0)
        cancelling = batch is not None and batch.cancelling

        async def go() -> None:
            if how == "retry":
                await self.queue.retrying(claim, "io_error", "bad disk", RETRY_SECONDS)
            elif how == "space":
                await self.queue.waiting_for_space(claim, 10, 5)
            elif how == "stop":
                await self.queue.interrupted(claim)
            elif how != "leave":
                await self.queue.deferred(claim, "busy", delay=5, heavy=how == "heavy")

        self.run(go)
        now = self.clock()
        self.leave(claim)
        self.run(self.quiet)
        if cancelling or claim.why == "cancel":
            failed = how == "retry" and claim.why != "cancel"
            end = ("failed", "failed") if failed else ("cancelled", None)
            self.model.end(job, *end, now)
            return
        job.status, job.planned, job.crashes = "queued", False, 0
        if how == "retry":
            job.priority, job.due = 2, now + RETRY_SECONDS
            if job.attempt >= self.model.max_attempts:
                # The workers decide when to stop; the model only keeps within the rule.
                self.run(self.queue.cancel, job.seq)
                self.model.end(job, "cancelled", None, self.clock())
            return
        job.attempt -= 1
        job.due = now + 5 if how in ("defer", "heavy") else 0.0
        job.heavy = job.heavy or how == "heavy"
        if how == "space":
            job.status = "waiting_for_space"

    @precondition(lambda self: self.model.of_status("waiting_for_space"))
    @rule(pick=picks)
    def space_found(self, pick: int) -> None:
        jobs = self.model.of_status("waiting_for_space")
        job = jobs[pick % len(jobs)]
        self.run(self.queue.space_found, job.seq)
        job.status = "queued"

    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0, DAY]))
    def time_passes(self, seconds: float) -> None:
        self.run(trio.sleep, seconds)

    @rule(
        days=st.sampled_from([0.0, 0.5, 2.0]),
        statuses=st.sets(st.sampled_from(["completed", "failed", "cancelled"]), min_size=1),
    )
    def cleanup(self, days: float, statuses: set[str]) -> None:
        limit = self.clock() - days * DAY

        async def go(dry_run: bool) -> int:
            return await self.queue.cleanup(
                older_than_days=days,
                statuses=[Status(status) for status in statuses],
                dry_run=dry_run,
            )

        needed = {job.undo_of for job in self.model.jobs.values() if job.live}
        old = [
            job
            for job in self.model.jobs.values()
            if job.status in statuses
            and job.ended_at is not None
            and job.ended_at < limit
            and job.seq not in needed
            and not (job.batch in self.model.batches and self.model.batches[job.batch].live)
        ]
        counted = self.run(go, True)
        removed = self.run(go, False)
        assert counted == removed == len(old)
        for job in old:
            del self.model.jobs[job.seq]

    @rule()
    def change_and_undo(self) -> None:
        """Two whole edits, the second perhaps an undo of the first."""
        for _ in range(2):
            before = set(self.claims)
            self.claim(True, True)
            for seq in set(self.claims) - before:
                place = list(self.claims).index(seq)
                self.plan_run(self.claims[seq])
                self.finish_run(place, "changed")
                self.undo_job(self.model.jobs[seq])

    @rule(ends=settlements)
    def crash_twice_in_a_row(self, ends: list[str]) -> None:
        for _ in range(2):
            self.run(trio.sleep, RETRY_SECONDS)
            self.claim(True, True)
            self.crash(ends, False)
