"""Journals that die or whose disk fails, and what must be found in them behind that.

The client's memory is a file of what was acknowledged (``crash/queue_child.py``). A
journal must hold all of that, no half request, and must verify.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import attrs

from arrtheaudio.errors import JournalCorrupt, JournalError
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.replay import EVERYTHING, rows_of
from arrtheaudio.jobs.verify import verify

CHILDREN: Final = Path(__file__).with_name("crash") / "queue_children.py"
COUNTED: Final = 32  # calls that a child makes, at most, before the journal's own count
CALLS: Final = 500  # more than any child makes


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


@attrs.frozen
class Life:
    """How a child ended, and what its client remembers."""

    code: int
    notes: list[str]


@attrs.define
class Children:
    """Journals under one fault, each in a process of its own.

    strace injects it at one number of calls, up to which a child must first count: few
    calls, as a strace serves only those children whose fault comes at about that number.
    """

    strace: str
    call: str
    fault: Callable[[int], str]  # as strace writes it, for the call with this number
    _sound: subprocess.Popen[str]
    _faulty: subprocess.Popen[str] | None = None
    _last: int = 0

    def live(self, folder: Path, *, requests: int, fault_at: int | None = None) -> Life:
        """One life of the journal in this folder; the fault comes at this call of its."""
        folder.mkdir(exist_ok=True)
        parent, before = self._sound, 0
        if fault_at is not None:
            parent = self._until(-(-fault_at // COUNTED) * COUNTED)
            before = self._last - fault_at
        assert parent.stdin is not None
        assert parent.stdout is not None
        print(json.dumps([str(folder), requests, before]), file=parent.stdin, flush=True)
        code = int(parent.stdout.readline())
        memory = folder / "memory"
        return Life(code, memory.read_text().splitlines() if memory.exists() else [])

    def _until(self, last: int) -> subprocess.Popen[str]:
        """Whose children meet the fault at this call."""
        if self._faulty is None or self._last != last:
            self.close()
            options = ["-f", "-qq", "-o", "/dev/null", "-e", f"trace={self.call}"]
            inject = ["-e", f"inject={self.call}:{self.fault(last)}"]
            self._faulty, self._last = begin(self.strace, *options, *inject, call=self.call), last
        return self._faulty

    def close(self) -> None:
        """End what makes children with a fault."""
        if self._faulty is not None:
            end(self._faulty)
            self._faulty = None


def begin(*prefix: str, call: str) -> subprocess.Popen[str]:
    """A process that makes children."""
    command = [*prefix, sys.executable, str(CHILDREN), call]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> None:
    """It ends with its input."""
    process.communicate(timeout=60)


@contextmanager
def children(strace: str, call: str, fault: Callable[[int], str]) -> Iterator[Children]:
    """Children whose nth ``call`` meets this fault."""
    made = Children(strace, call, fault, begin(call=call))
    try:
        yield made
    finally:
        made.close()
        end(made._sound)
