"""A file system that hangs holds up nothing but itself: looks at other files go on."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator
from pathlib import Path

import pytest
import trio

from arrtheaudio.jobs import discovery, engine, scouting
from arrtheaudio.jobs.discovery import ThreadWalker
from arrtheaudio.jobs.engine import MediaEngine, Policy
from arrtheaudio.jobs.models import NewBatch
from arrtheaudio.jobs.queue import identify_file
from arrtheaudio.jobs.readers import Readers
from arrtheaudio.jobs.scouting import THREADS, Scouts
from arrtheaudio.jobs.walk import Chunk
from arrtheaudio.jobs.writer import Writer
from arrtheaudio.media import Options, Rules

DEAD = b"/dead"
FOREVER = 60.0  # for a test that fails


class DeadShare:
    """Everything below /dead hangs until it is let go."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.back = threading.Event()

    def enter(self, path: bytes) -> None:
        """As a system call would."""
        if path.startswith(DEAD):
            self.asked.append(path)
            self.back.wait(FOREVER)

    def identify(self, path: bytes) -> Hashable:
        self.enter(path)
        return identify_file(path)


@pytest.fixture
def share() -> Iterator[DeadShare]:
    share = DeadShare()
    yield share
    share.back.set()


@pytest.fixture
def readers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    monkeypatch.setattr(scouting, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(scouting, "MORE_PATIENCE_SECONDS", 0.05)
    Writer(tmp_path / "jobs.db").close()
    readers = Readers(tmp_path / "jobs.db")
    yield readers
    readers.close()


def linked(tmp_path: Path) -> tuple[bytes, bytes]:
    """Two names of one file."""
    first, second = tmp_path / "a.mkv", tmp_path / "b.mkv"
    first.write_bytes(b"x")
    os.link(first, second)
    return os.fsencode(first), os.fsencode(second)


async def test_two_names_of_one_file_are_one_file_though_a_third_hangs(
    tmp_path: Path, share: DeadShare, readers: Readers
) -> None:
    a, b = linked(tmp_path)
    scouts = Scouts(readers, share.identify)
    answer, identities = await scouts.look(lambda _: "rows", [b"/dead/c.mkv", a, b])
    assert answer == "rows"
    assert identities[a] == identities[b] == identify_file(a)
    assert identities[b"/dead/c.mkv"] == b"/dead/c.mkv"


async def test_what_hangs_is_asked_once_until_it_answers_again(
    tmp_path: Path, share: DeadShare, readers: Readers
) -> None:
    a, b = linked(tmp_path)
    scouts = Scouts(readers, share.identify)
    for number in range(3):
        wanted = [b"/dead/%d.mkv" % number, b"/dead/x.mkv", a, b]
        _, identities = await scouts.look(lambda _: None, wanted)
        assert identities[a] == identities[b] != a
    assert share.asked == [b"/dead/0.mkv"]
    share.back.set()
    with trio.fail_after(FOREVER):
        while share.asked == [b"/dead/0.mkv"]:
            await scouts.look(lambda _: None, [b"/dead/1.mkv"])
            await trio.sleep(0.001)


async def test_however_much_hangs_the_journal_is_read_and_paths_stand_for_themselves(
    tmp_path: Path, share: DeadShare, readers: Readers
) -> None:
    a, _ = linked(tmp_path)
    scouts = Scouts(readers, share.identify)
    dead = [b"/dead/%d/c.mkv" % number for number in range(THREADS)]
    answer, _ = await scouts.look(lambda _: "rows", dead)
    assert answer == "rows"
    assert share.asked == dead
    answer, identities = await scouts.look(lambda _: "more", [a, b"/dead/other/c.mkv"])
    assert (answer, identities[a]) == ("more", a)
    assert share.asked == dead


async def test_looks_at_a_dead_share_take_nothing_from_the_others(
    tmp_path: Path, share: DeadShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine._free_space

    def free_space(path: bytes) -> int:
        share.enter(path)
        return real(path)

    monkeypatch.setattr(engine, "_free_space", free_space)
    media = MediaEngine(Policy(Rules(), Options(), roots=None))
    for _ in range(20):
        with trio.move_on_after(0.005):
            await media.free_space(b"/dead/x.mkv")
    assert share.asked == [b"/dead/x.mkv"], "one look waits, no second joins it"
    with trio.fail_after(FOREVER / 2):
        assert await media.free_space(os.fsencode(tmp_path / "a.mkv")) > 0


async def test_batches_on_a_dead_share_leave_the_others_their_walks(
    tmp_path: Path, share: DeadShare, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = discovery.Walk.chunk

    def chunk(walk: discovery.Walk, *limits: float) -> Chunk:
        share.enter(walk._sweep.path)
        return real(walk, *limits)  # type: ignore[arg-type]

    monkeypatch.setattr(discovery.Walk, "chunk", chunk)
    monkeypatch.setattr(
        discovery, "mount_of", lambda path: (DEAD if path.startswith(DEAD) else b"/", "nfs4")
    )
    walker = ThreadWalker((os.fsencode(tmp_path),))
    for _ in range(10):
        with trio.move_on_after(0.005):
            await walker.begin(NewBatch(DEAD), after=None, now=0).next()
    assert share.asked == [DEAD]
    (tmp_path / "a.mkv").write_bytes(b"x")
    with trio.fail_after(FOREVER / 2):
        found = await walker.begin(NewBatch(os.fsencode(tmp_path)), after=None, now=0).next()
    assert found.files == (os.fsencode(tmp_path / "a.mkv"),)
