"""Progress of batches in the feed: coalesced, per client, and worked out once for all.

For one batch never two messages within PROGRESS_SECONDS, always one at the end; a
newer state replaces one that was not sent yet. Knows batches and clocks; nothing of
sockets. api.md: Websocket feed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from arrtheaudio.api import bodies
from arrtheaudio.api.batch_views import batch_progress
from arrtheaudio.errors import UnknownId
from arrtheaudio.jobs.models import Batch, format_id

if TYPE_CHECKING:
    from arrtheaudio.jobs.queue import Queue

PROGRESS_SECONDS: Final = 0.25
ENDED_KEPT: Final = 256  # last states of ended batches, for clients that come there later


def progress_text(batch: Batch) -> str:
    """The message of a batch's totals."""
    message = {
        "type": "batch.progress",
        "batch_id": format_id("batch", batch.seq),
        "progress": batch_progress(batch.progress, complete=batch.status == "completed"),
    }
    return bodies.encode(message).decode()


class Board:
    """The totals of batches as text; live ones from memory, ended ones read once."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._head = -1
        self._live: dict[int, str] = {}
        self._ended: dict[int, str] = {}

    async def text(self, batch: int) -> str | None:
        """The newest totals; None where the batch is not kept any more. Raises: JournalError."""
        if self._head != self._queue.head:
            self._head = self._queue.head
            self._live = {one.seq: progress_text(one) for one in self._queue.live_batches()}
        live = self._live.get(batch)
        if live is not None:
            return live
        if batch not in self._ended:
            try:
                final = await self._queue.batch(batch, limit=1)
            except UnknownId:
                return None
            if len(self._ended) >= ENDED_KEPT:
                del self._ended[next(iter(self._ended))]
            self._ended[batch] = progress_text(final)
        return self._ended[batch]


class Pacing:
    """What one client still has to hear about batches, and when."""

    def __init__(self) -> None:
        self._waiting: dict[int, bool] = {}  # batch: its end was passed
        self._last: dict[int, tuple[float, str]] = {}  # batch: when and what was sent

    def touch(self, batches: Mapping[int, bool]) -> None:
        """These may have changed; True where one has ended."""
        for batch, ended in batches.items():
            self._waiting[batch] = self._waiting.get(batch, False) or ended

    @property
    def next_due(self) -> float:
        """When something is to be sent; infinity where nothing waits."""
        return min((self._due(batch) for batch in self._waiting), default=math.inf)

    def _due(self, batch: int) -> float:
        last = self._last.get(batch)
        return -math.inf if last is None else last[0] + PROGRESS_SECONDS

    def take(self, now: float) -> list[int]:
        """The batches that are due; each is to be followed by ``sending``."""
        return [batch for batch in self._waiting if self._due(batch) <= now]

    def sending(self, batch: int, text: str | None, now: float) -> bool:
        """Whether this text is to be sent: it is new, or the last one."""
        ended = self._waiting.pop(batch)
        last = self._last.pop(batch, None)
        if text is None:
            return False
        if not ended:
            if last is not None and last[1] == text:
                self._last[batch] = last
                return False
            self._last[batch] = (now, text)
        return True
