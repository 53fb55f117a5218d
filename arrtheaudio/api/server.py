"""The HTTP server: listening, counting connections, and stopping in bounded time.

Runs inside the daemon's nursery in place of Hypercorn's own ``serve``, so that the
order of life is explicit: bind, report the port, serve; on ``stop`` no new
connection, idle ones end at once, running requests get STOP_SECONDS, then all is
cancelled. Knows sockets and the app as a callable; nothing of routes or jobs.
"""

from __future__ import annotations

import ipaddress
import logging
import resource
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog
import trio
from hypercorn.app_wrappers import ASGIWrapper
from hypercorn.config import Config as HypercornConfig
from hypercorn.trio.worker_context import WorkerContext

from arrtheaudio.api.connection import Connection
from arrtheaudio.errors import ConfigError

if TYPE_CHECKING:
    from arrtheaudio.api.app import App
    from arrtheaudio.config import Config

log = structlog.get_logger("arrtheaudio.http")

BACKLOG: Final = 1024
STOP_SECONDS: Final = 3.0
HEAD_BYTES: Final = 32 * 1024  # a 4096-byte path, percent-encoded in a query, fits
MOST_CONNECTIONS: Final = 4096
PING_SECONDS: Final = 20.0
WEBSOCKET_BYTES: Final = 64 * 1024  # clients of the feed have little to say

# A peer that vanished without a word is found by the kernel.
KEEPALIVE_IDLE_SECONDS: Final = 60
KEEPALIVE_INTERVAL_SECONDS: Final = 15
KEEPALIVE_PROBES: Final = 4
UNACKNOWLEDGED_MS: Final = 30_000


async def serve_http(
    app: App,
    config: Config,
    *,
    stop: trio.Event,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until ``stop`` is set; reports the bound port once it listens.

    Raises: OSError where the address cannot be bound; ConfigError where
    ``api.auth: none`` would be reachable from elsewhere.
    """
    server = Server(app)
    listeners = await open_listeners(config.api.host, config.api.port)
    try:
        if config.api.auth == "none":
            _require_loopback(listeners, config.api.host)
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                accepting.start_soon(_accept, server, listeners, connections)
                for service in app.background:
                    accepting.start_soon(service)
                task_status.started(listeners[0].socket.getsockname()[1])
                await stop.wait()
                accepting.cancel_scope.cancel()
            connections.cancel_scope.deadline = trio.current_time() + STOP_SECONDS
            await server.stop()
    finally:
        for listener in listeners:
            listener.socket.close()


async def _accept(
    server: Server, listeners: Sequence[trio.SocketListener], connections: trio.Nursery
) -> None:
    # serve_listeners waits a moment where the process is out of descriptors.
    await trio.serve_listeners(server.serve, list(listeners), handler_nursery=connections)


class Server:
    """The connections of one app."""

    def __init__(self, app: App, *, most: int | None = None) -> None:
        self._app = ASGIWrapper(app)
        self._config = _hypercorn_config()
        self._context = WorkerContext(None)
        self._most = most or _connection_limit()
        self._open: dict[Connection, None] = {}  # oldest first

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection, from accept to close."""
        if len(self._open) >= self._most:
            self._make_room()
        connection = Connection(self._app, self._config, self._context, stream)
        self._open[connection] = None
        try:
            await connection.run()
        finally:
            self._open.pop(connection, None)

    async def stop(self) -> None:
        """End idle connections; the others end with their running request."""
        await self._context.terminated.set()
        for connection in list(self._open):
            if connection.idle:
                connection.drop()

    def _make_room(self) -> None:
        # Thousands of silent connections must not keep Sonarr out: the oldest one
        # that waits makes room. If none is silent, the oldest of all does.
        silent = (connection for connection in self._open if connection.silent)
        oldest = next(silent, next(iter(self._open)))
        del self._open[oldest]  # at once: the next accept must choose another
        oldest.drop()


async def open_listeners(host: str, port: int) -> list[trio.SocketListener]:
    """Listening sockets for every address of ``host``; port 0 takes one free port."""
    listeners = await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
    if port == 0:  # two addresses would get two ports
        for extra in listeners[1:]:
            await extra.aclose()
        del listeners[1:]
    for listener in listeners:
        _watch_peers(listener.socket)
    return listeners


def _watch_peers(sock: trio.socket.SocketType) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # inherited by what is accepted
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_SECONDS),
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_SECONDS),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_MS),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _require_loopback(listeners: Sequence[trio.SocketListener], host: str) -> None:
    # Asked of the sockets, not of the name: /etc/hosts can say anything.
    for listener in listeners:
        address = listener.socket.getsockname()[0]
        if not ipaddress.ip_address(address).is_loopback:
            raise ConfigError(
                (("api.auth", f"none needs a loopback address; {host} is {address}"),)
            )


def _connection_limit() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    half = MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else soft // 2
    return max(16, min(MOST_CONNECTIONS, half))


def _hypercorn_config() -> HypercornConfig:
    config = HypercornConfig()
    config.accesslog = None  # our own line has the request id, and no query: it may hold the key
    config.errorlog = logging.getLogger("arrtheaudio.http")
    config.h11_max_incomplete_size = HEAD_BYTES
    config.include_server_header = False
    config.websocket_max_message_size = WEBSOCKET_BYTES
    config.websocket_ping_interval = PING_SECONDS
    config.keep_alive_max_requests = 100_000
    return config
