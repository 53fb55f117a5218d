"""Room for the write-ahead log, made a little ahead of a flood.

To sync bytes that overwrite takes half as long as to sync bytes that lengthen the
file, because its length and its blocks need not be written as well (ext4, 64 KiB:
153 µs and 265 µs). SQLite begins the log anew behind each checkpoint and leaves the
file as long as it was; so only a log that grows gains from this. Zeros behind the
last frame are no frame: salt and checksum are wrong (sqlite.org/fileformat2.html, 4.1).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import structlog

FRAME_BYTES: Final = 4096 + 24  # a page and its header (fileformat2.html, 4.1)
STEP_BYTES: Final = 1 << 20
OWN_BYTES: Final = STEP_BYTES // 4  # so far SQLite lengthens the file itself: no flood

_ZEROS: Final = bytes(STEP_BYTES)
_log = structlog.get_logger(__name__)


class LogRoom:
    """How long the log's file is already. Used by the thread that writes the log."""

    def __init__(self, database: Path) -> None:
        self._path = Path(os.path.realpath(database) + "-wal")
        self._room = OWN_BYTES

    def want(self, pages: int) -> None:
        """So many pages are in the log; lengthen it where the next ones may not fit."""
        if (pages * FRAME_BYTES) + OWN_BYTES // 2 > self._room:
            try:
                self._room = self._lengthen()
            except OSError as error:  # only speed is lost; a full disk shows in the next commit
                _log.debug("log_not_lengthened", error=str(error))
                self._room += STEP_BYTES

    def _lengthen(self) -> int:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            length = os.fstat(descriptor).st_size
            if length >= self._room + STEP_BYTES:
                return length  # as a former life or a long transaction left it
            length += os.pwrite(descriptor, _ZEROS, length)
            os.fdatasync(descriptor)
            return length
        finally:
            os.close(descriptor)
