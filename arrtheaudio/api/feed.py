"""The websocket feed, ``GET /ws`` (api.md, Websocket feed; docs/feed.md).

A client is a cursor into the journal and nothing more: what it has not read yet waits
in the tape, the queue's ring or the journal, and a client that does not read waits in
its own ``send``. Owns the handshake's rules, filters, and the talk with one client;
sharing is the hub's business, bytes are the server's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NoReturn, Protocol

import attrs
import structlog
import trio

from arrtheaudio.api import bodies
from arrtheaudio.api.auth import Credentials, Gate, same_origin
from arrtheaudio.api.errors import Forbidden, UpgradeRequired
from arrtheaudio.api.feed_hub import Hub
from arrtheaudio.api.feed_progress import Pacing
from arrtheaudio.api.feed_tape import Line, Part, frames
from arrtheaudio.api.fields import LARGEST_NUMBER, GivenBatchId, GivenJobId, GivenWebhookId
from arrtheaudio.api.routes import Answer, Operation
from arrtheaudio.api.schema import (
    BadRequest,
    Bounds,
    FieldProblem,
    Length,
    Note,
    query_reader,
)
from arrtheaudio.api.services import Services
from arrtheaudio.errors import JournalError
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.models import parse_id

log = structlog.get_logger("arrtheaudio.feed")

PROGRESS: Final = "batch.progress"
EVENT_TYPES: Final = ev.PUBLIC
NOTICE_TYPES: Final = frozenset({PROGRESS, "health.changed", "source.heard", "source.refused"})
MESSAGE_TYPES: Final = frozenset({"hello", "events", "gap"})  # sent whatever the filter says

GOING_AWAY: Final = 1001  # RFC 6455, 7.4.1: the daemon stops
POLICY: Final = 1008  # the session has ended
FAILED: Final = 1011  # the journal cannot be read


@attrs.frozen
class FeedQuery:
    """What of the feed a client wants; all filters that are given must match."""

    since: (
        Annotated[int, Bounds(0, LARGEST_NUMBER), Note("the last number that was seen")] | None
    ) = None
    batch_id: GivenBatchId | None = None
    webhook_id: GivenWebhookId | None = None
    job_id: GivenJobId | None = None
    types: tuple[
        Annotated[str, Length(1, 1000), Note("one type, or several with commas", "job.failed")], ...
    ] = ()
    frame: Literal["one", "many"] = "one"


@attrs.frozen
class Selection:
    """The filters of one client. None means any."""

    types: frozenset[str] | None = None
    batch: int | None = None
    webhook: int | None = None
    job: int | None = None

    @classmethod
    def of(cls, query: FeedQuery) -> Selection:
        """Raises: BadRequest for a type that does not exist."""
        types = [word for text in query.types for word in text.split(",")]
        unknown = [word for word in types if word not in EVENT_TYPES | NOTICE_TYPES]
        if unknown:
            problems = [
                FieldProblem("types", f"there is no type {word[:80]!r}") for word in unknown
            ]
            raise BadRequest(problems)
        return cls(
            frozenset(types) if types else None,
            _seq(query.batch_id),
            _seq(query.webhook_id),
            _seq(query.job_id),
        )

    @property
    def whole(self) -> bool:
        """Every event passes."""
        return self == Selection()

    def takes(self, line: Line) -> bool:
        """Whether an event passes."""
        return (
            (self.types is None or line.type in self.types)
            and (self.batch is None or line.batch == self.batch)
            and (self.webhook is None or line.webhook == self.webhook)
            and (self.job is None or line.job == self.job)
        )

    def takes_progress(self, batch: int) -> bool:
        """Whether this batch's progress passes."""
        return (
            (self.types is None or PROGRESS in self.types)
            and self.batch in (None, batch)
            and self.webhook is None
            and self.job is None
        )

    def takes_notice(self, kind: str) -> bool:
        """Whether a notice about the daemon itself passes."""
        anything = (self.batch, self.webhook, self.job) == (None, None, None)
        return anything and (self.types is None or kind in self.types)


def _seq(written: str | None) -> int | None:
    return None if written is None else parse_id(written)[1]


class Socket(Protocol):
    """What the talk needs of a websocket."""

    async def accept(self) -> None:
        """Answer the handshake."""

    async def send(self, data: str) -> None:
        """Send a message; waits while the client does not read."""

    async def receive(self) -> str | bytes:
        """The client's next message."""

    async def close(self, code: int, reason: str = "") -> None:
        """Say that it is over."""


