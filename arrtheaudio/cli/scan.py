"""``arrtheaudio scan``: a whole tree, now; where a daemon holds the data folder, as its batch."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.following import follow_batch, head_of, progress_bars, screen
from arrtheaudio.cli.inspect import LANGUAGES
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import brief, counted, print_json, shown
from arrtheaudio.errors import JournalLocked

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from arrtheaudio.cli.local import Local
    from arrtheaudio.client import Daemon
    from arrtheaudio.config import Loaded
    from arrtheaudio.jobs.models import Job

CHUNK_FILES: Final = 256  # one commit of the journal for so many files
CHUNK_SECONDS: Final = 0.5
CANCEL_SECONDS: Final = 5.0  # for a daemon to hear that its batch is not wanted any more
PAGE: Final = 1000  # files of a batch that the daemon tells at once


@attrs.frozen
class Wanted:
    """What was asked for."""

    folder: bytes  # resolved
    recursive: bool
    pattern: str | None
    languages: tuple[str, ...]
    dry_run: bool
    parallel: int


@attrs.define
class Totals:
    """What became of the files so far."""

    started: float = attrs.field(factory=time.monotonic)
    files: int = 0
    changed: int = 0
    success: int = 0
    skipped: int = 0
    failed: int = 0
    cancelled: int = 0
    unreadable: int = 0  # folders

    def count(self, status: str, changed: bool) -> None:
        """One more file: success, skipped, failed or cancelled."""
        self.files += 1
        self.changed += changed
        setattr(self, status, getattr(self, status) + 1)

    @property
    def rate(self) -> float:
        """Files per second."""
        return self.files / max(time.monotonic() - self.started, 1e-9)


@click.command(short_help="Set the right default audio track in a whole folder, now.")
@connected
@click.option("-r/-R", "--recursive/--no-recursive", default=True, help="Folders below it too.")
@click.option("-p", "--pattern", metavar="GLOB", help="Such as '**/*.{mkv,mp4}'.")
@LANGUAGES
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option(
    "--jobs", "parallel", type=click.IntRange(1, 32), default=4, show_default=True,
    metavar="N", help="So many files at once (a daemon has its own number).",
)  # fmt: skip
@json_option
@click.argument("folder", metavar="DIR", type=click.Path(path_type=bytes))
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
    done here. Ctrl-C ends it in order: what was begun is finished, the rest is left.
    With --json one line for each file and one with the totals.
    """
    wanted = Wanted(os.path.realpath(folder), recursive, pattern, languages, dry_run, parallel)
    totals = Totals()
    try:
        _carry_out(invocation, wanted, totals, as_json)
    except KeyboardInterrupt:
        _print_totals(totals, as_json)
        raise
    _print_totals(totals, as_json)
    return 1 if totals.failed or totals.cancelled or totals.unreadable else 0


def _print_totals(totals: Totals, as_json: bool) -> None:
    if as_json:
        document = attrs.asdict(totals) | {"files_per_second": round(totals.rate, 1)}
        del document["started"]
        print_json({"totals": document})
        return
    cancelled = f"{totals.cancelled:,} cancelled, " if totals.cancelled else ""
    unreadable = f"{counted(totals.unreadable, 'folder')} unreadable, " if totals.unreadable else ""
    click.echo(
        f"{counted(totals.files, 'file')}, {totals.changed:,} changed, "
        f"{totals.skipped:,} left as they are, {totals.failed:,} failed, "
        f"{cancelled}{unreadable}{totals.rate:,.0f} files per second"
    )


def _carry_out(invocation: Invocation, wanted: Wanted, totals: Totals, as_json: bool) -> None:
    if invocation.url is None:
        with contextlib.suppress(JournalLocked):  # a daemon has it
            return _here(invocation.load(), wanted, totals, as_json)
    return _at_daemon(invocation, wanted, totals, as_json)


