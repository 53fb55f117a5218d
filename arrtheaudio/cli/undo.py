"""``arrtheaudio undo``: the original bytes go back."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import counted, print_json, shown
from arrtheaudio.errors import JournalLocked, NothingToUndo, UnknownId

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon
    from arrtheaudio.config import Loaded
    from arrtheaudio.jobs.models import Job

PAGE: Final = 1000  # jobs of one file that are looked through


@click.command(short_help="Put original bytes back: of a file, a job or a batch.")
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
    """Put the original bytes of a file, a job or a batch back.

    FILE: what changed it last and was not undone. Refused where something else has
    changed the file since. A batch at a daemon is only accepted here and done meanwhile.
    """
    if sum(choice is not None for choice in (job_id, batch_id, file)) != 1:
        raise click.UsageError("Name one of FILE, --job ID and --batch ID.")
    if batch_id is not None:
        return _undo_batch(invocation, batch_id, as_json=as_json)
    job = _undone(invocation, job_id, None if file is None else os.path.realpath(file))
    if as_json:
        print_json(job)
    else:
        click.echo(f"{shown(job['file_path'])}: {shown(job['message'] or job['status'])}")
    return 0 if job["status"] == "completed" else 1


def _undo_batch(invocation: Invocation, batch_id: str, *, as_json: bool) -> int:
    """Here it is done at once; a daemon answers when it is accepted, and does it meanwhile."""
    done: Sequence[Job] | None = None
    if invocation.url is None:
        with contextlib.suppress(JournalLocked):  # a daemon has it
            done = _batch_here(invocation.load(), batch_id)
    if done is None:
        answer = asking.post(invocation, f"/batch/{batch_id}/undo")
        if as_json:
            print_json(answer)
        else:
            click.echo(f"{batch_id}: {counted(answer['job_ids_total'], 'file')} to be put back.")
        return 0
    failed = [job for job in done if job.status != "completed"]
    if as_json:
        print_json({"batch_id": batch_id, "job_ids_total": len(done), "failed": len(failed)})
        return 1 if failed else 0
    for job in failed:
        click.echo(f"failed {shown(job.path)}: {shown(job.message or job.status)}", err=True)
    click.echo(f"{batch_id}: {counted(len(done) - len(failed), 'file')} put back.")
    return 1 if failed else 0


def _batch_here(loaded: Loaded, batch_id: str) -> Sequence[Job]:
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.cli.local import open_local

    batch = _number(batch_id, "batch")

    async def run() -> Sequence[Job]:
        async with open_local(loaded) as local:
            return await local.undo_batch(batch)

    return run_orderly(run)


def _number(written: str, kind: str) -> int:
    """The number in an id. Raises UnknownId, also for an id of something else."""
    from arrtheaudio.jobs.models import parse_id

    found, number = parse_id(written)
    if found != kind:
        raise UnknownId(f"{written} is no {kind}")
    return number


def _undone(invocation: Invocation, job_id: str | None, path: bytes | None) -> dict[str, Any]:
    """The ended undo job, as ``GET /jobs/{id}`` shows it."""
    if invocation.url is None:
        with contextlib.suppress(JournalLocked):  # a daemon has it
            return _here(invocation.load(), job_id, path)
    return _at_daemon(invocation, job_id, path)


def _here(loaded: Loaded, job_id: str | None, path: bytes | None) -> dict[str, Any]:
    from arrtheaudio.api.job_views import job_item, job_view
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.cli.local import open_local
    from arrtheaudio.jobs.models import JobFilter

    async def run() -> dict[str, Any]:
        async with open_local(loaded) as local:
            wanted = job_id
            if wanted is None:
                page = await local.queue.jobs(JobFilter(path=path, result=("success",), limit=PAGE))
                wanted = _last_change([dict(job_item(job)) for job in page.jobs], path)
            return dict(job_view(await local.undo(_number(wanted, "job"))))

    return run_orderly(run)


def _at_daemon(invocation: Invocation, job_id: str | None, path: bytes | None) -> dict[str, Any]:
    async def question(daemon: Daemon) -> dict[str, Any]:
        from arrtheaudio.client import ended_jobs

        wanted = job_id
        if wanted is None:
            assert path is not None, "a file or a job is named"
            query: dict[str, Any] = {"path": asking.api_path(path), "result": "success"} | {
                "limit": PAGE
            }
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
