"""Journals one after another, each in a process that is forked from this one under strace.

``queue_children.py CALL`` reads a line of JSON for each child: its folder, its requests, and
how many calls of no effect its writer's thread makes before it opens the journal. It answers
with the child's exit code.

One strace injects its fault at one number of calls of a thread; the calls before let each
child meet it somewhere else. A start of Python and strace for each took five times as long.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

import queue_child
import trio

from arrtheaudio.errors import JournalError
from arrtheaudio.jobs import journal
from arrtheaudio.jobs.writer import Writer

REFUSED: Final = 3  # exit code: the journal could not be opened, and said so

CALLS: Final[dict[str, Callable[[int], object]]] = {
    "pwrite64": lambda descriptor: os.pwrite(descriptor, b"", 0),
    "fdatasync": os.fdatasync,
}


class CountingWriter(Writer):
    """Its thread has made some calls before it opens the journal for the first time."""

    call: str
    calls_before = 0

    def __init__(self, path: Path, *, synchronous: str, wal_bound_pages: int) -> None:
        nowhere = os.open("/dev/null", os.O_WRONLY)
        for _ in range(CountingWriter.calls_before):
            with contextlib.suppress(OSError):  # nothing can be synced there
                CALLS[CountingWriter.call](nowhere)
        os.close(nowhere)
        CountingWriter.calls_before = 0
        super().__init__(path, synchronous=synchronous, wal_bound_pages=wal_bound_pages)


def live(folder: Path, requests: int) -> int:
    """A child's life; its exit code."""
    os.dup2(2, 1)  # answers have the standard output for themselves
    memory = os.open(folder / "memory", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        trio.run(queue_child.work, folder / "jobs.db", memory, "FULL", requests)
    except JournalError:
        return REFUSED
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def main() -> None:
    CountingWriter.call = sys.argv[1]
    queue_child.Writer = CountingWriter  # type: ignore[misc]
    journal.REOPEN_FIRST_SECONDS = 0.001  # type: ignore[misc]
    for line in sys.stdin:
        folder, requests, before = json.loads(line)
        child = os.fork()
        if not child:
            CountingWriter.calls_before = before
            os._exit(live(Path(folder), requests))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
