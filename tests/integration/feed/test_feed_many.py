"""Many clients while many jobs run: everyone hears everything, once and in order.

The full size (200 clients, 10,000 jobs) runs where ``slow`` tests do; the figures of a
run are in ``bench/feed.py``.
"""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
import trio
from feed_lab import CHANGED, RIGHT, Lab, events, feed_lab, new_jobs, work
from live_api import KEY

from arrtheaudio.jobs.models import NewBatch


async def hear_all(lab: Lab, jobs: int, framed: int, single: int) -> None:
    """Run a batch of jobs with so many listeners, and check what each of them heard."""
    heard: list[list[int]] = []
    progress: list[dict[str, int]] = []
    ready = trio.Semaphore(0)

    async def listen(*, framed: bool) -> None:
        numbers: list[int] = []
        last: dict[str, int] = {}
        async with lab.listen(framed=framed) as feed:
            await feed.receive()
            ready.release()
            ended = False
            while not (ended and last):
                messages = await feed.receive()
                assert messages, f"closed with {feed.close_code}"
                numbers += [event["seq"] for event in events(messages)]
                for message in messages:
                    if message["type"] == "batch.progress" and ended:
                        last = message["progress"]
                    ended = ended or message["type"] == "batch.completed"
        heard.append(numbers)
        progress.append(last)

    async with trio.open_nursery() as workers:
        async with trio.open_nursery() as listeners:
            for number in range(framed + single):
                listeners.start_soon(lambda framed=number < framed: listen(framed=framed))
            for _ in range(framed + single):
                await ready.acquire()
            workers.start_soon(
                lambda: work(lab.queue, lambda claim: CHANGED if claim.job % 3 else RIGHT)
            )
            before = lab.queue.head
            batch = await lab.queue.start_batch(NewBatch(b"/media/tv"))
            files = [new.path for new in new_jobs(jobs)]
            for begin in range(0, jobs, 500):
                chunk = files[begin : begin + 500]
                complete = begin + 500 >= jobs
                await lab.queue.batch_discovered(batch, chunk, last=chunk[-1], complete=complete)
        workers.cancel_scope.cancel()
    everything = await public_numbers(lab, before)
    assert len(everything) >= 3 * jobs  # queued, started, completed
    assert len(heard) == framed + single
    assert all(numbers == everything for numbers in heard)
    assert all(last["success"] + last["skipped"] == jobs for last in progress)


async def public_numbers(lab: Lab, since: int) -> list[int]:
    """What the journal itself has behind a number."""
    numbers: list[int] = []
    while since < lab.queue.head:
        chunk = await lab.queue.events(since)
        numbers += [event.seq for event in chunk.events]
        since = chunk.next_since
    return numbers


async def test_every_client_hears_every_event_once_and_in_order(lab: Lab) -> None:
    await hear_all(lab, jobs=600, framed=27, single=3)


@pytest.mark.slow
async def test_200_clients_hear_10000_jobs_once_and_in_order(tmp_path: Path) -> None:
    async with feed_lab(tmp_path, seconds=900) as lab:
        await hear_all(lab, jobs=10_000, framed=195, single=5)


async def test_a_client_that_stops_reading_costs_no_memory_and_harms_nobody(lab: Lab) -> None:
    """Its socket fills, its ``send`` waits; the others and the stop do not."""
    stuck = [await stuck_client(lab) for _ in range(5)]
    try:
        await hear_all(lab, jobs=3000, framed=2, single=0)  # some 3 MB for each that listens
        gc.collect()
        held = sum(
            len(thing) for thing in gc.get_objects() if isinstance(thing, list) and is_lines(thing)
        )
        assert held < 4 * 4096  # the tape and the parts in hand: nothing per client
    finally:
        for stream in stuck:
            await stream.aclose()


def is_lines(thing: list[object]) -> bool:
    """Whether a list holds encoded events."""
    return bool(thing) and type(thing[0]).__name__ == "Line"


async def stuck_client(lab: Lab) -> trio.SocketStream:
    """A client that shakes hands, asks for everything, and never reads again."""
    stream = await lab.live.connect()
    stream.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
    request = (
        "GET /ws?since=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nX-Api-Key: {KEY}\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await stream.send_all(request.encode())
    await stream.receive_some(200)
    return stream


async def test_a_client_that_stops_reading_does_not_block_the_stop(tmp_path: Path) -> None:
    async with feed_lab(tmp_path) as lab:
        stream = await stuck_client(lab)
        async with trio.open_nursery() as workers:
            workers.start_soon(lambda: work(lab.queue))
            accepted = await lab.queue.submit(new_jobs(2000))
            while lab.queue.state().queued or lab.queue.state().running:
                await lab.queue.wait_beyond(lab.queue.head)
            workers.cancel_scope.cancel()
        assert accepted
        lab.live.stop.set()
        with trio.fail_after(30):  # the server ends by itself, long before a write is given up
            await until_closed(stream)


async def until_closed(stream: trio.SocketStream) -> None:
    """Return when the server has let go; what it had sent is dropped."""
    try:
        while await stream.receive_some(65536):
            pass
    except trio.BrokenResourceError:
        pass
    await stream.aclose()
