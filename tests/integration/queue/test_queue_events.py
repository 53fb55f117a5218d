"""What the feed tells live, from memory, is what it tells later, from the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from queue_kit import DONE, claim_started, delivery, inline_queue, plan_for, run_next

from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import (
    BatchFilters,
    Event,
    NewBatch,
    NewDelivery,
    NewJob,
    Progress,
    Status,
)
from arrtheaudio.jobs.queue import Queue

STRAY = b"/m/caf\xe9.mkv"


def told(events: tuple[Event, ...]) -> list[dict[str, Any]]:
    """The events as JSON says them."""
    lines = [{"seq": one.seq, "at": one.at, "type": one.type, **one.body} for one in events]
    raw = orjson.dumps(lines, default=_plain)
    decoded: list[dict[str, Any]] = orjson.loads(raw)
    return decoded


def _plain(value: bytes | Progress) -> object:
    return value.decode("latin-1") if isinstance(value, bytes) else attrs.asdict(value)


async def sweep(queue: Queue, folder: bytes, *names: bytes) -> int:
    """A batch with these files, discovered."""
    filters = BatchFilters(min_size_mb=1, exclude_patterns=("*sample*",))
    wishes = ("jpn", "eng")
    batch = await queue.start_batch(NewBatch(folder, filters=filters, language_priority=wishes))
    files = [folder + b"/" + name for name in names]
    last = files[-1] if files else None
    await queue.batch_discovered(batch, files, last=last, errors=["unreadable"], complete=True)
    return batch


async def settled(queue: Queue) -> None:
    """Every batch has ended."""
    while queue.live_batches():
        await queue.wait_beyond(queue.head)


async def deliveries_and_batches(queue: Queue) -> None:
    """Each has a job that changed its file, and is then undone."""
    film = NewJob(STRAY, "/tv/x.mkv", "Harbour", "ja", "anime", ("4k",), ("jpn",), 7)
    refused = NewJob(b"/x.avi", refused=("outside_media_roots", "Not there"))
    await queue.deliver(NewDelivery("radarr", "Download", (film, refused), "four-k", "Harbour"))
    delivered = await run_next(queue)
    await sweep(queue, b"/tv", b"1.mp4")
    swept = await run_next(queue)
    await settled(queue)
    for job in (delivered, swept):
        await queue.undo(job)
        await run_next(queue)


async def ways_back_to_the_queue(queue: Queue) -> None:
    """Every way in which a run does not end its job; then somebody cancels it."""
    (job,) = (await queue.deliver(delivery("/m/b.mkv"))).jobs
    ways: list[Callable[[Claim], Awaitable[None]]] = [
        lambda claim: queue.interrupted(claim),
        lambda claim: queue.deferred(claim, "heavy", heavy=True),
        lambda claim: queue.waiting_for_space(claim, needed=2, free=1),
        lambda claim: queue.retrying(claim, "io_error", "The disk is bad", 1.0),
    ]
    for way in ways:
        await way(await claim_started(queue))
        await queue.space_found(job)
    await queue.cancel(job)


async def problems(queue: Queue) -> None:
    """A failure is dismissed, shown again, and tried again."""
    for name in ("/m/c.mkv", "/m/d.mp4"):
        await queue.deliver(delivery(name))
        claim = await claim_started(queue)
        await queue.planned(claim, plan_for(claim.path))
        await queue.failed(claim, "corrupt", "No Matroska file")
    await sweep(queue, b"/m", b"swept.mkv")
    await queue.failed(await claim_started(queue), "corrupt", "No Matroska file")
    await settled(queue)
    await queue.dismiss("corrupt", "/m")
    await queue.restore("corrupt", "/m")
    assert await queue.retry_many([claim.job]) == 1
    await queue.completed(await claim_started(queue), DONE)


async def ends_of_batches(queue: Queue) -> None:
    """One is cancelled, one cannot be read."""
    await queue.cancel_batch(await sweep(queue, b"/movies", b"1.mkv", b"2.mkv"))
    batch = await queue.start_batch(NewBatch(b"/dead"))
    await queue.batch_failed(batch, "Input/output error")
    await settled(queue)


async def test_every_event_is_told_alike_live_and_from_the_journal(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        await queue.pause()
        await queue.resume()
        await deliveries_and_batches(queue)
        await ways_back_to_the_queue(queue)
        await problems(queue)
        await ends_of_batches(queue)
        await queue.stopping()
        live = (await queue.events(1, limit=1000)).events
        later = (await queue.events(1, limit=1000, upto=queue.head)).events
    assert {event.type for event in live} == ev.PUBLIC
    assert told(live) == told(later)


async def test_that_a_change_was_undone_is_told_with_its_batch_or_delivery(
    path: Path, autojump_clock
) -> None:
    async with inline_queue(path) as queue:
        await deliveries_and_batches(queue)
        events = (await queue.events(1, limit=1000)).events
        whole = {event.body["job"]: event for event in events if event.type == ev.JOB_COMPLETED}
        undone = [event for event in events if event.type == ev.JOB_UNDONE]
        assert len(undone) == 2
        for event in undone:
            original = whole[event.body["job"]]
            for key in ("webhook", "batch", "source", "path", "kind"):
                assert event.body[key] == original.body[key]


def always(turn: int) -> bool:
    return True


def never(turn: int) -> bool:
    return False


def in_turn(turn: int) -> bool:
    return bool(turn % 2)


@pytest.mark.parametrize("from_journal", [always, never, in_turn])
async def test_what_is_cleaned_up_reaches_a_client_that_lags_as_it_was_or_as_a_gap(
    path: Path, autojump_clock, from_journal: Callable[[int], bool]
) -> None:
    """Memory may tell what the journal has lost: the client then hears what all others heard."""
    async with inline_queue(path) as queue:
        await deliveries_and_batches(queue)
        await ways_back_to_the_queue(queue)
        await problems(queue)
        happened = (await queue.events(1, limit=1000)).events
        assert await queue.cleanup(older_than_days=-1, statuses=[Status.COMPLETED, Status.FAILED])
        cursor, turn = 1, 0
        heard: list[Event] = []
        gaps: list[tuple[int, int]] = []
        while cursor < queue.head:
            upto = queue.head if from_journal(turn) else None
            chunk = await queue.events(cursor, limit=3, upto=upto)
            heard += chunk.events
            gaps += [chunk.gap] if chunk.gap is not None else []
            assert chunk.next_since > cursor
            cursor, turn = chunk.next_since, turn + 1
    numbers = [event.seq for event in heard]
    assert numbers == sorted(set(numbers)), "in their order, and none twice"
    as_it_was = {event.seq: told((event,)) for event in happened}
    for event in heard:
        assert told((event,)) == as_it_was[event.seq]
    missed = {event.seq for event in happened} - set(numbers)
    assert all(any(first <= seq <= last for first, last in gaps) for seq in missed)
