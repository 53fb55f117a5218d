"""Discovery over a real queue: chunks, restarts, cancelling, batches side by side."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
import trio.testing

from arrtheaudio.jobs.discovery import COMMIT_FILES, Chunks, Discoveries, ThreadWalker, Walker
from arrtheaudio.jobs.drive import InlineDrive
from arrtheaudio.jobs.models import Batch, BatchStatus, JobFilter, NewBatch, NewDelivery, NewJob
from arrtheaudio.jobs.queue import Queue, open_queue
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.walk import Chunk

EPOCH = 1_800_000_000.0


@attrs.define
class FakeWalk:
    """Chunks that are given; a wait before each; an exception instead of one."""

    chunks: list[Chunk | Exception]
    seconds: float = 0.01

    async def next(self) -> Chunk:
        await trio.sleep(self.seconds)
        chunk = self.chunks.pop(0)
        if isinstance(chunk, Exception):
            raise chunk
        return chunk


@attrs.define
class FakeWalker:
    """A walk for each folder; remembers behind which path each began."""

    walks: dict[bytes, FakeWalk]
    begun: list[tuple[bytes, bytes | None]] = attrs.field(factory=list)

    def begin(self, batch: NewBatch, *, after: bytes | None, now: float) -> Chunks:
        self.begun.append((batch.path, after))
        return self.walks[batch.path]


def chunk(folder: bytes, numbers: range, *, complete: bool = False, error: str = "") -> Chunk:
    files = tuple(b"%s/%06d.mkv" % (folder, n) for n in numbers)
    return Chunk(files, (error,) if error else (), complete)


@asynccontextmanager
async def discovering(folder: Path, walker: Walker, *, inline: bool = True) -> AsyncIterator[Queue]:
    options = {"drive": lambda opener: InlineDrive(opener, latency=lambda: 0.001)} if inline else {}
    async with (
        open_queue(
            folder / "jobs.db",
            Settings(),
            now=lambda: EPOCH + trio.current_time(),
            identify=lambda path: path,
            **options,  # type: ignore[arg-type]
        ) as queue,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(Discoveries(queue, walker, now=lambda: EPOCH).run)
        yield queue
        nursery.cancel_scope.cancel()


async def discovered(queue: Queue, batch: int) -> Batch:
    while True:
        head = queue.head
        found = await queue.batch(batch)
        if found.discovery_complete or found.completed_at is not None:
            return found
        await queue.wait_beyond(head)


async def test_every_chunk_is_one_commit_and_the_totals_are_exact(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    walk = FakeWalk(
        [chunk(b"/m", range(3)), chunk(b"/m", range(3, 5)), Chunk((), ("x: denied",), True)]
    )
    async with discovering(tmp_path, FakeWalker({b"/m": walk})) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        found = await discovered(queue, batch)
        events = (await queue.events(0)).events
    assert (found.progress.total_files, found.progress.queued) == (5, 5)
    assert found.discovery_errors == ("x: denied",)
    assert [event.type for event in events].count("batch.discovered") == 3


async def test_a_large_chunk_is_committed_in_pieces_and_none_is_lost(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    count = 2 * COMMIT_FILES + 1
    whole = attrs.evolve(chunk(b"/m", range(count), complete=True), errors=("x: denied",))
    async with discovering(tmp_path, FakeWalker({b"/m": FakeWalk([whole])})) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        found = await discovered(queue, batch)
        events = (await queue.events(0, limit=5000)).events
    assert (found.progress.total_files, found.discovery_errors) == (count, ("x: denied",))
    assert [e.body["found"] for e in events if e.type == "batch.discovered"] == [
        COMMIT_FILES, COMMIT_FILES, 1,
    ]  # fmt: skip


async def test_a_batch_of_no_files_completes_at_once(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    walker = FakeWalker({b"/m": FakeWalk([Chunk((), (), True)])})
    async with discovering(tmp_path, walker) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        while (await queue.batch(batch)).status is not BatchStatus.COMPLETED:
            await queue.wait_beyond(queue.head)


async def test_an_unreadable_folder_fails_the_batch(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    walker = FakeWalker({b"/m": FakeWalk([PermissionError(13, "Permission denied")])})
    async with discovering(tmp_path, walker) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        found = await discovered(queue, batch)
    assert (found.status, found.error) == (BatchStatus.FAILED, "/m: Permission denied")


async def test_a_search_that_cannot_even_begin_for_an_unforeseen_reason_ends_its_batch_only(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    class Broken(FakeWalker):
        def begin(self, batch: NewBatch, *, after: bytes | None, now: float) -> Chunks:
            if batch.path == b"/deep":
                raise RecursionError("maximum recursion depth exceeded")
            return super().begin(batch, after=after, now=now)

    walker = Broken({b"/m": FakeWalk([chunk(b"/m", range(3), complete=True)])})
    async with discovering(tmp_path, walker) as queue:
        broken = await discovered(queue, await queue.start_batch(NewBatch(b"/deep")))
        assert "maximum recursion depth" in " ".join(broken.discovery_errors)
        whole = await discovered(queue, await queue.start_batch(NewBatch(b"/m")))
        assert whole.progress.total_files == 3


async def test_something_unforeseen_ends_one_search_with_a_word_about_it_and_no_other(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    walker = FakeWalker(
        {
            b"/a": FakeWalk([chunk(b"/a", range(2)), ZeroDivisionError("oh")]),
            b"/b": FakeWalk([chunk(b"/b", range(3)), chunk(b"/b", range(3, 9), complete=True)]),
            b"/c": FakeWalk([ZeroDivisionError("at once")]),
        }
    )
    async with discovering(tmp_path, walker) as queue:
        batches = [await queue.start_batch(NewBatch(path)) for path in (b"/a", b"/b", b"/c")]
        a, b, c = [await discovered(queue, batch) for batch in batches]
    assert (a.progress.total_files, b.progress.total_files) == (2, 9)
    assert a.discovery_errors == ("/a: the search ended early: ZeroDivisionError: oh",)
    assert b.discovery_errors == ()
    assert c.discovery_errors == ("/c: the search ended early: ZeroDivisionError: at once",)


async def test_after_a_restart_a_walk_goes_on_behind_the_last_journalled_path(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    first = FakeWalk([chunk(b"/m", range(4)), chunk(b"/m", range(4, 7))], seconds=1000.0)
    async with discovering(tmp_path, FakeWalker({b"/m": first})) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        while (await queue.batch(batch)).progress.total_files < 4:
            await queue.wait_beyond(queue.head)
    again = FakeWalker({b"/m": FakeWalk([chunk(b"/m", range(4, 7), complete=True)])})
    async with discovering(tmp_path, again) as queue:
        assert (await discovered(queue, batch)).progress.total_files == 7
    assert again.begun == [(b"/m", b"/m/000003.mkv")]


async def test_a_walk_is_never_more_than_a_chunk_ahead_of_the_journal(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    walk = FakeWalk(
        [chunk(b"/m", range(n, n + 1)) for n in range(50)] + [Chunk((), (), True)], seconds=0.0
    )
    async with discovering(tmp_path, FakeWalker({b"/m": walk})) as queue:
        batch = await queue.start_batch(NewBatch(b"/m"))
        while not (found := await queue.batch(batch)).discovery_complete:
            taken = 51 - len(walk.chunks)
            assert taken - found.progress.total_files <= 3  # walked, handed over, in the commit
            await queue.wait_beyond(queue.head)


async def test_cancelling_a_batch_ends_its_walk_and_no_other(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    walker = FakeWalker(
        {
            b"/a": FakeWalk([chunk(b"/a", range(2)), chunk(b"/a", range(2, 4))], seconds=5.0),
            b"/b": FakeWalk(
                [chunk(b"/b", range(2)), chunk(b"/b", range(2, 4), complete=True)], seconds=5.0
            ),
        }
    )
    async with discovering(tmp_path, walker) as queue:
        a, b = [await queue.start_batch(NewBatch(path)) for path in (b"/a", b"/b")]
        await trio.sleep(7)
        assert (await queue.cancel_batch(a)).status is BatchStatus.CANCELLED
        assert (await discovered(queue, b)).progress.total_files == 4
        found = await queue.batch(a)
    assert (found.progress.total_files, found.progress.cancelled) == (2, 2)
    assert len(walker.walks[b"/a"].chunks) == 1  # never asked for


async def test_webhook_jobs_overtake_those_of_a_batch(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    walker = FakeWalker({b"/m": FakeWalk([chunk(b"/m", range(100), complete=True)])})
    async with discovering(tmp_path, walker) as queue:
        await discovered(queue, await queue.start_batch(NewBatch(b"/m")))
        accepted = await queue.deliver(NewDelivery("sonarr", "Download", (NewJob(b"/m/new.mkv"),)))
        assert [job.seq for job in queue.state().next[:1]] == list(accepted.jobs)


# --- over real folders, on threads ------------------------------------------


async def test_a_real_tree_is_found_whole_over_a_restart_in_the_middle(tmp_path: Path) -> None:
    media = tmp_path / "media"
    planted = set()
    for show in range(30):
        for number in range(100):
            path = media / f"show {show:02}" / f"{number:03}.mkv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            planted.add(os.fsencode(path))
    assert len(planted) > 2 * COMMIT_FILES
    walker = ThreadWalker((os.fsencode(media),))
    async with discovering(tmp_path, walker, inline=False) as queue:
        batch = await queue.start_batch(NewBatch(os.fsencode(media)))
        while (await queue.batch(batch)).progress.total_files < COMMIT_FILES:
            await queue.wait_beyond(queue.head)
    async with discovering(tmp_path, walker, inline=False) as queue:
        found = await discovered(queue, batch)
        jobs = [
            job.path
            for offset in range(0, 3000, 1000)
            for job in (await queue.jobs(JobFilter(batch=batch, limit=1000, offset=offset))).jobs
        ]
    assert found.progress.total_files == len(jobs) == len(planted)
    assert set(jobs) == planted


async def test_a_real_folder_that_is_gone_fails_the_batch(tmp_path: Path) -> None:
    walker = ThreadWalker(())
    async with discovering(tmp_path, walker, inline=False) as queue:
        batch = await queue.start_batch(NewBatch(os.fsencode(tmp_path / "gone")))
        found = await discovered(queue, batch)
    assert found.status is BatchStatus.FAILED
    assert found.error == f"{tmp_path}/gone: No such file or directory"


@pytest.mark.parametrize("pattern", ["../*", "{a,b}" * 50])
async def test_a_pattern_that_is_refused_fails_the_batch(tmp_path: Path, pattern: str) -> None:
    async with discovering(tmp_path, ThreadWalker(()), inline=False) as queue:
        batch = await queue.start_batch(NewBatch(os.fsencode(tmp_path), pattern=pattern))
        assert (await discovered(queue, batch)).status is BatchStatus.FAILED
