"""The queue's state machine, second part: what users and programs ask of it."""

from __future__ import annotations

import pytest
import trio
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from queue_machine_lives import LIMIT, QueueLives, paths, picks
from queue_model import ModelBatch, ModelJob

from arrtheaudio.errors import AlreadyEnded, BatchExists, NothingToUndo, QueueFull
from arrtheaudio.jobs.models import NewBatch, NewDelivery, NewJob, Priority, Status
from arrtheaudio.media import Outcome


class QueueRequests(QueueLives):
    """Requests, in any order."""

    @rule(wanted=st.lists(paths, min_size=1, max_size=4), refused=st.booleans())
    def deliver(self, wanted: list[str], refused: bool) -> None:
        jobs = [NewJob(path.encode()) for path in wanted]
        if refused:
            jobs.append(NewJob(b"/etc/passwd", refused=("outside_media_roots", "outside")))
        before = self.queue.head
        full = self.model.places() >= LIMIT
        try:
            accepted = self.run(
                self.queue.deliver, NewDelivery("sonarr", "Download", tuple(jobs), title="T")
            )
        except QueueFull:
            assert full
            assert self.queue.head == before, "a refused request leaves nothing"
            return
        assert not full
        assert len(accepted.jobs) == len(jobs), "one request is all or nothing"
        for seq, path in zip(accepted.jobs, wanted, strict=False):
            self.note_job(seq, path, 0)
        if refused:
            job = self.note_job(accepted.jobs[-1], "passwd", 0)
            self.model.end(job, "completed", "skipped", self.clock())

    @rule(path=paths, low=st.booleans())
    def submit(self, path: str, low: bool) -> None:
        priority = Priority.LOW if low else Priority.NORMAL
        full = self.model.places() >= LIMIT

        async def go() -> int | None:
            try:
                accepted = await self.queue.submit([NewJob(path.encode())], priority=priority)
            except QueueFull:
                return None
            return accepted.jobs[0]

        seq = self.run(go)
        assert (seq is None) == full
        if seq is not None:
            self.note_job(seq, path, int(priority))

    @rule(folder=st.sampled_from(["/m", "/n"]))
    def start_batch(self, folder: str) -> None:
        full = self.model.places() >= LIMIT

        async def go() -> int | str:
            try:
                return await self.queue.start_batch(NewBatch(folder.encode()))
            except QueueFull:
                return "full"
            except BatchExists as error:
                return "exists" if self.model.batches[error.batch].live else "wrong"

        seq = self.run(go)
        if isinstance(seq, int):
            assert not full
            self.model.batches[seq] = ModelBatch(seq)
        else:
            assert seq == "exists" or full

    @precondition(lambda self: any(b.live and not b.complete for b in self.model.batches.values()))
    @rule(pick=picks, found=st.lists(paths, max_size=4), complete=st.booleans())
    def discover(self, pick: int, found: list[str], complete: bool) -> None:
        batches = [b for b in self.model.batches.values() if b.live and not b.complete]
        batch = batches[pick % len(batches)]
        files = [path.encode() for path in found]
        before = self.queue.head

        async def go() -> bool:
            return await self.queue.batch_discovered(
                batch.seq, files, last=b"/m/z", complete=complete
            )

        going_on = self.run(go)
        assert going_on == (not batch.cancelling)
        if going_on:
            for offset, path in enumerate(found):
                self.note_job(before + 1 + offset, path, 1, batch.seq)
            batch.complete = complete
            self.model.settle_batches()

    @precondition(lambda self: any(b.live for b in self.model.batches.values()))
    @rule(pick=picks, force=st.booleans())
    def cancel_batch(self, pick: int, force: bool) -> None:
        batches = [b for b in self.model.batches.values() if b.live]
        batch = batches[pick % len(batches)]
        self.run(lambda: self.queue.cancel_batch(batch.seq, force=force))
        batch.cancelling = True
        batch.status = "cancelling"
        self.run(self.quiet)
        for job in list(self.model.jobs.values()):
            if job.batch == batch.seq and job.status in ("queued", "waiting_for_space"):
                self.model.end(job, "cancelled", None, self.clock())
        self.model.settle_batches()

    @precondition(lambda self: self.model.of_status("queued", "waiting_for_space"))
    @rule(pick=picks)
    def cancel_waiting(self, pick: int) -> None:
        jobs = self.model.of_status("queued", "waiting_for_space")
        job = jobs[pick % len(jobs)]
        cancelled = self.run(self.queue.cancel, job.seq)
        assert cancelled.status is Status.CANCELLED
        self.model.end(job, "cancelled", None, self.clock())

    @precondition(lambda self: self.claims)
    @rule(pick=picks, finished_first=st.booleans())
    def cancel_running(self, pick: int, finished_first: bool) -> None:
        claim = list(self.claims.values())[pick % len(self.claims)]
        job = self.model.jobs[claim.job]
        finished_first = finished_first or job.planned

        async def go() -> None:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ask)
                await claim_asked()
                if finished_first:
                    await self.queue.completed(claim, Outcome("success", None, "done"))
                else:
                    await self.queue.interrupted(claim)
                self.queue.release(claim)

        async def claim_asked() -> None:
            while claim.why is None:  # noqa: ASYNC110
                await trio.sleep(0.001)

        async def ask() -> None:
            if finished_first:
                with pytest.raises(AlreadyEnded):
                    await self.queue.cancel(claim.job)
            else:
                assert (await self.queue.cancel(claim.job)).status is Status.CANCELLED

        self.run(go)
        del self.claims[claim.job]
        end = ("completed", "success") if finished_first else ("cancelled", None)
        self.model.end(job, *end, self.clock())

    @rule(pause=st.sampled_from([False, False, True]))
    def pause_or_resume(self, pause: bool) -> None:
        self.run(self.queue.pause if pause else self.queue.resume)
        self.model.paused = pause

    @precondition(lambda self: self.model.of_status("failed", "cancelled"))
    @rule(pick=picks)
    def retry(self, pick: int) -> None:
        jobs = [job for job in self.model.of_status("failed", "cancelled") if job.undo_of is None]
        if not jobs:
            return
        old = jobs[pick % len(jobs)]
        seq = self.run(self.queue.retry, old.seq)
        assert seq != old.seq, "an explicit retry is a new job"
        self.note_job(seq, f"/m/{old.name}", 1).retry = True

    @precondition(lambda self: self.model.of_status("completed"))
    @rule(pick=picks)
    def undo(self, pick: int) -> None:
        jobs = self.model.of_status("completed")
        self.undo_job(jobs[pick % len(jobs)])

    def undo_job(self, old: ModelJob) -> None:
        waiting = any(job.undo_of == old.seq for job in self.model.jobs.values() if job.live)
        undoable = old.changed and not old.undone and old.undo_of is None and not waiting

        async def go() -> int | None:
            try:
                return await self.queue.undo(old.seq)
            except NothingToUndo:
                return None

        seq = self.run(go)
        assert (seq is not None) == undoable
        if seq is not None:
            self.note_job(seq, f"/m/{old.name}", 0).undo_of = old.seq
