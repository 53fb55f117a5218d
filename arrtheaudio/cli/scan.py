"""``arrtheaudio scan``: a whole tree, now; where a daemon holds the data folder, as its batch."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.following import (
    follow_batch,
    head_of,
    progress_bars,
    say,
    screen,
    warn_if_paused,
)
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.options import swept
from arrtheaudio.cli.output import brief, counted, print_json, shown
from arrtheaudio.cli.sweeping import File, Totals, Wanted, changes, of_view, sweep
from arrtheaudio.errors import DaemonRefused, JournalLocked

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon
    from arrtheaudio.config import Loaded
    from arrtheaudio.jobs.walk import Chunk

CANCEL_SECONDS: Final = 5.0  # for a daemon to hear that its batch is not wanted any more


@click.command(short_help="Set the right default audio track in a whole folder, now.")
@connected
@swept
@click.option(
    "--jobs", "parallel", type=click.IntRange(1, 32), default=4, show_default=True,
    metavar="N", help="So many files at once (a daemon has its own number).",
)  # fmt: skip
@json_option
@click.pass_obj
def scan(
    invocation: Invocation,
    recursive: bool,
    pattern: str | None,
    languages: tuple[str, ...],
    dry_run: bool,
    parallel: int,
    as_json: bool,
    folder: bytes,
) -> int:
    """Make the right audio track the default one in all files of a folder, now.

    Where a daemon holds the data folder, this is a batch of the daemon; else it is
    done here, and the history keeps what was changed or failed, not what was right.
    Ctrl-C ends it in order: what was begun is finished, the rest is left. With --json
    one line for each file and one with the totals.
    """
    wanted = Wanted(os.path.realpath(folder), recursive, pattern, languages, dry_run, parallel)
    totals = Totals()
    try:
        _carry_out(invocation, wanted, totals, as_json)
    except KeyboardInterrupt:
        _print_totals(totals, wanted, as_json)
        raise
    _print_totals(totals, wanted, as_json)
    return 1 if totals.failed or totals.cancelled or totals.unreadable else 0


def _print_totals(totals: Totals, wanted: Wanted, as_json: bool) -> None:
    if as_json:
        document = attrs.asdict(totals) | {"files_per_second": round(totals.rate, 1)}
        del document["started"]
        print_json({"totals": document})
        return
    cancelled = f"{totals.cancelled:,} cancelled, " if totals.cancelled else ""
    unreadable = f"{counted(totals.unreadable, 'folder')} unreadable, " if totals.unreadable else ""
    done = changes(totals.changed, totals.success, dry_run=wanted.dry_run)
    click.echo(
        f"{counted(totals.files, 'file')}, {done}, "
        f"{totals.skipped:,} left as they are, {totals.failed:,} failed, "
        f"{cancelled}{unreadable}{totals.rate:,.0f} files per second"
    )


def _carry_out(invocation: Invocation, wanted: Wanted, totals: Totals, as_json: bool) -> None:
    if invocation.named_url is None:
        with contextlib.suppress(JournalLocked):  # a daemon has it
            return _here(invocation.load(), wanted, totals, as_json)
    return _at_daemon(invocation, wanted, totals, as_json)


Warn = Callable[[str], object]  # prints a line on standard error
_warn: Final[Warn] = partial(click.echo, err=True)


def _complain(errors: Sequence[str], totals: Totals, warn: Warn) -> None:
    for error in errors:
        totals.unreadable += 1
        warn(f"arrtheaudio: {shown(error)}")


def _tell(file: File, as_json: bool, warn: Warn) -> None:
    """A file that failed, or as JSON any file."""
    if as_json:
        print_json(file.document())
    elif file.status == "failed":
        warn(f"failed {shown(file.file)}: {brief(file.message, file.file)}")


# --- here -------------------------------------------------------------------


def _here(loaded: Loaded, wanted: Wanted, totals: Totals, as_json: bool) -> None:
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.cli.local import open_local

    async def run() -> None:
        async with open_local(loaded, [wanted.folder]) as local:
            with progress_bars(hidden=as_json) as bars:
                bar = bars.add_task("looking", total=None, rest="")
                warn = partial(say, bars, err=True)
                known = 0

                def found(chunk: Chunk) -> None:
                    nonlocal known
                    known += len(chunk.files)
                    _complain(chunk.errors, totals, warn)
                    if chunk.complete:
                        bars.update(bar, total=known, description="working")

                def ended(file: File) -> None:
                    totals.count(file)
                    _tell(file, as_json, warn)
                    bars.update(bar, completed=totals.files, rest=f"{totals.rate:,.0f} files/s")

                await sweep(local, wanted, found=found, ended=ended)

    run_orderly(run)


# --- at the daemon ----------------------------------------------------------


def _at_daemon(invocation: Invocation, wanted: Wanted, totals: Totals, as_json: bool) -> None:
    body: dict[str, Any] = {
        "path": asking.api_path(wanted.folder),
        "recursive": wanted.recursive,
        "dry_run": wanted.dry_run,
    }
    if wanted.pattern is not None:
        body["pattern"] = wanted.pattern
    if wanted.languages:
        body["language_priority"] = list(wanted.languages)

    async def question(daemon: Daemon) -> None:
        import trio

        from arrtheaudio.cli.interrupts import interrupted

        since = await head_of(daemon.address)
        with trio.CancelScope(shield=True):  # what began must be known, to be cancelled
            batch_id = (await daemon.post("/batch", body))["batch_id"]
        try:
            await warn_if_paused(daemon)
            with screen(as_json=False, only=frozenset()) as tell:
                batch = await follow_batch(daemon, batch_id, tell, since=since)
        except BaseException:
            if interrupted():
                with trio.move_on_after(CANCEL_SECONDS, shield=True):
                    with contextlib.suppress(DaemonRefused):  # it has just ended
                        await daemon.delete(f"/batch/{batch_id}")
                    _take_over(await daemon.get(f"/batch/{batch_id}", {"limit": 1}), totals)
            raise
        _take_over(batch, totals)
        told = {"batch_id": batch_id} | ({} if as_json else {"status": "failed"})
        async for job in daemon.jobs(told):
            _tell(of_view(job), as_json, _warn)

    asking.ask(invocation, question)


def _take_over(batch: dict[str, Any], totals: Totals) -> None:
    progress = batch["progress"]
    totals.files = progress["processed"] + progress["cancelled"]
    totals.changed = batch["results"]["track_changes"]
    for name in ("success", "skipped", "failed", "cancelled"):
        setattr(totals, name, progress[name])
    _complain(batch["discovery_errors"], totals, _warn)
