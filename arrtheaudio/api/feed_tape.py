"""The tape: what has just happened, as text, once for all who listen (api.md, Websocket feed).

Every event is read from the queue and encoded once; clients that stand at the same
place share the very frames. The tape holds the newest TAPE_EVENTS; what is further
behind is read from the journal in blocks, of which a few are kept for whoever lags
together. So nobody costs memory that grows. Knows events and cursors; nothing of
sockets, filters or progress.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import trio

from arrtheaudio.api import bodies
from arrtheaudio.api.event_views import event_view
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.models import Event, EventChunk

if TYPE_CHECKING:
    from arrtheaudio.jobs.queue import Queue

TAPE_EVENTS: Final = 4096
CHUNK_EVENTS: Final = 1000  # read, and handed to one client, at once
BLOCK_NUMBERS: Final = 1000  # of the journal, that are read together
BLOCKS: Final = 16  # kept: some 8 MB
FRAME_EVENTS: Final = 100  # 2.6 µs of server time each, where a message costs 75 µs
FRAME_CHARACTERS: Final = 64 * 1024

Seq = int  # a cursor: everything up to this number is behind it

# Of jobs that ended before: the totals of their batch stand still.
_NO_PROGRESS: Final = ev.AFTER_END


class Line(NamedTuple):
    """One event as it is sent, and what clients choose by."""

    seq: Seq
    type: str
    job: int | None
    webhook: int | None
    batch: int | None
    text: str


def line_of(event: Event) -> Line:
    """Encode one event."""
    body = event.body
    return Line(
        event.seq,
        event.type,
        body.get("job"),
        body.get("webhook"),
        body.get("batch"),
        bodies.encode(event_view(event)).decode(),
    )


class Part:
    """The events between two cursors; frames and touched batches are worked out once."""

    __slots__ = ("_frames", "_touched", "gap", "lines", "upto")

    def __init__(
        self, lines: Sequence[Line], upto: Seq, gap: tuple[int, int] | None = None
    ) -> None:
        self.lines: Final = lines
        self.upto: Final = upto  # the cursor behind this part
        self.gap: Final = gap
        self._frames: list[str] | None = None
        self._touched: dict[int, bool] | None = None

    @classmethod
    def of(cls, chunk: EventChunk) -> Part:
        """What the queue gave."""
        return cls([line_of(event) for event in chunk.events], chunk.next_since, chunk.gap)

    @property
    def frames(self) -> list[str]:
        """All events in messages of many."""
        if self._frames is None:
            self._frames = list(frames(self.lines))
        return self._frames

    @property
    def touched(self) -> dict[int, bool]:
        """The batches whose progress may have changed; True where one has ended."""
        if self._touched is None:
            touched: dict[int, bool] = {}
            for line in self.lines:
                if line.batch is not None and line.type not in _NO_PROGRESS:
                    ended = line.type in ev.BATCH_ENDS
                    touched[line.batch] = touched.get(line.batch, False) or ended
            self._touched = touched
        return self._touched


def frames(lines: Sequence[Line]) -> Iterator[str]:
    """Messages of many events, none longer than it should be."""
    taken: list[str] = []
    length = 0
    for line in lines:
        if len(taken) == FRAME_EVENTS or (taken and length + len(line.text) > FRAME_CHARACTERS):
            yield _frame(taken)
            taken, length = [], 0
        taken.append(line.text)
        length += len(line.text)
    if taken:
        yield _frame(taken)


def _frame(texts: Sequence[str]) -> str:
    return f'{{"type":"events","events":[{",".join(texts)}]}}'


class Archive:
    """Events before the tape, in blocks of BLOCK_NUMBERS; what retention removes may linger."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._blocks: dict[Seq, Part] = {}  # by the cursor before it; least used first
        self._reading = trio.Lock()

    async def behind(self, seq: Seq, end: Seq) -> Part:
        """What follows a cursor up to the end of its block, or ``end``. Raises: JournalError."""
        first = seq // BLOCK_NUMBERS * BLOCK_NUMBERS
        last = first + BLOCK_NUMBERS
        if last > end:  # still being written
            return Part.of(await self._queue.events(seq, upto=end))
        async with self._reading:  # who waits finds it read
            block = self._blocks.pop(first, None)
            if block is None:
                block = Part.of(await self._queue.events(first, upto=last))
            self._blocks[first] = block
            if len(self._blocks) > BLOCKS:
                del self._blocks[next(iter(self._blocks))]
        if seq == first:
            return block
        return Part([line for line in block.lines if line.seq > seq], last, _rest(block.gap, seq))


def _rest(gap: tuple[int, int] | None, seq: Seq) -> tuple[int, int] | None:
    """What of a gap lies behind a cursor."""
    return None if gap is None or gap[1] <= seq else (max(gap[0], seq + 1), gap[1])


class Tape:
    """The newest events. ``end`` is how far it has been read."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._archive = Archive(queue)
        self._lines: list[Line] = []
        self._begin: Seq = 0
        self._reading = trio.Lock()
        self._shared: tuple[Seq, Part] | None = None  # what was cut last, and from where
        self.end: Seq = 0

    def restart(self, seq: Seq) -> None:
        """Empty, and to be continued behind ``seq``."""
        self._lines.clear()
        self._begin = self.end = seq
        self._shared = None

    async def read(self) -> Sequence[Event]:
        """Take, and give, what the queue has behind the end. Raises: JournalError."""
        async with self._reading:
            chunk = await self._queue.events(self.end, limit=CHUNK_EVENTS)
            part = Part.of(chunk)
            if part.gap is not None:
                self.restart(part.upto)  # who stands before the gap asks the queue, and is told
            self._lines.extend(part.lines)
            self.end = part.upto
            if len(self._lines) > 2 * TAPE_EVENTS:  # seldom, so that it costs next to nothing
                self._begin = self._lines[-TAPE_EVENTS - 1].seq
                del self._lines[:-TAPE_EVENTS]
            return chunk.events

    async def behind(self, seq: Seq) -> Part:
        """What follows a cursor; empty where nothing does. Raises: JournalError."""
        if seq < self._begin:
            return await self._archive.behind(seq, self.end)
        if seq >= self.end:
            return Part((), seq)
        if self._shared is not None and self._shared[0] == seq:
            part = self._shared[1]
            if part.upto == self.end or len(part.lines) == CHUNK_EVENTS:
                return part
        part = self._cut(seq)
        self._shared = (seq, part)
        return part

    def _cut(self, seq: Seq) -> Part:
        first = bisect.bisect_right(self._lines, seq, key=lambda line: line.seq)
        lines = self._lines[first : first + CHUNK_EVENTS]
        whole = first + CHUNK_EVENTS >= len(self._lines)
        return Part(lines, self.end if whole else lines[-1].seq)
