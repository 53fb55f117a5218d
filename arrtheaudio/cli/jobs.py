"""``arrtheaudio jobs``: lists, one job, cancel, retry."""

from __future__ import annotations

from typing import Any

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import local_time, print_json, print_table, shown

STATUSES = ("queued", "running", "waiting_for_space", "completed", "failed", "cancelled")


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
@click.option("--batch", "batch_id", metavar="ID", help="Of this batch.")
@click.option("--webhook", "webhook_id", metavar="ID", help="Of this delivery.")
@click.option("--path", metavar="PATH", help="A file, or everything below a folder.")
@click.option("-q", metavar="TEXT", help="A part of the path.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
@click.option(
    "--offset", type=click.IntRange(0, 100_000), default=0, metavar="N", help="Not the first N."
)
@click.option(
    "--order",
    type=click.Choice(("desc", "asc")),
    default="desc",
    show_default=True,
    help="Newest or oldest first.",
)
@json_option
@click.pass_obj
def listing(invocation: Invocation, /, as_json: bool, **query: Any) -> None:
    """List jobs, newest first."""
    filters = {name: list(v) if isinstance(v, tuple) else v for name, v in query.items()}
    answer = asking.get(invocation, "/jobs", **filters)
    if as_json:
        print_json(answer)
        return
    print_table(_row(job) for job in answer["jobs"])
    first = min(answer["offset"] + 1, answer["total"])
    last = answer["offset"] + len(answer["jobs"])
    click.echo(f"{first}–{last} of {answer['total']}")


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    state = job["status"]
    if job["status"] == "completed" and job["result"] == "skipped":
        state = f"skipped: {job['reason']}"
    elif job["status"] == "failed":
        state = f"failed: {job['reason']}"
    return job["job_id"], local_time(job["created_at"]), job["source"], state, job["file_path"]


@jobs.command(short_help="Show one job with its tracks and its history.")
@connected
@json_option
@click.argument("job_id", metavar="ID")
@click.pass_obj
def show(invocation: Invocation, as_json: bool, job_id: str) -> None:
    """Show one job: its tracks, why one was chosen, and what happened when."""
    job = asking.get(invocation, f"/jobs/{job_id}")
    if as_json or "job_id" not in job or "events" not in job:  # a batch's id gives a batch
        print_json(job)
        return
    click.echo(f"{job['job_id']}  {shown(job['file_path'])}")
    facts = ("kind", "status", "result", "reason", "message", "method", "attempt", "duration_ms")
    print_table(((name, str(job[name])) for name in facts if job[name] is not None), indent="  ")
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


@jobs.command()
@connected
@json_option
@click.argument("job_id", metavar="ID")
@click.pass_obj
def cancel(invocation: Invocation, as_json: bool, job_id: str) -> None:
    """Cancel a job; answers when it has stopped."""
    answer = asking.delete(invocation, f"/jobs/{job_id}")
    _tell(answer, f"{job_id}: {answer['message']}", as_json)


@jobs.command()
@connected
@json_option
@click.argument("job_id", metavar="ID")
@click.pass_obj
def retry(invocation: Invocation, as_json: bool, job_id: str) -> None:
    """Try a failed or cancelled job again, as a new job."""
    answer = asking.post(invocation, f"/jobs/{job_id}/retry")
    _tell(answer, f"{answer['job_id']}: queued, a retry of {job_id}", as_json)


def _tell(answer: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    else:
        click.echo(shown(sentence))
