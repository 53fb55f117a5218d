"""What a delivery tells while other jobs of its file wait, are tried again, or cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from queue_kit import DONE, claim_started, inline_queue, plan_for

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.discovery import Discoveries
from arrtheaudio.jobs.models import NewBatch, NewDelivery, NewJob, Title
from arrtheaudio.jobs.walk import Chunk

FILM = b"/m/a.mkv"


def told(language: str, *tags: str) -> NewDelivery:
    return NewDelivery("sonarr", "Download", (NewJob(FILM, original_language=language, tags=tags),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.mark.parametrize("before", [None, "ko"])
async def test_a_sweep_that_waited_does_not_take_back_a_delivery(
    path: Path, autojump_clock, before: str | None
) -> None:
    async with inline_queue(path) as queue:
        if before is not None:
            first = (await queue.deliver(told(before))).jobs[0]
            await queue.cancel(first)
        batch = await queue.start_batch(NewBatch(b"/m"))
        await queue.batch_discovered(batch, [FILM], last=FILM, complete=True)
        await queue.submit([NewJob(FILM)])
        await queue.deliver(told("ja"))
        seen = []
        for _ in range(3):
            claim = await claim_started(queue)
            seen.append(claim.request.original_language)
            await queue.planned(claim, plan_for(claim.path))
            await queue.completed(claim, DONE)
            queue.release(claim)
        assert seen == ["ja", "ja", "ja"]


async def test_a_retry_is_no_newer_delivery(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        old = (await queue.deliver(told("ja", "dub"))).jobs[0]
        await queue.cancel(old)
        await queue.deliver(told("ko"))
        await queue.retry(old)
        assert await queue.titles([FILM]) == {FILM: Title(original_language="ko")}


async def test_a_search_goes_on_where_a_title_could_not_be_read(path: Path, autojump_clock) -> None:
    class Found:
        async def next(self) -> Chunk:
            await trio.lowlevel.checkpoint()
            return Chunk((FILM,), (), complete=True)

    class Walker:
        def begin(self, batch: NewBatch, **_) -> Found:
            return Found()

    async with inline_queue(path) as queue:
        await queue.deliver(told("ja"))
        connect, failures = queue._readers._connect, [JournalUnavailable("too many open files")]

        def connect_later():
            if failures:
                raise failures.pop()
            return connect()

        queue._readers.close()
        queue._readers._closed = False
        queue._readers._connect = connect_later
        async with trio.open_nursery() as nursery:
            await nursery.start(Discoveries(queue, Walker()).run)
            batch = await queue.start_batch(NewBatch(b"/m"))
            await trio.sleep(60)
            assert not failures
            assert (await queue.batch(batch, limit=1)).discovery_complete
            nursery.cancel_scope.cancel()
