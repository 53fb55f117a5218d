"""Lost connections: whoever comes back with the last number misses nothing, hears nothing twice."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import trio
from feed_lab import Lab, events, feed_lab, new_jobs, work
from live_api import KEY

from arrtheaudio.client.feed import Wanted, follow
from arrtheaudio.client.http import Address
from arrtheaudio.errors import DaemonRefused, DaemonUnreachable
from arrtheaudio.jobs.queue import Queue


async def everything(queue: Queue, since: int = 0) -> list[int]:
    """The public numbers that the journal holds."""
    numbers: list[int] = []
    while since < queue.head:
        chunk = await queue.events(since)
        numbers += [event.seq for event in chunk.events]
        since = chunk.next_since
    return numbers


@pytest.mark.parametrize("seed", range(3))
async def test_resuming_at_random_moments_leaves_no_gap_and_repeats_nothing(
    tmp_path: Path, seed: int
) -> None:
    choose = random.Random(seed)
    heard: list[int] = []
    async with feed_lab(tmp_path) as lab:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: work(lab.queue))
            nursery.start_soon(submit_slowly, lab, choose.randrange(1, 30))
            since = 0
            while len(heard) < 900:
                async with lab.listen(since=since, framed=choose.random() < 0.7) as feed:
                    await feed.receive()
                    for _ in range(choose.randrange(6)):  # then this connection is cut
                        told = events(await feed.receive())
                        heard += [event["seq"] for event in told]
                        since = heard[-1] if heard else 0
            nursery.cancel_scope.cancel()
        expected = await everything(lab.queue)
    assert heard == expected[: len(heard)], f"seed {seed}"


async def submit_slowly(lab: Lab, at_once: int) -> None:
    """300 jobs and more, some at a time."""
    for _ in range(0, 400, at_once):
        await lab.queue.submit(new_jobs(at_once))
        await lab.queue.wait_beyond(lab.queue.head)


async def test_the_client_goes_on_over_a_restart_of_the_daemon(tmp_path: Path) -> None:
    heard: list[int] = []
    types: list[str] = []
    port = 0
    goal = trio.Event()
    told = trio.Event()  # set, and replaced, with each message

    def tell() -> None:
        nonlocal told
        before, told = told, trio.Event()
        before.set()

    async def listen(address: Address) -> None:
        async with follow(address, Wanted(since=0)) as feed:
            async for message in feed:
                types.append(message["type"])
                heard.extend(event["seq"] for event in events([message]))
                tell()
                if message["type"] == "queue.paused":
                    goal.set()
                    return

    async with trio.open_nursery() as nursery:
        for life in range(3):
            async with feed_lab(tmp_path, port=port) as lab:
                if not port:
                    port = lab.live.port
                    nursery.start_soon(listen, lab.address)
                accepted = await lab.queue.submit(new_jobs(40))
                async with trio.open_nursery() as workers:
                    workers.start_soon(lambda queue=lab.queue: work(queue))
                    while lab.queue.state().queued or lab.queue.state().running:
                        await lab.queue.wait_beyond(lab.queue.head)
                    workers.cancel_scope.cancel()
                while not heard or heard[-1] < accepted.jobs[-1]:  # it has come back
                    await told.wait()
                if life == 2:
                    await lab.queue.pause()
                    with trio.fail_after(30):
                        await goal.wait()
                    expected = await everything(lab.queue)
    assert heard == expected
    assert types.count("lost") == 2
    assert types.count("hello") == 3


async def test_no_daemon_at_all_is_told_at_once_and_so_is_a_wrong_key(tmp_path: Path) -> None:
    async with feed_lab(tmp_path) as lab:
        wrong = Address(lab.address.url, "not the key")
        with pytest.raises(DaemonRefused) as refused:
            await first(wrong)
        assert refused.value.status == 401
    with pytest.raises(DaemonUnreachable):
        await first(lab.address)


async def first(address: Address) -> Any:
    """The first message."""
    async with follow(address) as feed:
        return await feed.receive()


async def test_a_gap_moves_the_client_on(tmp_path: Path) -> None:
    async with feed_lab(tmp_path) as lab, follow(lab.address, Wanted(since=500)) as feed:
        hello, gap = await feed.receive(), await feed.receive()
        assert (gap["type"], gap["to"]) == ("gap", hello["seq"])
        await lab.queue.pause()
        assert (await feed.receive())["seq"] == hello["seq"] + 1
        assert lab.address.api_key == KEY
