"""The journal's database: its tables, how it is opened, and what is refused.

One append-only table holds everything; the others are derived from it in the
same transaction and can be rebuilt (lifetime tallies and titles excepted). queue.md: Journal.
"""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path
from typing import Final

import apsw

from arrtheaudio.errors import JournalCorrupt, JournalError, JournalTooNew
from arrtheaudio.jobs import words
from arrtheaudio.jobs.facets import IS_FAILED
from arrtheaudio.jobs.refusal import refusal

SCHEMA_VERSION: Final = 2  # PRAGMA user_version
APPLICATION_ID: Final = 0x61727461  # "arta": PRAGMA application_id
BUSY_MS: Final = 5000  # a reader that checkpoints nothing never holds the lock for long

TITLES: Final = """
CREATE TABLE titles(path BLOB PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
UPGRADES: Final = {1: TITLES}  # from this version to the next one; a title is known from then on

# journal: the truth. job = own seq in job.queued; parent = first row of its webhook or batch.
# open: in at job.queued and batch.queued, out at the terminal row.
# finished: written with the terminal row; batches have facets of their own. reason: of what
# was skipped or failed, but not already_correct, which is a facet. language: of the chosen
# track. undone, dismissed: later marks; a failure is dismissed by the user, by its retry, and
# by a later success or failure of its file.
# kept: ended jobs that are still listed; tally: ended ever, by local day; told: by language of
# what was changed, and by reason.
# titles: what the newest delivery of a path told of it (titles.py); outlives the delivery.
# SQLite accepts a deletion only of what has ended, and no update at all.
SCHEMA: Final = f"""
CREATE TABLE journal(
    seq INTEGER PRIMARY KEY, at REAL NOT NULL, type TEXT NOT NULL,
    job INTEGER, parent INTEGER, body BLOB NOT NULL) STRICT;
