"""The feed: a reader's cursor into the journal.

Recent rows lie in a ring in memory; behind it they are read from the journal,
so a slow reader costs no memory that grows. Numbers that retention removed
are told as a gap, once, in the chunk that passes them. api.md: Websocket feed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice, repeat
from typing import Any, Final

import apsw
import trio

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.encoding import decode_body, decode_bytes
from arrtheaudio.jobs.models import Event, EventChunk
from arrtheaudio.jobs.state import LiveJob
from arrtheaudio.jobs.view import Origin, job_event, origin_of, other_event

RING_ROWS: Final = 4096  # about a second of a very busy queue

# feed_rows: what follows a cursor, each with the first row of its job, batch or webhook
FEED_ROWS: Final = f"""SELECT j.seq, j.at, j.type, j.job, j.parent,
 CASE j.type WHEN '{ev.JOB_PLANNED}' THEN x'' ELSE j.body END, q.parent, q.body
 FROM journal AS j LEFT JOIN journal AS q ON q.seq = coalesce(j.job, j.parent)
 WHERE j.seq > ? AND j.seq <= ? ORDER BY j.seq LIMIT ?"""


# A row; of which job, where it is a job's (a job.queued row tells it itself); of which folder,
# where it is a batch's. A plain tuple: one is made for every row.
_Recent = tuple[ev.Row, Origin | LiveJob | None, bytes | None]


class Feed:
    """The ring and who waits for more. Filled behind each commit."""

    def __init__(self) -> None:
        self._ring: deque[_Recent] = deque(maxlen=RING_ROWS)
        self.head = 0
        self._grown = trio.Event()

    def reset(self, head: int) -> None:
        """The journal was (re)opened: what is not in the ring is read from it."""
        self._ring.clear()
        self.head = head
        self.wake()

    def add(self, row: ev.Row, job: LiveJob | None = None, path: bytes | None = None) -> None:
        """A row that is durable."""
        if row.type == ev.JOB_PLANNED:
            row = row._replace(body={})  # patches are large, and never shown
        self._ring.append((row, job, path))
        self.head = row.seq

    def add_queued(self, rows: Sequence[ev.Row]) -> None:
        """Durable ``job.queued`` rows that follow each other."""
        self._ring.extend(zip(rows, repeat(None), repeat(None)))
        self.head = rows[-1].seq

    def wake(self) -> None:
        """Tell the waiting readers, once for all that landed together."""
        grown, self._grown = self._grown, trio.Event()
        grown.set()

    async def wait_beyond(self, seq: int) -> None:
        """Return when there are rows behind ``seq``."""
        while self.head <= seq:
            await self._grown.wait()

    async def wait_change(self) -> None:
        """Return behind the next commit, or when the journal breaks or is open again."""
        await self._grown.wait()

    @property
    def _first(self) -> int:
        row, *_ = self._ring[0]
        return row.seq

    def recent(self, since: int, limit: int) -> EventChunk | None:
        """The chunk behind ``since`` if the ring reaches back so far."""
        if since > self.head:
            return EventChunk((), self.head, (since, self.head))
        if since == self.head:
            return EventChunk((), since)
        if not self._ring or self._first > since + 1:
            return None
        begin = since + 1 - self._first
        taken = list(islice(self._ring, begin, begin + limit))
        return EventChunk(_events(taken), taken[-1][0].seq)


def _events(recents: Iterable[_Recent]) -> tuple[Event, ...]:
    return tuple(_event(*recent) for recent in recents if recent[0].type not in ev.INTERNAL)


def _event(row: ev.Row, of: Origin | LiveJob | None, path: bytes | None) -> Event:
    if row.type == ev.JOB_QUEUED:
        return job_event(row, origin_of(row))
    if of is None:
        return other_event(row, path)
    return job_event(row, Origin(of.path, of.facet, of.parent))  # these of a job never change


def read_chunk(connection: apsw.Connection, since: int, head: int, limit: int) -> EventChunk:
    """The chunk behind ``since``, from the journal, with the gap that retention left in it."""
    recents, read = [], 0
    missing: tuple[int, int] | None = None
    expected = since + 1
    for seq, at, kind, job, parent, raw, *first in connection.execute(
        FEED_ROWS, (since, head, limit)
    ):
        if seq > expected:
            missing = (missing[0] if missing else expected, seq - 1)
        expected = seq + 1
        read += 1
        if (job, parent) != (None, None) and first[-1] is None:
            continue  # of what is not kept: nothing can be told of it (``verify`` names it)
        row = ev.Row(seq, at, kind, job, parent, decode_body(raw))
        recents.append(_recent(row, first))
    if read < limit and expected <= head:
        missing = (missing[0] if missing else expected, head)
        expected = head + 1
    return EventChunk(_events(recents), expected - 1, missing)


def _recent(row: ev.Row, first: list[Any]) -> _Recent:
    parent, raw = first
    body = decode_body(raw or b"")
    if row.job is not None:
        return row, origin_of(row._replace(parent=parent, body=body)), None
    return row, None, decode_bytes(body["path"]) if "path" in body else None
