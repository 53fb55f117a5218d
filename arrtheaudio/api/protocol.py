"""HTTP/1.1 on one connection: Hypercorn's protocol with its gaps closed.

Hypercorn 0.18's h11 protocol is kept for what it does well; overridden is what a
stranger can use against a daemon or what answers without a body:

* its own error answers (bad request line, over-long head, a crashed app, a refused
  handshake) are problem+json like everybody else's;
* HTTP/2 is off: an h2c upgrade is ignored (RFC 9110, 7.8 allows it), prior
  knowledge gets 505;
* bytes behind a websocket request that was not accepted yet end that connection
  with a 400, instead of the whole process (hypercorn issue 225);
* websockets do not decompress, so a small frame stays small in memory;
* sending on a closed websocket is a checkpoint: a loop around it can be cancelled;
* a websocket's client that answers no ping is dropped.

Knows bytes and protocol states; nothing of sockets (``connection``) or routes.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, cast

import h11
import trio
from hypercorn.events import Closed, RawData
from hypercorn.protocol.events import Body, EndBody, Event, Request, Response, StreamClosed
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol, H11WSConnection
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.protocol.ws_stream import WSStream
from wsproto.events import Ping

from arrtheaudio.api import errors
from arrtheaudio.api.headers import SECURITY

REQUEST_ID_BYTES: Final = 8

# Three pings: who answers none of them is dead, or so far behind that resuming is better.
SILENT_SECONDS: Final = 60.0

_VERSIONS: Final = (b"1.0", b"1.1")
_DETAILS: Final = {
    400: "This is not a request of HTTP/1.1.",
    404: "There is nothing at this address.",
    408: "The request's head did not arrive in time.",
    431: "The request's head is too large.",
    500: errors.INTERNAL.detail,
    501: "This transfer coding is not known here.",
    505: "Only HTTP/1.0 and HTTP/1.1 are spoken here.",
}


class HeadRefused(Exception):
    """The request's head was answered with an error; nothing more is read of it."""


def error_answer(status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of an error that no route has seen."""
    body = errors.plain(status, _DETAILS.get(status, "")).body
    headers = [
        (b"content-type", errors.CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-request-id", secrets.token_hex(REQUEST_ID_BYTES).encode()),
        *SECURITY,
    ]
    return headers, body


async def _send_error(stream: HTTPStream | WSStream, status: int) -> None:
    headers, body = error_answer(status)
    number = stream.stream_id
    await stream.send(Response(stream_id=number, headers=headers, status_code=status))
    await stream.send(Body(stream_id=number, data=body))
    await stream.send(EndBody(stream_id=number))


class GuardedHTTPStream(HTTPStream):
    """One request whose last-resort errors are problems too."""

    async def _send_error_response(self, status_code: int) -> None:
        await _send_error(self, status_code)
        self.state = ASGIHTTPState.CLOSED


class GuardedWSStream(WSStream):
    """One websocket; refused handshakes are answered in full and then closed."""

    _heard = 0.0  # when the client said anything, on Trio's clock

    async def handle(self, event: Event) -> None:
        self._heard = trio.current_time()
        if isinstance(event, Request):
            event = Request(
                stream_id=event.stream_id,
                headers=[
                    (name, value)
                    for name, value in event.headers
                    if name.lower() != b"sec-websocket-extensions"
                ],
                http_version=event.http_version,
                method=event.method,
                raw_path=event.raw_path,
                state=event.state,
            )
        await super().handle(event)

    async def _send_pings(self) -> None:
        while not self.closed:
            await self._send_wsproto_event(Ping())
            await trio.sleep(self.config.websocket_ping_interval or SILENT_SECONDS)
            if trio.current_time() - self._heard > SILENT_SECONDS:
                await self.send(StreamClosed(stream_id=self.stream_id))

    async def app_send(self, message: Any) -> None:
        if self.closed:
            await trio.lowlevel.checkpoint()
            return
        await super().app_send(message)

    async def _send_error_response(self, status_code: int) -> None:
        await _send_error(self, status_code)
        await self.send(StreamClosed(stream_id=self.stream_id))


class PatientWSConnection(H11WSConnection):
    """The bytes of an upgraded connection; none may come before the handshake's answer."""

    def __init__(self, connection: h11.Connection, stream: GuardedWSStream) -> None:
        super().__init__(connection)
        self._stream = stream
        self.their_state: Any = None

    @property
    def our_state(self) -> Any:  # type: ignore[override]  # an attribute there
        """h11's own state until the upgrade, so that an error can still be answered."""
        return self.h11_connection.our_state

    def next_event(self) -> Any:
        if self.buffer and not self._stream.handshake.accepted:
            self.buffer.clear()
            self.their_state = h11.ERROR
            raise h11.RemoteProtocolError("data before the handshake was answered", 400)
        return super().next_event()


class GuardedH11(H11Protocol):
    """Hypercorn's HTTP/1.1 with the guards of this module."""

    _head: bytes = b""  # of an answer, held until the first piece of its body

    @property
    def is_websocket(self) -> bool:
        """Whether the connection's request is a websocket, accepted or not."""
        return isinstance(self.connection, H11WSConnection)

    async def refuse(self, status: int) -> None:
        """Answer with an error, if an answer can still be sent, and close."""
        if self.connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._send_error_response(status)
        await self.send(Closed())

    async def _send_error_response(self, status_code: int) -> None:
        headers, body = error_answer(status_code)
        dated = [*headers, *self.config.response_headers("h11")]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=dated))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())

    async def _send_h11_event(self, event: Any) -> None:
        try:
            data = self.connection.send(event)
        except h11.LocalProtocolError:
            if self.connection.their_state != h11.ERROR:
                raise
            return
        if isinstance(event, h11.Response):
            self._head = data  # head and body leave in one call and one packet
            return
        whole, self._head = self._head + data, b""
        if whole:
            await self.send(RawData(data=whole))

    async def _check_protocol(self, event: h11.Request) -> None:
        if event.http_version not in _VERSIONS:
            await self.refuse(505)
            raise HeadRefused

    async def _create_stream(self, request: h11.Request) -> None:
        kind = GuardedWSStream if _asks_for_websocket(request) else GuardedHTTPStream
        stream = kind(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        self.stream = stream
        if isinstance(stream, GuardedWSStream):
            self.connection = PatientWSConnection(cast(h11.Connection, self.connection), stream)
        self.keep_alive_requests += 1
        await stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=list(request.headers),
                http_version=request.http_version.decode(),
                method=request.method.decode("ascii").upper(),
                raw_path=request.target,
                state=self.connection_state,
            )
        )


def _asks_for_websocket(request: h11.Request) -> bool:
    found = {b"upgrade": b"", b"connection": b""}
    for name, value in request.headers:
        if name in found:
            found[name] = value.lower()
    tokens = [token.strip() for token in found[b"connection"].split(b",")]
    upgrade = found[b"upgrade"].strip() == b"websocket"
    return upgrade and b"upgrade" in tokens and request.method == b"GET"
