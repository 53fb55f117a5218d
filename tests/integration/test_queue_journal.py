"""The journal on its own thread: locks, schema, group commit, fail-stop, backup."""

# ruff: noqa: ASYNC240 (a test may look at its small files without a thread)

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import apsw
import pytest
import trio
from queue_kit import DONE, delivery, plan_for

from arrtheaudio.errors import (
    JournalCorrupt,
    JournalDiskFull,
    JournalError,
    JournalForbidden,
    JournalLocked,
    JournalTooNew,
    JournalUnavailable,
)
from arrtheaudio.jobs import journal
from arrtheaudio.jobs.drive import ThreadDrive
from arrtheaudio.jobs.events import Row
from arrtheaudio.jobs.models import JobFilter, Status
from arrtheaudio.jobs.queue import Queue, Settings, open_queue
from arrtheaudio.jobs.schema import SCHEMA_VERSION
from arrtheaudio.jobs.verify import verify_file
from arrtheaudio.jobs.writer import Encoded, Writer

CHILD = Path(__file__).parents[1] / "crash" / "queue_child.py"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


class WatchedWriter(Writer):
    """Counts its commits, notes its threads, and fails behind one on demand."""

    commits = 0
    threads: set[int]
    fail_behind = False

    def commit(self, rows, encoded) -> None:  # type: ignore[no-untyped-def]
        super().commit(rows, encoded)
        type(self).commits += 1
        self.threads.add(threading.get_ident())
        if type(self).fail_behind:
            type(self).fail_behind = False
            raise apsw.IOError("disk I/O error")


@pytest.fixture
def watched() -> type[WatchedWriter]:
    return type("Watched", (WatchedWriter,), {"commits": 0, "threads": set()})


def opened(path: Path, writer: type[Writer] = Writer, **settings: int):  # type: ignore[no-untyped-def]
    wanted = Settings(**{"max_queue_size": 10_000, **settings})
    return open_queue(path, wanted, drive=lambda _: ThreadDrive(lambda: writer(path)))


async def test_a_second_daemon_on_the_same_journal_is_refused_by_name(path: Path) -> None:
    async with opened(path):
        with pytest.raises(JournalLocked, match=f"pid {os.getpid()}"):
            async with opened(path):
                raise AssertionError("opened twice")
    async with opened(path):
        pass


async def test_two_names_of_one_journal_are_one_journal(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(path)
    async with opened(path):
        with pytest.raises(JournalLocked):
            async with opened(link):
                raise AssertionError("opened twice")


async def test_a_killed_daemon_leaves_no_lock_behind(path: Path) -> None:
    command = [sys.executable, str(CHILD), str(path), str(path) + ".memory", "FULL", "2", "HOLD"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes) as child:  # noqa: ASYNC220
        memory = path.with_name(path.name + ".memory")
        with trio.fail_after(30):
            while not memory.exists() or "done" not in memory.read_text():  # noqa: ASYNC110
                await trio.sleep(0.02)
        with pytest.raises(JournalLocked, match=f"pid {child.pid}"):
            async with opened(path):
                raise AssertionError("opened twice")
        child.send_signal(signal.SIGKILL)
    async with opened(path) as queue:
        assert queue.state().queued == 3


def test_durability_is_read_back(path: Path) -> None:
    writer = Writer(path)
    assert writer.connection.pragma("journal_mode") == "wal"
    assert writer.connection.pragma("synchronous") == 2
    assert writer.connection.pragma("wal_autocheckpoint") == 0
    writer.close()
    with pytest.raises(JournalError, match="cannot keep the journal safe"):
        Writer(Path(":memory:"))  # SQLite keeps no WAL there


async def test_a_newer_journal_is_refused_and_left_untouched(path: Path) -> None:
    async with opened(path):
        pass
    connection = apsw.Connection(str(path))
    connection.pragma("user_version", SCHEMA_VERSION + 1)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(JournalTooNew):
        async with opened(path):
            raise AssertionError("opened")
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 99])
async def test_what_is_no_journal_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalCorrupt):
        async with opened(path):
            raise AssertionError("opened")
    assert path.read_bytes() == content


