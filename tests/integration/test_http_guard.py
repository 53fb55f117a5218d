"""One bad connection never ends, blocks or starves the daemon: each fault is provoked
with raw sockets against a live server, which must then still answer."""

from __future__ import annotations

import base64
import os
import resource
import socket
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio
import trio.testing
from live_api import KEY, Live, configured, live_api, receive_all
from quart import Response, websocket

from arrtheaudio.api import connection, incoming, server
from arrtheaudio.api.app import App
from arrtheaudio.errors import ConfigError

CROWD = 2000  # idle connections
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


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
async def live(tmp_path: Path, faults: Faults) -> AsyncIterator[Live]:
    async with live_api(configured(tmp_path), extend=faults.add_to) as running:
        yield running


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
    answer = await live.client.get("/ping")
    assert answer.json() == {"status": "OK"}


# --- bytes that are no request ------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01garbage\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),  # no Host
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET " + b"a" * 70_000, b"431"),
        (b"POST /jobs HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"501"),
        (b"POST /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"GET /test/echo HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
         b"Upgrade: websocket\r\n\r\n", b"400"),
    ],
)  # fmt: skip
async def test_what_is_no_request_gets_a_problem_and_the_end(
    live: Live, sent: bytes, status: bytes
) -> None:
    received = await exchange(live, sent)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in head
    assert b'"status":' + status in body
    await assert_alive(live)


async def test_an_upgrade_to_http2_is_ignored(live: Live) -> None:
    async with await live.connect() as stream:
        await stream.send_all(
            b"GET /ping HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nHTTP2-Settings: !!!\r\n"
            b"Connection: Upgrade, HTTP2-Settings\r\n\r\n"
        )
        assert (await read_answer(stream))[0] == 200


