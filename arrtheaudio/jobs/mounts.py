"""Which mounted file system a path lies on, by its name alone: nothing here can hang."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

MOUNTS: Final = Path("/proc/self/mountinfo")
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
