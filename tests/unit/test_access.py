"""What the operating system may answer, and what becomes of it."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from arrtheaudio import errors
from arrtheaudio.media import access, host


def answering(number: int | None):
    def call(*arguments):
        if number is not None:
            raise OSError(number, os.strerror(number))
        return 0

    return call


def test_a_file_system_that_shares_extents_clones(monkeypatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", answering(None))
    assert host.clone(3, 4)


@pytest.mark.parametrize("number", sorted(host.CANNOT_CLONE))
def test_one_that_does_not_says_no(monkeypatch, number) -> None:
    monkeypatch.setattr(fcntl, "ioctl", answering(number))
    assert not host.clone(3, 4)


def test_a_disk_error_while_cloning_is_no_answer(monkeypatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", answering(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        host.clone(3, 4)


@pytest.mark.parametrize("number", sorted(access.NO_LOCKS))
def test_without_locks_the_edit_goes_on(monkeypatch, number) -> None:
    monkeypatch.setattr(fcntl, "fcntl", answering(number))
    monkeypatch.setattr(fcntl, "flock", answering(number))
    access.lock(3, b"film.mkv")


@pytest.mark.parametrize("place", [0, 1, 1 << 40])
def test_a_lock_on_a_single_byte_held_elsewhere_is_busy(tmp_path, place) -> None:
    film = tmp_path / "film.mkv"
    film.write_bytes(b"film")
    with film.open("r+b") as other:
        fcntl.lockf(other, fcntl.LOCK_EX, 1, place)
        with pytest.raises(errors.FileBusy, match="locked it"):
            access.open_to_write(os.fsencode(film)).__enter__()


@pytest.mark.parametrize("call", ["fcntl", "flock"])
def test_a_lock_of_either_kind_held_elsewhere_is_busy(monkeypatch, call) -> None:
    monkeypatch.setattr(fcntl, "fcntl", answering(None))
    monkeypatch.setattr(fcntl, "flock", answering(None))
    monkeypatch.setattr(fcntl, call, answering(errno.EAGAIN))
    with pytest.raises(errors.FileBusy):
        access.lock(3, b"film.mkv")


def test_a_lock_that_fails_otherwise_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(fcntl, "fcntl", answering(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        access.lock(3, b"film.mkv")


@pytest.mark.parametrize("number", sorted(access.NO_FOLDER_SYNC))
def test_a_folder_that_cannot_be_synced_is_not_synced(monkeypatch, tmp_path, number) -> None:
    monkeypatch.setattr(os, "fsync", answering(number))
    access.sync_folder(os.fsencode(tmp_path))


def test_a_disk_error_while_syncing_a_folder_is_told(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(os, "fsync", answering(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        access.sync_folder(os.fsencode(tmp_path))


def test_a_folder_may_be_made_where_one_stands(monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    access.make_folder(b"images")
    access.make_folder(b"images")
    assert os.listdir(tmp_path) == ["images"]


def test_a_file_that_may_not_be_read_is_told_apart_from_one_that_may_not_be_written(
    monkeypatch, tmp_path
) -> None:
    path = os.fsencode(tmp_path / "film.mkv")
    monkeypatch.setattr(os, "open", answering(errno.EACCES))
    with pytest.raises(errors.NotWritable, match="may not even be read") as unread:
        access.open_to_read(path).__enter__()
    with pytest.raises(errors.NotWritable, match="permission denied") as unwritten:
        access.open_to_write(path).__enter__()
    assert "permission to read" in unread.value.advice
    assert "write permission" in unwritten.value.advice
    assert unread.value.path == unwritten.value.path == path


def test_who_does_not_own_the_file_leaves_a_time_of_access(monkeypatch, tmp_path) -> None:
    asked = []
    real = os.open

    def of_another(path, flags):
        asked.append(flags)
        if flags & os.O_NOATIME:
            raise OSError(errno.EPERM, "Operation not permitted")
        return real(path, flags)

    film = tmp_path / "film.mkv"
    film.write_bytes(b"film")
    monkeypatch.setattr(os, "open", of_another)
    with access.open_to_write(os.fsencode(film)) as file:
        assert os.read(file.fd, 9) == b"film"
    assert [bool(flags & os.O_NOATIME) for flags in asked] == [True, False]


def test_a_file_that_may_not_be_closed_is_named(monkeypatch, tmp_path) -> None:
    film = tmp_path / "film.mkv"
    film.write_bytes(b"film")
    close = os.close

    def late(fd):
        close(fd)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "close", late)
    with pytest.raises(errors.IoFailed) as failed, access.open_to_read(os.fsencode(film)):
        pass
    assert failed.value.path == os.fsencode(film)


def test_how_a_path_leads_to_a_file_is_looked_at_for_another_one_only(
    monkeypatch, tmp_path
) -> None:
    film, other = tmp_path / "film.mkv", tmp_path / "other.mkv"
    for file in (film, other):
        file.write_bytes(b"film")
    looked: list[bytes] = []
    monkeypatch.setattr(access, "expect_at", lambda fd, path: looked.append(path))
    with access.open_to_write(os.fsencode(film), film.stat()):
        assert looked == []
    with access.open_to_write(os.fsencode(film), other.stat()):
        assert looked == [os.fsencode(film)]
