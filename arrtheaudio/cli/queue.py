"""``arrtheaudio queue`` and ``stats``: what runs and waits, and how it has gone so far."""

from __future__ import annotations

from typing import Any, Final

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.following import PAUSED
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import duration, print_json, print_table

SECONDS: Final = {"ms": 0.001, "hours": 3600}  # by the last word of a figure's name


@click.group(invoke_without_command=True)
@connected
@json_option
@click.pass_context
def queue(context: click.Context, as_json: bool) -> None:
    """Show what runs and what comes next; pause and resume."""
    if context.invoked_subcommand is not None:
        return
    answer = asking.get(context.obj, "/queue")
    if as_json:
        print_json(answer)
        return
    capacity, workers = answer["capacity"], answer["workers"]
    counts = ("queued", "running", "waiting_for_space", "completed_today", "failed_today")
    rows = [(name.replace("_", " "), str(answer[name])) for name in counts]
    rows.append(("places", f"{capacity['used']} of {capacity['limit']} used"))
    rows.append(("workers", f"{workers['active']} of {workers['total']} busy"))
    print_table(rows)
    if answer["paused"]:
        click.echo(PAUSED)
    for title, jobs in (("Running", answer["current_jobs"]), ("Next", answer["next_jobs"])):
        if jobs:
            click.echo(f"\n{title}")
            print_table(((job["job_id"], job["file"]) for job in jobs), indent="  ")


def _switch(invocation: Invocation, word: str, as_json: bool) -> None:
    answer = asking.post(invocation, f"/queue/{word}")
    if as_json:
        print_json(answer)
    else:
        click.echo("The queue is paused." if answer["paused"] else "The queue runs.")


@queue.command(short_help="Start no more jobs.")
@connected
@json_option
@click.pass_obj
def pause(invocation: Invocation, as_json: bool) -> None:
    """Start no more jobs; what runs goes on. Survives a restart."""
    _switch(invocation, "pause", as_json)


@queue.command()
@connected
@json_option
@click.pass_obj
def resume(invocation: Invocation, as_json: bool) -> None:
    """Start jobs again."""
    _switch(invocation, "resume", as_json)


@click.command()
@connected
@json_option
@click.pass_obj
def stats(invocation: Invocation, as_json: bool) -> None:
    """Show statistics: today, ever, and by container."""
    answer = asking.get(invocation, "/stats")
    if as_json:
        print_json(answer)
        return
    for section in ("queue", "workers", "today", "lifetime", "containers"):
        click.echo(section)
        print_table(map(_fact, answer[section].items()), indent="  ")


def _fact(item: tuple[str, Any]) -> tuple[str, str]:
    """A figure with its unit, which stands at an end of its name."""
    name, value = item
    *words, last = name.replace("avg", "average").split("_")
    if last in SECONDS:
        return " ".join(words), "–" if value is None else duration(value * SECONDS[last])
    said = "–" if value is None else f"{value:g} %" if last == "rate" else f"{value:,}"
    return " ".join([*words, last]), said