@pytest.mark.parametrize(
    "target",
    [b"*", b"?x", b"http://[::1", b"/%ff%fe", b"/a//b", b"/%00", b"/../ping"],
)
async def test_odd_targets_are_not_found(live: Live, target: bytes) -> None:
    async with await live.connect() as stream:
        await stream.send_all(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        status, head, _ = await read_answer(stream)
    assert status in (400, 404)
    assert b"application/problem+json" in head
    await assert_alive(live)


async def test_the_absolute_form_of_proxies_is_served(live: Live) -> None:
    async with await live.connect() as stream:
        await stream.send_all(b"GET http://x/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_answer(stream))[0] == 200


# --- websockets ---------------------------------------------------------------


@pytest.mark.parametrize("path", [b"/test/echo", b"/test/wait", b"/nowhere"])
async def test_a_stray_byte_behind_an_upgrade_ends_that_connection_only(
    live: Live, path: bytes
) -> None:
    received = await exchange(live, b"GET " + path + b" HTTP/1.1\r\n" + UPGRADE + b"\r\nx")
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404"))
    await assert_alive(live)


async def test_a_refused_websocket_is_a_problem(live: Live) -> None:
    received = await exchange(live, b"GET /nowhere HTTP/1.1\r\n" + UPGRADE + b"\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
    assert b"application/problem+json" in head
    assert b'"status":404' in body


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x05hello",  # not masked
        b"\xff\xff\xff\xff",
        b"\x81\xff\x00\x00\x00\x7f\xff\xff\xff\xff\0\0\0\0",  # half a terabyte announced
        b"\x81\x82\0\0\0\0\xff\xfe",  # not UTF-8
        b"\x88\x82\0\0\0\0\x03\xe9",  # a proper goodbye
    ],
)
async def test_bad_frames_end_their_websocket_only(live: Live, frame: bytes) -> None:
    async with await live.connect() as stream:
        await stream.send_all(b"GET /test/echo HTTP/1.1\r\n" + UPGRADE + b"\r\n")
        assert (await receive_some(stream)).startswith(b"HTTP/1.1 101")
        await stream.send_all(frame)
        await stream.send_eof()
        await receive_all(stream)
    await assert_alive(live)


async def test_sending_to_a_vanished_websocket_ends(live: Live, faults: Faults) -> None:
    stream = await live.connect()
    await stream.send_all(b"GET /test/flood HTTP/1.1\r\n" + UPGRADE + b"\r\n")
    await faults.entered.wait()
    reset(stream)
    await faults.flooded.wait()
    await assert_alive(live)


# --- slow and silent clients --------------------------------------------------


async def test_half_a_head_is_waited_for_in_bounds(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    received = await exchange(live, b"GET /ping HTT")
    assert received.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in received


async def test_a_head_that_drips_is_not_waited_for_longer(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow loris: each byte shows that the client lives, and buys it nothing."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    async with await live.connect() as stream, trio.open_nursery() as nursery:

        async def drip() -> None:
            await stream.send_all(b"GET /ping HTTP/1.1\r\nX: ")
            while True:
                await stream.send_all(b"a")
                await trio.sleep(0.01)  # between two bytes; the server's deadline ends it

        nursery.start_soon(drip)
        assert (await receive_some(stream)).startswith(b"HTTP/1.1 408")
        nursery.cancel_scope.cancel()
    await assert_alive(live)


async def test_a_peer_that_vanished_is_found_by_the_kernel() -> None:
    """Keep-alive and an end of waiting for acknowledgements hold for accepted connections."""
    listeners = await server.open_listeners("127.0.0.1", 0)
    port = listeners[0].socket.getsockname()[1]
    async with (
        listeners[0] as listener,
        await trio.open_tcp_stream("127.0.0.1", port),
        await listener.accept() as accepted,
    ):
        sock = accepted.socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


async def test_a_silent_connection_is_closed(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 0.05)
    received = await exchange(live, b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200")


async def test_half_a_body_is_waited_for_in_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "BODY_SECONDS", 0.05)
    async with live_api(configured(tmp_path)) as live:
        head = f"POST /webhook/sonarr HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n"
        received = await exchange(live, head.encode(), b"Content-Length: 100000\r\n\r\n{")
        assert received.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in received.lower()
        await assert_alive(live)


async def test_idle_connections_never_keep_a_new_one_out(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 64)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the clients are ours, too
    crowd = min(CROWD, hard - 500)
    async with live_api(live.config) as crowded, trio.open_nursery() as nursery:
        ended = []

        async def idle(task_status: trio.TaskStatus[None]) -> None:
            async with await crowded.connect() as stream:
                task_status.started()
                ended.append(await receive_all(stream))

        for _ in range(crowd):
            await nursery.start(idle)
        for _ in range(20):
            await assert_alive(crowded)
        while len(ended) < crowd - 100:
            await trio.testing.wait_all_tasks_blocked()
            await assert_alive(crowded)
        nursery.cancel_scope.cancel()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert all(received == b"" for received in ended)


async def test_a_client_that_does_not_read_is_dropped(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WRITE_SECONDS", 0.05)
    dropped = trio.Event()
    monkeypatch.setattr(connection.Connection, "drop", drop_and_tell(dropped))
    async with await live.connect() as stream:
        await stream.send_all(b"GET /test/huge HTTP/1.1\r\nHost: x\r\n\r\n")
        await dropped.wait()
        assert len(await receive_all(stream)) < HUGE
    await assert_alive(live)


def drop_and_tell(event: trio.Event) -> Callable[[connection.Connection], None]:
    """``Connection.drop`` that also sets an event."""
    drop = connection.Connection.drop

    def tell(self: connection.Connection) -> None:
        drop(self)
        event.set()

    return tell


async def test_a_client_that_does_not_read_does_not_hold_up_the_stop(
    tmp_path: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "STOP_SECONDS", 0.05)
    async with live_api(configured(tmp_path), extend=faults.add_to) as live:
        stream = await live.connect()
        await stream.send_all(b"GET /test/huge HTTP/1.1\r\nHost: x\r\n\r\n")
        await faults.entered.wait()
        # the block ends with stop set; serve_http must return although nobody reads
    await stream.aclose()


# --- early answers ------------------------------------------------------------


async def test_an_early_error_keeps_the_connection_usable(live: Live) -> None:
    async with await live.connect() as stream:
        for _ in range(50):
            await stream.send_all(b"POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n")
            await stream.send_all(b'{"a":1}')
            assert (await read_answer(stream))[0] == 404
        await stream.send_all(b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_answer(stream))[0] == 200


def chunked(size: int) -> list[bytes]:
    """A chunked body of this many bytes."""
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    return [piece] * (size // 0x10000) + [b"0\r\n\r\n"]


@pytest.mark.parametrize("path", ["/webhook/sonarr", "/jobs", "/nope"])
@pytest.mark.parametrize("how", ["length", "chunked"])
async def test_an_early_answer_to_a_large_upload_arrives(live: Live, path: str, how: str) -> None:
    size = 16 * 1024 * 1024
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n".encode()
    if how == "length":
        pieces = [head + f"Content-Length: {size}\r\n\r\n".encode(), b"x" * size]
    else:
        pieces = [head + b"Transfer-Encoding: chunked\r\n\r\n", *chunked(size)]
    received = await exchange(live, *pieces)
    answer, _, body = received.partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404" if path == "/nope" else b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    assert body.endswith(b"}")
    await assert_alive(live)


# --- half-open clients --------------------------------------------------------


async def test_a_half_closed_client_gets_its_answer(live: Live, faults: Faults) -> None:
    async with await live.connect() as stream:
        await stream.send_all(b"GET /test/wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await stream.send_eof()
        await faults.entered.wait()
        faults.release.set()
        assert (await receive_all(stream)).endswith(b"done")


async def test_a_client_that_ends_within_its_body_is_told(live: Live) -> None:
    async with await live.connect() as stream:
        head = f"POST /jobs HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\nContent-Length: 9\r\n\r\n"
        await stream.send_all(head.encode() + b"{")
        await stream.send_eof()
        assert (await receive_all(stream)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("sent", [b"", b"GET /pi", b"GET /test/wait HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_a_reset_ends_that_connection_only(live: Live, sent: bytes) -> None:
    stream = await live.connect()
    await stream.send_all(sent)
    reset(stream)
    await assert_alive(live)


async def test_pipelined_requests_are_answered_in_order(live: Live) -> None:
    async with await live.connect() as stream:
        await stream.send_all(
            b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        received = await receive_all(stream)
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(b"HTTP/1.1 404") == 1


# --- crashes and stopping -----------------------------------------------------


async def test_a_crash_is_a_500_without_a_trace(live: Live) -> None:
    answer = await live.client.get("/test/crash")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    await assert_alive(live)


async def test_a_running_request_is_answered_during_the_stop(live: Live, faults: Faults) -> None:
    async with await live.connect() as busy, await live.connect() as idle:
        await busy.send_all(b"GET /test/wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await faults.entered.wait()
        live.stop.set()
        assert await receive_all(idle) == b""
        faults.release.set()
        assert (await receive_all(busy)).endswith(b"done")


async def test_no_key_needs_a_loopback_address(tmp_path: Path) -> None:
    config = configured(tmp_path, host="0.0.0.0", auth="none")
    with pytest.RaisesGroup(pytest.RaisesExc(ConfigError, match="loopback")):
        async with live_api(config, key=None):
            raise AssertionError("it must not listen")
