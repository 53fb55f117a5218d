"""Bytes that are no request, answers before the request's end, clients that close early.

Each fault is provoked with raw sockets against a live server, which must then still answer.
"""

from __future__ import annotations

import pytest
from live_api import KEY, Live, receive_all
from raw_http import Faults, assert_alive, exchange, read_answer, reset


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
    faulty: Live, sent: bytes, status: bytes
) -> None:
    received = await exchange(faulty, sent)
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"application/problem+json" in head
    assert b'"status":' + status in body
    await assert_alive(faulty)


async def test_an_upgrade_to_http2_is_ignored(faulty: Live) -> None:
    async with await faulty.connect() as stream:
        await stream.send_all(
            b"GET /ping HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nHTTP2-Settings: !!!\r\n"
            b"Connection: Upgrade, HTTP2-Settings\r\n\r\n"
        )
        assert (await read_answer(stream))[0] == 200


@pytest.mark.parametrize(
    "target",
    [b"*", b"?x", b"http://[::1", b"/%ff%fe", b"/a//b", b"/%00", b"/../ping"],
)
async def test_odd_targets_are_not_found(faulty: Live, target: bytes) -> None:
    async with await faulty.connect() as stream:
        await stream.send_all(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        status, head, _ = await read_answer(stream)
    assert status in (400, 404)
    assert b"application/problem+json" in head
    await assert_alive(faulty)


async def test_the_absolute_form_of_proxies_is_served(faulty: Live) -> None:
    async with await faulty.connect() as stream:
        await stream.send_all(b"GET http://x/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_answer(stream))[0] == 200


# --- early answers ---


async def test_an_early_error_keeps_the_connection_usable(faulty: Live) -> None:
    async with await faulty.connect() as stream:
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
async def test_an_early_answer_to_a_large_upload_arrives(faulty: Live, path: str, how: str) -> None:
    size = 16 * 1024 * 1024
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n".encode()
    if how == "length":
        pieces = [head + f"Content-Length: {size}\r\n\r\n".encode(), b"x" * size]
    else:
        pieces = [head + b"Transfer-Encoding: chunked\r\n\r\n", *chunked(size)]
    received = await exchange(faulty, *pieces)
    answer, _, body = received.partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 404" if path == "/nope" else b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    assert body.endswith(b"}")
    await assert_alive(faulty)


# --- half-open clients ---


async def test_a_half_closed_client_gets_its_answer(faulty: Live, faults: Faults) -> None:
    async with await faulty.connect() as stream:
        await stream.send_all(b"GET /test/wait HTTP/1.1\r\nHost: x\r\n\r\n")
        await stream.send_eof()
        await faults.entered.wait()
        faults.release.set()
        assert (await receive_all(stream)).endswith(b"done")


async def test_a_client_that_ends_within_its_body_is_told(faulty: Live) -> None:
    async with await faulty.connect() as stream:
        head = f"POST /jobs HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\nContent-Length: 9\r\n\r\n"
        await stream.send_all(head.encode() + b"{")
        await stream.send_eof()
        assert (await receive_all(stream)).startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("sent", [b"", b"GET /pi", b"GET /test/wait HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_a_reset_ends_that_connection_only(faulty: Live, sent: bytes) -> None:
    stream = await faulty.connect()
    await stream.send_all(sent)
    reset(stream)
    await assert_alive(faulty)


async def test_pipelined_requests_are_answered_in_order(faulty: Live) -> None:
    async with await faulty.connect() as stream:
        await stream.send_all(
            b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
            b"GET /nope HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        received = await receive_all(stream)
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(b"HTTP/1.1 404") == 1
