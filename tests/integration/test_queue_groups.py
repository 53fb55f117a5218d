"""Group commit: who is committed together, in the order of asking, without any timer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import trio
import trio.testing

from arrtheaudio.jobs import drive
from arrtheaudio.jobs.drive import Group, Landed
from arrtheaudio.jobs.models import NewJob
from arrtheaudio.jobs.queue import Queue, Settings, open_queue
from arrtheaudio.jobs.writer import Writer

SETTINGS = Settings(max_queue_size=1000)
OTHERS = 5


class HeldCommits:
    """Commits that wait until the test lets them go; notes how many requests each one holds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sizes: list[int] = []
        self._commit = drive.commit_group
        self._gate = threading.Semaphore(0)
        self._began = threading.Semaphore(0)
        monkeypatch.setattr(drive, "commit_group", self._held)

    def _held(self, writer: Writer, group: Group) -> Landed:
        self.sizes.append(group.requests)
        self._began.release()
        self._gate.acquire()
        return self._commit(writer, group)

    async def begun(self) -> None:
        """Return when one more commit has begun."""
        await trio.to_thread.run_sync(self._began.acquire)

    def let_go(self, count: int = 1) -> None:
        """So many commits may end."""
        self._gate.release(count)


async def submit(queue: Queue, name: str, times: int = 1) -> None:
    for number in range(times):
        await queue.submit([NewJob(path=f"/media/{name}-{number}.mkv".encode())])


async def test_requests_of_one_turn_are_one_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = HeldCommits(monkeypatch)
    commits.let_go(1000)
    async with open_queue(tmp_path / "jobs.db", SETTINGS) as queue:
        commits.sizes.clear()
        async with trio.open_nursery() as nursery:
            for number in range(OTHERS):
                nursery.start_soon(submit, queue, f"film {number}")
        assert commits.sizes == [OTHERS]


async def test_who_asks_again_at_once_joins_those_who_waited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = HeldCommits(monkeypatch)
    commits.let_go()  # daemon.started
    async with open_queue(tmp_path / "jobs.db", SETTINGS) as queue:
        await commits.begun()
        commits.sizes.clear()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(submit, queue, "first", 2)
            await commits.begun()
            for number in range(OTHERS):
                nursery.start_soon(submit, queue, f"film {number}")
            await trio.testing.wait_all_tasks_blocked()
            commits.let_go(1000)
        assert commits.sizes == [1, OTHERS + 1]


async def test_a_cancelled_request_is_told_only_behind_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = HeldCommits(monkeypatch)
    commits.let_go()
    async with open_queue(tmp_path / "jobs.db", SETTINGS) as queue:
        await commits.begun()
        answered = []
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                await submit(queue, "film")
                answered.append(queue.state().queued)

            nursery.start_soon(ask)
            await commits.begun()
            nursery.cancel_scope.cancel()
            commits.let_go(1000)
        assert answered == [1]
