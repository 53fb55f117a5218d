"""The nine invariants over the real journal, step by step against a plain model.

Crashes copy the database as it lies on the disk at that instant and open the
copy; clean restarts close and open it. Simulated clock, no threads.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import apsw
import pytest
import trio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from queue_model import Model, ModelBatch, ModelJob
from trio_machine import TrioMachine

from arrtheaudio.errors import (
    AlreadyEnded,
    BatchExists,
    NothingToUndo,
    QueueFull,
)
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.drive import InlineDrive
from arrtheaudio.jobs.models import JobFilter, NewBatch, NewDelivery, NewJob, Priority, Status
from arrtheaudio.jobs.queue import Queue, Settings, open_queue
from arrtheaudio.jobs.replay import load_by_folding_everything
from arrtheaudio.jobs.verify import verify_file
from arrtheaudio.media import Outcome, Patch, Plan

EPOCH = 1_800_000_000.0
LIMIT = 6
RETRY_SECONDS = 60.0
DAY = 86_400.0

names = st.sampled_from(["a.mkv", "b.mkv", "c.mp4", "d.mkv"])
paths = st.builds(lambda folder, name: f"{folder}/{name}", st.sampled_from(["/m", "/link"]), names)
picks = st.integers(0, 1000)


def name_of(path: str) -> str:
    return path.rpartition("/")[2]


def plan_for(path: bytes) -> Plan:
    patch = Patch(7, b"\x01\xff", b"\x00\xff")
    return Plan(path, "in_place", 100, 1, (patch,), ((0, 50),), b"digest", 1, 2, 3)


class QueueMachine(TrioMachine):
    """Everything that can be asked of the queue, in any order."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="queue-machine-"))
        self.lives = 0
        self.path = self.folder / "0.db"
        self.model = Model()
        self.claims: dict[int, Claim] = {}
        self.ends_seen: dict[int, str] = {}
        self.run(self.open)

    # --- lives of the queue ---

    def now(self) -> float:
        return EPOCH + trio.current_time()

    async def open(self) -> None:
        self.closing = trio.Event()
        self.closed = trio.Event()
        self.scope = await self.nursery.start(self.hold)

    async def hold(self, task_status: trio.TaskStatus[trio.CancelScope]) -> None:
        with trio.CancelScope() as scope:
            async with open_queue(
                self.path,
                Settings(
                    max_queue_size=LIMIT,
                    retry_delay_seconds=RETRY_SECONDS,
                    cleanup_interval_hours=10_000,
                    job_history_days=10_000,
                    failed_job_days=10_000,
                ),
                now=self.now,
                identify=lambda path: name_of(path.decode()),
                drive=lambda open_writer: InlineDrive(open_writer, latency=lambda: 0.001),
            ) as self.queue:
                task_status.started(scope)
                await self.closing.wait()
        self.closed.set()

    async def settle(self, *, crash: bool, ends: list[str]) -> None:
        """What a daemon does at boot with open plans."""
        plans = await self.queue.take_open_plans()
        open_jobs = [job for job in self.model.of_status("running") if job.planned]
        assert [claim.job for claim, _ in plans] == [job.seq for job in open_jobs]
        for (claim, plan), job in zip(plans, open_jobs, strict=True):
            assert plan == plan_for(claim.path)
            end = ends[job.seq % len(ends)]
            if end == "old":
                await self.queue.interrupted(claim)
                self.model.interrupt(job, self.now(), crash=crash)
            elif end == "new":
                await self.queue.completed(claim, Outcome("success", None, "", True, "in_place"))
                job.changed = True
                self.note_undo(job)
                self.model.end(job, "completed", "success", self.now())
            else:
                await self.queue.failed(claim, "conflict", "other bytes")
                self.model.end(job, "failed", "failed", self.now())

    def after_restart(self, *, crash: bool, ends: list[str]) -> None:
        self.claims.clear()
        for job in self.model.of_status("running"):
            if not job.planned:
                self.model.interrupt(job, self.clock(), crash=crash)
        self.run_settle(crash, ends)

    def run_settle(self, crash: bool, ends: list[str]) -> None:
        async def go() -> None:
            await self.settle(crash=crash, ends=ends)

        self.run(go)

    def clock(self) -> float:
        async def read() -> float:
            return self.now()

        return self.run(read)

    settlements = st.lists(st.sampled_from(["old", "new", "other"]), min_size=1, max_size=3)

    @rule(ends=settlements)
    def clean_restart(self, ends: list[str]) -> None:
        async def restart() -> None:
            self.closing.set()
            await self.closed.wait()
            await self.open()

        self.run(restart)
        self.after_restart(crash=False, ends=ends)

    @rule(ends=settlements, with_unlanded_start=st.booleans())
    def crash_at_any_moment(self, ends: list[str], with_unlanded_start: bool) -> None:
        self.crash(ends, with_unlanded_start)

    def crash(self, ends: list[str], with_unlanded_start: bool) -> None:
        async def die() -> int | None:
            unlanded = None
            if with_unlanded_start:
                await self.look()
                claim = self.queue.claim(light=True, heavy=True)
                if claim is not None:
                    self.queue.started(claim, 1)  # never reaches the disk
                    unlanded = claim.job
            self.lives += 1
            copy = self.folder / f"{self.lives}.db"
            for ending in ("", "-wal"):
                source = self.path.with_name(self.path.name + ending)
                if source.exists():
                    shutil.copy(source, copy.with_name(copy.name + ending))
            self.scope.cancel()
            await self.closed.wait()
            self.path = copy
            await self.open()
            return unlanded

        self.run(die)
        self.after_restart(crash=True, ends=ends)

    @rule(ends=settlements)
    def crash_twice_in_a_row(self, ends: list[str]) -> None:
        for _ in range(2):
            self.run(trio.sleep, RETRY_SECONDS)
            self.claim(True, True)
            self.crash(ends, False)

    # --- requests ---

    def note_job(self, seq: int, path: str, priority: int, batch: int | None = None) -> ModelJob:
        job = ModelJob(
            seq, name_of(path), path.endswith("mp4"), priority, batch=batch, single=batch is None
        )
        self.model.jobs[seq] = job
        self.model.ever += 1
        return job

    def note_undo(self, job: ModelJob) -> None:
        if job.undo_of is not None and job.undo_of in self.model.jobs:
            self.model.jobs[job.undo_of].undone = True

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

    async def look(self) -> None:
        """Let the queue look up the next files, as a dispatcher does before it claims."""
        for _ in range(3):
            with trio.move_on_after(0.01):
                await self.queue.work_changed()

    async def quiet(self) -> None:
        """Let what follows from landed rows land, too."""
        while True:
            head = self.queue.head
            await trio.sleep(0.01)
            if self.queue.head == head:
                return

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
        self.note_job(seq, f"/m/{old.name}", 1)

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

    # --- runs ---

    @rule(light=st.booleans(), heavy=st.booleans())
    def claim_from(self, light: bool, heavy: bool) -> None:
        self.claim(light, heavy)

    def claim(self, light: bool, heavy: bool) -> None:
        async def go() -> tuple[Claim | None, float]:
            await self.look()
            return self.queue.claim(light=light, heavy=heavy), self.now()

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

    def queue_call(self, call: object) -> None:
        async def go() -> None:
            call()  # type: ignore[operator]
            await self.quiet()

        self.run(go)

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

    # --- what must always hold ---

    @invariant()
    def memory_equals_the_fold_equals_the_tables(self) -> None:
        if not hasattr(self, "queue"):
            return
        self.run(self.quiet)
        assert verify_file(self.path) == []
        connection = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            assert load_by_folding_everything(connection) == live_state(self.queue)
            ends = connection.execute(
                "SELECT coalesce(job, parent), count(*) FROM journal WHERE type IN ("
                "'job.completed','job.failed','job.cancelled',"
                "'batch.completed','batch.failed','batch.cancelled') GROUP BY 1"
            ).fetchall()
        finally:
            connection.close()
        assert all(count == 1 for _, count in ends), "exactly one terminal event"

    @invariant()
    def every_job_is_where_the_model_says(self) -> None:
        if not hasattr(self, "queue"):
            return
        page = self.run(self.queue.jobs, JobFilter(limit=1000, order="asc"))
        seen = {
            job.seq: (str(job.status), job.attempt, int(job.priority), job.result, job.undone)
            for job in page.jobs
        }
        expected = {
            job.seq: (job.status, job.attempt, job.priority, job.result, job.undone)
            for job in self.model.jobs.values()
        }
        assert seen == expected
        assert page.total == len(expected)

    @invariant()
    def totals_places_and_statistics_are_exact(self) -> None:
        if not hasattr(self, "queue"):
            return
        state = self.queue.state()
        count = {status: len(self.model.of_status(status)) for status in Status}
        assert (state.queued, state.running, state.waiting_for_space) == (
            count[Status.QUEUED],
            count[Status.RUNNING],
            count[Status.WAITING_FOR_SPACE],
        )
        assert state.paused == self.model.paused
        assert state.used == self.model.places()
        stats = self.run(self.queue.stats)
        assert dict(stats.kept) == count
        assert stats.lifetime_jobs == self.model.ever, "lifetime counts outlive the rows"
        batches = self.run(self.queue.batches)
        live = {batch.seq: str(batch.status) for batch in batches.batches}
        for batch in self.model.batches.values():
            if batch.live:
                assert live[batch.seq] == batch.status

    @invariant()
    def no_real_file_has_two_running_jobs(self) -> None:
        if hasattr(self, "queue"):
            running = [job.path.rpartition(b"/")[2] for job in self.queue.state().current]
            assert len(running) == len(set(running))

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)


def live_state(queue: Queue) -> object:
    return queue._state


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
