"""A request as it arrives: its query, what it shows of itself, its body in bounds.

Knows ASGI's messages and nothing of routes. Reading stops at the size limit and at
the deadline; a client that left before its body was whole is told to nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs

import trio

from arrtheaudio.api.auth import COOKIE, Credentials
from arrtheaudio.api.errors import BodyTooLarge, BodyTooSlow, Crowded
from arrtheaudio.api.schema import BadRequest, FieldProblem

BODY_SECONDS: Final = 60  # for a whole body; slower is no sender
QUERY_PARAMETERS: Final = 200

# Of bodies whose signature is still unproven, all together; one is always possible.
UNPROVEN_BYTES: Final = 64 * 1024 * 1024

KEY_PARAMETER: Final = "apikey"
_SHOWN: Final = {
    name: name.decode()
    for name in (
        b"accept-encoding",
        b"authorization",
        b"cookie",
        b"host",
        b"if-none-match",
        b"origin",
        b"sec-fetch-site",
        b"x-api-key",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-webhook-signature",
    )
}

Receive = Callable[[], Awaitable[Any]]
Take = Callable[[int], None]  # so many bytes


class ClientGone(Exception):
    """The client left before its request was whole; nobody waits for an answer."""


class Room:
    """Memory that strangers share. Who shows the key needs none of it."""

    def __init__(self, most_bytes: int) -> None:
        self._left = max(most_bytes, UNPROVEN_BYTES)

    @contextmanager
    def share(self) -> Iterator[Take]:
        """A way to take some of it until the block ends; it raises Crowded."""
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if size > self._left:
                raise Crowded
            self._left -= size
            taken += size

        try:
            yield take
        finally:
            self._left += taken


class Incoming:
    """One request whose body is read at most once, and only if somebody asks for it."""

    def __init__(self, scope: Any, receive: Receive, most_bytes: int, strangers: Room) -> None:
        self.scope = scope
        self._receive = receive
        self._most_bytes = most_bytes
        self._strangers = strangers
        self._declared = _declared_length(scope["headers"])
        self.ended = self._declared == 0  # nothing of it is still on its way

    async def body(self, most_bytes: int | None = None) -> bytes:
        """The whole body, of at most so many bytes; None: as many as the configuration allows.

        Raises: BodyTooLarge, BodyTooSlow, ClientGone.
        """
        return await self._whole(most_bytes or self._most_bytes)

    async def unproven_body(self) -> bytes:
        """The whole body of a stranger, who may prove by it to be none.

        Raises: Crowded, and as ``body`` does.
        """
        with self._strangers.share() as take:
            return await self._whole(self._most_bytes, take)

    async def _whole(self, most_bytes: int, take: Take = lambda size: None) -> bytes:
        if self._declared is not None and self._declared > most_bytes:
            raise self._too_large(most_bytes)
        pieces: list[bytes] = []
        size = 0
        with trio.move_on_after(BODY_SECONDS):
            while not self.ended:
                pieces.append(await self._piece())
                size += len(pieces[-1])
                if size > most_bytes:
                    raise self._too_large(most_bytes)
                take(len(pieces[-1]))
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        raise BodyTooSlow(f"The body did not arrive within {BODY_SECONDS} s.")

    async def _piece(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.ended = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece

    def _too_large(self, most_bytes: int) -> BodyTooLarge:
        if most_bytes != self._most_bytes:
            return BodyTooLarge(f"The body is larger than the {most_bytes} bytes of this address.")
        return BodyTooLarge(
            f"The body is larger than {most_bytes} bytes. "
            "Raise api.max_body_bytes, or send less at once."
        )

    async def drain(self) -> None:
        """Read the rest and forget it, so that nobody waits for room to hand it over."""
        try:
            while not self.ended:
                await self._piece()
        except ClientGone:
            return


def _declared_length(headers: Sequence[tuple[bytes, bytes]]) -> int | None:
    """The body's length; None where it is chunked. h11 has checked the digits."""
    length = 0
    for name, value in headers:
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            return None
    return length


def parse_query(raw: bytes) -> dict[str, list[str]]:
    """A query's parameters. Raises: BadRequest."""
    if not raw:
        return {}
    try:
        return parse_qs(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise BadRequest([FieldProblem("query", "not UTF-8")]) from None
    except ValueError:
        message = f"more than {QUERY_PARAMETERS} parameters"
        raise BadRequest([FieldProblem("query", message)]) from None


def credentials(headers: Sequence[tuple[bytes, bytes]], query: dict[str, list[str]]) -> Credentials:
    """What a request shows of itself; the key is taken out of the query."""
    keys = query.pop(KEY_PARAMETER, None)
    found = {_SHOWN[name]: value.decode("latin-1") for name, value in headers if name in _SHOWN}
    return Credentials(found, keys[0] if keys else None, _session(found.get("cookie", "")))


def _session(cookies: str) -> str | None:
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return None
