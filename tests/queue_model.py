"""The queue as a plain model: dictionaries and loops, nothing of the real code's structure."""

from __future__ import annotations

from dataclasses import dataclass, field

LIVE = ("queued", "running", "waiting_for_space")


@dataclass
class ModelJob:
    """One job as an observer would note it down."""

    seq: int
    name: str  # of the real file
    heavy: bool
    priority: int
    status: str = "queued"
    attempt: int = 0
    crashes: int = 0
    due: float = 0.0
    batch: int | None = None
    single: bool = True
    planned: bool = False
    changed: bool = False
    undone: bool = False
    undo_of: int | None = None
    retry: bool = False
    result: str | None = None
    ended_at: float | None = None

    @property
    def live(self) -> bool:
        """It has not ended."""
        return self.status in LIVE


@dataclass
class ModelBatch:
    """One batch."""

    seq: int
    complete: bool = False
    cancelling: bool = False
    status: str = "queued"

    @property
    def live(self) -> bool:
        """It has not ended."""
        return self.status in ("queued", "running", "cancelling")


@dataclass
class Model:
    """All that was acknowledged."""

    jobs: dict[int, ModelJob] = field(default_factory=dict)
    batches: dict[int, ModelBatch] = field(default_factory=dict)
    paused: bool = False
    max_attempts: int = 3
    ever: int = 0

    def of_status(self, *statuses: str) -> list[ModelJob]:
        """Jobs in these statuses, oldest first."""
        return [job for _, job in sorted(self.jobs.items()) if job.status in statuses]

    def places(self) -> int:
        """Places that are taken."""
        singles = sum(
            job.status in ("queued", "waiting_for_space")
            for job in self.jobs.values()
            if job.single and job.undo_of is None and not job.retry
        )
        return singles + sum(batch.live for batch in self.batches.values())

    def next_job(self, now: float, *, light: bool, heavy: bool) -> ModelJob | None:
        """Priority, then age, among the due ones whose lane is open and whose file is free."""
        busy = {job.name for job in self.of_status("running")}
        ready = [
            job
            for job in self.of_status("queued")
            if job.due <= now and job.name not in busy and (heavy if job.heavy else light)
        ]
        return min(ready, key=lambda job: (job.priority, job.seq), default=None)

    def end(self, job: ModelJob, status: str, result: str | None, now: float) -> None:
        """A job ends, and perhaps its batch with it."""
        assert job.live
        job.status, job.result, job.ended_at = status, result, now
        self.settle_batches()

    def settle_batches(self) -> None:
        """Batches end with their last job."""
        for batch in self.batches.values():
            if batch.live and not any(
                job.live for job in self.jobs.values() if job.batch == batch.seq
            ):
                if batch.cancelling:
                    batch.status = "cancelled"
                elif batch.complete:
                    batch.status = "completed"

    def interrupt(self, job: ModelJob, now: float, *, crash: bool) -> None:
        """A run ended without an end."""
        job.status, job.planned, job.due = "queued", False, 0.0
        if crash:
            job.crashes += 1
        else:
            job.attempt -= 1
            job.crashes = 0
        if job.crashes >= 2 or (crash and job.attempt >= self.max_attempts):
            self.end(job, "failed", "failed", now)
        elif job.batch is not None and self.batches[job.batch].cancelling:
            self.end(job, "cancelled", None, now)
