"""A copy whose folder or disk refuses: the failure is told, and the job ends as its file does."""

from __future__ import annotations

import errno
import os

import attrs
import pytest
from linked_films import CONTENT, NAMES, REFLINK, asked, journalled, names
from media_runs import ENGLISH, Journal

from arrtheaudio import errors, media
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import MediaEngine, Policy
from arrtheaudio.jobs.models import NewJob
from arrtheaudio.jobs.settings import Settings
from arrtheaudio.jobs.verdict import Retrying, WaitingForSpace, of_error
from arrtheaudio.media import Options, replace


def refusing(number: int):
    def refuse(*arguments, **named):
        raise OSError(number, os.strerror(number))

    return refuse


async def test_a_full_disk_under_a_shared_copy_is_no_half_written_file(linked, monkeypatch) -> None:
    """XFS and btrfs clone on a full disk; the first byte that is changed needs a block."""
    monkeypatch.setattr(os, "pwrite", refusing(errno.ENOSPC))
    with pytest.raises(errors.NoSpace):
        await media.run(asked(linked, "auto"), before_write=journalled, host=REFLINK)
    assert names(linked.parent) == NAMES


async def test_what_becomes_full_waits_for_what_a_rewrite_needs(linked, monkeypatch) -> None:
    monkeypatch.setattr(os, "copy_file_range", refusing(errno.ENOSPC))
    free = iter([10 * len(CONTENT)])
    host = attrs.evolve(REFLINK, free_space=lambda folder: next(free, 5))
    with pytest.raises(errors.NoSpace) as caught:
        await media.run(asked(linked, "copy"), before_write=journalled, host=host)
    assert (caught.value.needed, caught.value.free) == (2 * len(CONTENT), 5)


async def test_a_folder_that_lets_nothing_go_is_not_writable(linked, monkeypatch) -> None:
    monkeypatch.setattr(os, "rename", refusing(errno.EPERM))
    monkeypatch.setattr(os, "unlink", refusing(errno.EPERM))
    for _ in range(2):  # the second one meets what the first could not remove
        with pytest.raises(errors.NotWritable):
            await media.run(asked(linked, "copy"), before_write=journalled)
    assert linked.read_bytes() == CONTENT


async def test_a_folder_in_the_place_of_the_new_file_is_told_and_stays(linked) -> None:
    foreign = os.fsdecode(replace.temporary_name(os.fsencode(linked)))
    os.mkdir(foreign)
    with pytest.raises(errors.NotWritable, match="in the way of the new file") as caught:
        await media.run(asked(linked, "copy"), before_write=journalled)
    assert caught.value.path == os.fsencode(foreign)
    assert names(linked.parent) == sorted([*NAMES, os.path.basename(foreign)])


async def test_a_path_too_long_for_the_new_file_beside_it_is_not_a_missing_one(
    linked, monkeypatch
) -> None:
    opened = os.open

    def refuse(path, flags, *more, **named):
        if flags & os.O_CREAT:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(errors.NotWritable, match="cannot create a file in its folder"):
        await media.run(asked(linked, "copy"), before_write=journalled)


async def test_a_folder_that_cannot_be_synced_is_found_before_the_rename(
    linked, monkeypatch
) -> None:
    opened = os.open

    def refuse(path, flags, *more, **named):
        if flags & os.O_DIRECTORY and not flags & os.O_TMPFILE == os.O_TMPFILE:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(errors.NotWritable):
        await media.run(asked(linked, "copy"), before_write=journalled)
    monkeypatch.undo()
    assert names(linked.parent) == NAMES
    assert linked.read_bytes() == CONTENT


async def test_a_name_that_is_not_durable_yet_is_settled(linked, monkeypatch) -> None:
    journal = Journal()
    synced = os.fsync

    def fail(fd):
        if os.path.isdir(f"/proc/self/fd/{fd}"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        synced(fd)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(errors.HalfEdited):
        await media.run(asked(linked, "copy"), before_write=journal)
    monkeypatch.undo()
    assert media.recover(journal.plans[0]).state == "completed"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
async def test_recovery_of_what_is_no_file_any_more_is_a_conflict(linked, make) -> None:
    journal = Journal()
    await media.run(asked(linked, "edit"), before_write=journal)
    linked.unlink()
    make(linked)
    with pytest.raises(errors.EditConflict):
        media.recover(journal.plans[0])


async def test_recovery_waits_for_a_share_that_is_away(tmp_path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    film = root / "film.mkv"
    film.write_bytes(CONTENT)
    journal = Journal()
    await media.run(asked(film, "edit"), before_write=journal)
    film.unlink()
    engine = MediaEngine(Policy(ENGLISH, Options(), (os.fsencode(root),)))
    with pytest.raises(errors.ShareAway):
        await engine.recover(journal.plans[0])
    (root / "another.mkv").touch()
    with pytest.raises(errors.FileGone):
        await engine.recover(journal.plans[0])


@pytest.mark.parametrize(("needed", "verdict"), [(0, Retrying), (10, WaitingForSpace)])
def test_what_free_bytes_do_not_help_is_not_waited_for(needed, verdict) -> None:
    """A quota that is used up, or no inode left: the file system has bytes all the while."""
    claim = Claim(1, NewJob(b"/m/film.mkv"), 1, 3, heavy=True, identity=None)
    given = of_error(errors.NoSpace(needed=needed, free=99), claim, Settings())
    assert isinstance(given, verdict)
