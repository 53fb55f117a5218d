"""Room for the write-ahead log: made ahead of a flood, harmless everywhere else."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from arrtheaudio.jobs import wal
from arrtheaudio.jobs.draft import Draft
from arrtheaudio.jobs.events import queued_body
from arrtheaudio.jobs.models import NewJob, Priority
from arrtheaudio.jobs.replay import load
from arrtheaudio.jobs.writer import Writer, encode_row

JOBS_AT_ONCE = 200


def commit_jobs(writer: Writer, first: int) -> int:
    """One commit of many jobs; the next number."""
    draft = Draft(first, 1_800_000_000.0)
    for number in range(JOBS_AT_ONCE):
        new = NewJob(path=b"/media/%d.mkv" % number, title="t" * 1000)
        draft.queued(queued_body(new, "manual", Priority.NORMAL))
    writer.commit(draft.rows, [encode_row(row) for row in draft.rows])
    writer.tidy()
    return first + JOBS_AT_ONCE


def log_bytes(database: Path) -> int:
    return Path(f"{database}-wal").stat().st_size


def test_a_single_commit_leaves_the_log_as_sqlite_made_it(tmp_path: Path) -> None:
    database = tmp_path / "jobs.db"
    writer = Writer(database)
    draft = Draft(1, 1_800_000_000.0)
    draft.queued(queued_body(NewJob(path=b"/media/a.mkv"), "manual", Priority.NORMAL))
    writer.commit(draft.rows, [encode_row(row) for row in draft.rows])
    before = log_bytes(database)
    writer.tidy()
    assert log_bytes(database) == before < wal.OWN_BYTES
    writer.close()


def test_a_flood_finds_room_in_the_log(tmp_path: Path) -> None:
    database = tmp_path / "jobs.db"
    writer = Writer(database)
    following = 1
    for _ in range(8):
        following = commit_jobs(writer, following)
        if log_bytes(database) > wal.STEP_BYTES:
            break
    filled = log_bytes(database)
    commit_jobs(writer, following)
    assert log_bytes(database) == filled  # the commit overwrote, and lengthened nothing
    writer.close()


def test_what_is_in_a_lengthened_log_is_all_there_after_a_crash(tmp_path: Path) -> None:
    database, crashed = tmp_path / "jobs.db", tmp_path / "crashed.db"
    writer = Writer(database)
    following = 1
    for _ in range(5):
        following = commit_jobs(writer, following)
    assert log_bytes(database) > wal.STEP_BYTES
    for ending in ("", "-wal"):
        shutil.copy(f"{database}{ending}", f"{crashed}{ending}")
    writer.close()
    again = Writer(crashed)
    assert load(again.connection).head == following - 1
    again.close()


def test_a_full_disk_only_costs_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", refuse)
    writer = Writer(tmp_path / "jobs.db")
    following = 1
    for _ in range(3):
        following = commit_jobs(writer, following)
    assert load(writer.connection).head == following - 1
    writer.close()
