"""One daemon per journal: an exclusive lock beside the database, and a look at the file system.

The kernel drops the lock with the process that holds it, however it dies.
queue.md: Journal (second daemon, network file system).
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from arrtheaudio.errors import JournalError, JournalLocked
from arrtheaudio.jobs.mounts import NETWORK_FILE_SYSTEMS, mount_of
from arrtheaudio.jobs.refusal import refusal


@contextmanager
def exclusive_lock(database: Path) -> Iterator[None]:
    """Hold ``<database>.lock``, beside the file that ``database`` leads to.

    SQLite follows links too: two names of one file are one journal.
    Raises: JournalLocked with the holder's pid; JournalError where the folder cannot be used.
    """
    path = Path(os.path.realpath(database) + ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise refusal(error, path) from error
    try:
        _take(descriptor, database)
        with suppress(OSError):  # a full disk: the lock holds, whoever meets it is told less
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int, database: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN):
            raise JournalError(
                f"cannot be locked ({error.strerror})", path=os.fsencode(database)
            ) from error
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        raise JournalLocked(
            f"is held by another arrtheaudio (pid {holder})", path=os.fsencode(database)
        ) from None


def network_file_system(path: Path, mounts: bytes | None = None) -> str | None:
    """The type of the network file system that holds ``path``; None for a local one.

    SQLite's WAL needs shared memory and honest locks (sqlite.org/wal.html, "all on the same
    host"). ``mounts``: as in ``mount_of``.
    """
    _, kind = mount_of(os.fsencode(os.path.realpath(path)), mounts)
    return kind if kind in NETWORK_FILE_SYSTEMS else None
