"""Sessions that were signed out, kept in the data folder until they would have run out.

A cookie is signed, not stored, so it would be good again after a restart; this small
file is what ends it for good. Knows names and end dates; nothing of keys and cookies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import structlog
import trio

FILE: Final = "signed-out.json"
MODE: Final = 0o600
LARGEST_BYTES: Final = 4 * 1024 * 1024  # tens of thousands of names; more is not ours

log = structlog.get_logger("arrtheaudio.http")


def load(path: Path) -> dict[str, int]:
    """Name and end (seconds since the epoch) of each; nothing where the file is not ours."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(LARGEST_BYTES))
        return {str(name): int(end) for name, end in found.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        log.warning("signed_out_unreadable", path=str(path), error=str(error))
        return {}


async def keep(path: Path, ended: Mapping[str, int]) -> None:
    """Replace the file. Where that fails, the log says so: it holds until the restart."""
    raw = json.dumps(ended).encode()
    try:
        await trio.to_thread.run_sync(_replace, path, raw)
    except OSError as error:
        log.warning("sign_out_not_kept", path=str(path), error=error.strerror)


def _replace(path: Path, raw: bytes) -> None:
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    with open(fd, "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(fd)
    temporary.replace(path)
