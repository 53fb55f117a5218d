"""The feed: from a commit to a client, and what a client costs.

Clients run in a process of their own, so that the daemon's processor time is the daemon's
alone. Two questions, both with the real queue, server and journal on this disk:

* latency: single jobs are accepted one after another, and each client notes when it hears
  of one: p50 and p99 from the moment that the commit was acknowledged (the queue's
  request returned) to the message's arrival, both by the machine's one clock;
* cost: a batch runs through the queue with fake work while so many clients listen; the
  processor time beyond that of the same run without clients, by client and by event.

``nox -s bench -- feed --clients 200 --jobs 10000``
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and files beside this one would hide the library's.
sys.path.append(sys.path.pop(0))

import argparse
import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import trio
from rich.table import Table
from rounds import console, duration, save

from arrtheaudio.client.feed import Wanted, connection
from arrtheaudio.client.http import Address
from arrtheaudio.jobs.models import NewBatch, NewJob
from arrtheaudio.jobs.queue import Queue

# The tests' live feed: the real queue and server, and work that is done by saying so.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
from feed_lab import feed_lab, work
from live_api import KEY

SINGLES = 100  # jobs whose way to the clients is timed
SPACING_SECONDS = 0.15  # between them: nothing else happens


# --- the clients' process ---------------------------------------------------------


async def listen_all(port: int, clients: int, single: int, *, timed: bool) -> None:
    """Listen until every client has heard ``queue.paused``; print what was measured as JSON."""
    arrivals: list[tuple[int, float]] = []
    events = 0
    ready = trio.Semaphore(0)

    async def listen(*, framed: bool) -> None:
        nonlocal events
        address = Address(f"http://127.0.0.1:{port}", KEY)
        async with connection(address, Wanted(framed=framed)) as feed:
            await feed.receive()
            ready.release()
            while messages := await feed.receive():
                now = time.clock_gettime(time.CLOCK_MONOTONIC)
                for message in messages:
                    if "seq" in message:
                        events += 1
                        if timed and message["type"] == "job.queued":
                            arrivals.append((message["seq"], now))
                    if message["type"] == "queue.paused":
                        return

    async with trio.open_nursery() as nursery:
        for number in range(clients):
            nursery.start_soon(partial(listen, framed=number >= single))
        for _ in range(clients):
            await ready.acquire()
        print("ready", flush=True)
    print(json.dumps({"events": events, "arrivals": arrivals}), flush=True)


# --- the daemon's process -----------------------------------------------------------


@asynccontextmanager
async def daemon(folder: Path) -> AsyncIterator[tuple[Queue, int]]:
    """The queue and its port."""
    async with feed_lab(folder, seconds=math.inf) as lab:
        yield lab.queue, lab.live.port


async def with_clients(
    port: int, clients: int, single: int, run: Callable[[], Awaitable[Any]], *, timed: bool = False
) -> tuple[Any, dict[str, Any]]:
    """``run`` while so many clients listen; its result and the clients' report.

    ``cpu`` in the report: processor seconds of this process, until all have heard everything.
    """
    if not clients:
        begun = time.process_time()
        return await run(), {"cpu": time.process_time() - begun}
    options = [str(port), str(clients), str(single), str(int(timed))]
    command = [sys.executable, __file__, "--listen", *options]
    async with start(command) as lines:
        first = await lines.__anext__()
        assert first == "ready", first
        begun = time.process_time()
        result = await run()
        report = json.loads(await lines.__anext__())
        report["cpu"] = time.process_time() - begun
    return result, report


@asynccontextmanager
async def start(command: list[str]) -> Any:
    """A process, as the lines of its output."""
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)

    async def lines() -> Any:
        rest = b""
        async for data in process.stdout:
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                yield line.decode()

    output = lines()
    try:
        yield output
        await process.wait()
    finally:
        await output.aclose()
        if process.returncode is None:
            process.kill()


async def time_singles(queue: Queue) -> dict[int, float]:
    """Accept jobs one after another; when each was acknowledged, by its number."""
    acknowledged: dict[int, float] = {}
    for number in range(SINGLES):
        accepted = await queue.submit([NewJob(b"/media/tv/%d.mkv" % number)])
        acknowledged[accepted.jobs[0]] = time.clock_gettime(time.CLOCK_MONOTONIC)
        await trio.sleep(SPACING_SECONDS)
    await queue.pause()
    return acknowledged


async def run_batch(queue: Queue, jobs: int) -> float:
    """Run a batch with fake work; the seconds until it had ended."""
    await queue.resume()
    begun = time.perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, queue)
        batch = await queue.start_batch(NewBatch(b"/media/%d" % os.getpid()))
        files = [b"/media/tv/%06d.mkv" % number for number in range(jobs)]
        for begin in range(0, jobs, 500):
            chunk = files[begin : begin + 500]
            complete = begin + 500 >= jobs
            await queue.batch_discovered(batch, chunk, last=chunk[-1], complete=complete)
        while queue.live_batches():
            await queue.wait_beyond(queue.head)
        nursery.cancel_scope.cancel()
    took = time.perf_counter() - begun
    await queue.pause()
    return took


async def measure(clients: int, jobs: int, single: int, rounds: int) -> dict[str, Any]:
    """Both questions."""
    figures: dict[str, Any] = {"clients": clients, "unframed": single, "jobs": jobs}
    latency = Table(title="From the acknowledged commit to the client", title_justify="left")
    for column in ("clients", "p50", "p99", "slowest"):
        latency.add_column(column, justify="right")
    for count in sorted({1, 20, clients}):
        with tempfile.TemporaryDirectory() as folder:
            async with daemon(Path(folder)) as (queue, port):
                run = partial(time_singles, queue)
                acknowledged, report = await with_clients(port, count, 0, run, timed=True)
        waits = sorted(max(0.0, at - acknowledged[seq]) for seq, at in report["arrivals"])
        p50, p99 = waits[len(waits) // 2], waits[int(len(waits) * 0.99)]
        latency.add_row(str(count), duration(p50), duration(p99), duration(waits[-1]))
        figures[f"latency_{count}"] = {"p50": p50, "p99": p99, "slowest": waits[-1]}
    console.print(latency)
    figures["cost"] = await measure_cost(clients, jobs, single, rounds)
    return figures


async def measure_cost(clients: int, jobs: int, single: int, rounds: int) -> dict[str, float]:
    """Processor time of a batch with and without clients, side by side."""
    cpu: dict[int, list[float]] = {0: [], clients: []}
    wall: dict[int, list[float]] = {0: [], clients: []}
    heard = 0
    for turn in range(rounds):
        for count in (0, clients) if turn % 2 else (clients, 0):
            with tempfile.TemporaryDirectory() as folder:
                async with daemon(Path(folder)) as (queue, port):
                    run = partial(run_batch, queue, jobs)
                    took, report = await with_clients(port, count, single, run)
            cpu[count].append(report["cpu"])
            wall[count].append(took)
            heard = report.get("events", heard)
    alone, together = statistics.median(cpu[0]), statistics.median(cpu[clients])
    extra = max(together - alone, 0.0)
    table = Table(title=f"A batch of {jobs:,} jobs, {single} unframed", title_justify="left")
    for column in ("clients", "processor", "wall", "per client", "per event heard"):
        table.add_column(column, justify="right")
    table.add_row("0", duration(alone), duration(statistics.median(wall[0])), "", "")
    table.add_row(
        str(clients),
        duration(together),
        duration(statistics.median(wall[clients])),
        duration(extra / clients),
        duration(extra / max(heard, 1)),
    )
    console.print(table)
    return {
        "cpu_without": alone,
        "cpu_with": together,
        "wall_without": statistics.median(wall[0]),
        "wall_with": statistics.median(wall[clients]),
        "per_client": extra / clients,
        "per_event_heard": extra / max(heard, 1),
        "events_heard": heard,
    }


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--unframed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--listen", nargs=4, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    if options.listen:
        port, clients, single, timed = options.listen
        trio.run(partial(listen_all, port, clients, single, timed=bool(timed)))
        return
    figures = trio.run(measure, options.clients, options.jobs, options.unframed, options.rounds)
    save("feed", figures)


if __name__ == "__main__":
    main()
