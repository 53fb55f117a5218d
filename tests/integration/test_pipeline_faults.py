"""Runs that are cancelled, and disks that fail: the file is as it was, or as it should be."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest
import trio
from media_runs import FILES, Journal, defaults, request, write

from arrtheaudio import errors, media
from arrtheaudio.media import change, patch, recovery
from arrtheaudio.media.tracks import Patch, Plan

# --- cancellation -------------------------------------------------------------


async def test_a_run_cancelled_while_its_plan_is_journalled_changes_nothing(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    with trio.CancelScope() as scope:

        async def never(plan: Plan) -> None:
            scope.cancel()
            await trio.sleep_forever()

        await media.run(request(file), before_write=never)
    assert scope.cancelled_caught
    assert file.read_bytes() == FILES["mkvmerge"]


async def test_a_run_shielded_from_its_plan_on_ends_in_spite_of_a_cancellation(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    with trio.CancelScope() as job, trio.CancelScope() as guard:

        async def shielding(plan: Plan) -> None:
            guard.shield = True
            job.cancel()

        outcome = await media.run(request(file), before_write=shielding)
    assert outcome.track_changed
    assert defaults(file) == ["en"]


@pytest.mark.parametrize("what", ["run", "undo"])
async def test_a_hung_read_is_abandoned_on_cancellation(tmp_path, monkeypatch, what) -> None:
    file, release, reading = write(tmp_path, FILES["mkvmerge"]), threading.Event(), trio.Event()
    done = await media.run(request(file), before_write=Journal()) if what == "undo" else None
    token = trio.lowlevel.current_trio_token()

    def hang(*arguments):
        token.run_sync_soon(reading.set)
        release.wait()
        raise OSError(errno.EIO, "gone at last")

    monkeypatch.setattr(os, "pread", hang)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_run_or_undo, file, done)
            await reading.wait()
            nursery.cancel_scope.cancel()
    finally:
        release.set()


async def _run_or_undo(file: Path, done: media.Outcome | None) -> None:
    if done is None:
        await media.run(request(file), before_write=Journal())
    else:
        await media.undo(done.plan, before_write=Journal())


# --- failing disks ------------------------------------------------------------


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
async def test_a_failing_write_puts_the_old_bytes_back(
    tmp_path, content, number, monkeypatch
) -> None:
    file = write(tmp_path, content)
    before = file.stat()
    failing = FailingWrites(monkeypatch, number, fail_at={0})
    with pytest.raises(errors.IoFailed) as caught:
        await media.run(request(file), before_write=Journal())
    assert type(caught.value) is errors.IoFailed
    assert failing.calls > 1
    assert file.read_bytes() == content
    assert file.stat().st_mtime_ns == before.st_mtime_ns


async def test_an_edit_that_can_neither_go_on_nor_back_says_so(tmp_path, monkeypatch) -> None:
    file, journal = write(tmp_path, FILES["mkvmerge"]), Journal()
    with monkeypatch.context() as broken:
        FailingWrites(broken, errno.EIO, fail_at=range(1, 99))
        with pytest.raises(errors.HalfEdited):
            await media.run(request(file), before_write=journal)
    assert media.recover(journal.plans[0]).state == "completed"
    assert defaults(file) == ["en"]


class FailingWrites:
    """Lets the numbered calls of pwrite fail; the others write one half first."""

    def __init__(self, monkeypatch, number: int, fail_at) -> None:
        self.calls = 0
        really = os.pwrite

        def pwrite(fd, content, offset):
            call, self.calls = self.calls, self.calls + 1
            if call in fail_at:
                raise OSError(number, os.strerror(number))
            return really(fd, content[: (len(content) + 1) // 2], offset)

        monkeypatch.setattr(os, "pwrite", pwrite)


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_a_failing_sync_puts_the_old_bytes_back(tmp_path, content, monkeypatch) -> None:
    file, calls = write(tmp_path, content), []
    really = os.fdatasync

    def fdatasync(fd):
        calls.append(fd)
        if len(calls) == 1:
            raise OSError(errno.EIO, "lost")
        really(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with pytest.raises(errors.IoFailed, match="old bytes are back"):
        await media.run(request(file), before_write=Journal())
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("barriers", "order"),
    [
        ((False, False, False), "a b c sync"),
        ((True, False, False), "a sync b c sync"),
        ((True, True, True), "a sync b sync c sync"),
        ((False, False, True), "a b c sync"),
    ],
)
def test_what_stands_before_a_barrier_is_durable_before_the_next_byte(
    tmp_path, monkeypatch, barriers, order
) -> None:
    film = write(tmp_path, b"ABC")
    calls, pwrite, fdatasync = [], os.pwrite, os.fdatasync

    def writing(fd, content, offset):
        calls.append(content.decode())
        return pwrite(fd, content, offset)

    def syncing(fd):
        calls.append("sync")
        fdatasync(fd)

    monkeypatch.setattr(os, "pwrite", writing)
    monkeypatch.setattr(os, "fdatasync", syncing)
    sides = zip(b"ABC", b"abc", barriers, strict=True)
    patches = [
        Patch(at, bytes([old]), bytes([new]), sync) for at, (old, new, sync) in enumerate(sides)
    ]
    with film.open("r+b") as file:
        patch.write(file.fileno(), patches, len("ABC"))
    assert " ".join(calls) == order


def test_reading_goes_on_where_the_system_gives_less(tmp_path, monkeypatch) -> None:
    film, really = write(tmp_path, b"0123456789"), os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, at: really(fd, min(length, 3), at))
    with film.open("rb") as file:
        assert patch.read_exactly(file.fileno(), 1, 8) == b"12345678"


@pytest.mark.parametrize("raised", [errors.IoFailed("unreadable"), ZeroDivisionError()])
async def test_whatever_breaks_the_check_the_old_bytes_come_back(
    tmp_path, raised, monkeypatch
) -> None:
    file, content = write(tmp_path, FILES["mkvmerge"]), FILES["mkvmerge"]

    def break_down(self, fd):
        raise raised

    monkeypatch.setattr(change.Change, "verify", break_down)
    with pytest.raises(type(raised)):
        await media.run(request(file), before_write=Journal())
    assert file.read_bytes() == content


async def test_an_edit_that_shows_something_else_is_taken_back(tmp_path, monkeypatch) -> None:
    file, content = write(tmp_path, FILES["mkvmerge"]), FILES["mkvmerge"]

    def disappoint(self, fd):
        raise errors.CorruptFile("Tracks makes no sense")

    monkeypatch.setattr(change.Change, "verify", disappoint)
    with pytest.raises(errors.VerifyFailed) as caught:
        await media.run(request(file), before_write=Journal())
    assert "Tracks makes no sense" in str(caught.value)
    assert file.read_bytes() == content


async def test_an_undo_of_which_nothing_arrives_is_told(tmp_path, monkeypatch) -> None:
    """What an undo wants is bytes; tracks tell nothing of them."""
    file = write(tmp_path, FILES["mkvmerge"])
    done = await media.run(request(file), before_write=Journal())
    edited = file.read_bytes()
    monkeypatch.setattr(os, "pwrite", lambda fd, content, offset: len(content))
    with pytest.raises(errors.VerifyFailed, match="read back"):
        await media.undo(done.plan, before_write=Journal())
    assert file.read_bytes() == edited


# --- settling -----------------------------------------------------------------


async def test_an_edit_that_is_complete_is_made_durable_and_not_written_again(
    tmp_path, monkeypatch
) -> None:
    """A crash of the machine may have come between the last write and its sync."""
    file = write(tmp_path, FILES["mkvmerge"])
    done = await media.run(request(file), before_write=Journal())
    calls, fdatasync = [], os.fdatasync

    def syncing(fd):
        calls.append(os.readlink(f"/proc/self/fd/{fd}"))
        fdatasync(fd)

    monkeypatch.setattr(os, "fdatasync", syncing)
    monkeypatch.delattr(os, "pwrite")
    assert media.recover(done.plan).state == "completed"
    assert calls == [str(file)]


async def test_a_disk_that_fails_while_settling_is_no_verdict_on_the_edit(
    tmp_path, monkeypatch
) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    done = await media.run(request(file), before_write=Journal())
    edited = file.read_bytes()

    def unreadable(*arguments):
        raise errors.IoFailed("cannot read: gone")

    monkeypatch.setattr(recovery, "probe", unreadable)
    with pytest.raises(errors.IoFailed):
        media.recover(done.plan)
    assert file.read_bytes() == edited


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
async def test_a_file_that_may_not_be_written_is_left_as_it_is(
    tmp_path, number, monkeypatch
) -> None:
    file, journal = write(tmp_path, FILES["mkvmerge"]), Journal()
    really_open = os.open

    def refusing(path, flags, *more, **named):
        if flags & os.O_ACCMODE:
            raise OSError(number, os.strerror(number))
        return really_open(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(errors.NotWritable):
        await media.run(request(file), before_write=journal)
    assert journal.plans == []


async def test_a_file_that_shrinks_while_it_is_read_is_busy(tmp_path, monkeypatch) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    really = os.pread

    def shrinking(fd, length, offset):
        os.truncate(file, 60)
        return really(fd, length, offset)

    monkeypatch.setattr(os, "pread", shrinking)
    with pytest.raises(errors.FileBusy) as caught:
        await media.run(request(file), before_write=Journal())
    assert caught.value.retry_after is None
