"""``dying_daemon.py N serve …``: a daemon that is killed right behind the Nth chunk of a discovery.

The commit of the chunk is durable, nobody has heard of it yet.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from arrtheaudio.cli import main
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.writer import Encoded, Writer

chunks_left = int(sys.argv.pop(1))
commit = Writer.commit


def commit_or_die(self: Writer, rows: Sequence[ev.Row], encoded: Sequence[Encoded]) -> None:
    global chunks_left
    commit(self, rows, encoded)
    chunks_left -= sum(row.type == ev.BATCH_DISCOVERED for row in rows)
    if chunks_left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


Writer.commit = commit_or_die  # type: ignore[method-assign]
main()
