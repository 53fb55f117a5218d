"""Opening a media file: what may be opened, who else holds it, whether it has settled.

The operating system's errors become the project's own here and nowhere else.
Knows nothing of containers or tracks. Rules: queue.md "Workers" (settled),
media.md "Writing safely".
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Final, Literal

import attrs

from arrtheaudio.errors import (
    ChangedMeanwhile,
    FileBusy,
    FileNotFound,
    IoFailed,
    MediaError,
    NoSpace,
    NotReadable,
    NotWritable,
    UnsupportedContainer,
)

# O_NONBLOCK: a FIFO must not hang the thread, and a lease held elsewhere answers at once.
# O_NOFOLLOW: the path was resolved before it was checked against the media roots. It
# guards the name; ``expect_at`` guards the folders in front of it.
SAFELY: Final = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW

KINDS: Final = {  # errno: what it means for the one file that was touched
    errno.ENOENT: (FileNotFound, "there is no such file"),
    errno.ENOTDIR: (FileNotFound, "a part of its path is not a folder"),
    errno.ENAMETOOLONG: (FileNotFound, "its name is longer than the file system allows"),
    errno.EACCES: (NotWritable, "permission denied"),
    errno.EPERM: (NotWritable, "the operating system does not permit it"),
    errno.EROFS: (NotWritable, "the file system is mounted read-only"),
    errno.ENOSPC: (NoSpace, "the file system is full"),
    errno.EDQUOT: (NoSpace, "the disk quota is used up"),
    errno.EAGAIN: (FileBusy, "another program holds a lease on it"),
    errno.ETXTBSY: (FileBusy, "another program executes it"),
    errno.EBUSY: (FileBusy, "the operating system says it is in use"),
    errno.ELOOP: (UnsupportedContainer, "a symbolic link; name the file it leads to"),
    errno.ENXIO: (UnsupportedContainer, "not a regular file"),
    errno.EISDIR: (UnsupportedContainer, "a folder, not a file"),
}
NO_LOCKS: Final = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
LOCKED_ELSEWHERE: Final = {errno.EAGAIN, errno.EACCES}
# struct flock of a 64-bit Linux, for the whole file: l_type, l_whence, l_start, l_len, l_pid.
WHOLE_FILE_WRITE_LOCK: Final = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
NO_FOLDER_SYNC: Final = {errno.EINVAL, errno.EOPNOTSUPP, errno.EBADF}  # some of FUSE, SMB


@attrs.frozen
class OpenFile:
    """A regular file that is open, and its status at that moment."""

    fd: int
    status: os.stat_result


def media_error(error: OSError, path: bytes) -> MediaError:
    """The project's error for one of the operating system's."""
    kind, what = KINDS.get(error.errno or 0, (IoFailed, (error.strerror or str(error)).lower()))
    return kind(what, path=path)


class naming:  # noqa: N801 (used like a function, as contextlib.suppress is)
    """Every failure inside tells which file it is about; the system's become MediaError.

    A class, and so is what opens: as generators they took a twentieth of an edit's time.
    """

    __slots__ = ("_path",)

    def __init__(self, path: bytes) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: object
    ) -> Literal[False]:
        if isinstance(error, MediaError):
            if error.path is None:
                error.path = self._path
        elif isinstance(error, OSError):
            raise media_error(error, self._path) from error
        return False


class _Opened:
    """A regular file while the block lasts; every failure inside names it."""

    __slots__ = ("_access", "_fd", "_known", "_path")

    def __init__(self, path: bytes, access: int, known: os.stat_result | None = None) -> None:
        self._path = path
        self._access = access
        self._known = known

    def __enter__(self) -> OpenFile:
        with naming(self._path):
            self._fd = _open(self._path, self._access)
            try:
                return self._look()
            except BaseException:
                os.close(self._fd)
                raise

    def _look(self) -> OpenFile:
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode):
            raise UnsupportedContainer("not a regular file")
        if self._known is None or not os.path.samestat(status, self._known):
            expect_at(self._fd, self._path)
        if self._access == os.O_RDWR:
            lock(self._fd, self._path)
        return OpenFile(self._fd, status)

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: object
    ) -> Literal[False]:
        with naming(self._path):
            os.close(self._fd)
        return naming(self._path).__exit__(kind, error, traceback)


def open_to_read(path: bytes) -> AbstractContextManager[OpenFile]:
    """A regular file, never waiting for anybody.

    ``path`` is absolute and free of links. Raises FileNotFound, FileBusy, NotWritable,
    UnsupportedContainer, IoFailed, or ChangedMeanwhile where a folder is a link by now.
    """
    return _Opened(path, os.O_RDONLY)


def open_to_write(
    path: bytes, known: os.stat_result | None = None
) -> AbstractContextManager[OpenFile]:
    """A regular file for reading and writing, locked against programs that lock, too.

    Args:
        known: of the file that was found at this path before; where it is the same
            one, how the path leads there is not looked at again.

    Raises what ``open_to_read`` raises.
    """
    return _Opened(path, os.O_RDWR, known)


def lock(fd: int, path: bytes) -> None:
    """Take both kinds of advisory lock or raise FileBusy; closing ``fd`` gives them back.

    Record locks and flock do not see each other on local file systems, so a
    program that uses either is noticed. Some network and FUSE file systems have
    no locks at all; nothing can be held there, and the edit goes on.
    """
    for take in (_record_lock, _flock):
        try:
            take(fd)
        except OSError as error:
            if error.errno in LOCKED_ELSEWHERE:
                raise FileBusy("another program has locked it", path=path) from error
            if error.errno not in NO_LOCKS:
                raise


def seconds_to_settle(
    status: os.stat_result,
    *,
    expected_size: int | None,
    own_mtime_ns: int | None,
    settle_seconds: float,
    now_ns: int,
) -> float:
    """How long the file must rest before it counts as completely written; 0 if it does."""
    age = (now_ns - status.st_mtime_ns) / 1e9
    if status.st_size == expected_size or status.st_mtime_ns == own_mtime_ns or age < 0:
        return 0.0
    return max(0.0, settle_seconds - age)


def expect_at(fd: int, path: bytes) -> None:
    """Raises ChangedMeanwhile unless the open file lies where its path says, through no link."""
    with suppress(OSError):  # without /proc the longer way tells
        if os.readlink(b"/proc/self/fd/%d" % fd) == path:
            return
    # Where case does not count, the system may spell the path in another way.
    if os.path.realpath(path) == path:
        if os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(fd)):
            return
        raise ChangedMeanwhile("another program replaced it while it was opened", path=path)
    raise ChangedMeanwhile("a folder of its path is a link by now", path=path)


def make_folder(folder: bytes) -> None:
    """Make a folder with its name durable; harmless where it is there."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    sync_folder(os.path.dirname(folder) or b".")


def sync_folder(folder: bytes) -> None:
    """Make a new or changed name in the folder durable, where the file system has that."""
    with synced_folder(folder) as sync:
        sync()


@contextmanager
def synced_folder(folder: bytes) -> Iterator[Callable[[], None]]:
    """An open folder, and what makes its names durable: only that can fail behind a change."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def sync() -> None:
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in NO_FOLDER_SYNC:
                raise

    try:
        yield sync
    finally:
        os.close(fd)


def _record_lock(fd: int) -> None:
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, WHOLE_FILE_WRITE_LOCK)


def _flock(fd: int) -> None:
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _open(path: bytes, access: int) -> int:
    """Open without leaving a time of access, where the file is ours: to look changes nothing.

    With one, a sweep would write every inode of a library, and every sync of an edit that
    has read the file again would write its inode, too (open(2): O_NOATIME).
    """
    if b"\0" in path:
        raise FileNotFound("no file can have such a name")
    try:
        try:
            return os.open(path, access | SAFELY | os.O_NOATIME)
        except PermissionError as error:
            if error.errno != errno.EPERM:
                raise
        return os.open(path, access | SAFELY)
    except PermissionError as error:
        if access == os.O_RDONLY:
            raise NotReadable from error
        raise
