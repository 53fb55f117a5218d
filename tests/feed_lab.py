"""A live feed for tests: the real queue and server, fake work, and clients that remember."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from live_api import KEY, Live, configured, live_api

from arrtheaudio.client.feed import Connection, Message, Wanted, connection
from arrtheaudio.client.http import Address
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import NewJob
from arrtheaudio.jobs.queue import Queue, Settings, open_queue
from arrtheaudio.media import Outcome

RIGHT = Outcome("skipped", "already_correct", "The default audio track is 'eng' already")
CHANGED = Outcome("success", None, "Set default audio track to 'eng'", track_changed=True)
ROOMY = Settings(max_queue_size=1_000_000, worker_count=8)


@attrs.frozen
class Lab:
    """A daemon's queue behind its API."""

    queue: Queue
    live: Live
    address: Address

    def listen(self, **wanted: Any) -> Any:
        """A connection to the feed."""
        return connection(self.address, Wanted(**wanted))


@asynccontextmanager
async def feed_lab(
    folder: Path,
    settings: Settings = ROOMY,
    *,
    key: str | None = KEY,
    seconds: float = 60,
    **api: Any,
) -> AsyncIterator[Lab]:
    """Open the queue in this folder and serve it."""
    async with (
        open_queue(folder / "jobs.db", settings) as queue,
        live_api(
            configured(folder, **api),
            key=key,
            queue=queue,  # type: ignore[arg-type]
            seconds=seconds,
        ) as live,
    ):
        yield Lab(queue, live, Address(f"http://127.0.0.1:{live.port}", key))


def new_jobs(count: int, folder: str = "/media/tv") -> list[NewJob]:
    """Files that nobody looks at."""
    return [NewJob(f"{folder}/{number:05}.mkv".encode()) for number in range(count)]


async def work(
    queue: Queue,
    outcome: Callable[[Claim], Outcome | tuple[str, str]] = lambda claim: CHANGED,
    *,
    workers: int = 8,
) -> None:
    """Do every job at once, by saying so; an outcome of two words is (reason, message)."""
    slots = trio.Semaphore(workers)

    async def do(claim: Claim) -> None:
        try:
            queue.started(claim, 1)
            end = outcome(claim)
            if isinstance(end, Outcome):
                await queue.completed(claim, end)
            else:
                await queue.failed(claim, *end)
        finally:
            queue.release(claim)
            slots.release()
            queue.recheck()

    async with trio.open_nursery() as nursery:
        while True:
            await queue.work_changed()
            while slots.value and (claim := queue.claim(light=True, heavy=True)) is not None:
                slots.acquire_nowait()
                nursery.start_soon(do, claim)


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


async def heard(feed: Connection, until: int) -> list[Message]:
    """Everything up to the event with this number."""
    messages: list[Message] = []
    while not messages or messages[-1].get("seq", 0) < until or messages[-1]["type"] == "hello":
        received = await feed.receive()
        assert received, f"closed with {feed.close_code}"
        messages += received
    return messages


def events(messages: Sequence[Message]) -> list[Message]:
    """Only what has a number of its own."""
    return [message for message in messages if "seq" in message and message["type"] != "hello"]


def numbers(messages: Sequence[Message]) -> list[int]:
    """The events' numbers as they came."""
    return [message["seq"] for message in events(messages)]
