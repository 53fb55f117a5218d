"""A websocket that misbehaves ends, and nothing else does."""

from __future__ import annotations

import pytest
from live_api import Live, receive_all
from raw_http import UPGRADE, Faults, assert_alive, exchange, receive_some, reset


@pytest.mark.parametrize("path", [b"/test/echo", b"/test/wait", b"/nowhere"])
async def test_a_stray_byte_behind_an_upgrade_ends_that_connection_only(
    faulty: Live, path: bytes
) -> None:
    received = await exchange(faulty, b"GET " + path + b" HTTP/1.1\r\n" + UPGRADE + b"\r\nx")
    assert received.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404"))
    await assert_alive(faulty)


async def test_a_refused_websocket_is_a_problem(faulty: Live) -> None:
    received = await exchange(faulty, b"GET /nowhere HTTP/1.1\r\n" + UPGRADE + b"\r\n")
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
async def test_bad_frames_end_their_websocket_only(faulty: Live, frame: bytes) -> None:
    async with await faulty.connect() as stream:
        await stream.send_all(b"GET /test/echo HTTP/1.1\r\n" + UPGRADE + b"\r\n")
        assert (await receive_some(stream)).startswith(b"HTTP/1.1 101")
        await stream.send_all(frame)
        await stream.send_eof()
        await receive_all(stream)
    await assert_alive(faulty)


async def test_sending_to_a_vanished_websocket_ends(faulty: Live, faults: Faults) -> None:
    stream = await faulty.connect()
    await stream.send_all(b"GET /test/flood HTTP/1.1\r\n" + UPGRADE + b"\r\n")
    await faults.entered.wait()
    reset(stream)
    await faults.flooded.wait()
    await assert_alive(faulty)
