"""The daemon's websocket feed: every event once and in order, over lost connections too.

Owns connecting, resuming behind the last number seen, and backing off. The TCP stream
is opened here and closed here: trio-websocket leaks its own when the server closes
first. docs/feed.md tells what the messages mean.
"""

from __future__ import annotations

import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import attrs
import orjson
import trio
import trio_websocket

from arrtheaudio.client.http import CONNECT_SECONDS, Address, refusal
from arrtheaudio.errors import DaemonRefused, DaemonUnreachable

FIRST_PAUSE_SECONDS: Final = 0.5  # before the second attempt; doubles, with jitter
LONGEST_PAUSE_SECONDS: Final = 15.0
HANDSHAKE_SECONDS: Final = 10.0
LARGEST_MESSAGE: Final = 64 * 1024 * 1024  # hello lists the unfinished batches
SIGNED_OUT: Final = 1008

Message = dict[str, Any]
Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]


@attrs.frozen
class Wanted:
    """What of the feed; a filter that is None lets everything pass."""

    since: int | None = None
    batch_id: str | None = None
    webhook_id: str | None = None
    job_id: str | None = None
    types: tuple[str, ...] = ()
    framed: bool = True

    def query(self) -> str:
        """As the address spells it."""
        given = {
            "since": self.since,
            "batch_id": self.batch_id,
            "webhook_id": self.webhook_id,
            "job_id": self.job_id,
            "types": ",".join(self.types) or None,
            "frame": "many" if self.framed else None,
        }
        return urlencode({name: value for name, value in given.items() if value is not None})


class Connection:
    """One connection; ``receive`` gives a message's events one by one."""

    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self._socket = socket

    async def receive(self) -> list[Message]:
        """The messages of the next frame; empty where the connection has ended."""
        try:
            message: Message = orjson.loads(await self._socket.get_message())
        except trio_websocket.ConnectionClosed:
            return []
        if message["type"] != "events":
            return [message]
        events: list[Message] = message["events"]
        return events

    @property
    def close_code(self) -> int | None:
        """Why the daemon ended it (RFC 6455, 7.4); None where nobody said so."""
        closed = self._socket.closed
        return None if closed is None else closed.code


@asynccontextmanager
async def connection(address: Address, wanted: Wanted) -> AsyncIterator[Connection]:
    """One connection to the feed. Raises: DaemonUnreachable, DaemonRefused."""
    parts = urlsplit(address.url)
    if parts.hostname is None:
        raise DaemonUnreachable(f"{address.url!r} is no address.")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with trio.fail_after(CONNECT_SECONDS):
            tcp = await trio.open_tcp_stream(parts.hostname, port)
    except (OSError, trio.TooSlowError) as fault:
        raise DaemonUnreachable(f"No daemon answers at {address.url} ({fault}).") from None
    stream: Stream = tcp
    if parts.scheme == "https":
        context = ssl.create_default_context()
        stream = trio.SSLStream(tcp, context, server_hostname=parts.hostname)
    key = address.api_key
    headers = [] if key is None else [(b"X-Api-Key", key.encode())]
    resource = f"{parts.path.rstrip('/')}/ws?{wanted.query()}"
    try:
        async with trio.open_nursery() as nursery:
            socket = await _shake_hands(nursery, stream, parts.netloc, resource, headers, address)
            yield Connection(socket)
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        rejected = group.subgroup(trio_websocket.ConnectionRejected)
        if rejected is not None:  # raised by the library's reader, beside our waiting
            refused = _only(rejected)
            raise refusal(refused.status_code, refused.body) from None
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise
    finally:
        await trio.aclose_forcefully(stream)


async def _shake_hands(
    nursery: trio.Nursery,
    stream: Stream,
    host: str,
    resource: str,
    headers: list[tuple[bytes, bytes]],
    address: Address,
) -> trio_websocket.WebSocketConnection:
    try:
        with trio.fail_after(HANDSHAKE_SECONDS):
            return await trio_websocket.wrap_client_stream(
                nursery,
                stream,
                host,
                resource,
                extra_headers=headers,
                max_message_size=LARGEST_MESSAGE,
            )
    except trio_websocket.ConnectionRejected:
        raise
    except (OSError, trio.TooSlowError, trio_websocket.HandshakeError) as fault:
        raise DaemonUnreachable(f"No daemon answers at {address.url} ({fault}).") from None
    except (trio_websocket.ConnectionClosed, trio.BrokenResourceError, ssl.SSLError):
        raise DaemonUnreachable(f"What answers at {address.url} is no daemon.") from None


def _only(group: BaseExceptionGroup[Any]) -> Any:
    """The first exception in a group of groups."""
    first = group.exceptions[0]
    return _only(first) if isinstance(first, BaseExceptionGroup) else first


@asynccontextmanager
async def follow(
    address: Address, wanted: Wanted = Wanted()
) -> AsyncIterator[trio.MemoryReceiveChannel[Message]]:
    """The feed as it happens, resumed whenever the connection is lost.

    Besides the daemon's messages there is ``{"type": "lost"}``, once for each time that
    the connection went; the next ``hello`` follows, then what was missed.
    Raises: DaemonUnreachable where there never was a connection; DaemonRefused.
    """
    into, out = trio.open_memory_channel[Message](0)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_keep_following, address, wanted, into)
            async with out:
                yield out
            nursery.cancel_scope.cancel()
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def _keep_following(
    address: Address, wanted: Wanted, into: trio.MemorySendChannel[Message]
) -> None:
    failures, connected = 0, False
    while True:
        try:
            async with connection(address, wanted) as feed:
                while messages := await feed.receive():
                    failures, connected = 0, True
                    for message in messages:
                        await into.send(message)
                        wanted = _seen(wanted, message)
                if feed.close_code == SIGNED_OUT:
                    raise DaemonRefused("The session has ended.", status=401)
        except DaemonUnreachable:
            if not connected:
                raise
        except DaemonRefused as refused:
            if refused.status < 500:
                raise
        if connected and not failures:
            await into.send({"type": "lost"})
        pause = min(FIRST_PAUSE_SECONDS * 2**failures, LONGEST_PAUSE_SECONDS)
        failures += 1
        await trio.sleep(pause * random.uniform(0.5, 1.0))


def _seen(wanted: Wanted, message: Message) -> Wanted:
    """Where to go on behind this message."""
    if message["type"] == "gap":
        return attrs.evolve(wanted, since=message["to"])
    if "seq" in message and (message["type"] != "hello" or wanted.since is None):
        return attrs.evolve(wanted, since=message["seq"])
    return wanted
