"""Running ffmpeg and mkvmerge: to their end, or not at all.

Each program has a process group of its own, which is killed whole on cancellation
and once the program has ended. Knows nothing of media.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import trio

from arrtheaudio.errors import ToolFailed

WORDS_KEPT: Final = 2048  # bytes of a program's last words that go into the error
PRINTED_KEPT: Final = 1 << 20  # bytes; one line per stream, a few per chapter
TERMINATE_SECONDS: Final = 2.0  # from SIGTERM to SIGKILL

Command = Sequence[str | bytes]


async def output(command: Command, *, well: Sequence[int] = (0,)) -> bytes:
    """Run a program to its end and return what it printed.

    Raises ToolFailed with its last words.
    """
    name = os.path.basename(os.fsdecode(command[0]))
    printed, words = Tail(PRINTED_KEPT), Tail(WORDS_KEPT)
    process: trio.Process | None = None
    refused: OSError | None = None
    async with trio.open_nursery() as nursery:
        try:
            process = await nursery.start(
                partial(
                    trio.run_process,
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    check=False,
                    start_new_session=True,
                    deliver_cancel=_kill_group,
                )
            )
        except OSError as error:  # raised here it would come out in a group
            refused = error
        else:
            await _listen(process, printed, words)
    if process is None:
        why = refused.strerror if refused is not None and refused.strerror else str(refused)
        raise ToolFailed(f"{name} cannot be started: {why.lower()}") from refused
    if process.returncode not in well:
        told = (words.text or printed.text).strip() or "no message"
        raise ToolFailed(f"{name} ended with {process.returncode}: {told}")
    return printed.kept


async def _listen(process: trio.Process, printed: Tail, words: Tail) -> None:
    """Read what a program prints until it has ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with trio.open_nursery() as readers:
        readers.start_soon(printed.read, process.stdout)
        readers.start_soon(words.read, process.stderr)
        await process.wait()
        with suppress(ProcessLookupError):  # what it left behind would hold the streams open
            os.killpg(process.pid, signal.SIGKILL)


class Tail:
    """The last bytes of a stream that may be endless."""

    def __init__(self, most: int) -> None:
        self.kept = b""
        self._most = most

    @property
    def text(self) -> str:
        """As words for a message."""
        return self.kept.decode(errors="replace")

    async def read(self, stream: trio.abc.ReceiveStream) -> None:
        """Read to the end."""
        async for piece in stream:
            self.kept = (self.kept + piece)[-self._most :]


async def _kill_group(process: trio.Process) -> None:
    """End a program with all that it started: SIGTERM, a moment, SIGKILL."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with trio.move_on_after(TERMINATE_SECONDS):
            await process.wait()
        os.killpg(process.pid, signal.SIGKILL)
