"""A queue whose journal fails on demand, and the moment in which it is open again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
from queue_kit import inline_queue

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.models import BatchStatus, NewBatch
from arrtheaudio.jobs.queue import Queue

COMMIT_SECONDS = 0.05


@attrs.define
class Disk:
    """Fails one commit when it is told to."""

    failing: bool = False

    def fault(self, moment: str) -> None:
        if self.failing and moment == "before":
            self.failing = False
            raise OSError("EIO")


@asynccontextmanager
async def faulty_queue(path: Path) -> AsyncIterator[tuple[Queue, Disk]]:
    """A queue whose commits take a moment, on a disk that fails on demand."""
    disk = Disk()
    async with inline_queue(path, fault=disk.fault, latency=lambda: COMMIT_SECONDS) as queue:
        yield queue, disk


async def break_journal(queue: Queue, disk: Disk) -> None:
    """One commit fails."""
    disk.failing = True
    with pytest.raises(JournalUnavailable):
        await queue.pause()


async def reopening(queue: Queue, disk: Disk) -> None:
    """The journal has failed and is open again; its first row is not durable yet."""
    await break_journal(queue, disk)
    while not queue._journal.open:
        await queue._feed.wait_change()
    assert not queue.health().writable


async def until_writable(queue: Queue) -> None:
    """Return when requests are taken again."""
    while not queue.health().writable:
        await queue._feed.wait_change()


async def batch_of(queue: Queue, count: int, *, complete: bool = True) -> int:
    """A batch with so many files."""
    batch = await queue.start_batch(NewBatch(b"/m"))
    files = [b"/m/%04d.mkv" % number for number in range(count)]
    await queue.batch_discovered(batch, files, last=files[-1], complete=complete)
    return batch


async def ended(queue: Queue, batch: int) -> BatchStatus:
    """The status of a batch, once it has ended."""
    with trio.fail_after(60):
        while queue.live_batches():
            await queue.wait_beyond(queue.head)
    return (await queue.batch(batch)).status
