"""The websocket feed on a live server: the handshake, the messages, filters, and the end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from feed_lab import CHANGED, Lab, events, feed_lab, heard, new_jobs, numbers, work
from live_api import KEY

from arrtheaudio.api import feed as feed_module
from arrtheaudio.api import protocol, server
from arrtheaudio.client.feed import Wanted, connection
from arrtheaudio.client.http import Address
from arrtheaudio.errors import DaemonRefused, DaemonUnreachable
from arrtheaudio.jobs.models import NewBatch, NewDelivery, NewJob, Status

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "feed.md"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    async with feed_lab(tmp_path) as lab:
        yield lab


async def settle(lab: Lab) -> None:
    """Wait until nothing waits or runs."""
    while (state := lab.queue.state()).queued or state.running:
        await lab.queue.wait_beyond(lab.queue.head)


async def do_all(lab: Lab, **more: Any) -> None:
    """Work until nothing is left."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: work(lab.queue, **more))
        await settle(lab)
        nursery.cancel_scope.cancel()


# --- the handshake ------------------------------------------------------------


async def test_without_the_key_the_handshake_is_refused_with_401(lab: Lab) -> None:
    with pytest.raises(DaemonRefused) as refused:
        async with connection(Address(lab.address.url), Wanted()):
            pass
    assert refused.value.status == 401
    assert refused.value.problem["title"] == "Unauthorised"


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


