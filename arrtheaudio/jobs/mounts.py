"""Which mounted file system a path lies on, by its name alone: nothing here can hang."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "davfs", "virtiofs"),
    }
)
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")


def mount_of(path: bytes, mounts: bytes | None = None) -> tuple[bytes, str]:
    """(mount point, type) of an absolute path; links are not followed.

    ``mounts``: what to read instead of the kernel's table, proc(5), mountinfo:
    … mount-point … - type source … with spaces and the like as octal numbers.
    (``b"/"``, ``""``) where there is no such table (no Linux).
    """
    if mounts is None:
        try:
            mounts = MOUNTS.read_bytes()
        except OSError:
            return b"/", ""
    best, kind = b"/", ""
    for line in mounts.splitlines():
        before, _, after = line.partition(b" - ")
        point = _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), before.split(b" ")[4])
        inside = path == point or path.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= len(best):
            best, kind = point, after.split(b" ")[0].decode("ascii", "replace")
    return best, kind


def place_of(path: bytes, mounts: bytes | None = None) -> bytes:
    """What probably hangs together with this file: its share, else its folder.

    A local file system is no such place: a link in one of its folders may lead to a dead
    share, and to follow it would hang. ``mounts``: as in ``mount_of``.
    """
    point, kind = mount_of(path, mounts)
    shared = kind in NETWORK_FILE_SYSTEMS or kind.startswith("fuse") or kind == "autofs"
    return point if shared else os.path.dirname(path)
