"""The websocket feed on a live server: its first message, events, filters, progress."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import trio
from feed_lab import CHANGED, Lab, do_all, events, heard, new_jobs, numbers, settle, work

from arrtheaudio.api import feed as feed_module
from arrtheaudio.jobs.models import NewBatch, NewDelivery, NewJob, Status

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "feed.md"


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
