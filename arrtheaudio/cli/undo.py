"""``arrtheaudio undo``: the original bytes go back, of a file or of what a job changed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.following import warn_if_paused
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.options import MOST_AT_ONCE, Id, Name
from arrtheaudio.cli.output import brief, print_json, shown
from arrtheaudio.errors import JournalLocked, NothingToUndo

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon
    from arrtheaudio.config import Loaded


@click.command(short_help="Put original bytes back: of a file, a job or a batch.")
@connected
@click.option("--job", "job_id", type=Id("job"), metavar="ID", help="What this job changed.")
@click.option(
    "--batch", "batch_id", type=Id("batch"), metavar="ID", help="All that this batch changed."
)
@click.option("--no-follow", is_flag=True, help="Of a batch: end once the daemon has accepted it.")
@json_option
@click.argument("file", required=False, type=Name())
@click.pass_obj
def undo(
    invocation: Invocation,
    job_id: str | None,
    batch_id: str | None,
    no_follow: bool,
    as_json: bool,
    file: bytes | None,
) -> int:
    """Put the original bytes of a file, a job or a batch back.

    FILE: what changed it last and was not undone. Refused where something else has
    changed the file since. While a daemon undoes a batch, Ctrl-C ends only the looking on.
    """
    if sum(choice is not None for choice in (job_id, batch_id, file)) != 1:
        raise click.UsageError("Name one of FILE, --job ID and --batch ID.")
    if file is not None and os.path.isdir(file):
        raise click.UsageError(f"{shown(file)} is a folder; --batch ID puts back a whole one.")
    if batch_id is not None:
        from arrtheaudio.cli.undo_batch import undo_batch

        return undo_batch(invocation, batch_id, follow=not no_follow, as_json=as_json)
    # A job has its file's name as it was asked for: through a link, or the real one.
    names = () if file is None else tuple({os.path.realpath(file): 0, os.path.abspath(file): 0})
    job = _undone(invocation, job_id, names)
    if as_json:
        print_json(job)
    else:
        said = brief(job["message"], job["file_path"]) or job["status"]
        click.echo(f"{shown(job['file_path'])}: {said}")
    return 0 if job["result"] == "success" else 1


def _undone(invocation: Invocation, job_id: str | None, names: tuple[bytes, ...]) -> dict[str, Any]:
    """The ended undo job, as ``GET /jobs/{id}`` shows it."""
    if invocation.named_url is None:
        with contextlib.suppress(JournalLocked):  # a daemon has it
            return _here(invocation.load(), job_id, names)
    return _at_daemon(invocation, job_id, names)


def _here(loaded: Loaded, job_id: str | None, names: tuple[bytes, ...]) -> dict[str, Any]:
    from arrtheaudio.api.job_views import job_item, job_view
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.cli.local import open_local
    from arrtheaudio.jobs.models import JobFilter, parse_id

    async def run() -> dict[str, Any]:
        async with open_local(loaded) as local:
            wanted = job_id
            if wanted is None:
                found: list[Mapping[str, Any]] = []
                for name in names:
                    of_file = JobFilter(path=name, result=("success",), limit=MOST_AT_ONCE)
                    page = await local.queue.jobs(of_file)
                    found += [dict(job_item(job)) for job in page.jobs if job.path == name]
                wanted = _last_change(found, names[0])
            return dict(job_view(await local.undo(parse_id(wanted)[1])))

    return run_orderly(run)


def _at_daemon(
    invocation: Invocation, job_id: str | None, names: tuple[bytes, ...]
) -> dict[str, Any]:
    async def question(daemon: Daemon) -> dict[str, Any]:
        from arrtheaudio.client import ended_jobs

        wanted = job_id
        if wanted is None:
            found: list[Mapping[str, Any]] = []
            for name in names:
                of_file = {"path": asking.api_path(name), "result": "success"}
                found += [job async for job in daemon.jobs(of_file)]
            wanted = _last_change(found, names[0])
        answer = await daemon.post(f"/jobs/{wanted}/undo")
        await warn_if_paused(daemon)
        [job] = [job async for job in ended_jobs(daemon, [answer["job_id"]])]
        return job

    return asking.ask(invocation, question)


def _last_change(jobs: Iterable[Mapping[str, Any]], path: bytes | None) -> str:
    """The job that changed a file last and was not undone, among its jobs, newest first."""
    for job in sorted(jobs, key=lambda job: str(job["job_id"]), reverse=True):
        if job["track_changed"] and not job["undone"] and job["kind"] == "process":
            return str(job["job_id"])
    raise NothingToUndo(path=path)