class Talk:
    """What is told to one client."""

    def __init__(self, hub: Hub, socket: Socket, selection: Selection, *, framed: bool) -> None:
        self._hub = hub
        self._socket = socket
        self._selection = selection
        self._framed = framed
        self._pacing = Pacing()
        self._notice = hub.last_notice
        self._cursor = 0

    async def run(self, since: int | None) -> NoReturn:
        """Tell everything, as it happens, until cancelled. Raises: JournalError."""
        head, hello = await self._hub.hello()
        await self._socket.send(hello)
        self._cursor = head if since is None else since
        if self._cursor > head:  # another journal, or a copy that was put back
            await self._tell_gap((self._cursor, head))
            self._cursor = head
        while True:
            moved = self._hub.moved
            part = await self._hub.tape.behind(self._cursor)
            if part.upto != self._cursor or part.gap is not None:
                await self._tell(part)
            else:
                await self._wait(moved)
            await self._tell_progress()
            await self._tell_notices()
            await trio.lowlevel.checkpoint()  # sending to a vanished peer may not be one

    async def _wait(self, moved: trio.Event) -> None:
        due = self._pacing.next_due
        if due == math.inf:
            await moved.wait()
        else:
            with trio.move_on_at(due):
                await moved.wait()

    async def _tell(self, part: Part) -> None:
        if part.gap is not None:
            await self._tell_gap(part.gap)
        if self._selection.whole and self._framed:
            for text in part.frames:
                await self._socket.send(text)
        else:
            lines = [line for line in part.lines if self._selection.takes(line)]
            for text in frames(lines) if self._framed else (line.text for line in lines):
                await self._socket.send(text)
        takes = self._selection.takes_progress
        self._pacing.touch({b: ended for b, ended in part.touched.items() if takes(b)})
        self._cursor = part.upto

    async def _tell_gap(self, gap: tuple[int, int]) -> None:
        message = {"type": "gap", "from": gap[0], "to": gap[1]}
        await self._socket.send(bodies.encode(message).decode())

    async def _tell_progress(self) -> None:
        now = trio.current_time()
        for batch in self._pacing.take(now):
            text = await self._hub.board.text(batch)
            if self._pacing.sending(batch, text, now) and text is not None:
                await self._socket.send(text)

    async def _tell_notices(self) -> None:
        for number, kind, text in self._hub.notices_behind(self._notice):
            self._notice = number
            if self._selection.takes_notice(kind):
                await self._socket.send(text)


class Feed:
    """``/ws`` of one app."""

    def __init__(self, hub: Hub, gate: Gate) -> None:
        self._hub = hub
        self._gate = gate
        self._read_query = query_reader(FeedQuery)

    async def serve(
        self, socket: Socket, shown: Credentials, query: Mapping[str, list[str]]
    ) -> None:
        """One client, from the handshake to the close.

        Raises, before the handshake is answered: Unauthorised, Forbidden, BadRequest, JournalError.
        """
        access = self._gate.admit(shown, b"", changes=False)
        if "origin" in shown.headers and not same_origin(shown.headers):
            raise Forbidden("Pages of other origins may not listen.")
        asked: FeedQuery = self._read_query(query)
        selection = Selection.of(asked)
        async with self._hub.listening():
            await socket.accept()
            talk = Talk(self._hub, socket, selection, framed=asked.frame == "many")
            session = shown.cookie if access == "session" else None
            await socket.close(await self._until_over(socket, talk, asked.since, session))

    async def _until_over(
        self, socket: Socket, talk: Talk, since: int | None, session: str | None
    ) -> int:
        """Talk until the daemon stops or the session ends; gives the close code."""
        codes: list[int] = []
        try:
            async with trio.open_nursery() as nursery:

                async def end_with(code: int, wait: Any) -> None:
                    await wait()
                    codes.append(code)
                    nursery.cancel_scope.cancel()

                nursery.start_soon(_drop_messages, socket)
                nursery.start_soon(end_with, GOING_AWAY, self._hub.stopped.wait)
                if session is not None and self._gate.sessions is not None:
                    sessions = self._gate.sessions
                    nursery.start_soon(end_with, POLICY, lambda: sessions.over(session))
                await talk.run(since)
        except* JournalError as group:
            log.warning("feed ended", error=str(group.exceptions[0]))
            codes.append(FAILED)
        return codes[0]


async def _drop_messages(socket: Socket) -> NoReturn:
    # Clients have nothing to say; but what they say must be taken, or their pongs wait behind it.
    while True:
        await socket.receive()


async def _upgrade(services: Services, *, query: FeedQuery) -> Answer:
    """Plain HTTP finds no page here."""
    raise UpgradeRequired


OPERATIONS = (
    Operation(
        "GET",
        "/ws",
        _upgrade,
        "The websocket feed: every event, once and in order; resumes behind `since`",
        "feed",
        {101: None},
        errors=(426,),
        query=FeedQuery,
    ),
)
