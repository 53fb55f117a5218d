"""What the machine gives: the clock, free space, shared extents.

Questions to the operating system whose answers a test wants to choose.
Everything else that media asks of it goes through descriptors.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable
from typing import Final

import attrs

FICLONE: Final = 0x40049409  # linux/fs.h: share all extents of one file with another
# What file systems answer that cannot share extents, or not between these two files.
CANNOT_CLONE: Final = {
    errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.ENOSYS,
    errno.EPERM, errno.ETXTBSY, errno.EACCES,
}  # fmt: skip


def free_space(folder: bytes) -> int:
    """Bytes that an ordinary user may still write on the folder's file system."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def clone(source: int, target: int) -> bool:
    """Make ``target`` share the bytes of ``source`` (ioctl_ficlone(2)); False where it cannot."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno in CANNOT_CLONE:
            return False
        raise
    return True


def nameless(folder: bytes) -> int | None:
    """A new file in the folder without a name, which leaves no trace; None where none can be."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


@attrs.frozen
class Host:
    """The machine's answers; a test passes its own.

    What a file system can do is asked once: it does not change while it is mounted.
    """

    now_ns: Callable[[], int] = time.time_ns
    free_space: Callable[[bytes], int] = free_space
    clone: Callable[[int, int], bool] = clone
    _clones: dict[int, bool] = attrs.field(factory=dict, init=False, eq=False, repr=False)

    def may_clone(self, device: int, folder: bytes) -> bool:
        """Whether files in the folder, on that device, can share their bytes.

        Asked of two empty files that never get a name: the folder keeps its date.
        True where only trying tells.
        """
        known = self._clones.get(device)
        if known is not None:
            return known
        source, target = nameless(folder), nameless(folder)
        try:
            if source is None or target is None:
                return True
            return self._clones.setdefault(device, self.clone(source, target))
        except OSError:  # a fault of this moment
            return True
        finally:
            for fd in (source, target):
                if fd is not None:
                    os.close(fd)


HOST: Final = Host()
