"""The queues that are compared, each behind the same three questions.

Every one is durable when its put returns, and is used as well as its documents
allow: threads that share an object where it is made for that, a connection per
thread where it is not, waits for locks that never end too soon. Payloads are
handed to them ready-made, without their own serialisation where it can be left
out, and without results or retries: all of that is in their favour.

``floor`` is what any durable queue without group commit must pay: one append
and one fdatasync per job, by one thread.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import litequeue
import persistqueue
from huey.storage import SqliteStorage
from rounds import Sample, own_garbage_only

LOCK_SECONDS = 600.0  # how long a rival may wait for its database
BULK = 1000  # jobs in one request


class Contestant(Protocol):
    """A queue; every call has a fresh folder, and times itself."""

    name: str

    def put(self, folder: Path, payloads: list[bytes], producers: int) -> Sample:
        """Producers, each waiting until its job is durable before the next."""

    def put_bulk(self, folder: Path, payloads: list[bytes]) -> Sample:
        """Requests of ``BULK`` jobs, one after another."""

    def work(self, folder: Path, payloads: list[bytes], workers: int) -> Sample:
        """Claim, start and complete all jobs, which are in the queue beforehand."""


Operation = Callable[[bytes], object]


def in_threads(count: int, items: list[bytes], operations: list[Operation]) -> Sample:
    """Share the items among threads, each with its own operation; time every single call."""
    barrier = threading.Barrier(count + 1)
    latencies: list[list[float]] = [[] for _ in range(count)]

    def run(number: int) -> None:
        operation, mine = operations[number], latencies[number]
        barrier.wait()
        for item in items[number::count]:
            begin = time.perf_counter()
            operation(item)
            mine.append(time.perf_counter() - begin)

    with own_garbage_only(), ThreadPoolExecutor(count) as threads:
        runs = [threads.submit(run, number) for number in range(count)]
        barrier.wait()
        begin = time.perf_counter()
        failures = [error for one in runs if (error := one.exception()) is not None]
        seconds = time.perf_counter() - begin
    done = list(itertools.chain.from_iterable(latencies))
    failed = f"{len(items) - len(done)} of {len(items)} not done: {failures[0]}" if failures else ""
    # What failed took as long as what was done, so the time per job stands for the whole.
    return Sample(seconds * len(items) / max(len(done), 1), done, failed)


class Floor:
    """One append and one fdatasync per job."""

    name = "floor"

    def put(self, folder: Path, payloads: list[bytes], producers: int) -> Sample:
        """One thread; more of them would only queue for the disk."""
        with _appended(folder) as append:
            return in_threads(1, payloads, [append])


@contextmanager
def _appended(folder: Path) -> Iterator[Operation]:
    file = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def append(payload: bytes) -> None:
        os.write(file, payload)
        os.fdatasync(file)

    try:
        yield append
    finally:
        os.close(file)


class Huey:
    """SqliteHuey's storage with fsync=True; its threads share it, as its consumer's do.

    A job is gone from its table when it is taken; ``put_data`` keeps the result.
    """

    name = "huey"

    @contextmanager
    def _open(self, folder: Path) -> Iterator[SqliteStorage]:
        storage = SqliteStorage(
            "bench", filename=str(folder / "huey.db"), fsync=True, timeout=LOCK_SECONDS
        )
        try:
            assert_full(storage.conn)
            yield storage
        finally:
            storage.close()

    def put(self, folder: Path, payloads: list[bytes], producers: int) -> Sample:
        with self._open(folder) as storage:
            return in_threads(producers, payloads, [storage.enqueue] * producers)

    def put_bulk(self, folder: Path, payloads: list[bytes]) -> Sample:
        """It knows no request of many jobs."""
        return self.put(folder, payloads, 1)

    def work(self, folder: Path, payloads: list[bytes], workers: int) -> Sample:
        with self._open(folder) as storage:
            for payload in payloads:
                storage.enqueue(payload)
            numbers = itertools.count()

            def one(_: bytes) -> None:
                assert storage.dequeue() is not None
                storage.put_data(str(next(numbers)), b"success", is_result=True)

            return in_threads(workers, payloads, [one] * workers)


class LiteQueue:
    """litequeue with synchronous=FULL, one object with its own connection per thread."""

    name = "litequeue"

    @contextmanager
    def _open(self, folder: Path, count: int) -> Iterator[list[litequeue.LiteQueue]]:
        queues = [
            litequeue.LiteQueue(folder / "lite.db", timeout=LOCK_SECONDS) for _ in range(count)
        ]
        try:
            for queue in queues:
                queue.conn.execute("PRAGMA synchronous = FULL")
                assert_full(queue.conn)
            yield queues
        finally:
            for queue in queues:
                queue.close()

    def put(self, folder: Path, payloads: list[bytes], producers: int) -> Sample:
        with self._open(folder, producers) as queues:
            return in_threads(producers, payloads, [self._putter(queue) for queue in queues])

    @staticmethod
    def _putter(queue: litequeue.LiteQueue) -> Operation:
        return lambda payload: queue.put(payload.decode())

    def put_bulk(self, folder: Path, payloads: list[bytes]) -> Sample:
        """One of its transactions per request."""
        with self._open(folder, 1) as (queue,):
            put = self._putter(queue)

            def request(first: bytes) -> None:
                with queue.transaction():
                    for _ in range(BULK):
                        put(first)

            return in_threads(1, payloads[::BULK], [request])

    def work(self, folder: Path, payloads: list[bytes], workers: int) -> Sample:
        with self._open(folder, workers) as queues:
            with queues[0].transaction():
                for payload in payloads:
                    queues[0].put(payload.decode())
            return in_threads(workers, payloads, [self._worker(queue) for queue in queues])

    @staticmethod
    def _worker(queue: litequeue.LiteQueue) -> Operation:
        def one(_: bytes) -> None:
            message = queue.pop()
            assert message is not None
            queue.done(message.message_id)

        return one


class PersistQueue:
    """persist-queue's SQLiteAckQueue for several threads, which share it."""

    name = "persist-queue"

    @contextmanager
    def _open(self, folder: Path) -> Iterator[persistqueue.SQLiteAckQueue]:
        queue = persistqueue.SQLiteAckQueue(
            str(folder / "persist"), multithreading=True, timeout=LOCK_SECONDS
        )
        with closing(queue):
            queue._putter.execute("PRAGMA synchronous = FULL")
            assert_full(queue._putter)
            yield queue

    def put(self, folder: Path, payloads: list[bytes], producers: int) -> Sample:
        with self._open(folder) as queue:
            return in_threads(producers, payloads, [queue.put] * producers)

    def put_bulk(self, folder: Path, payloads: list[bytes]) -> Sample:
        """It commits every put."""
        return self.put(folder, payloads, 1)

    def work(self, folder: Path, payloads: list[bytes], workers: int) -> Sample:
        with self._open(folder) as queue:
            for payload in payloads:
                queue.put(payload)

            def one(_: bytes) -> None:
                taken = queue.get(block=False, raw=True)
                queue.ack(id=taken["pqid"])

            return in_threads(workers, payloads, [one] * workers)


def assert_full(connection: sqlite3.Connection) -> None:
    """Read back that a commit is durable."""
    ((level,),) = connection.execute("PRAGMA synchronous")
    assert level == 2, f"synchronous={level}"


RIVALS: tuple[Contestant, ...] = (Huey(), LiteQueue(), PersistQueue())
