"""The feed's door on a live server: who is let in, and how it is closed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio_websocket
from feed_lab import Lab, events, feed_lab, heard, new_jobs, numbers
from live_api import KEY

from arrtheaudio.api import feed as feed_module
from arrtheaudio.api import protocol, server
from arrtheaudio.client.feed import Wanted, connection
from arrtheaudio.client.http import Address
from arrtheaudio.errors import DaemonRefused, DaemonUnreachable


async def test_without_the_key_the_handshake_is_refused_with_401(lab: Lab) -> None:
    with pytest.raises(DaemonRefused) as refused:
        async with connection(Address(lab.address.url), Wanted()):
            pass
    assert refused.value.status == 401
    assert refused.value.problem["title"] == "API key missing or wrong"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("since=-1", "since"),
        ("since=much", "since"),
        ("since=1&since=2", "since"),
        ("batch_id=job_000000000001", "batch_id"),
        ("job_id=7", "job_id"),
        ("webhook_id=", "webhook_id"),
        ("types=job.nonsense", "types"),
        ("types=job.failed,,", "types"),
        ("frame=all", "frame"),
        ("limit=5", "limit"),
    ],
)
async def test_a_bad_parameter_is_refused_with_400_and_named(
    lab: Lab, query: str, field: str
) -> None:
    status, document = await shake(lab, f"/ws?{query}")
    assert status == 400
    assert document["errors"][0]["field"] == field


def upgrade(lab: Lab, target: str, *headers: str) -> bytes:
    """The request of a handshake, with the key."""
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: 127.0.0.1:{lab.live.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        f"X-Api-Key: {KEY}",
        *headers,
    ]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode()


async def shake(lab: Lab, target: str, *headers: str) -> tuple[int, dict[str, Any]]:
    """A handshake over a raw connection: status and problem of a refusal."""
    stream = await lab.live.connect()
    async with stream:
        await stream.send_all(upgrade(lab, target, *headers))
        answer = b""
        async for data in stream:
            answer += data
            if b" 101 " in answer.split(b"\r\n")[0]:
                return 101, {}
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    given = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert given["content-type"] == "application/problem+json"
    assert given["x-request-id"]
    return int(lines[0].split()[1]), httpx.Response(200, content=body).json()


async def test_a_page_of_another_origin_is_refused_with_403(lab: Lab) -> None:
    own = f"Origin: http://127.0.0.1:{lab.live.port}"
    assert (await shake(lab, "/ws", "Origin: http://evil.example"))[0] == 403
    assert (await shake(lab, "/ws", "Origin: null"))[0] == 403
    assert (await shake(lab, "/ws", own))[0] == 101


async def test_every_spelling_of_the_address_is_the_feed_and_no_other(lab: Lab) -> None:
    for target in ("/ws", "/ws/", "/api/v1/ws", f"/ws?apikey={KEY}"):
        assert (await shake(lab, target))[0] == 101
    assert (await shake(lab, "/nowhere"))[0] == 404
    assert (await shake(lab, "/queue"))[0] == 400  # is no websocket


async def test_plain_http_is_told_to_upgrade(lab: Lab) -> None:
    answer = await lab.live.client.get("/ws")
    assert answer.status_code == 426
    assert answer.headers["upgrade"] == "websocket"


async def test_stopping_closes_with_1001(tmp_path: Path) -> None:
    async with feed_lab(tmp_path) as lab, lab.listen() as feed:
        await feed.receive()
        lab.live.stop.set()
        assert await feed.receive() == []
        assert feed.close_code == 1001


async def test_signing_out_closes_with_1008(lab: Lab) -> None:
    signed_in = await lab.live.stranger.post("/session", json={"api_key": KEY})
    cookie = signed_in.cookies["arrtheaudio_session"]
    origin = f"http://127.0.0.1:{lab.live.port}"
    headers = {"Cookie": f"arrtheaudio_session={cookie}", "Origin": origin}
    stream = await lab.live.connect()
    async with stream, trio.open_nursery() as nursery:
        socket = await wrap(nursery, stream, lab, headers)
        await socket.get_message()
        answer = await lab.live.stranger.delete("/session", headers=headers)
        assert answer.status_code == 204
        with pytest.raises(ClosedByDaemon):
            await get_message(socket)
        assert socket.closed is not None
        assert socket.closed.code == feed_module.POLICY
        nursery.cancel_scope.cancel()


class ClosedByDaemon(Exception):
    """The connection has ended."""


async def get_message(socket: Any) -> str:
    """The next message. Raises: ClosedByDaemon."""
    try:
        return str(await socket.get_message())
    except trio_websocket.ConnectionClosed:
        raise ClosedByDaemon from None


async def wrap(
    nursery: trio.Nursery, stream: trio.SocketStream, lab: Lab, headers: dict[str, str]
) -> Any:
    """A websocket with these headers, and no key."""
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    host = f"127.0.0.1:{lab.live.port}"
    return await trio_websocket.wrap_client_stream(
        nursery, stream, host, "/ws", extra_headers=given
    )


async def test_a_client_that_answers_no_ping_is_dropped_and_one_that_does_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PING_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "SILENT_SECONDS", 1.0)
    async with feed_lab(tmp_path) as lab, lab.listen() as older:
        await older.receive()
        stream = await lab.live.connect()
        async with stream:
            await stream.send_all(upgrade(lab, "/ws"))
            with trio.fail_after(30):
                async for _ in stream:  # pings come, pongs do not go
                    pass
        await lab.queue.pause()
        assert numbers(await older.receive()) == [lab.queue.head]


async def test_a_vanished_client_costs_nothing_and_harms_nobody(lab: Lab) -> None:
    async with lab.listen() as feed:
        await feed.receive()
        for _ in range(5):
            async with lab.listen() as leaving:
                await leaving.receive()
        accepted = await lab.queue.submit(new_jobs(50))
        told = await heard(feed, accepted.jobs[-1])
    assert len(events(told)) == 50


async def test_no_daemon_is_told_as_unreachable(lab: Lab) -> None:
    lonely = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = lonely[0].socket.getsockname()[1]
    await lonely[0].aclose()
    with pytest.raises(DaemonUnreachable):
        async with connection(Address(f"http://127.0.0.1:{port}"), Wanted()):
            pass