async def test_another_programs_database_is_refused(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t(x); PRAGMA application_id = 77; PRAGMA user_version = 1")
    connection.close()
    with pytest.raises(JournalError, match="another program"):
        async with opened(path):
            raise AssertionError("opened")


async def test_a_journal_without_one_of_its_tables_is_refused_by_name(path: Path) -> None:
    async with opened(path):
        pass
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE open")
    connection.close()
    with pytest.raises(JournalCorrupt, match=r"jobs\.db: open is missing"):
        async with opened(path):
            raise AssertionError("opened")


async def test_a_first_start_on_a_full_disk_says_so(path: Path) -> None:
    class Full(Writer):
        def __init__(self, path: Path) -> None:
            raise apsw.FullError("database or disk is full")

    with pytest.raises(JournalDiskFull, match=r"jobs\.db: .*full") as refused:
        async with opened(path, Full):
            raise AssertionError("opened")
    assert "Make room" in refused.value.advice


async def test_a_journal_on_a_full_disk_is_read_until_there_is_room(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(path) as queue:
        accepted = await queue.deliver(delivery("/m/a.mkv"))
    full = True

    class Full(Writer):
        def commit(self, rows: Sequence[Row], encoded: Sequence[Encoded]) -> None:
            if full:
                raise apsw.FullError("database or disk is full")
            super().commit(rows, encoded)

    monkeypatch.setattr(journal, "REOPEN_FIRST_SECONDS", 0.001)
    monkeypatch.setattr(journal, "REOPEN_LONGEST_SECONDS", 0.01)
    async with opened(path, Full) as queue:
        assert (await queue.job(accepted.jobs[0])).status is Status.QUEUED
        with pytest.raises(JournalUnavailable, match="full"):
            await queue.deliver(delivery("/m/b.mkv"))
        full = False
        head = queue.head
        while not queue.health().writable:
            await queue.wait_beyond(head)
        await queue.deliver(delivery("/m/b.mkv"))
        await work_off(queue, 2)
    assert verify_file(path) == []
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    begun = "SELECT count(*) FROM journal WHERE type = 'daemon.started'"
    assert connection.execute(begun).fetchall() == [(2,)], "the second life is told, too"
    connection.close()


async def test_a_folder_that_may_not_be_written_is_named_with_the_user() -> None:
    folder = Path("/sys")  # the kernel's: not even root makes a file there
    with pytest.raises(JournalForbidden, match=f"/sys: cannot be written by user {os.geteuid()}"):
        async with opened(folder / "jobs.db"):
            raise AssertionError("opened")


async def test_a_clean_stop_leaves_the_database_alone_and_whole(path: Path) -> None:
    async with opened(path) as queue:
        await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))
        await work_off(queue, 1)
        await queue.jobs(JobFilter())
    assert sorted(file.name for file in path.parent.iterdir()) == ["jobs.db", "jobs.db.lock"]
    assert verify_file(path) == []


async def test_sqlite_itself_refuses_updates_and_deletions_of_what_lives(path: Path) -> None:
    async with opened(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
    connection = apsw.Connection(str(path))
    for statement in (
        "UPDATE journal SET at = 0",
        "DELETE FROM journal WHERE type = 'job.queued'",
        "DELETE FROM journal WHERE type = 'webhook.received'",
        "DELETE FROM journal WHERE type = 'daemon.started'",
    ):
        with pytest.raises(apsw.ConstraintError):
            connection.execute(statement)
    connection.close()


async def test_concurrent_requests_share_commits_on_one_thread(
    path: Path, watched: type[WatchedWriter]
) -> None:
    async with opened(path, watched) as queue:
        before = watched.commits
        async with trio.open_nursery() as nursery:
            for number in range(200):
                nursery.start_soon(queue.deliver, delivery(f"/m/{number}.mkv"))
        assert watched.commits - before <= 20
        assert queue.state().queued == 200
    assert len(watched.threads) == 1
    assert threading.get_ident() not in watched.threads


async def test_a_failed_commit_is_unknown_and_the_queue_finds_out(
    path: Path, watched: type[WatchedWriter]
) -> None:
    """The commit raised, but its rows were there: they count, and nobody was told so."""
    async with opened(path, watched) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        await queue.work_changed()
        claim = queue.claim(light=True, heavy=True)
        assert claim is not None
        queue.started(claim, 1)
        await queue.planned(claim, plan_for(claim.path))
        watched.fail_behind = True
        with pytest.raises(JournalUnavailable):
            await queue.deliver(delivery("/m/b.mkv"))
        assert claim.scope.cancel_called
        assert claim.why == "journal"
        assert not queue.health().writable
        with pytest.raises(JournalUnavailable):
            await queue.completed(claim, DONE)
        with trio.fail_after(10):
            while not queue.health().writable:  # noqa: ASYNC110
                await trio.sleep(0.01)
        assert await queue.take_open_plans() == [], "its old run has not left"
        queue.release(claim)
        ((settled, plan),) = await queue.take_open_plans()
        assert (settled.job, plan) == (claim.job, plan_for(claim.path))
        await queue.interrupted(settled)
        job = await queue.job(claim.job)
        assert (job.status, job.attempt) == (Status.QUEUED, 0), "the attempt is given back"
        assert (await queue.jobs(JobFilter())).total == 2, "the unknown delivery is there"
    assert verify_file(path) == []


async def test_requests_fail_at_once_while_nothing_can_be_written_and_reads_go_on(
    path: Path,
) -> None:
    class Dead(Writer):
        lives = 0

        def __init__(self, path: Path) -> None:
            type(self).lives += 1
            if self.lives > 1:
                raise apsw.FullError("database or disk is full")
            super().__init__(path)

        def commit(self, rows, encoded) -> None:  # type: ignore[no-untyped-def]
            if rows[0].type == "queue.paused":
                raise apsw.FullError("database or disk is full")
            super().commit(rows, encoded)

    async with opened(path, Dead) as queue:
        accepted = await queue.deliver(delivery("/m/a.mkv"))
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match="full"):
                await queue.pause()
        assert (await queue.job(accepted.jobs[0])).status is Status.QUEUED
        assert "full" in queue.health().detail
    assert verify_file(path) == []


