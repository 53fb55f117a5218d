"""Invariants 1 and 2 against a disk that fails: at every single write and barrier."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from journal_crashes import CALLS, Life, children, complaint
from queue_children import REFUSED

REQUESTS = 8


@pytest.mark.oracle
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize(("call", "at_least"), [("fdatasync", 12), ("pwrite64", 120)])
def test_a_failing_disk_loses_nothing_and_the_queue_resumes(
    oracle, tmp_path: Path, call: str, at_least: int, error: str
) -> None:
    """Three calls fail, wherever that begins: some requests hear 503, those behind are taken."""
    heard_503 = unharmed = 0

    def fault(at: int) -> str:
        return f"error={error}:when={at}..{at + 2}"

    with children(oracle("strace"), call, fault) as journals:
        for number in range(1, CALLS):
            where = f"{error} at {call} {number}"
            folder = tmp_path / str(number)
            life = journals.live(folder, requests=REQUESTS, fault_at=number)
            unknown = [note for note in life.notes if note.startswith("unknown")]
            if life.code == REFUSED:
                assert life.notes == [], f"it had been open: {where}"
                assert journals.live(folder, requests=1).code == 0, f"it stays broken: {where}"
            else:
                assert life.code == 0, f"the queue ended: {where}"
                assert resumed(life), where
            assert complaint(folder / "jobs.db", life.notes) is None, where
            shutil.rmtree(folder)
            heard_503 += bool(unknown)
            unharmed = 0 if unknown or life.code else unharmed + 1
            if unharmed == 3:
                break  # the fault came behind the last call
    assert unharmed == 3, "it failed at all of its calls, up to the last"
    assert heard_503 >= at_least, "the injection failed nothing"


def resumed(life: Life) -> bool:
    """Every request was answered, and those behind the last unknown one were taken."""
    if life.notes[-1] != "done":
        return False
    answers = [note for note in life.notes if note.startswith(("accepted", "unknown "))]
    return len(answers) == REQUESTS


@pytest.mark.oracle
def test_a_slow_disk_takes_longer_and_loses_nothing(oracle, tmp_path: Path) -> None:
    with children(oracle("strace"), "fdatasync", lambda _: "delay_enter=20000:when=1+") as journals:
        life = journals.live(tmp_path / "slow", requests=REQUESTS, fault_at=1)
        assert life.code == 0
        assert resumed(life)
        assert complaint(tmp_path / "slow" / "jobs.db", life.notes) is None
