"""Slow and silent clients, crashes and stops: the server waits in bounds, for each and for all."""

from __future__ import annotations

import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
import trio.testing
from live_api import KEY, Live, configured, live_api, receive_all
from raw_http import HUGE, Faults, assert_alive, exchange, receive_some

from arrtheaudio.api import connection, incoming, server
from arrtheaudio.errors import ConfigError

CROWD = 2000  # idle connections


async def test_half_a_head_is_waited_for_in_bounds(
    faulty: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    received = await exchange(faulty, b"GET /ping HTT")
    assert received.startswith(b"HTTP/1.1 408")
    assert b"application/problem+json" in received


async def test_a_head_that_drips_is_not_waited_for_longer(
    faulty: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow loris: each byte shows that the client lives, and buys it nothing."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    async with await faulty.connect() as stream, trio.open_nursery() as nursery:

        async def drip() -> None:
            await stream.send_all(b"GET /ping HTTP/1.1\r\nX: ")
            while True:
                await stream.send_all(b"a")
                await trio.sleep(0.01)  # between two bytes; the server's deadline ends it

        nursery.start_soon(drip)
        assert (await receive_some(stream)).startswith(b"HTTP/1.1 408")
        nursery.cancel_scope.cancel()
    await assert_alive(faulty)


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


async def test_a_silent_connection_is_closed(faulty: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 0.05)
    received = await exchange(faulty, b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n")
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
    faulty: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "MOST_CONNECTIONS", 64)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the clients are ours, too
    crowd = min(CROWD, hard - 500)
    async with live_api(faulty.config) as crowded, trio.open_nursery() as nursery:
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
    faulty: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "WRITE_SECONDS", 0.05)
    dropped = trio.Event()
    monkeypatch.setattr(connection.Connection, "drop", drop_and_tell(dropped))
    async with await faulty.connect() as stream:
        await stream.send_all(b"GET /test/huge HTTP/1.1\r\nHost: x\r\n\r\n")
        await dropped.wait()
        assert len(await receive_all(stream)) < HUGE
    await assert_alive(faulty)


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


# --- crashes and stopping ---


async def test_a_crash_is_a_500_without_a_trace(faulty: Live) -> None:
    answer = await faulty.client.get("/test/crash")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    await assert_alive(faulty)


async def test_a_running_request_is_answered_during_the_stop(faulty: Live, faults: Faults) -> None:
    async with await faulty.connect() as busy, await faulty.connect() as idle:
        await busy.send_all(b"GET /test/wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await faults.entered.wait()
        faulty.stop.set()
        assert await receive_all(idle) == b""
        faults.release.set()
        assert (await receive_all(busy)).endswith(b"done")


async def test_no_key_needs_a_loopback_address(tmp_path: Path) -> None:
    config = configured(tmp_path, host="0.0.0.0", auth="none")
    with pytest.RaisesGroup(pytest.RaisesExc(ConfigError, match="loopback")):
        async with live_api(config, key=None):
            raise AssertionError("it must not listen")