async def test_the_size_is_told_at_every_moment_also_without_a_log(path: Path) -> None:
    wal = path.with_name(path.name + "-wal")
    async with opened(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
        assert queue.health().size_bytes == path.stat().st_size + wal.stat().st_size
    assert not wal.exists()  # as in the midst of a reopening
    assert queue.health().size_bytes == path.stat().st_size


async def test_an_exception_of_the_body_comes_out_bare_and_loses_nothing(path: Path) -> None:
    async def fail() -> None:
        async with opened(path) as queue:
            await queue.deliver(delivery("/m/a.mkv"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with opened(path) as queue:
        assert queue.state().queued == 1


async def test_a_cancelled_request_is_journalled_all_the_same(path: Path) -> None:
    async with opened(path) as queue:
        with trio.CancelScope() as scope:
            scope.cancel()
            await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))
        assert queue.state().queued == 2


async def work_off(queue: Queue, count: int) -> None:
    for _ in range(count):
        await queue.work_changed()
        claim = queue.claim(light=True, heavy=True)
        assert claim is not None
        queue.started(claim, 1)
        await queue.planned(claim, plan_for(claim.path))
        await queue.completed(claim, DONE)
        queue.release(claim)


async def test_a_backup_is_one_proven_file_and_the_queue_goes_on(
    path: Path, tmp_path: Path
) -> None:
    target = tmp_path / "backup.db"
    async with opened(path) as queue:
        await queue.deliver(delivery("/m/a.mkv", "/m/b.mkv"))
        await work_off(queue, 1)
        await queue.backup(target)
        await work_off(queue, 1)
    assert sorted(file.name for file in tmp_path.glob("backup*")) == ["backup.db"]
    assert verify_file(target) == []
    async with opened(target) as restored:
        assert (restored.state().queued, restored.state().running) == (1, 0)


async def test_a_backup_that_cannot_be_written_leaves_nothing(path: Path, tmp_path: Path) -> None:
    async with opened(path) as queue:
        with pytest.raises(JournalError):
            await queue.backup(tmp_path / "missing" / "backup.db")


async def test_the_writer_checkpoints_when_idle(path: Path) -> None:
    async with opened(path) as queue:
        await queue.deliver(delivery(*(f"/m/{number}.mkv" for number in range(500))))
        size = path.stat().st_size
        with trio.fail_after(10):
            while path.stat().st_size == size:  # noqa: ASYNC110
                await trio.sleep(0.02)


async def test_the_feed_says_the_same_from_memory_and_from_the_journal(path: Path) -> None:
    async with opened(path) as queue:
        await queue.deliver(delivery("/m/a.mkv", "/m/b.mp4"))
        await work_off(queue, 2)
        await queue.wait_beyond(0)
        remembered = await queue.events(1)
        queue._feed.reset(queue.head)
        assert await queue.events(1) == remembered
        first = await queue.events(1, limit=3)
        rest = await queue.events(first.next_since)
        assert first.events + rest.events == remembered.events
        assert rest.next_since == queue.head
    assert [event.type for event in remembered.events[:3]] == [
        "webhook.received",
        "job.queued",
        "job.queued",
    ]
