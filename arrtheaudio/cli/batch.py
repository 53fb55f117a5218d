"""``arrtheaudio batch`` and ``batches``: sweeps of whole folders, done by the daemon."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.following import follow_batch, goes_on, head_of, screen, warn_if_paused
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.options import paged, swept
from arrtheaudio.cli.output import counted, local_time, print_json, print_table, shown
from arrtheaudio.cli.sweeping import changes

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon

FAILURES = frozenset({"job.failed", "lost", "gap"})  # what a followed batch shows beside its bar
STATUSES = ("queued", "running", "cancelling", "completed", "cancelled", "failed")


@click.command(short_help="Hand a sweep of a folder to the daemon.")
@connected
@swept
@click.option(
    "--priority",
    type=click.Choice(("normal", "low")),
    default="normal",
    show_default=True,
    help="Low: only when nothing else waits.",
)
@click.option("--min-size-mb", type=float, metavar="N", help="No files smaller than this.")
@click.option("--max-age-days", type=float, metavar="N", help="No files older than this.")
@click.option(
    "--exclude",
    multiple=True,
    metavar="GLOB",
    help="Not these names of files or folders; may be given several times.",
)
@click.option("--follow", is_flag=True, help="Show its progress until it has ended.")
@json_option
@click.pass_obj
def batch(
    invocation: Invocation,
    /,
    folder: bytes,
    recursive: bool,
    pattern: str | None,
    languages: tuple[str, ...],
    dry_run: bool,
    priority: str,
    min_size_mb: float | None,
    max_age_days: float | None,
    exclude: tuple[str, ...],
    follow: bool,
    as_json: bool,
) -> int:
    """Hand a sweep of a folder to the daemon, which must have it below its media roots.

    With --follow, Ctrl-C only ends the looking on: the sweep goes on.
    """
    filters: dict[str, Any] = {
        "min_size_mb": min_size_mb,
        "max_age_days": max_age_days,
        "exclude_patterns": list(exclude) or None,
    }
    body: dict[str, Any] = {
        "path": asking.api_path(os.path.abspath(folder)),
        "recursive": recursive,
        "pattern": pattern,
        "dry_run": dry_run,
        "priority": priority,
        "language_priority": list(languages) or None,
        "filters": {name: value for name, value in filters.items() if value is not None} or None,
    }
    body = {name: value for name, value in body.items() if value is not None}

    if not follow:
        answer = asking.post(invocation, "/batch", body)
        if as_json:
            print_json(answer)
        else:
            _print_start(answer)
        return 0

    async def question(daemon: Daemon) -> dict[str, Any]:
        since = await head_of(daemon.address)
        answer = await daemon.post("/batch", body)
        if not as_json:
            _print_start(answer)
        with goes_on(f"arrtheaudio watch --batch {answer['batch_id']}"):
            await warn_if_paused(daemon)
            with screen(as_json=as_json, only=FAILURES) as tell:
                return await follow_batch(daemon, answer["batch_id"], tell, since=since)

    return end_of(asking.ask(invocation, question), as_json=as_json)


def _print_start(answer: dict[str, Any]) -> None:
    some = "" if answer["discovery_complete"] else "at least "
    click.echo(f"{answer['batch_id']}: {some}{counted(answer['estimated_files'], 'file')}")


def end_of(batch: dict[str, Any], *, as_json: bool) -> int:
    """Print what became of a batch that was followed; gives the exit code."""
    if as_json:
        print_json({"batch": batch})
    else:
        print_totals(batch)
        for error in batch["discovery_errors"]:
            click.echo(f"arrtheaudio: {shown(error)}", err=True)
    right = batch["status"] == "completed" and not batch["discovery_errors"]
    return 0 if right and not batch["progress"]["failed"] else 1


def print_totals(answer: dict[str, Any]) -> None:
    """One line of what became of a batch's files."""
    progress, changed = answer["progress"], answer["results"]["track_changes"]
    done = changes(changed, progress["success"], dry_run=answer["dry_run"])
    click.echo(
        f"{answer['status']}: {counted(progress['total_files'], 'file')}, {done}, "
        f"{progress['skipped']} left as they are, {progress['failed']} failed"
        + (f", {progress['cancelled']} cancelled" if progress["cancelled"] else "")
    )
    if answer["error"]:
        click.echo(shown(answer["error"]))


@click.command(short_help="List batches.")
@connected
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="Only these.")
@paged
@json_option
@click.pass_obj
def batches(
    invocation: Invocation, status: tuple[str, ...], limit: int, offset: int, as_json: bool
) -> None:
    """List batches, newest first."""
    answer = asking.get(invocation, "/batch", status=list(status), limit=limit, offset=offset)
    if as_json:
        print_json(answer)
        return
    print_table(
        (
            entry["batch_id"],
            local_time(entry["created_at"]),
            entry["status"],
            f"{entry['progress']['processed']}/{entry['progress']['total_files']}",
            entry["path"],
        )
        for entry in answer["batches"]
    )