CREATE INDEX journal_job ON journal(job) WHERE job <> seq;
CREATE INDEX journal_parent ON journal(parent) WHERE job IS NULL AND parent IS NOT NULL;
CREATE INDEX journal_control ON journal(type, seq) WHERE job IS NULL AND parent IS NULL;
CREATE TABLE open(job INTEGER PRIMARY KEY, facet INTEGER NOT NULL, parent INTEGER) STRICT;
CREATE INDEX open_parent ON open(parent) WHERE parent IS NOT NULL;
CREATE TABLE finished(
    job INTEGER PRIMARY KEY, seq INTEGER NOT NULL, facet INTEGER NOT NULL,
    parent INTEGER, ms INTEGER, path BLOB NOT NULL, reason TEXT, language TEXT,
    undone INTEGER NOT NULL DEFAULT 0, dismissed INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX finished_facet_job ON finished(facet, job);
CREATE INDEX finished_facet_seq ON finished(facet, seq);
CREATE INDEX finished_parent ON finished(parent, seq, facet) WHERE parent IS NOT NULL;
CREATE INDEX finished_path ON finished(path);
CREATE INDEX finished_reason ON finished(reason, facet, job) WHERE reason IS NOT NULL;
CREATE INDEX finished_language ON finished(language, facet, job) WHERE language IS NOT NULL;
CREATE INDEX finished_undone ON finished(facet, job) WHERE undone;
CREATE INDEX finished_problem ON finished(path, job)
 WHERE {IS_FAILED} AND NOT dismissed;
CREATE TABLE kept(
    facet INTEGER PRIMARY KEY, n INTEGER NOT NULL, ran INTEGER NOT NULL, ms INTEGER NOT NULL
) STRICT;
CREATE TABLE tally(
    day INTEGER NOT NULL, facet INTEGER NOT NULL,
    n INTEGER NOT NULL, ran INTEGER NOT NULL, ms INTEGER NOT NULL,
    PRIMARY KEY(day, facet)) STRICT, WITHOUT ROWID;
CREATE TABLE told(
    day INTEGER NOT NULL, kind TEXT NOT NULL, word TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY(day, kind, word)) STRICT, WITHOUT ROWID;
{TITLES}
CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_keeps_what_lives BEFORE DELETE ON journal
WHEN EXISTS (SELECT 1 FROM open WHERE job IN (old.job, old.parent))
  OR (old.job IS NULL
      AND (old.parent IS NULL OR EXISTS (SELECT 1 FROM open WHERE parent = old.parent)))
BEGIN SELECT RAISE(ABORT, 'the journal keeps what has not ended'); END;
"""


# objects: tables, indexes and triggers, each as it was created
OBJECTS: Final = "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL"


def _objects(connection: apsw.Connection) -> dict[str, str]:
    return {name: "".join(sql.split()) for name, sql in connection.execute(OBJECTS)}


@cache
def _made_by(schema: str) -> dict[str, str]:
    connection = apsw.Connection(":memory:")
    try:
        connection.execute(schema)
        return _objects(connection)
    finally:
        connection.close()


def schema_faults(connection: apsw.Connection) -> list[str]:
    """What is missing of the schema, or is another than its version's. More is no fault."""
    have = _objects(connection)
    later = [step for made, step in UPGRADES.items() if connection.pragma("user_version") <= made]
    to_come = {name for step in later for name in _made_by(step)}
    return [
        f"{name} is not as it was made" if name in have else f"{name} is missing"
        for name, sql in _made_by(SCHEMA).items()
        if have.get(name) != sql and name not in to_come
    ]


def local_day(at: float) -> int:
    """The local day of a moment as yyyymmdd (api.md: "today" follows TZ)."""
    then = time.localtime(at)
    return then.tm_year * 10_000 + then.tm_mon * 100 + then.tm_mday


def check_version(path: Path) -> bool:
    """Look at a database without touching it; False where there is none yet.

    Raises: JournalTooNew, JournalCorrupt (not a database), JournalError (another program's).
    """
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        try:
            version, owner = _marks(connect_reader(path))
        except (apsw.ReadOnlyError, apsw.CantOpenError):
            # Killed while it was made, before WAL: what is half done there, SQLite takes back
            # where it may write, as every program that opens a database does.
            version, owner = _marks(_connect_existing(path))
    except apsw.NotADBError as error:
        raise JournalCorrupt("is not a database", path=os.fsencode(path)) from error
    except apsw.Error as error:
        raise refusal(error, path) from error
    if version > SCHEMA_VERSION:
        raise JournalTooNew(
            f"has schema {version}, this version knows {SCHEMA_VERSION}", path=os.fsencode(path)
        )
    if owner not in (0, APPLICATION_ID):
        raise JournalError("belongs to another program", path=os.fsencode(path))
    return bool(version)


def _marks(connection: apsw.Connection) -> tuple[int, int]:
    """Schema version and owner, and the connection is closed."""
    try:
        return connection.pragma("user_version"), connection.pragma("application_id")
    finally:
        connection.close()


def _connect_existing(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(BUSY_MS)
    return connection


def connect_reader(path: Path) -> apsw.Connection:
    """A read-only connection; it never writes and never checkpoints."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_MS)
    words.teach(connection)
    return connection


def connect_writer(path: Path, *, synchronous: str = "FULL") -> apsw.Connection:
    """The writing connection, with its durability read back, and the tables made if new.

    A journal of an older version is brought up to date.

    Raises: JournalError where SQLite does not grant WAL or the wanted synchronous level;
    JournalCorrupt where tables, indexes or triggers are not this version's.
    """
    connection = apsw.Connection(str(path))
    try:
        connection.set_busy_timeout(BUSY_MS)
        _set_durability(connection, path, synchronous)
        _bring_up_to_date(connection)
        if faults := schema_faults(connection):
            raise JournalCorrupt("; ".join(faults), path=os.fsencode(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _bring_up_to_date(connection: apsw.Connection) -> None:
    version = connection.pragma("user_version")
    if version == SCHEMA_VERSION:
        return
    steps = [UPGRADES[made] for made in range(version, SCHEMA_VERSION)] if version else [SCHEMA]
    with connection:
        for step in steps:
            connection.execute(step)
        connection.pragma("application_id", APPLICATION_ID)
        connection.pragma("user_version", SCHEMA_VERSION)


def _set_durability(connection: apsw.Connection, path: Path, synchronous: str) -> None:
    mode = connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", synchronous)
    level = connection.pragma("synchronous")
    connection.pragma("wal_autocheckpoint", 0)  # the writer checkpoints when it is idle
    wanted = {"OFF": 0, "NORMAL": 1, "FULL": 2}[synchronous]
    if mode != "wal" or level != wanted:
        raise JournalError(
            f"SQLite answers journal_mode={mode}, synchronous={level}; this file system "
            "cannot keep the journal safe",
            path=os.fsencode(path),
        )


def sync_folder(path: Path) -> None:
    """Make the database's directory entries durable."""
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
