"""``arrtheaudio process``: these files, now; at the daemon where one holds the data folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.following import goes_on, warn_if_paused
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.options import DRY_RUN, FILES, LANGUAGES, MOST_AT_ONCE
from arrtheaudio.cli.output import brief, print_json, shown
from arrtheaudio.errors import JournalLocked

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon
    from arrtheaudio.config import Loaded

# As GET /jobs/{id} names them, plus the file as it was given.
FIELDS = (
    "job_id", "status", "result", "reason", "message", "track_changed", "dry_run",
    "method", "selected_track", "duration_ms",
)  # fmt: skip

Ended = Callable[[dict[str, Any]], None]


@attrs.frozen
class Wanted:
    """What was asked for."""

    paths: tuple[bytes, ...]  # absolute
    languages: tuple[str, ...]
    dry_run: bool


@click.command(short_help="Set the right default audio track in these files, now.")
@connected
@LANGUAGES
@DRY_RUN
@json_option
@FILES
@click.pass_obj
def process(
    invocation: Invocation,
    languages: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    files: tuple[bytes, ...],
) -> int:
    """Make the right audio track the default one in these files, now.

    Where a daemon holds the data folder it does the work, confined to its media
    roots; else it is done here, for any file that you name. Either way the change is
    recorded first and can be undone.
    """
    for path in files:
        if os.path.isdir(path):
            raise click.UsageError(f"{shown(path)} is a folder; for those there is: scan")
    results: list[dict[str, Any]] = []

    def ended(job: dict[str, Any]) -> None:
        result = {"file": job["file_path"]} | {name: job[name] for name in FIELDS}
        results.append(result)
        if not as_json:
            _print(result)

    wanted = Wanted(tuple(os.path.abspath(path) for path in files), languages, dry_run)
    try:
        _carry_out(invocation, wanted, ended)
    finally:  # an interruption leaves results, too
        if as_json and results:
            print_json(results)
    return 1 if any(result["status"] != "completed" for result in results) else 0


def _print(result: dict[str, Any]) -> None:
    """One line for one file."""
    word = result["result"] or result["status"]
    colour = {"success": "green", "skipped": "yellow"}.get(word, "red")
    why = f" ({result['reason']})" if result["reason"] else ""
    click.echo(
        f"{click.style(word, fg=colour)} {shown(result['file'])}: "
        f"{brief(result['message'], result['file'])}{why}"
    )


def _carry_out(invocation: Invocation, wanted: Wanted, ended: Ended) -> None:
    """Work on files, here or at the daemon that holds the journal; ``ended`` gets each job."""
    if invocation.named_url is None:
        with contextlib.suppress(JournalLocked):  # a daemon has it
            return _here(invocation.load(), wanted, ended)
    return _at_daemon(invocation, wanted, ended)


def _here(loaded: Loaded, wanted: Wanted, ended: Ended) -> None:
    from arrtheaudio.api.job_views import job_item
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.cli.local import open_local
    from arrtheaudio.jobs.models import NewJob

    wishes = wanted.languages or None
    real = [os.path.realpath(path) for path in wanted.paths]  # as a daemon has them, and undo
    jobs = [NewJob(p, language_priority=wishes, dry_run=wanted.dry_run) for p in real]

    async def run() -> None:
        async with open_local(loaded, real) as local:
            await local.process(jobs, parallel=1, ended=lambda job: ended(dict(job_item(job))))

    run_orderly(run)


def _at_daemon(invocation: Invocation, wanted: Wanted, ended: Ended) -> None:
    paths = [asking.api_path(path) for path in wanted.paths]
    how = {"dry_run": wanted.dry_run, "language_priority": list(wanted.languages) or None}

    async def question(daemon: Daemon) -> None:
        from arrtheaudio.client import ended_jobs

        for begin in range(0, len(paths), MOST_AT_ONCE):
            some = paths[begin : begin + MOST_AT_ONCE]
            answer = await daemon.post("/jobs", {"paths": some, **how})
            await warn_if_paused(daemon)
            with goes_on("arrtheaudio queue"):
                async for job in ended_jobs(daemon, answer["job_ids"]):
                    ended(job)

    asking.ask(invocation, question)
