"""Our own queue as a contestant: its face, its journal with synchronous=FULL, nothing left out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import trio
from queue_rivals import BULK
from rounds import Sample, own_garbage_only

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.encoding import encode_body
from arrtheaudio.jobs.models import NewJob, Priority
from arrtheaudio.jobs.queue import Queue, Settings, open_queue
from arrtheaudio.media import Outcome

PAYLOAD_BYTES = 500
DONE = Outcome("skipped", "already_correct", "The default track is right already")


def settings(workers: int = 2) -> Settings:
    """Room for everything, and so many workers."""
    return Settings(max_queue_size=10**9, worker_count=workers, max_mp4_concurrent=1)


def new_job(number: int) -> NewJob:
    """An episode whose row holds ``PAYLOAD_BYTES``."""
    path = b"/media/tv/The Long Series (2019)/Season %02d/The Long Series - S%02dE%03d - %06d.mkv"
    season, episode = number // 1000 % 100, number % 1000
    job = NewJob(
        path=path % (season, season, episode, number),
        original_language="ja",
        series_type="anime",
        tags=("anime", "dual-audio"),
        expected_size=1_400_000_000 + number,
        title="",
    )
    missing = PAYLOAD_BYTES - len(payload(job))
    return NewJob(
        path=job.path,
        original_language=job.original_language,
        series_type=job.series_type,
        tags=job.tags,
        expected_size=job.expected_size,
        title="x" * missing,
    )


def payload(job: NewJob) -> bytes:
    """The body of its row, which the rivals get, too."""
    return encode_body(ev.queued_body(job, "manual", Priority.NORMAL))


class Own:
    """The journal queue. ``payloads`` tell how many jobs there are; the jobs are its own."""

    name = "arrtheaudio"

    def put(self, folder: Path, payloads: list[bytes], producers: int) -> Sample:
        """Each producer submits one file and waits for its commit."""
        jobs = [(new_job(number),) for number in range(len(payloads))]
        return trio.run(
            self._submit, folder, [jobs[number::producers] for number in range(producers)]
        )

    def put_bulk(self, folder: Path, payloads: list[bytes]) -> Sample:
        """One producer; one request, one transaction."""
        jobs = [new_job(number) for number in range(len(payloads))]
        requests = [jobs[first : first + BULK] for first in range(0, len(jobs), BULK)]
        return trio.run(self._submit, folder, [requests])

    async def _submit(self, folder: Path, shares: Sequence[Sequence[Sequence[NewJob]]]) -> Sample:
        latencies: list[float] = []

        async def produce(queue: Queue, requests: Sequence[Sequence[NewJob]]) -> None:
            for jobs in requests:
                begin = time.perf_counter()
                await queue.submit(jobs)
                latencies.append(time.perf_counter() - begin)

        async with open_queue(folder / "jobs.db", settings()) as queue:
            with own_garbage_only():
                begin = time.perf_counter()
                async with trio.open_nursery() as nursery:
                    for share in shares:
                        nursery.start_soon(produce, queue, share)
                return Sample(time.perf_counter() - begin, latencies)

    def work(self, folder: Path, payloads: list[bytes], workers: int) -> Sample:
        """Each job is claimed, started and completed; the file's real identity is looked up."""
        return trio.run(self._work, folder, len(payloads), workers)

    async def _work(self, folder: Path, count: int, workers: int) -> Sample:
        async with open_queue(folder / "jobs.db", settings(workers)) as queue:
            await queue.pause()
            await queue.submit([new_job(number) for number in range(count)])
            await queue.resume()
            with own_garbage_only():
                begin = time.perf_counter()
                latencies = await work_off(queue, workers, count)
                return Sample(time.perf_counter() - begin, latencies)


async def work_off(queue: Queue, workers: int, count: int) -> list[float]:
    """Claim and complete ``count`` jobs with so many workers; seconds of each from its claim.

    The workers live as long as those of the others do: threads there, tasks here.
    """
    latencies: list[float] = []
    changed = trio.Event()

    async def work() -> None:
        while True:
            claim = queue.claim(light=True, heavy=True)
            if claim is None:
                await changed.wait()
                continue
            begin = time.perf_counter()
            queue.started(claim, 1)
            await queue.completed(claim, DONE)
            queue.release(claim)
            latencies.append(time.perf_counter() - begin)
            if len(latencies) == count:
                nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for _ in range(workers):
            nursery.start_soon(work)
        while True:
            await queue.work_changed()
            woken, changed = changed, trio.Event()
            woken.set()
            for _ in range(2):  # behind all who were woken, so that the next files are looked up
                await trio.lowlevel.checkpoint()
    return latencies
