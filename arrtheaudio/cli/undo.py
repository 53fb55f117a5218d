"""``arrtheaudio undo``: the original bytes go back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import print_json, shown
from arrtheaudio.errors import NothingToUndo

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon


@click.command()
@connected
@click.option("--job", "job_id", metavar="ID", help="What this job changed.")
@click.option("--batch", "batch_id", metavar="ID", help="All that this batch changed.")
@json_option
@click.argument("file", required=False, type=click.Path(path_type=str))
@click.pass_obj
def undo(
    invocation: Invocation,
    job_id: str | None,
    batch_id: str | None,
    as_json: bool,
    file: str | None,
) -> int:
    """Put the original bytes of a file, a job or a batch back."""
    if sum(choice is not None for choice in (job_id, batch_id, file)) != 1:
        raise click.UsageError("Name one of FILE, --job ID and --batch ID.")
    if batch_id is not None:
        answer = asking.post(invocation, f"/batch/{batch_id}/undo")
        if as_json:
            print_json(answer)
        else:
            click.echo(f"{batch_id}: {answer['job_ids_total']} files are being put back.")
        return 0

    path = None if file is None else os.path.realpath(file)

    async def question(daemon: Daemon) -> dict[str, Any]:
        from arrtheaudio.client import ended_jobs

        wanted = job_id or await _last_change(daemon, path)
        answer = await daemon.post(f"/jobs/{wanted}/undo")
        [job] = [job async for job in ended_jobs(daemon, [answer["job_id"]])]
        return job

    job = asking.ask(invocation, question)
    right = job["status"] == "completed"
    if as_json:
        print_json(job)
    else:
        click.echo(f"{shown(job['file_path'])}: {shown(job['message'] or job['status'])}")
    return 0 if right else 1


async def _last_change(daemon: Daemon, path: str | None) -> str:
    """The job that changed this file last and was not undone."""
    assert path is not None, "a file or a job is named"
    query: dict[str, Any] = {"path": path, "result": "success", "limit": 1000}
    answer = await daemon.get("/jobs", query)
    for job in answer["jobs"]:
        if job["track_changed"] and not job["undone"] and job["kind"] == "process":
            return str(job["job_id"])
    raise NothingToUndo(path=os.fsencode(path))