def _tell(file: dict[str, Any], as_json: bool) -> None:
    """A file that failed, or as JSON any file; in the words of ``GET /batch/{id}``."""
    if as_json:
        print_json(file)
    elif file["status"] == "failed":
        what = brief(file["message"], file["file"])
        click.echo(f"failed {shown(file['file'])}: {shown(what)}", err=True)


# --- here -------------------------------------------------------------------


def _here(loaded: Loaded, wanted: Wanted, totals: Totals, as_json: bool) -> None:
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.cli.local import open_local

    async def run() -> None:
        async with open_local(loaded, [wanted.folder]) as local:
            with progress_bars(hidden=as_json) as bars:
                await _sweep(local, wanted, totals, bars, as_json)

    run_orderly(run)


async def _sweep(
    local: Local, wanted: Wanted, totals: Totals, bars: Progress, as_json: bool
) -> None:
    import trio

    from arrtheaudio.jobs.models import NewJob
    from arrtheaudio.jobs.walk import Sweep, Walk

    walk = Walk(Sweep(wanted.folder, wanted.recursive, wanted.pattern, now=time.time()))
    bar = bars.add_task("looking", total=None, rest="")
    found = 0

    def ended(job: Job) -> None:
        file = _document(job)
        totals.count(file["status"], job.track_changed)
        _tell(file, as_json)
        bars.update(bar, completed=totals.files, rest=f"{totals.rate:,.0f} files/s")

    complete = False
    while not complete:
        chunk = await trio.to_thread.run_sync(walk.chunk, CHUNK_FILES, CHUNK_SECONDS)
        complete, found = chunk.complete, found + len(chunk.files)
        _complain(chunk.errors, totals)
        _show_total(bars, bar, found if complete else None)
        if chunk.files:
            jobs = [
                NewJob(
                    path,
                    language_priority=wanted.languages or None,
                    dry_run=wanted.dry_run,
                )
                for path in chunk.files
            ]
            await local.process(jobs, parallel=wanted.parallel, ended=ended)


def _complain(errors: Sequence[str], totals: Totals) -> None:
    for error in errors:
        totals.unreadable += 1
        click.echo(f"arrtheaudio: {shown(error)}", err=True)


def _document(job: Job) -> dict[str, Any]:
    from arrtheaudio.jobs.models import format_id

    return {
        "job_id": format_id("job", job.seq),
        "file": shown(job.path),
        "status": job.result or str(job.status),
        "reason": job.reason,
        "message": job.message,
        "duration_ms": job.duration_ms,
    }


def _show_total(bars: Progress, bar: TaskID, total: int | None) -> None:
    bars.update(bar, total=total, description="looking" if total is None else "working")


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
            with screen(as_json=False, only=frozenset()) as tell:
                batch = await follow_batch(daemon, batch_id, tell, since=since)
        except BaseException:
            if interrupted():
                with trio.move_on_after(CANCEL_SECONDS, shield=True):
                    await daemon.delete(f"/batch/{batch_id}")
                    _take_over(await daemon.get(f"/batch/{batch_id}", {"limit": 1}), totals)
            raise
        _take_over(batch, totals)
        await _tell_files(daemon, batch_id, as_json)

    asking.ask(invocation, question)


def _take_over(batch: dict[str, Any], totals: Totals) -> None:
    progress = batch["progress"]
    totals.files = progress["processed"] + progress["cancelled"]
    totals.changed = batch["results"]["track_changes"]
    for name in ("success", "skipped", "failed", "cancelled"):
        setattr(totals, name, progress[name])
    _complain(batch["discovery_errors"], totals)


async def _tell_files(daemon: Daemon, batch_id: str, as_json: bool) -> None:
    offset = 0
    while True:
        page = await daemon.get(f"/batch/{batch_id}", {"limit": PAGE, "offset": offset})
        for file in page["files"]:
            _tell(file, as_json)
        offset += PAGE
        if offset >= min(page["files_total"], 100_000):  # the API's last page
            return
