"""``arrtheaudio jobs``: lists, one job, cancel, retry."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.batch import print_totals
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.options import Id, paged
from arrtheaudio.cli.output import brief, local_time, print_json, print_table, shown

STATUSES: Final = ("queued", "running", "waiting_for_space", "completed", "failed", "cancelled")
FACTS: Final = ("kind", "status", "result", "reason", "message", "method", "attempt", "duration_ms")


@click.group()
def jobs() -> None:
    """List, show, cancel and retry jobs."""


@jobs.command("list", short_help="List jobs.")
@connected
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="Only these.")
@click.option(
    "--result",
    multiple=True,
    type=click.Choice(("success", "skipped", "failed")),
    help="How they ended.",
)
@click.option(
    "--source", multiple=True, type=click.Choice(("sonarr", "radarr", "manual")), help="Who asked."
)
@click.option(
    "--container", multiple=True, type=click.Choice(("mkv", "mp4")), help="The kind of file."
)
@click.option("--batch", "batch_id", type=Id("batch"), metavar="ID", help="Of this batch.")
@click.option("--webhook", "webhook_id", type=Id("webhook"), metavar="ID", help="Of this delivery.")
@click.option(
    "--path",
    type=click.Path(path_type=bytes),
    metavar="PATH",
    help="A file, or everything below a folder.",
)
@click.option("-q", metavar="TEXT", help="A part of the path.")
@paged
@click.option(
    "--order",
    type=click.Choice(("desc", "asc")),
    default="desc",
    show_default=True,
    help="Newest or oldest first.",
)
@json_option
@click.pass_obj
def listing(invocation: Invocation, /, as_json: bool, path: bytes | None, **query: Any) -> None:
    """List jobs, newest first."""
    filters = {name: list(v) if isinstance(v, tuple) else v for name, v in query.items()}
    if path is not None:
        filters["path"] = asking.api_path(os.path.abspath(path))
    answer = asking.get(invocation, "/jobs", **filters)
    if as_json:
        print_json(answer)
        return
    print_table(_row(job) for job in answer["jobs"])
    offset, found = answer["offset"], len(answer["jobs"])
    place = f"{offset + 1:,}–{offset + found:,}" if found else "None"
    click.echo(f"{place} of {answer['total']:,}")


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    state = job["status"]
    if job["status"] == "completed" and job["result"] == "skipped":
        state = f"skipped: {job['reason']}"
    elif job["status"] == "failed":
        state = f"failed: {job['reason']}"
    elif job["status"] == "completed" and job["dry_run"]:
        state = f"dry run: {brief(job['message'], job['file_path'])}"
    return job["job_id"], local_time(job["created_at"]), job["source"], state, job["file_path"]


def _about(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command one ID, of a job or whatever else the API takes in its place."""

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        command = click.argument("job_id", type=Id(*kinds), metavar="ID")(click.pass_obj(command))
        return connected(json_option(command))

    return decorated


@jobs.command(short_help="Show one job with its tracks and its history.")
@_about("job", "batch")
def show(invocation: Invocation, as_json: bool, job_id: str) -> None:
    """Show one job: its tracks, why one was chosen, and what happened when."""
    job = asking.get(invocation, f"/jobs/{job_id}")
    if as_json:
        print_json(job)
        return
    if "files" in job:  # a batch's id gives a batch
        click.echo(f"{job['batch_id']}  {shown(job['path'])}")
        print_totals(job)
        return
    click.echo(f"{job['job_id']}  {shown(job['file_path'])}")
    job["message"] = brief(job["message"], job["file_path"]) or None
    print_table(((name, str(job[name])) for name in FACTS if job[name] is not None), indent="  ")
    if job["tracks"]:
        click.echo("\nAudio tracks")
        print_table(map(_track, job["tracks"]), indent="  ")
    click.echo("\nHistory")
    print_table(
        ((str(e["seq"]), local_time(e["at"]), e["type"]) for e in job["events"]), indent="  "
    )


def _track(track: dict[str, Any]) -> tuple[str, ...]:
    return (
        "→" if track["chosen"] else "",
        str(track["index"]),
        track["language"],
        track["codec"],
        "default" if track["default"] else "",
        track["title"] or "",
        track["why"],
    )


@jobs.command(short_help="Cancel a job; answers when it has stopped.")
@_about("job", "batch")
def cancel(invocation: Invocation, as_json: bool, job_id: str) -> None:
    """Cancel a job; answers when it has stopped."""
    answer = asking.delete(invocation, f"/jobs/{job_id}")
    _tell(answer, f"{job_id}: {answer['message']}", as_json)


@jobs.command(short_help="Try a failed or cancelled job again.")
@_about("job")
def retry(invocation: Invocation, as_json: bool, job_id: str) -> None:
    """Try a failed or cancelled job again, as a new job."""
    answer = asking.post(invocation, f"/jobs/{job_id}/retry")
    _tell(answer, f"{answer['job_id']}: queued, a retry of {job_id}", as_json)


def _tell(answer: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        click.echo(shown(sentence))
