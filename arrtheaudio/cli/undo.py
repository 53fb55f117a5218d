"""``arrtheaudio undo``: the original bytes go back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import counted, print_json, shown
from arrtheaudio.errors import JournalLocked, NothingToUndo

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon
    from arrtheaudio.config import Loaded

PAGE: Final = 1000  # jobs of one file that are looked through


@click.command()
@connected
@click.option("--job", "job_id", metavar="ID", help="What this job changed.")
@click.option("--batch", "batch_id", metavar="ID", help="All that this batch changed.")
@json_option
@click.argument("file", required=False, type=click.Path(path_type=bytes))
@click.pass_obj
def undo(
    invocation: Invocation,
    job_id: str | None,
    batch_id: str | None,
    as_json: bool,
    file: bytes | None,
) -> int:
    """Put the original bytes of a file, a job or a batch back."""
    if sum(choice is not None for choice in (job_id, batch_id, file)) != 1:
        raise click.UsageError("Name one of FILE, --job ID and --batch ID.")
    if batch_id is not None:
        answer = asking.post(invocation, f"/batch/{batch_id}/undo")
        if as_json:
            print_json(answer)
        else:
            click.echo(f"{batch_id}: {counted(answer['job_ids_total'], 'file')} to be put back.")
        return 0
    job = _undone(invocation, job_id, None if file is None else os.path.realpath(file))
    if as_json:
        print_json(job)
    else:
        click.echo(f"{shown(job['file_path'])}: {shown(job['message'] or job['status'])}")
    return 0 if job["status"] == "completed" else 1


def _undone(invocation: Invocation, job_id: str | None, path: bytes | None) -> dict[str, Any]:
    """The ended undo job, as ``GET /jobs/{id}`` shows it."""
    if invocation.url is None:
        with contextlib.suppress(JournalLocked):  # a daemon has it
            return _here(invocation.load(), job_id, path)
    return _at_daemon(invocation, job_id, path)


def _here(loaded: Loaded, job_id: str | None, path: bytes | None) -> dict[str, Any]:
    import trio

    from arrtheaudio.api import views
    from arrtheaudio.cli.local import open_local
    from arrtheaudio.jobs.models import JobFilter, parse_id

    async def run() -> dict[str, Any]:
        async with open_local(loaded, dispatch=True) as local:
            wanted = job_id
            if wanted is None:
                page = await local.queue.jobs(JobFilter(path=path, result=("success",), limit=PAGE))
                wanted = _last_change([dict(views.job_item(job)) for job in page.jobs], path)
            return dict(views.job(await local.undo(parse_id(wanted)[1])))

    return trio.run(run)


def _at_daemon(invocation: Invocation, job_id: str | None, path: bytes | None) -> dict[str, Any]:
    async def question(daemon: Daemon) -> dict[str, Any]:
        from arrtheaudio.client import ended_jobs

        wanted = job_id
        if wanted is None:
            assert path is not None, "a file or a job is named"
            query: dict[str, Any] = {"path": os.fsdecode(path), "result": "success", "limit": PAGE}
            wanted = _last_change((await daemon.get("/jobs", query))["jobs"], path)
        answer = await daemon.post(f"/jobs/{wanted}/undo")
        [job] = [job async for job in ended_jobs(daemon, [answer["job_id"]])]
        return job

    return asking.ask(invocation, question)


def _last_change(jobs: Iterable[Mapping[str, Any]], path: bytes | None) -> str:
    """The job that changed a file last and was not undone, among its jobs, newest first."""
    for job in jobs:
        if job["track_changed"] and not job["undone"] and job["kind"] == "process":
            return str(job["job_id"])
    raise NothingToUndo(path=path)
