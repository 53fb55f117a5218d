"""Discovery of a large tree beside ``find -type f``: speed, memory, lateness of the event loop.

    python bench/discovery.py [--files 100000] [--flat]

Three figures in one run on one tree in the page cache: ``find``, our walk alone as the
discovery makes it (on a thread, chunk by chunk), and the whole discovery with every job
journalled. The event loop is watched in two ways:

* late: a task that wants to wake every millisecond measures how late it is. That contains
  what the machine does besides, so the same task is watched with nothing to do for
  comparison.
* held: the most processor time that the loop's thread spent between two waits, which is
  what discovery itself can hold it, whatever else the machine does.
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and files beside this one would hide the library's.
sys.path.append(sys.path.pop(0))

import argparse
import gc
import logging
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import structlog
import trio
import trio.abc

from arrtheaudio import _garbage
from arrtheaudio.jobs.discovery import Discoveries, ThreadWalker
from arrtheaudio.jobs.models import NewBatch
from arrtheaudio.jobs.queue import open_queue
from arrtheaudio.jobs.settings import Settings

ROUNDS = 5
IDLE_SECONDS = 2.0
TICK_SECONDS = 0.001
KEPT: list[object] = []  # queues of finished runs: freeing 100,000 jobs is not what is measured


@attrs.define
class Lateness:
    """How late a task is that wants to wake every millisecond."""

    seen: list[float] = attrs.field(factory=list)

    async def watch(self) -> None:
        while True:
            begin = time.perf_counter()
            await trio.sleep(TICK_SECONDS)
            self.seen.append(time.perf_counter() - begin - TICK_SECONDS)

    def __str__(self) -> str:
        seen = sorted(self.seen)
        return f"{1000 * seen[int(len(seen) * 0.99)]:.1f} / {1000 * seen[-1]:.1f}"


class Held(trio.abc.Instrument):
    """The most processor time between two waits of the event loop."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._since: float | None = None

    def after_io_wait(self, timeout: float) -> None:
        self._since = time.thread_time()

    def before_io_wait(self, timeout: float) -> None:
        if self._since is not None:
            self.worst = max(self.worst, time.thread_time() - self._since)


def plant(root: Path, files: int, *, flat: bool) -> None:
    """A library as it looks: shows, seasons, episodes with long names; or one huge folder."""
    made = 0
    while made < files:
        show, season = divmod(made // 50, 4)
        title = f"Show {show:04} (2010)"
        folder = root if flat else root / title / f"Season {season:02}"
        folder.mkdir(parents=True, exist_ok=True)
        for episode in range(50):
            name = f"{title} - S{season:02}E{episode:02} - Title of it WEBDL-1080p.mkv"
            (folder / name).touch()
        made += 50


def find(root: Path) -> float:
    """The reference."""
    begin = time.perf_counter()
    subprocess.run(["find", root, "-type", "f"], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


async def walk(root: Path) -> int:
    """The walk alone, as discovery makes it."""
    chunks = ThreadWalker((os.fsencode(root),)).begin(
        NewBatch(os.fsencode(root)), after=None, now=time.time()
    )
    found = 0
    while True:
        chunk = await chunks.next()
        found += len(chunk.files)
        if chunk.complete:
            return found


async def discover(root: Path) -> int:
    """All of it: the walk, and each file a durable job."""
    journal = root.parent / f"{len(KEPT)}.db"
    async with open_queue(journal, Settings()) as queue, trio.open_nursery() as nursery:
        await nursery.start(Discoveries(queue, ThreadWalker((os.fsencode(root),))).run)
        batch = await queue.start_batch(NewBatch(os.fsencode(root)))
        while not (found := await queue.batch(batch, limit=1)).discovery_complete:
            await queue.wait_beyond(queue.head)
        nursery.cancel_scope.cancel()
        KEPT.append(queue)
    return found.progress.total_files


@attrs.frozen
class Run:
    """One run of some work."""

    seconds: float
    late: Lateness
    held: float
    found: int


async def timed(work: Callable[[Path], Awaitable[int]], root: Path) -> Run:
    """The work, watched."""
    late, held = Lateness(), Held()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(late.watch)
        await trio.sleep(0.01)
        trio.lowlevel.add_instrument(held)
        begin = time.perf_counter()
        found = await work(root)
        seconds = time.perf_counter() - begin
        trio.lowlevel.remove_instrument(held)
        nursery.cancel_scope.cancel()
    return Run(seconds, late, held.worst, found)


async def nothing(root: Path) -> int:
    """As long as the whole discovery takes, about."""
    await trio.sleep(IDLE_SECONDS)
    return 0


def peak_mib() -> float:
    """The most memory this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, work: Callable[[Path], Awaitable[int]], root: Path, find: float) -> int:
    """Five runs; print a line, give what was found."""
    before = peak_mib()
    runs = [trio.run(timed, work, root) for _ in range(ROUNDS)]
    seconds = statistics.median(run.seconds for run in runs)
    late = Lateness([one for run in runs for one in run.late.seen])
    print(
        f"{name:<17} {seconds * 1000:8.1f} ms  {find / seconds:5.2f} x find,"
        f" late {late} ms (99 % / most), held {1000 * max(run.held for run in runs):.1f} ms,"
        f" peak memory +{peak_mib() - before:.1f} MiB",
        flush=True,
    )
    (found,) = {run.found for run in runs}
    return found


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--flat", action="store_true", help="all files in one folder")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "library")
        root.mkdir()
        plant(root, wanted.files, flat=wanted.flat)
        find(root)
        reference = statistics.median(find(root) for _ in range(ROUNDS))
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        print(f"find -type f      {reference * 1000:8.1f} ms")
        gc.collect()
        _garbage.keep_what_is()  # as the daemon does
        measure("nothing", nothing, root, reference)
        for name, work in (("walk", walk), ("walk and journal", discover)):
            assert measure(name, work, root, reference) == wanted.files


if __name__ == "__main__":
    main()
