"""Invariants 1 and 2 against power cuts, kills and failing disks.

The client's memory is a file of what was acknowledged. Behind every crash the
journal must hold all of that, no half request, and must verify.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import apsw
import pytest
from crash_states import crash_states, record

from arrtheaudio.errors import JournalCorrupt, JournalError
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.replay import EVERYTHING, rows_of
from arrtheaudio.jobs.verify import verify

CHILD = str(Path(__file__).with_name("queue_child.py"))
SEED = 7

pytestmark = pytest.mark.oracle


def complaint(database: Path, notes: Iterable[str]) -> str | None:
    """What is wrong with a journal behind a crash, given what was acknowledged."""
    try:
        connection = apsw.Connection(str(database))
        try:
            (check,) = next(connection.execute("PRAGMA integrity_check"))
            if check != "ok":
                return "corrupt"
            rows = list(rows_of(connection, EVERYTHING))
            if differences := verify(connection):
                return differences[0]
        finally:
            connection.close()
    except (apsw.Error, JournalCorrupt, JournalError) as error:
        return f"unreadable: {error}"
    return _lost(rows, notes)


def _lost(rows: list[ev.Row], notes: Iterable[str]) -> str | None:
    requests: Counter[str] = Counter()
    sizes: dict[str, int] = {}
    for row in rows:
        if row.type == ev.JOB_QUEUED:
            number, size, *_ = row.body["path"].removeprefix("/media/").split("-")
            requests[number] += 1
            sizes[number] = int(size)
    for number, count in requests.items():
        if count != sizes[number]:
            return f"half of request {number}"
    happened = {(row.type, row.job) for row in rows}
    for note in notes:
        what, *of = note.split()
        if what == "accepted" and of[0] not in requests:
            return f"lost: {note}"
        if what in ("planned", "completed") and (f"job.{what}", int(of[0])) not in happened:
            return f"lost: {note}"
    return None


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


def injected(
    strace: str, folder: Path, call: str, fault: str, *, requests: int = 8
) -> tuple[int, list[str]]:
    """Run the child with a fault injected by strace; its exit code and the client's memory."""
    memory = folder / "memory"
    arguments = [CHILD, str(folder / "jobs.db"), str(memory), "FULL", str(requests)]
    options = ["-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:{fault}"]
    done = subprocess.run(
        [strace, *options, sys.executable, *arguments],
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
    )
    notes = memory.read_text().splitlines() if memory.exists() else []
    return done.returncode, notes


def count_calls(strace: str, folder: Path, call: str) -> int:
    trace = folder / "trace"
    arguments = [CHILD, str(folder / "jobs.db"), str(folder / "memory"), "FULL", "8"]
    options = ["-f", "-o", str(trace), "-e", f"trace={call}"]
    subprocess.run([strace, *options, sys.executable, *arguments], check=True, timeout=60)
    return len(re.findall(rf"\b{call}\(", trace.read_text()))


@pytest.mark.parametrize(("call", "step"), [("fdatasync", 1), ("pwrite64", 7)])
def test_a_kill_at_any_write_loses_nothing(oracle, tmp_path: Path, call: str, step: int) -> None:
    strace = oracle("strace")
    total = count_calls(strace, tmp_path, call)
    assert total >= 8
    died = 0
    for number in range(1, total + 1, step):
        folder = tmp_path / str(number)
        folder.mkdir()
        code, notes = injected(strace, folder, call, f"signal=KILL:when={number}")
        died += code in (-signal.SIGKILL, 128 + signal.SIGKILL)
        if (folder / "jobs.db").exists() and notes:
            assert complaint(folder / "jobs.db", notes) is None, f"killed at {call} {number}"
    assert died >= total // step - 2, "the injection did not kill"


@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("call", ["fdatasync", "pwrite64"])
def test_a_failing_disk_loses_nothing_and_the_queue_resumes(
    oracle, tmp_path: Path, call: str, error: str
) -> None:
    """Three writes in the middle fail: some requests hear 503, those behind are taken again."""
    strace = oracle("strace")
    total = count_calls(strace, tmp_path, call)
    heard_503 = 0
    for number in (total * 2 // 3, total * 5 // 6):  # behind the opening
        folder = tmp_path / f"{error}-{number}"
        folder.mkdir()
        fault = f"error={error}:when={number}..{number + 2}"
        code, notes = injected(strace, folder, call, fault, requests=20)
        assert code == 0, f"the queue ended at {call} {number}"
        assert notes[-1] == "done"
        assert complaint(folder / "jobs.db", notes) is None, f"{error} at {call} {number}"
        unknown = [at for at, note in enumerate(notes) if note.startswith("unknown")]
        accepted = [at for at, note in enumerate(notes) if note.startswith("accepted")]
        heard_503 += len(unknown)
        if unknown:
            assert accepted[-1] > unknown[-1], "it resumes by itself"
    assert heard_503, "the injection failed nothing"
