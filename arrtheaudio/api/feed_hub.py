"""The hub: who listens to one app's feed, and what they share.

One service follows the journal for all, while anybody listens; its pauses grow with
the number of clients, so that sending takes a fifth of the processor at most, and what
came meanwhile goes into one frame. A second one looks at the daemon's health.
Knows the queue and the health check; nothing of sockets.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
import trio

from arrtheaudio.api import bodies, feed_hello
from arrtheaudio.api.feed_progress import Board
from arrtheaudio.api.feed_tape import Tape
from arrtheaudio.api.health import Health, Verdict, verdict
from arrtheaudio.api.services import Services
from arrtheaudio.errors import JournalError

log = structlog.get_logger("arrtheaudio.feed")

# Four times what one message costs: 200 clients hear of a busy queue ten times a second,
# and of a quiet one at once.
PAUSE_SECONDS_PER_CLIENT: Final = 500e-6
LONGEST_PAUSE_SECONDS: Final = 0.25
UNREADABLE_SECONDS: Final = 1.0  # until a journal is read again that could not be
HEALTH_SECONDS: Final = 30.0
NOTICES: Final = 64  # newest ones kept, one per key


class Hub:
    """The feed of one app."""

    def __init__(self, services: Services, health: Health) -> None:
        self._services = services
        self._health = health
        self.queue = services.queue
        self.tape = Tape(services.queue)
        self.board = Board(services.queue)
        self.clients = 0
        self.moved = trio.Event()  # set, and replaced, when there is something to send
        self.stopped = trio.Event()
        self._today: feed_hello.Today | None = None  # None while nobody listens
        self._joining = trio.Lock()
        self._somebody = trio.Event()
        self._verdict: Verdict | None = None
        self._notices: dict[str, tuple[int, str, str]] = {}  # key: number, type, text
        self._last_notice = 0

    # --- clients ---

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """One client more, until the block ends. Raises: JournalError."""
        async with self._joining:
            if self._today is None:
                seq, counts = await self.queue.today()
                self.tape.restart(seq)
                self._today = feed_hello.Today(counts)
        self.clients += 1
        self._somebody.set()
        try:
            yield
        finally:
            self.clients -= 1
            if not self.clients:
                self._somebody = trio.Event()

    async def hello(self) -> tuple[int, str]:
        """The head, and the state that it contains. Raises: JournalError."""
        assert self._today is not None, "only a listening client is greeted"
        problems = await self.queue.problem_count()
        while self.tape.end < self.queue.head:
            await self._advance()
        self._today.turn(time.time())
        text = feed_hello.hello(self.queue, self._today, problems, self._verdict)
        return self.queue.head, text

    # --- notices: messages without a number; a newer one replaces an older one ---

    @property
    def last_notice(self) -> int:
        """The number of the newest notice."""
        return self._last_notice

    def notice(self, kind: str, fields: Mapping[str, Any], *, key: str) -> None:
        """Tell everybody who listens; what was told before under this key is replaced."""
        self._last_notice += 1
        self._notices.pop(key, None)
        if len(self._notices) >= NOTICES:
            del self._notices[next(iter(self._notices))]
        text = bodies.encode({"type": kind, **fields}).decode()
        self._notices[key] = (self._last_notice, kind, text)
        self._wake()

    def source_heard(self, app: str, instance: str | None, status: int) -> None:
        """Tell that Sonarr or Radarr delivered something, or was refused."""
        kind = "source.refused" if status >= 400 else "source.heard"
        fields = {"source": app, "instance": instance, "status": status}
        self.notice(kind, fields, key=f"source {app}/{instance or ''}")

    def notices_behind(self, number: int) -> list[tuple[int, str, str]]:
        """Number, type and text of what was told after ``number``."""
        if number == self._last_notice:
            return []
        return [notice for notice in self._notices.values() if notice[0] > number]

    # --- services ---

    async def run(self) -> None:
        """Follow the journal until cancelled; then every client is told to go."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._follow)
                nursery.start_soon(self._watch_health)
        finally:
            self.stopped.set()

    async def _follow(self) -> None:
        while True:
            await self._somebody.wait()
            await self.queue.wait_beyond(self.tape.end)
            if not self.clients:
                self._today = None  # who comes next begins afresh
                continue
            try:
                await self._advance()
            except JournalError as error:
                log.warning("feed postponed", error=str(error))
                await trio.sleep(UNREADABLE_SECONDS)
            pause = self.clients * PAUSE_SECONDS_PER_CLIENT
            await trio.sleep(min(pause, LONGEST_PAUSE_SECONDS))

    async def _advance(self) -> None:
        for event in await self.tape.read():
            if self._today is not None:
                self._today.take(event)
        self._wake()

    def _wake(self) -> None:
        moved, self.moved = self.moved, trio.Event()
        moved.set()

    async def _watch_health(self) -> None:
        known: object = None
        while True:
            await self._somebody.wait()
            checks = await self._health.checks(self._services)
            self._verdict = verdict(checks)
            # Details hold figures that always move: only what is wrong counts.
            now = [(check["name"], check["status"]) for check in checks]
            if known is not None and now != known:
                fields = {"status": self._verdict, "checks": checks}
                self.notice("health.changed", fields, key="health")
            known = now
            await trio.sleep(HEALTH_SECONDS)
