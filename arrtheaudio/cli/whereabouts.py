"""Where the daemon of a data folder listens, told to the commands that look for it.

``serve`` writes it down once HTTP is open: its port may come from ``--port``, or be a
free one. It stays behind when the daemon ends; the next one overwrites it. cli.md:
"found by the same configuration and data folder". Knows files; nothing of HTTP.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

NAME: Final = "address"  # in the data folder, beside the key
LONGEST: Final = 4096  # bytes of the file that are read
MODE: Final = 0o644  # no secret


def publish(data_dir: str, url: str) -> None:
    """Write the address down, whole or not at all. Raises: OSError."""
    beside = Path(data_dir, f"{NAME}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
    try:
        os.write(descriptor, f"{url}\n".encode())
    finally:
        os.close(descriptor)
    beside.replace(Path(data_dir, NAME))


def published(data_dir: str) -> str | None:
    """The address that the last daemon of this folder wrote down; None without one."""
    try:
        with Path(data_dir, NAME).open("rb") as file:
            url = file.read(LONGEST).decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return url if url.startswith("http://") and url.isprintable() else None
