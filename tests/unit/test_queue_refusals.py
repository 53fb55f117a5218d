"""A journal that cannot be opened is refused with the file, the reason and a way out."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import apsw
import pytest

from arrtheaudio.errors import JournalCorrupt, JournalDiskFull, JournalError, JournalForbidden
from arrtheaudio.jobs.refusal import refusal

JOURNAL = Path("/data/jobs.db")


def failed(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    "error",
    [
        failed(errno.EACCES),
        failed(errno.EPERM),
        failed(errno.EROFS),
        apsw.ReadOnlyError("attempt to write a readonly database"),
    ],
)
def test_what_may_not_be_written_names_the_folder_the_user_and_what_to_do(
    error: Exception,
) -> None:
    told = refusal(error, JOURNAL)
    assert isinstance(told, JournalForbidden)
    assert told.path == b"/data"
    assert f"by user {os.geteuid()} (" in told.advice
    assert "chown" in told.advice


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (failed(errno.ENOSPC), JournalDiskFull),
        (failed(errno.EDQUOT), JournalDiskFull),
        (apsw.FullError("database or disk is full"), JournalDiskFull),
        (apsw.SQLError("no such table: open"), JournalCorrupt),
        (apsw.CorruptError("database disk image is malformed"), JournalCorrupt),
        (apsw.IOError("disk I/O error"), JournalError),
        (ZeroDivisionError("oh"), JournalError),
    ],
)
def test_every_other_refusal_names_the_file_and_the_reason(
    error: Exception, kind: type[JournalError]
) -> None:
    told = refusal(error, JOURNAL)
    assert type(told) is kind
    assert told.path == os.fsencode(JOURNAL)
    words = error.strerror if isinstance(error, OSError) else str(error)
    assert f"({words})" in str(told)


def test_a_file_that_cannot_be_opened_is_no_question_of_permission_where_all_is_permitted(
    tmp_path: Path,
) -> None:
    error = apsw.CantOpenError("unable to open database file")
    assert type(refusal(error, tmp_path / "jobs.db")) is JournalError
