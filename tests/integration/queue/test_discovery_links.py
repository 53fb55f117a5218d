"""A sweep names its files as deliveries do: by their real paths, whatever links led there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from queue_kit import inline_queue

from arrtheaudio.jobs.discovery import Discoveries, ThreadWalker
from arrtheaudio.jobs.models import NewBatch, NewDelivery, NewJob


@pytest.mark.parametrize("linked", ["folder", "file"])
async def test_what_a_delivery_told_counts_behind_a_link(tmp_path: Path, linked: str) -> None:
    show = tmp_path / "disk2" / "Show"
    show.mkdir(parents=True)
    film = show / "e1.mkv"
    film.write_bytes(b"")
    swept = tmp_path / "tv"
    swept.mkdir()
    os.symlink(
        show if linked == "folder" else film, swept / ("Show" if linked == "folder" else "e.mkv")
    )
    told = NewJob(os.fsencode(film), original_language="ja")
    async with inline_queue(tmp_path / "jobs.db") as queue:
        await queue.deliver(NewDelivery("sonarr", "Download", (told,)))
        async with trio.open_nursery() as nursery:
            walker = ThreadWalker((os.fsencode(tmp_path),))
            await nursery.start(Discoveries(queue, walker).run)
            batch = await queue.start_batch(NewBatch(os.fsencode(swept)))
            with trio.fail_after(5):
                while not (await queue.batch(batch, limit=1)).discovery_complete:
                    await queue.wait_beyond(queue.head)
            nursery.cancel_scope.cancel()
        job = await queue.job(queue.head - 1)  # batch.discovered stands behind it
        assert (job.path, job.original_language) == (os.fsencode(film), "ja")