async def shake(lab: Lab, target: str, *headers: str) -> tuple[int, dict[str, Any]]:
    """A handshake over a raw connection: status and problem of a refusal."""
    request = (
        f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{lab.live.port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nX-Api-Key: {KEY}\r\n"
        + "".join(f"{header}\r\n" for header in headers)
        + "\r\n"
    )
    stream = await lab.live.connect()
    async with stream:
        await stream.send_all(request.encode())
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


# --- hello ----------------------------------------------------------------------


async def test_hello_contains_the_state_at_its_number(lab: Lab) -> None:
    await lab.queue.submit(new_jobs(3))
    await do_all(lab)
    await lab.queue.pause()
    await lab.queue.submit(new_jobs(2, "/media/movies"))
    batch = await lab.queue.start_batch(NewBatch(b"/media/anime"))
    async with lab.listen() as feed:
        (hello,) = await feed.receive()
    assert hello["type"] == "hello"
    assert hello["seq"] == lab.queue.head
    assert hello["paused"] is True
    assert hello["queue"]["queued"] == 2
    assert hello["queue"]["capacity"]["used"] == 3
    assert hello["workers"] == {"total": 8, "active": 0, "idle": 8}
    assert [one["batch_id"] for one in hello["batches"]] == [f"batch_{batch:012x}"]
    assert hello["batches"][0]["progress"]["total_files"] == 0
    assert hello["today"] == {
        "checked": 3, "changed": 3, "already_correct": 0, "skipped": 0, "failed": 0, "cancelled": 0,
    }  # fmt: skip
    assert hello["problems"] == 0


async def test_hello_and_the_events_behind_it_add_up_while_jobs_run(lab: Lab) -> None:
    done = trio.Event()
    added_up = 0

    async def add_up() -> None:
        nonlocal added_up
        async with lab.listen() as feed:
            (hello,) = await feed.receive()
            await done.wait()
            head = lab.queue.head
            behind = [] if hello["seq"] == head else events(await heard(feed, head))
        ended = sum(event["type"] == "job.completed" for event in behind)
        assert hello["today"]["checked"] + ended == 400
        started = sum(event["type"] == "job.started" for event in behind)
        assert hello["queue"]["queued"] == started
        assert hello["queue"]["running"] + started == ended
        added_up += 1

    await lab.queue.submit(new_jobs(400))
    async with trio.open_nursery() as nursery, trio.open_nursery() as clients:
        worker = trio.CancelScope()

        async def work_on() -> None:
            with worker:
                await work(lab.queue)

        nursery.start_soon(work_on)
        for _ in range(12):
            clients.start_soon(add_up)
            await lab.queue.wait_beyond(lab.queue.head)
        await settle(lab)
        done.set()
        worker.cancel()
    assert added_up == 12


# --- events -----------------------------------------------------------------------


async def test_framed_and_unframed_clients_hear_the_same_events_in_order(lab: Lab) -> None:
    async with lab.listen() as framed, lab.listen(framed=False) as single:
        await lab.queue.submit(new_jobs(300))
        await do_all(lab)
        head = lab.queue.head
        first, second = await heard(framed, head), await heard(single, head)
    assert events(first) == events(second)
    assert numbers(first) == list(range(2, head + 1))


async def test_every_job_event_tells_whose_it_is_and_what_changed(lab: Lab) -> None:
    delivery = NewDelivery("sonarr", "Download", (NewJob(b"/media/a.mkv"),), "main", "Harbour")
    async with lab.listen() as feed:
        accepted = await lab.queue.deliver(delivery)
        await do_all(lab)
        told = events(await heard(feed, lab.queue.head))
    assert [event["type"] for event in told] == [
        "webhook.received", "job.queued", "job.started", "job.completed",
    ]  # fmt: skip
    for event in told[1:]:
        assert event["job_id"] == f"job_{accepted.jobs[0]:012x}"
        assert event["webhook_id"] == f"webhook_{accepted.webhook:012x}"
        assert event["batch_id"] is None
        assert event["source"] == "sonarr"
        assert event["file_path"] == "/media/a.mkv"
    assert told[-1]["status"] == "completed"
    assert told[-1]["track_changed"] is True


async def test_since_tells_what_followed_and_then_goes_on(lab: Lab) -> None:
    await lab.queue.submit(new_jobs(5))
    async with lab.listen(since=3) as feed:
        (hello,) = await feed.receive()
        await lab.queue.pause()
        told = await heard(feed, lab.queue.head)
    assert hello["seq"] == 6
    assert numbers(told) == [4, 5, 6, 7]


async def test_since_beyond_the_head_is_a_gap_and_then_live(lab: Lab) -> None:
    async with lab.listen(since=999) as feed:
        (hello,) = await feed.receive()
        (gap,) = await feed.receive()
        await lab.queue.pause()
        told = await feed.receive()
    assert gap == {"type": "gap", "from": 999, "to": hello["seq"]}
    assert numbers(told) == [hello["seq"] + 1]


async def test_what_retention_removed_is_a_gap_before_what_is_left(lab: Lab) -> None:
    await lab.queue.submit(new_jobs(4))
    await do_all(lab)
    await lab.queue.pause()
    kept = lab.queue.head
    removed = await lab.queue.cleanup(older_than_days=0, statuses={Status.COMPLETED})
    assert removed == 4
    lab.queue._feed.reset(lab.queue.head)  # as behind a restart: the ring is empty
    async with lab.listen(since=1) as feed:
        await feed.receive()
        told = await heard(feed, kept)
    assert told[0]["type"] == "gap"
    assert told[0]["from"] == 2
    assert numbers(told) == [kept]


async def test_filters_let_only_their_own_pass(lab: Lab) -> None:
    first = await lab.queue.deliver(
        NewDelivery("sonarr", "Download", (NewJob(b"/media/a.mkv"), NewJob(b"/media/b.mkv")))
    )
    await lab.queue.submit(new_jobs(3))
    await do_all(lab)
    await lab.queue.pause()
    job, webhook = f"job_{first.jobs[0]:012x}", f"webhook_{first.webhook:012x}"

    async def told(**wanted: Any) -> list[str]:
        async with lab.listen(since=0, **wanted) as feed:
            await feed.receive()
            await lab.queue.resume()
            # Whoever hears everything hears the end of the same range.
            async with lab.listen(since=0) as whole:
                await heard(whole, lab.queue.head)
            return [event["type"] for event in events(await feed.receive())]

    assert await told(job_id=job) == ["job.queued", "job.started", "job.completed"]
    assert await told(webhook_id=webhook, types=("webhook.received",)) == ["webhook.received"]
    assert await told(types=("queue.paused", "job.failed")) == ["queue.paused"]
    both = await told(webhook_id=webhook, types=("job.completed",))
    assert both == ["job.completed"] * 2


# --- progress -----------------------------------------------------------------------


async def test_a_batch_has_progress_and_always_a_last_one(lab: Lab) -> None:
    async with lab.listen() as feed:
        batch = await lab.queue.start_batch(NewBatch(b"/media/tv"))
        files = [new.path for new in new_jobs(120)]
        await lab.queue.batch_discovered(batch, files, last=files[-1], complete=True)
        await do_all(lab)
        messages: list[dict[str, Any]] = []
        while not messages or not is_last(messages[-1]):
            messages += await feed.receive()
    progress = [one["progress"] for one in messages if one["type"] == "batch.progress"]
    assert progress[-1]["processed"] == progress[-1]["total_files"] == 120
    assert progress[-1]["percent"] == 100.0
    done = [one["processed"] for one in progress]
    assert done == sorted(done)
    last_event = next(one for one in reversed(messages) if one["type"] == "batch.completed")
    assert messages.index(last_event) < len(messages) - 1
    assert last_event["progress"] == {**progress[-1], "eta_seconds": None}


def is_last(message: dict[str, Any]) -> bool:
    """The final totals of a batch."""
    return message["type"] == "batch.progress" and message["progress"]["percent"] == 100.0


# --- notices ------------------------------------------------------------------------


async def test_a_delivery_and_a_refused_one_are_told(lab: Lab) -> None:
    async with lab.listen(types=("source.heard", "source.refused")) as feed:
        await feed.receive()
        await lab.live.client.post("/webhook/sonarr", json={"eventType": "Test"})
        assert await feed.receive() == [
            {"type": "source.heard", "source": "sonarr", "instance": None, "status": 200}
        ]
        await lab.live.stranger.post("/webhook/radarr/kids", json={"eventType": "Test"})
        assert await feed.receive() == [
            {"type": "source.refused", "source": "radarr", "instance": "kids", "status": 401}
        ]


# --- the end ------------------------------------------------------------------------


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
    import trio_websocket

    try:
        return str(await socket.get_message())
    except trio_websocket.ConnectionClosed:
        raise ClosedByDaemon from None


async def wrap(
    nursery: trio.Nursery, stream: trio.SocketStream, lab: Lab, headers: dict[str, str]
) -> Any:
    """A websocket with these headers, and no key."""
    import trio_websocket

    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    host = f"127.0.0.1:{lab.live.port}"
    return await trio_websocket.wrap_client_stream(
        nursery, stream, host, "/ws", extra_headers=given
    )


async def test_a_client_that_answers_no_ping_is_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "PING_SECONDS", 0.02)
    monkeypatch.setattr(protocol, "SILENT_SECONDS", 0.1)
    async with feed_lab(tmp_path) as lab:
        stream = await lab.live.connect()
        async with stream:
            await stream.send_all(
                f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nX-Api-Key: {KEY}\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            with trio.fail_after(30):
                async for _ in stream:  # pings come, pongs do not go
                    pass
        async with lab.listen() as feed:  # this one answers, and stays
            await feed.receive()
            await trio.sleep(0.3)
            await lab.queue.pause()
            assert numbers(await feed.receive()) == [lab.queue.head]


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


# --- the document -------------------------------------------------------------------


def test_the_document_names_exactly_the_messages_that_exist() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    messages = feed_module.EVENT_TYPES | feed_module.NOTICE_TYPES | {"gap"}
    parameters = {"since", "types", "frame"}
    assert sorted(rows) == sorted(messages | parameters)


async def test_the_outcome_that_is_told_is_the_one_that_was_reported(lab: Lab) -> None:
    async with lab.listen(types=("job.failed", "job.completed")) as feed:
        await feed.receive()
        await lab.queue.submit(new_jobs(2))
        ends = iter([("corrupt", "cut short"), CHANGED])
        await do_all(lab, outcome=lambda claim: next(ends), workers=1)
        told: list[dict[str, Any]] = []
        while len(told) < 2:
            told += await feed.receive()
    assert [one.get("reason") for one in told] == ["corrupt", None]
    assert told[0]["message"] == "cut short"
