"""Discovery of batches: a walk on a thread, handed to the queue chunk by chunk.

One task per batch, in the batch's own cancel scope. The thread walks one chunk ahead
while the last one is being committed; the commit is the back-pressure, so memory stays
flat however large the tree. After a restart a walk goes on behind the last journalled
path. What goes wrong here is this batch's affair only: an entry in its
``discovery_errors``, or the batch's failure where its folder cannot be read.

Knows the queue's batch half and the walk; nothing of HTTP. queue.md: Batches.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, NoReturn, Protocol

import structlog
import trio

from arrtheaudio.errors import BadPattern, JournalUnavailable
from arrtheaudio.jobs.claims import Discovery
from arrtheaudio.jobs.looks import Looks
from arrtheaudio.jobs.models import NewBatch, format_id
from arrtheaudio.jobs.mounts import mount_of
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.walk import Chunk, Sweep, Walk, printable

WALK_FILES: Final = 4000  # that a walk brings at once: handing over costs as much as 200 files
WALK_SECONDS: Final = 0.25  # it hands over after this long, however few were found
LOST_SECONDS: Final = 5.0  # before a walk whose chunk could not be journalled begins anew
COMMIT_FILES: Final = 250  # of one commit; folding their rows holds the event loop 2 ms

_log = structlog.get_logger(__name__)


class Chunks(Protocol):
    """One walk, as discovery sees it."""

    async def next(self) -> Chunk:
        """The next chunk. Raises: OSError where the folder cannot be read, BadPattern."""


class Walker(Protocol):
    """Begins walks; tests put a fake behind it."""

    def begin(self, batch: NewBatch, *, after: bytes | None, now: float) -> Chunks:
        """A walk of the batch's folder behind ``after``. Raises: BadPattern."""


class ThreadWalker:
    """The real one: each chunk on a thread of our own, one at a time for each mount."""

    def __init__(self, roots: tuple[bytes, ...]) -> None:
        self.roots = roots
        self._looks = Looks()

    def begin(self, batch: NewBatch, *, after: bytes | None, now: float) -> Chunks:
        """A walk of the batch's folder behind ``after``. Raises: BadPattern."""
        sweep = Sweep(
            path=batch.path,
            recursive=batch.recursive,
            pattern=batch.pattern,
            filters=batch.filters,
            roots=self.roots,
            now=now,
        )
        mount, _ = mount_of(batch.path)  # which is resolved: no link leads elsewhere
        return _ThreadChunks(Walk(sweep, after=after or b""), self._looks, mount)


class _ThreadChunks:
    def __init__(self, walk: Walk, looks: Looks, mount: bytes) -> None:
        self._walk = walk
        self._looks = looks
        self._mount = mount

    async def next(self) -> Chunk:
        """The next chunk; a cancellation leaves the thread to itself, and the walk with it."""
        chunk = partial(self._walk.chunk, WALK_FILES, WALK_SECONDS)
        return await self._looks.run(self._mount, chunk)


class Discoveries:
    """The service: every batch that is not discovered yet gets its walk."""

    def __init__(
        self, queue: Queue, walker: Walker, *, now: Callable[[], float] = time.time
    ) -> None:
        self._queue = queue
        self._walker = walker
        self._now = now

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Walk for ever; several batches at once."""
        async with trio.open_nursery() as nursery:
            task_status.started()
            await self._serve(nursery)

    async def _serve(self, nursery: trio.Nursery) -> NoReturn:
        while True:
            nursery.start_soon(self._discover, await self._queue.next_discovery())

    async def _discover(self, discovery: Discovery) -> None:
        log = _log.bind(batch=format_id("batch", discovery.batch), path=discovery.request.path)
        log.info("discovery_begins", after=discovery.last)
        try:
            with discovery.scope:
                await self._walk(discovery)
        except* JournalUnavailable as group:  # the batch is given out again
            log.info("discovery_lost", detail=str(group.exceptions[0]))
        else:
            log.info("discovery_ends", cancelled=discovery.scope.cancelled_caught)
            return
        await trio.sleep(LOST_SECONDS)  # where the journal itself failed, it was given out already
        self._queue.give_back(discovery)

    async def _walk(self, discovery: Discovery) -> None:
        try:
            chunks = self._walker.begin(discovery.request, after=discovery.last, now=self._now())
            first = await chunks.next()
        except (OSError, BadPattern) as error:
            complaint = f"{printable(discovery.request.path)}: {_words(error)}"
            await self._queue.batch_failed(discovery.batch, complaint)
            return
        except Exception as error:
            await self._hand_over(discovery, _unforeseen(discovery, error))
            return
        send, receive = trio.open_memory_channel[Chunk](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._look_ahead, discovery, chunks, first, send)
            await self._journal(discovery, receive)
            nursery.cancel_scope.cancel()  # the batch was cancelled: nobody wants the next chunk

    async def _look_ahead(
        self,
        discovery: Discovery,
        chunks: Chunks,
        chunk: Chunk,
        send: trio.MemorySendChannel[Chunk],
    ) -> None:
        """Walk on while the last chunk is being committed, and never further."""
        async with send:
            await send.send(chunk)
            while not chunk.complete:
                try:
                    chunk = await chunks.next()
                except Exception as error:
                    chunk = _unforeseen(discovery, error)
                await send.send(chunk)

    async def _journal(
        self, discovery: Discovery, receive: trio.MemoryReceiveChannel[Chunk]
    ) -> None:
        async for chunk in receive:
            if not await self._hand_over(discovery, chunk):
                return

    async def _hand_over(self, discovery: Discovery, chunk: Chunk) -> bool:
        """False: the batch was cancelled."""
        for part in _commits(chunk):
            wanted = await self._queue.batch_discovered(
                discovery.batch,
                part.names,
                last=part.files[-1] if part.files else None,
                errors=part.errors,
                complete=part.complete,
            )
            if not wanted:
                return False
        return True


def _commits(chunk: Chunk) -> Iterator[Chunk]:
    """The chunk in pieces of one commit each; what it says besides goes with the last."""
    files, names = chunk.files, chunk.names
    while len(files) > COMMIT_FILES:
        yield Chunk(files[:COMMIT_FILES], (), complete=False, names=names[:COMMIT_FILES])
        files, names = files[COMMIT_FILES:], names[COMMIT_FILES:]
    yield Chunk(files, chunk.errors, chunk.complete, names=names)


def _unforeseen(discovery: Discovery, error: Exception) -> Chunk:
    """The end of a walk that broke; what was found stays."""
    _log.exception("discovery_raised", batch=format_id("batch", discovery.batch), exc_info=error)
    complaint = f"{printable(discovery.request.path)}: the search ended early: {_words(error)}"
    return Chunk((), (complaint,), complete=True)


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return error.what if isinstance(error, BadPattern) else f"{type(error).__name__}: {error}"
