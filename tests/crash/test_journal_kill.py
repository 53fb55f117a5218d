"""Invariants 1 and 2 against kill -9: at every single write and barrier of a journal's life."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from journal_crashes import CALLS, Children, Life, children, complaint

REQUESTS = 8
KINDS = [  # and how many of them there are at least
    ("fdatasync", 20),
    ("pwrite64", 150),
]


@pytest.mark.oracle
@pytest.mark.parametrize(("call", "at_least"), KINDS)
def test_a_kill_at_any_write_loses_nothing_and_the_journal_opens_again(
    oracle, tmp_path: Path, call: str, at_least: int
) -> None:
    died, stuck = 0, []
    with children(oracle("strace"), call, lambda at: f"signal=KILL:when={at}") as journals:
        for number in range(1, CALLS):
            folder = tmp_path / str(number)
            life = journals.live(folder, requests=REQUESTS, fault_at=number)
            if life.code == 0:
                break
            assert life.code == -signal.SIGKILL, f"{call} {number}"
            died += 1
            if opens_again(journals, folder, life):
                where = f"killed at {call} {number}"
                assert complaint(folder / "jobs.db", life.notes) is None, where
            else:
                stuck.append(number)
            shutil.rmtree(folder)
    assert life.notes[-1] == "done", "it was killed at all of its calls, up to the last"
    assert died >= at_least, "the injection did not kill"
    assert stuck == [], f"killed at these {call}, it never opens again"


def opens_again(journals: Children, folder: Path, life: Life) -> bool:
    """The next start of the daemon."""
    again = journals.live(folder, requests=0)
    return (again.code, again.notes[len(life.notes) :]) == (0, ["open", "done"])
