"""The queue's state machine, first part: its lives, how they end, and what a crash leaves."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import trio
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from queue_kit import EPOCH, plan_for
from queue_model import Model, ModelJob
from trio_machine import TrioMachine

from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.drive import InlineDrive
from arrtheaudio.jobs.queue import Settings, open_queue
from arrtheaudio.media import Outcome

LIMIT = 6
RETRY_SECONDS = 60.0

names = st.sampled_from(["a.mkv", "b.mkv", "c.mp4", "d.mkv"])
paths = st.builds(lambda folder, name: f"{folder}/{name}", st.sampled_from(["/m", "/link"]), names)
picks = st.integers(0, 1000)
settlements = st.lists(st.sampled_from(["old", "new", "other"]), min_size=1, max_size=3)


def name_of(path: str) -> str:
    """The real file's."""
    return path.rpartition("/")[2]


class QueueLives(TrioMachine):
    """A queue that is opened, closed and killed, with the model of what was acknowledged."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="queue-machine-"))
        self.lives = 0
        self.path = self.folder / "0.db"
        self.model = Model()
        self.claims: dict[int, Claim] = {}
        self.run(self.open)

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
            await self.quiet()  # a batch that is being cancelled ends what came back to it

        self.run(go)

    def clock(self) -> float:
        async def read() -> float:
            return self.now()

        return self.run(read)

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

    async def look(self) -> None:
        """Let the queue look up the next files, as a dispatcher does before it claims."""
        for _ in range(3):
            await self.changes()

    async def changes(self) -> bool:
        """Whether the queue says that there may be something to claim."""
        with trio.move_on_after(0.01) as patience:
            await self.queue.work_changed()
        return not patience.cancelled_caught

    async def quiet(self) -> None:
        """Let what follows from landed rows land, too."""
        while True:
            head = self.queue.head
            await trio.sleep(0.01)
            if self.queue.head == head:
                return

    def queue_call(self, call: object) -> None:
        async def go() -> None:
            call()  # type: ignore[operator]
            await self.quiet()

        self.run(go)

    def teardown(self) -> None:
        super().teardown()
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)
