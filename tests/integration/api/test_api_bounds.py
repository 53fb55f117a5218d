"""What a client can cost is bounded: memory, time and the length of what it is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from documented import Documented
from live_api import KEY, Live, configured, live_api, receive_all
from raw_http import exchange, read_answer

from arrtheaudio.api import incoming, storage
from arrtheaudio.api.schema import MOST_PROBLEMS
from arrtheaudio.arr.paths import confine

NO_PROOF = "0" * 64  # what an HMAC looks like


async def test_made_up_methods_make_no_series_of_numbers(live: Live) -> None:
    for number in range(20):
        await live.stranger.request(f"METHOD{number}", "/ping")
    numbers = (await live.client.get("/metrics")).text
    assert "METHOD" not in numbers
    assert 'method="other",route="none",status="405"} 20.0' in numbers


async def test_a_sign_in_is_not_read_beyond_what_a_key_can_be(live: Live) -> None:
    answer = await live.stranger.post("/session", json={"api_key": "x" * 20_000})
    assert answer.status_code == 413
    assert "max_body_bytes" not in answer.text, "raising it would help nobody here"


async def test_a_stranger_is_refused_before_its_body_is_read(live: Live) -> None:
    """A signature that cannot be one proves nothing, whatever the body is."""
    head = "POST /webhook/sonarr HTTP/1.1\r\nHost: x\r\nX-Webhook-Signature: guess\r\n"
    async with await live.connect() as stream:
        await stream.send_all(head.encode() + b"Content-Length: 4000000\r\n\r\n{")
        assert (await read_answer(stream))[0] == 401


async def test_the_key_as_signature_counts_before_the_body_is_read(live: Live) -> None:
    head = f"DELETE /jobs/job_000000000001 HTTP/1.1\r\nHost: x\r\nX-Webhook-Signature: {KEY}\r\n"
    async with await live.connect() as stream:
        await stream.send_all(head.encode() + b"Content-Length: 4000000\r\n\r\n{")
        assert (await read_answer(stream))[0] == 404


async def test_bodies_whose_signature_is_unproven_share_a_bounded_room(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "UNPROVEN_BYTES", 0)  # then it is as large as one body
    whole = live.config.api.max_body_bytes
    head = f"POST /webhook/sonarr HTTP/1.1\r\nHost: x\r\nX-Webhook-Signature: {NO_PROOF}\r\n"
    request = f"{head}Content-Length: {whole}\r\n\r\n".encode()
    async with live_api(live.config) as crowded:
        async with await crowded.connect() as first:
            await first.send_all(request + b" " * (whole - 1))
            await trio.testing.wait_all_tasks_blocked()  # all of it has been read
            received = await exchange(crowded, request, b" " * whole)
            assert received.startswith(b"HTTP/1.1 503")
            assert b"retry-after" in received.lower()
            shown = await crowded.client.post("/webhook/sonarr", json={"eventType": "Test"})
            assert shown.status_code == 200
        await trio.testing.wait_all_tasks_blocked()  # its end has been seen
        async with await crowded.connect() as again:
            await again.send_all(request + b" " * whole)
            assert (await read_answer(again))[0] == 401


async def test_who_leaves_before_the_body_was_whole_was_not_heard(live: Live) -> None:
    head = f"POST /webhook/sonarr HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n"
    async with await live.connect() as stream:
        await stream.send_all(head.encode() + b"Content-Length: 9\r\n\r\n{")
        await stream.send_eof()
        await receive_all(stream)
    sources = (await live.client.get("/sources")).json()["sources"]
    assert {one["last_status"] for one in sources} == {None}


@pytest.mark.parametrize(
    ("body", "field"),
    [({"paths": [1] * 300_000}, "paths"), ({f"k{n}": 1 for n in range(100_000)}, "k0")],
)
async def test_what_is_told_of_a_bad_body_is_bounded(
    live: Live, rest: Documented, body: Any, field: str
) -> None:
    answer = await rest.ask("POST", "/jobs", json=body)
    told = answer.json()["errors"]
    assert told[0]["field"] == field
    assert len(told) <= MOST_PROBLEMS


@pytest.fixture
def dead_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A media root where whoever looks waits for ever, as on a network share that is gone."""
    back = threading.Event()
    dead = tmp_path / "dead"
    dead.mkdir()

    def look(path: bytes, roots: Sequence[bytes]) -> bytes:
        # As confine does: links of the path, then of one root after the other.
        for looked_at in (path, *takewhile(lambda root: not path.startswith(root), roots)):
            if looked_at.startswith(bytes(dead)):
                back.wait()
        return confine(path, roots)

    monkeypatch.setattr(storage, "confine", look)
    yield str(dead)
    back.set()


async def test_a_dead_media_root_does_not_take_the_others_along(
    tmp_path: Path, dead_share: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = tmp_path / "good"
    good.mkdir()
    config = attrs.evolve(configured(tmp_path), media_roots=(dead_share, str(good)))
    async with live_api(config) as live:
        with monkeypatch.context() as impatient:
            impatient.setattr(storage, "LOOK_SECONDS", 0.01)
            for number in range(storage.LOOK_THREADS + 1):
                body = {"paths": [f"{dead_share}/{number}.mkv"]}
                assert (await live.client.post("/jobs", json=body)).status_code == 503
        answer = await live.client.post("/jobs", json={"paths": [f"{good}/a.mkv"]})
        assert answer.status_code == 202, answer.text
        folders = await live.client.get("/browse", params={"path": str(good)})
        assert folders.status_code == 200
