"""journal and admin backup: the proof that nothing was lost, and copies that are no accident."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from serving import Serving

from arrtheaudio.cli import root


def documents(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_journal_of_the_command_line_verifies_and_shows_the_plan(library: Path, capsys) -> None:
    root.run(["process", "-l", "jpn", "--json", str(library / "Film.mp4")])
    [[result]] = documents(capsys)
    assert root.run(["journal", "verify", "--json"]) == 0
    assert documents(capsys)[0]["differences"] == []
    assert root.run(["journal", "show", "--job", result["job_id"], "--json"]) == 0
    rows = documents(capsys)
    assert [row["type"] for row in rows] == [
        "job.queued",
        "job.started",
        "job.planned",
        "job.completed",
    ]
    assert root.run(["journal", "show", "--since", str(rows[-1]["seq"] - 1), "--json"]) == 0
    assert documents(capsys)[0]["seq"] == rows[-1]["seq"]
    assert root.run(["journal", "show"]) == 0
    assert "job.planned" in capsys.readouterr().out


def test_a_backup_is_a_journal_that_verifies(library: Path, tmp_path: Path, capsys) -> None:
    root.run(["process", "-l", "jpn", str(library / "Film.mp4")])
    copy = tmp_path / "copy" / "jobs.db"
    copy.parent.mkdir()
    assert root.run(["admin", "backup", str(copy)]) == 0
    assert root.run(["journal", "verify", "--data-dir", str(copy.parent)]) == 0
    assert "exactly the live state" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["journal", "verify"], ["journal", "show"], ["admin", "backup", "x"]]
)
def test_without_a_journal_there_is_nothing_to_show(library: Path, capsys, arguments) -> None:
    assert root.run(arguments) == 1
    assert "no journal yet" in capsys.readouterr().err


def test_a_backup_replaces_an_older_one_and_nothing_else(
    daemon: Serving, ask, tmp_path: Path, capsys
) -> None:
    ask("process", str(daemon.film("Film.mkv")))
    copy = tmp_path / "copy.db"
    copy.touch()
    for _ in range(2):
        assert root.run(["admin", "backup", str(copy)]) == 0
    journal = tmp_path / "data" / "jobs.db"
    link = tmp_path / "link.db"
    link.symlink_to(journal)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine(x)")
    connection.close()
    key = Path(daemon.told["key_path"])
    for target in (journal, journal.with_name("jobs.db-wal"), link, other, key):
        before = target.stat().st_ino, target.read_bytes()
        assert root.run(["admin", "backup", str(target)]) == 2, target
        assert "no copy of a journal" in capsys.readouterr().err
        assert (target.stat().st_ino, target.read_bytes()) == before
    assert ask("jobs", "list")["total"] == 1


def test_a_journal_that_another_daemon_uses_is_no_copy(
    daemon: Serving, tmp_path: Path, library: Path
) -> None:
    living = tmp_path / "living.db"
    shutil.copy(tmp_path / "data" / "jobs.db", living)
    assert root.run(["admin", "backup", str(living), "--data-dir", str(tmp_path / "data")]) == 2
