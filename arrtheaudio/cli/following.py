"""The live feed on a terminal, in a pipe, as JSON; and a batch followed to its end.

Lines go to standard output, bars to standard error and only where that is a terminal.
Nothing is missed over lost connections: the client resumes behind the last number.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from arrtheaudio.cli.output import local_time, print_json, shown
from arrtheaudio.cli.telling import told
from arrtheaudio.errors import DaemonUnreachable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from arrtheaudio.client import Address, Daemon

Message = dict[str, Any]
Tell = Callable[[Message], None]

BATCH_ENDS: Final = frozenset({"batch.completed", "batch.cancelled", "batch.failed"})
PAUSED: Final = "The queue is paused: nothing starts until `arrtheaudio queue resume`."
CLOCK: Final = slice(11, 19)  # of a local time: the feed is about now


@contextmanager
def progress_bars(*, hidden: bool = False) -> Iterator[Progress]:
    """Bars on standard error, if that is a terminal; what is said meanwhile goes by ``say``."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rest]}", markup=False),
        console=console,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    if hidden or not console.is_terminal:
        yield bars  # never started: it counts, and shows nothing
        return
    with bars:
        yield bars


def say(bars: Progress, line: str, *, err: bool = False) -> None:
    """Print one line, above the bars where they are on the same terminal."""
    if bars.live.is_started and (err or sys.stdout.isatty()):
        from rich.text import Text

        bars.console.print(Text.from_ansi(line), soft_wrap=True)
    else:
        click.echo(line, err=err)


class Bars:
    """One bar for each batch that has not ended, as the feed tells it."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._of: dict[str, TaskID] = {}
        self._found: set[str] = set()  # batches whose files are all known

    def take(self, message: Message) -> None:
        """The next message."""
        kind = message["type"]
        if kind == "hello":
            for batch in message["batches"]:
                if batch["discovery_complete"]:
                    self._found.add(batch["batch_id"])
                self._show(batch["batch_id"], batch["progress"])
        elif kind == "batch.discovered" and message.get("complete"):
            self._found.add(message["batch_id"])
        elif kind == "batch.progress":
            self._show(message["batch_id"], message["progress"])
        elif kind in BATCH_ENDS and message["batch_id"] in self._of:
            self._bars.remove_task(self._of.pop(message["batch_id"]))

    def _show(self, batch_id: str, progress: Message) -> None:
        if batch_id not in self._of:
            self._of[batch_id] = self._bars.add_task(batch_id, total=None, rest="")
        eta = progress["eta_seconds"]
        failed = f"{progress['failed']} failed " if progress["failed"] else ""
        self._bars.update(
            self._of[batch_id],
            total=progress["total_files"] if batch_id in self._found else None,
            completed=progress["processed"] + progress["cancelled"],
            rest=f"{failed}{'' if eta is None else f'{eta // 60}:{eta % 60:02} left'}",
        )


@contextmanager
def screen(*, as_json: bool, only: frozenset[str] | None = None) -> Iterator[Tell]:
    """Gives what shows one message: as JSON all of them, else a line and the bars.

    ``only``: types of which lines are shown; None for all.
    """
    if as_json:
        yield print_json
        return
    with progress_bars() as progress:
        bars = Bars(progress)

        def show(message: Message) -> None:
            bars.take(message)
            line = worded(message) if only is None or message["type"] in only else None
            if line is not None:
                say(progress, line)

        yield show


def worded(message: Message) -> str | None:
    """A message as one line, if it is one for people."""
    line = told(message)
    if line is None:
        return None
    clock = local_time(message["at"])[CLOCK] if "at" in message else " " * 8
    return f"{clock} {click.style(f'{line.word:<9}', fg=line.colour)} {shown(line.rest)}"


@contextmanager
def goes_on(command: str) -> Iterator[None]:
    """Where Ctrl-C only ends the looking on, say so, and what looks on again."""
    from arrtheaudio.cli.interrupts import interrupted

    try:
        yield
    except BaseException:
        if interrupted():
            click.echo(f"It goes on at the daemon: {command}", err=True)
        raise


async def warn_if_paused(daemon: Daemon) -> None:
    """Who waits for jobs must know that none will start."""
    if (await daemon.get("/queue"))["paused"]:
        click.echo(PAUSED, err=True)


async def head_of(address: Address) -> int:
    """The number of the newest event: what is asked for after this lies behind it."""
    from arrtheaudio.client.feed import Wanted, connection

    async with connection(address, Wanted()) as feed:
        messages = await feed.receive()
    if not messages:
        raise DaemonUnreachable(f"The daemon at {address.url} is stopping.")
    seq: int = messages[0]["seq"]
    return seq


async def follow_batch(
    daemon: Daemon, batch_id: str, tell: Tell, *, since: int | None = None
) -> Message:
    """Tell what happens to a batch until it has ended; gives its last state.

    ``since``: a number from before it began; without one it is looked at as it is.
    """
    from arrtheaudio.client.feed import Wanted, follow

    path = f"/batch/{batch_id}"
    await daemon.get(path, {"limit": 1})  # an id that there is not is told as such
    async with follow(daemon.address, Wanted(since=since, batch_id=batch_id)) as feed:
        resumed = since is not None
        async for message in feed:
            kind = message["type"]
            if kind == "hello":
                mine = [one for one in message["batches"] if one["batch_id"] == batch_id]
                if not mine and not resumed:
                    break  # it has ended before
                resumed = True
                message = message | {"batches": mine}
            tell(message)
            if kind in BATCH_ENDS:
                break
            if kind == "gap" and (await daemon.get(path, {"limit": 1}))["completed_at"]:
                break
    state: Message = await daemon.get(path, {"limit": 1})
    return state
