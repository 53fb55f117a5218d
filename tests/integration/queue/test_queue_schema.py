"""A journal whose tables are not what they were is refused, and no failure is repeated in haste."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest
import trio
from queue_kit import delivery, inline_queue

from arrtheaudio.errors import JournalCorrupt, JournalUnavailable
from arrtheaudio.jobs.models import NewDelivery, NewJob
from arrtheaudio.jobs.schema import SCHEMA, SCHEMA_VERSION, schema_faults
from arrtheaudio.jobs.verify import verify_file


def made() -> list[tuple[str, str]]:
    """(type, name) of all that the schema makes."""
    connection = apsw.Connection(":memory:")
    connection.execute(SCHEMA)
    found = connection.execute(
        "SELECT type, name FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'journal'"
    )
    return sorted(found)


async def made_and_changed(path: Path, how: str) -> None:
    """A journal with a job that waits, its schema changed by these statements."""
    async with inline_queue(path) as queue:
        await queue.deliver(delivery("/m/a.mkv"))
    connection = apsw.Connection(str(path))
    connection.execute(how)
    connection.close()


async def refused(path: Path) -> str:
    """Why this journal is not opened."""
    with pytest.raises(JournalCorrupt) as caught:
        async with inline_queue(path):
            raise AssertionError("it was opened")
    return str(caught.value)


@pytest.mark.parametrize(("kind", "name"), made())
async def test_what_is_missing_of_the_schema_is_named_and_nothing_runs(
    path: Path, autojump_clock, kind: str, name: str
) -> None:
    await made_and_changed(path, f"DROP {kind} {name}")
    assert f"{name} is missing" in verify_file(path)
    assert f"{name} is missing" in await refused(path)


async def test_a_journal_of_an_older_version_is_brought_up_to_date(
    path: Path, autojump_clock
) -> None:
    await made_and_changed(path, "DROP TABLE titles; PRAGMA user_version = 1")
    assert verify_file(path) == []  # as its own version made it
    told = NewJob(b"/m/a.mkv", original_language="ja")
    async with inline_queue(path) as queue:
        assert queue.state().queued == 1
        await queue.deliver(NewDelivery("sonarr", "Download", (told,)))
        assert (await queue.titles([told.path]))[told.path].original_language == "ja"
    connection = apsw.Connection(str(path))
    assert connection.pragma("user_version") == SCHEMA_VERSION
    connection.close()
    assert verify_file(path) == []


def test_an_empty_database_has_none_of_the_tables(path: Path) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode = wal")
    assert "journal is missing" in schema_faults(connection)
    connection.close()


async def test_a_table_that_was_changed_is_named_and_an_index_more_is_no_fault(
    path: Path, autojump_clock
) -> None:
    await made_and_changed(path, "CREATE INDEX mine ON finished(ms)")
    async with inline_queue(path):
        pass
    assert verify_file(path) == []
    connection = apsw.Connection(str(path))
    connection.execute("DROP INDEX mine")
    connection.execute("ALTER TABLE tally DROP COLUMN ms")
    connection.close()
    assert verify_file(path) == ["tally is not as it was made"]
    assert "tally is not as it was made" in await refused(path)


async def test_a_journal_that_takes_nothing_but_its_opening_is_opened_ever_more_rarely(
    path: Path, autojump_clock
) -> None:
    lives: list[float] = []
    commits = 0

    def fault(moment: str) -> None:
        nonlocal commits
        if moment == "open":
            lives.append(trio.current_time())
            commits = 0
        elif moment == "before":
            commits += 1
            if commits > 1 and len(lives) < 30:
                raise apsw.FullError("no room")

    async with inline_queue(path, fault=fault) as queue:

        async def ask() -> None:
            while True:
                try:
                    await queue.submit([NewJob(b"/m/a.mkv")])
                except JournalUnavailable:
                    await trio.sleep(0.01)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await trio.sleep(60)
            nursery.cancel_scope.cancel()
    assert len(lives) < 15
