"""What the machine gives: the clock, free space, shared extents.

Three questions to the operating system whose answers a test wants to choose.
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


@attrs.frozen
class Host:
    """The machine's answers; a test passes its own."""

    now_ns: Callable[[], int] = time.time_ns
    free_space: Callable[[bytes], int] = free_space
    clone: Callable[[int, int], bool] = clone


HOST: Final = Host()
