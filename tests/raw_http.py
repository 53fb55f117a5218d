"""Raw sockets against a live server, and routes that real handlers never are."""

from __future__ import annotations

import base64
import os
import socket
import struct

import trio
from live_api import Live, receive_all
from quart import Response, websocket

from arrtheaudio.api.app import App

HUGE = 64 * 1024 * 1024  # more than all socket buffers together
UPGRADE = (
    b"Host: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n"
)


class Faults:
    """Routes that real handlers never are: crashing, huge, waiting."""

    def __init__(self) -> None:
        self.entered = trio.Event()
        self.release = trio.Event()
        self.flooded = trio.Event()

    def add_to(self, app: App) -> None:
        """Register the routes."""

        async def crash() -> Response:
            raise RuntimeError("secret detail")

        async def huge() -> Response:
            self.entered.set()
            return Response(b"x" * HUGE)

        async def wait() -> Response:
            self.entered.set()
            await self.release.wait()
            return Response(b"done")

        async def echo() -> None:
            await websocket.accept()
            while True:
                await websocket.send(await websocket.receive())

        async def flood() -> None:
            await websocket.accept()
            self.entered.set()
            try:
                while True:
                    await websocket.send("x" * 65536)
            finally:
                self.flooded.set()

        app.add_url_rule("/test/crash", "crash", crash)
        app.add_url_rule("/test/huge", "huge", huge)
        app.add_url_rule("/test/wait", "wait", wait)
        app.add_websocket("/test/echo", "echo", echo)
        app.add_websocket("/test/flood", "flood", flood)


async def exchange(live: Live, *pieces: bytes) -> bytes:
    """Send bytes, and receive until the server ends the connection."""
    async with await live.connect() as stream:
        for piece in pieces:
            await stream.send_all(piece)
        return await receive_all(stream)


async def read_answer(stream: trio.SocketStream) -> tuple[int, bytes, bytes]:
    """One answer with a Content-Length: status, head, body."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += await receive_some(stream)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length:")
    )
    while len(body) < length:
        body += await receive_some(stream)
    return int(head.split()[1]), head, body


async def receive_some(stream: trio.SocketStream) -> bytes:
    """At least one byte."""
    data = bytes(await stream.receive_some())
    assert data, "the server closed in the middle of an answer"
    return data


def reset(stream: trio.SocketStream) -> None:
    """Close with RST, as a client that was killed."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def assert_alive(live: Live) -> None:
    """The server still answers."""
    answer = await live.client.get("/ping")
    assert answer.json() == {"status": "OK"}
