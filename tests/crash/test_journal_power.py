"""Invariants 1 and 2 against power cuts: every state that the disk could be left in."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from crash_states import crash_states, record
from journal_crashes import complaint

CHILD = str(Path(__file__).with_name("queue_child.py"))
SEED = 7


@pytest.mark.oracle
@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
def test_no_power_cut_loses_an_acknowledged_request(
    oracle, tmp_path: Path, synchronous: str
) -> None:
    """With synchronous=NORMAL, the control, the same enumeration must find losses."""
    database, memory = tmp_path / "jobs.db", tmp_path / "memory"
    command = [CHILD, str(database), str(memory), synchronous, "12"]
    operations = record(oracle("strace"), command, tmp_path, memory)
    shelf = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path
    rebuilt = shelf / f"crash-{os.getpid()}.db"
    found: Counter[str] = Counter()
    states = 0
    for notes, files in crash_states(operations, SEED):
        for ending in ("", "-wal"):
            target = rebuilt.with_name(rebuilt.name + ending)
            content = files.get(str(database) + ending)
            target.unlink(missing_ok=True)
            if content is not None:
                target.write_bytes(content)
        rebuilt.with_name(rebuilt.name + "-shm").unlink(missing_ok=True)
        states += 1
        problem = complaint(rebuilt, notes)
        if problem:
            found[problem.split(":")[0]] += 1
    for leftover in shelf.glob(f"{rebuilt.name}*"):
        leftover.unlink()
    assert states > 300
    if synchronous == "FULL":
        assert not found, f"seed {SEED}"
    else:
        assert found.total() > 100, "the control finds little: the enumeration is blind"
