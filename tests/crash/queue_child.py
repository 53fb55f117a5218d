"""A journal that is killed, or whose disk fails: run by the crash tests under strace.

``queue_child.py DATABASE ACKNOWLEDGED SYNCHRONOUS REQUESTS`` journals requests one after
another and appends a line to ACKNOWLEDGED behind each commit: the client's memory.
``HOLD`` as a fifth argument keeps it open after the last request until its input ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.drive import ThreadDrive
from arrtheaudio.jobs.models import NewDelivery, NewJob
from arrtheaudio.jobs.queue import Settings, open_queue
from arrtheaudio.jobs.writer import Writer
from arrtheaudio.media import Outcome, Plan

WAL_BOUND_PAGES = 60  # so that a short run checkpoints several times and starts the WAL anew


def delivery(number: int) -> NewDelivery:
    """Requests of 1, 2, 3, 1, 2, 3 … files; names tell which request they belong to."""
    size = number % 3 + 1
    padding = "x" * (number * 37 % 700)
    return NewDelivery(
        "sonarr",
        "Download",
        tuple(NewJob(f"/media/{number}-{size}-{at}-{padding}.mkv".encode()) for at in range(size)),
    )


async def work(database: Path, acknowledged: int, synchronous: str, requests: int) -> None:
    def tell(line: str) -> None:
        os.write(acknowledged, line.encode() + b"\n")

    async with open_queue(
        database,
        Settings(max_queue_size=10**6),
        drive=lambda _: ThreadDrive(
            lambda: Writer(database, synchronous=synchronous, wal_bound_pages=WAL_BOUND_PAGES)
        ),
    ) as queue:
        tell("open")
        number = 0
        while number < requests:
            try:
                accepted = await queue.deliver(delivery(number))
            except JournalUnavailable:
                tell(f"unknown {number}")
                number += 1
                while not queue.health().writable:  # noqa: ASYNC110
                    await trio.sleep(0.02)
                continue
            tell(f"accepted {number} {accepted.jobs[0]}")
            if number % 4 == 3:
                await run_one(queue, tell)
            number += 1
        tell("done")
        if len(sys.argv) > 5:
            await trio.to_thread.run_sync(sys.stdin.read)


async def run_one(queue, tell) -> None:  # type: ignore[no-untyped-def]
    await queue.work_changed()
    claim = queue.claim(light=True, heavy=True)
    if claim is None:
        return
    try:
        queue.started(claim, 1)
        plan = Plan(claim.path, "in_place", 9, 1, (), (), b"digest", 3)
        await queue.planned(claim, plan)
        tell(f"planned {claim.job}")
        await queue.completed(claim, Outcome("success", None, "done", method="in_place"))
        tell(f"completed {claim.job}")
    except JournalUnavailable:
        tell(f"unknown-job {claim.job}")
    finally:
        queue.release(claim)


if __name__ == "__main__":
    memory = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    trio.run(work, Path(sys.argv[1]), memory, sys.argv[3], int(sys.argv[4]))
