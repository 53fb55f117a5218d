"""Queues for tests: in the event loop under any clock, with faults on demand."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.drive import InlineDrive
from arrtheaudio.jobs.models import NewDelivery, NewJob
from arrtheaudio.jobs.queue import Queue, Settings, open_queue
from arrtheaudio.media import Outcome, Patch, Plan

EPOCH = 1_800_000_000.0
DONE = Outcome("success", None, "Set default audio track", True, "in_place")


def by_path(path: bytes) -> Hashable:
    """Files that do not exist are told apart by their paths."""
    return path


@asynccontextmanager
async def inline_queue(
    path: Path,
    *,
    now: Callable[[], float] = lambda: EPOCH + trio.current_time(),
    identify: Callable[[bytes], Hashable] = by_path,
    latency: Callable[[], float] = lambda: 0.0,
    fault: Callable[[str], None] = lambda moment: None,
    **settings: Any,
) -> AsyncIterator[Queue]:
    """A queue without threads; ``settings`` are those of ``Settings``."""
    async with open_queue(
        path,
        Settings(**settings),
        now=now,
        identify=identify,
        drive=lambda open_writer: InlineDrive(open_writer, latency=latency, fault=fault),
    ) as queue:
        yield queue


def delivery(*paths: str, source: Any = "sonarr") -> NewDelivery:
    """A webhook with these files."""
    return NewDelivery(source, "Download", tuple(NewJob(path.encode()) for path in paths))


async def next_claim(queue: Queue, *, light: bool = True, heavy: bool = True) -> Claim | None:
    """What a dispatcher would get now."""
    with trio.move_on_after(0.05):
        await queue.work_changed()
    return queue.claim(light=light, heavy=heavy)


async def claim_started(queue: Queue) -> Claim:
    """The next job, started, its row durable."""
    claim = None
    with trio.fail_after(10):  # on a busy machine the look at its file may take a while
        while claim is None:
            claim = await next_claim(queue)
    queue.started(claim, 1)
    await queue.wait_beyond(queue.head)
    return claim


async def run_next(queue: Queue, outcome: Outcome = DONE) -> int:
    """Run one job with this outcome; its id."""
    claim = await claim_started(queue)
    await queue.planned(claim, plan_for(claim.path))
    await queue.completed(claim, outcome)
    queue.release(claim)
    return claim.job


def plan_for(path: bytes) -> Plan:
    """A small edit plan with bytes that are no text."""
    return Plan(
        path, "in_place", 100, 1, (Patch(7, b"\x01\xff", b"\x00\xff"),), ((0, 50),), b"d", 3
    )


def snapshot(path: Path, target: Path) -> Path:
    """The database as a power cut would leave it now (commits are synchronous inline)."""
    for ending in ("", "-wal"):
        source = path.with_name(path.name + ending)
        if source.exists():
            shutil.copy(source, target.with_name(target.name + ending))
    return target
