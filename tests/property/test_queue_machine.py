"""The nine invariants over the real journal, step by step against a plain model.

Crashes copy the database as it lies on the disk at that instant and open the
copy; clean restarts close and open it. Simulated clock, no threads.
The rules stand in ``queue_machine_lives``, ``…_requests`` and ``…_runs``.
"""

from __future__ import annotations

import apsw
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant
from queue_machine_runs import QueueRuns

from arrtheaudio.jobs.models import JobFilter, Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.replay import load_by_folding_everything
from arrtheaudio.jobs.verify import verify_file


class QueueMachine(QueueRuns):
    """Everything that can be asked of the queue, in any order, and what must always hold."""

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


def test_a_dispatcher_looks_again_where_the_file_of_the_next_job_is_busy() -> None:
    machine = QueueMachine()
    try:
        machine.begin()
        machine.deliver(refused=True, wanted=["/m/a.mkv"])
        machine.deliver(refused=False, wanted=["/m/a.mkv", "/m/a.mkv", "/m/b.mkv"])
        machine.claim_several(count=2)
        machine.cancel_running(finished_first=False, pick=0)
        machine.give_back(how="stop", pick=0)
        machine.claim_several(count=2)
        machine.every_job_is_where_the_model_says()
    finally:
        machine.teardown()


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
