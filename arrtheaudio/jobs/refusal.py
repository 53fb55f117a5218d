"""What to tell of a journal that cannot be opened: what is wrong, with which file, what to do.

Pure words about errors of the system and of SQLite. queue.md: Journal.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

import apsw

from arrtheaudio.errors import JournalCorrupt, JournalDiskFull, JournalError, JournalForbidden

FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


def refusal(error: Exception, path: Path) -> JournalError:
    """Why this file of the journal's cannot be used."""
    number = error.errno if isinstance(error, OSError) else None
    words = (isinstance(error, OSError) and error.strerror) or str(error)
    where = os.fsencode(path)
    forbidden = isinstance(error, (apsw.ReadOnlyError, apsw.PermissionsError))
    unopened = isinstance(error, apsw.CantOpenError) and _closed(path) is not None
    if forbidden or unopened or number in FORBIDDEN:
        closed = os.fsencode(_closed(path) or path.parent)
        return JournalForbidden(f"cannot be written by user {os.geteuid()} ({words})", path=closed)
    if isinstance(error, apsw.FullError) or number in FULL:
        return JournalDiskFull(f"cannot be written ({words})", path=where)
    if isinstance(error, (apsw.SQLError, apsw.CorruptError, apsw.NotADBError)):
        return JournalCorrupt(f"cannot be used ({words})", path=where)
    return JournalError(f"cannot be opened ({words})", path=where)


def _closed(path: Path) -> Path | None:
    """Which of the folder and the file this user may not use, if that can be seen."""
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return path.parent
    return path if path.exists() and not os.access(path, os.R_OK | os.W_OK) else None
