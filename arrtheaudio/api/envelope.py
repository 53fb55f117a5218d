"""What surrounds every request: its id, its prefix, its headers, its log line.

An ASGI layer below Quart, so that it also holds for answers that no handler made.
Every spelling of a path is answered directly (a webhook sender follows no
redirect): ``url_base``, ``/api/v1`` and one trailing slash are taken off before
routing. Only the start page, whose addresses are relative, sends a browser that
left the slash out to where they are right. An answer that comes before the
request's end says ``Connection: close``, because the rest of the body would
otherwise be read as the next request; where only a little is missing, it is
waited for instead.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit

import structlog
import trio

from arrtheaudio.api import errors
from arrtheaudio.api.headers import SECURITY, security

log = structlog.get_logger("arrtheaudio.http")

ROUTE: Final = "arrtheaudio.route"  # in the scope: the operation's path, for metrics
UNROUTED: Final = "none"
PROBLEM: Final = "arrtheaudio.problem"  # in the scope: the detail of a problem, for the log

OLDER_PREFIX: Final = "/api/v1"

# A body this small is waited for this long, so that an early error keeps the connection.
SETTLE_BYTES: Final = 64 * 1024
SETTLE_SECONDS: Final = 2.0

_LOGGED_PATH: Final = 300  # characters
_LOGGED_METHOD: Final = 20
_LOGGED_DETAIL: Final = 500
_GIVEN_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]
Note = Callable[[str, str, int, float], None]  # method, route, status, seconds


def inner_path(path: str, url_base: str) -> str | None:
    """The path as routes spell it; None outside ``url_base``, and for what is no path."""
    if not path.startswith("/"):
        try:
            path = urlsplit(path).path  # a proxy's absolute form
        except ValueError:
            return None
        if not path.startswith("/"):
            return None
    for prefix, needed in ((url_base, True), (OLDER_PREFIX, False)):
        if prefix and (path == prefix or path.startswith(f"{prefix}/")):
            path = path[len(prefix) :] or "/"
        elif prefix and needed:
            return None
    return path[:-1] if path.endswith("/") and len(path) > 1 else path


def _is_page_without_slash(scope: Scope, path: str) -> bool:
    return path == "/" and not scope["path"].endswith("/") and scope["method"] in ("GET", "HEAD")


class Envelope:
    """The layer around one ASGI app."""

    def __init__(self, app: Asgi, *, url_base: str, note: Note) -> None:
        self._app = app
        self._url_base = url_base
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request or websocket."""
        path = inner_path(scope.get("path", ""), self._url_base)
        if scope["type"] == "websocket":
            await self._websocket(scope, path, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, path, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _websocket(
        self, scope: Scope, path: str | None, receive: Receive, send: Send
    ) -> None:
        exchange = Exchange(scope, receive, send)
        structlog.contextvars.bind_contextvars(request_id=exchange.id)
        # An unroutable path is routed nowhere, and so refused with a 404.
        await self._app({**scope, "path": path or "/none"}, receive, exchange.send_handshake)

    async def _http(self, scope: Scope, path: str | None, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        structlog.contextvars.bind_contextvars(request_id=exchange.id)
        inner = {**scope, "path": path}
        try:
            if path is None:
                outside = errors.plain(404)
                inner[PROBLEM] = outside.detail
                await exchange.refuse(outside)
            elif _is_page_without_slash(scope, path):
                await exchange.redirect(scope["path"].rpartition("/")[2] + "/")
            else:
                await self._app(inner, exchange.receive, exchange.send)
        finally:
            self._finish(scope, inner, exchange)

    def _finish(self, scope: Scope, inner: Scope, exchange: Exchange) -> None:
        seconds = time.perf_counter() - exchange.began
        status = exchange.status
        if status is None:
            return  # the client left before its answer
        self._note(scope["method"], inner.get(ROUTE, UNROUTED), status, seconds)
        quiet = status < 400 and scope["method"] in ("GET", "HEAD", "OPTIONS")
        write = log.debug if quiet else log.info
        detail = inner.get(PROBLEM)
        told = {} if detail is None else {"detail": _shortened(detail, _LOGGED_DETAIL)}
        write(
            "request",
            method=scope["method"][:_LOGGED_METHOD],
            # As it came over the wire: ASCII without blanks, so it forges no line;
            # without the query, which may hold the key.
            path=scope["raw_path"].decode("ascii", "replace")[:_LOGGED_PATH],
            status=status,
            ms=round(seconds * 1000, 1),
            client=(scope.get("client") or ("local",))[0],
            **told,
        )


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


class Exchange:
    """One request and its answer, watched."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.began: Final = time.perf_counter()
        self.status: int | None = None
        self._receive = receive
        self._send = send
        self._read = trio.Event()  # the whole body has come
        self._length: int | None = None  # declared; None where it is chunked
        self.id: str = ""
        self._look(scope["headers"])

    def _look(self, headers: list[tuple[bytes, bytes]]) -> None:
        length, chunked = b"0", False
        for name, value in headers:
            if name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                chunked = True
            elif name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
                self.id = value.decode("ascii")
        self.id = self.id or secrets.token_hex(8)
        self._length = None if chunked else int(length)  # h11 has checked the digits
        if self._length == 0:
            self._read.set()

    async def receive(self) -> Any:
        """The next message of the request."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            self._read.set()
        return message

    async def send(self, message: Any) -> None:
        """A message of the answer; its head gets the headers of every answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given, name = message["headers"], (b"x-request-id", self.id.encode())
            headers = [*given, *security(given), name]
            if not any(name == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            if not await self._whole():
                headers.append((b"connection", b"close"))
            message = {**message, "headers": headers}
        await self._send(message)

    async def send_handshake(self, message: Any) -> None:
        """As ``send``, of a websocket."""
        if message["type"] == "websocket.accept":
            identified = [*message["headers"], (b"x-request-id", self.id.encode())]
            message = {**message, "headers": identified}
        elif message["type"] == "websocket.http.response.start":
            refused = [(b"x-request-id", self.id.encode()), (b"cache-control", b"no-store")]
            message = {**message, "headers": [*message["headers"], *SECURITY, *refused]}
        await self._send(message)

    async def refuse(self, problem: errors.Problem) -> None:
        """Answer without the app."""
        headers = [
            (b"content-type", errors.CONTENT_TYPE.encode()),
            (b"content-length", str(len(problem.body)).encode()),
        ]
        await self.send(
            {"type": "http.response.start", "status": problem.status, "headers": headers}
        )
        await self.send({"type": "http.response.body", "body": problem.body, "more_body": False})

    async def redirect(self, to: str) -> None:
        """Send the client elsewhere; ``to`` is relative, so a proxy's prefix does no harm."""
        headers = [(b"location", to.encode("ascii", "replace")), (b"content-length", b"0")]
        await self.send({"type": "http.response.start", "status": 307, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _whole(self) -> bool:
        """Whether the request has come to its end, waiting a little where little is missing."""
        if not self._read.is_set() and self._length is not None and self._length <= SETTLE_BYTES:
            with trio.move_on_after(SETTLE_SECONDS):
                await self._read.wait()
        return self._read.is_set()
