"""``arrtheaudio undo --batch``: the original bytes of all that a batch changed go back.

Without a daemon it is done here. A daemon accepts all the undo jobs at once and does them
meanwhile; they are followed on its feed, where they are told apart by what they undo.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.following import goes_on, head_of, progress_bars, say, warn_if_paused
from arrtheaudio.cli.invocation import Invocation
from arrtheaudio.cli.output import brief, counted, print_json, shown
from arrtheaudio.errors import JournalLocked

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon
    from arrtheaudio.config import Loaded

QUEUED: Final = "job.queued"
ENDS: Final = frozenset({"job.completed", "job.failed", "job.cancelled"})

Ended = Callable[[Mapping[str, Any]], None]


@attrs.define
class Tally:
    """How many files there are, and what became of them so far."""

    files: int = 0
    put_back: int = 0
    would: int = 0  # with execution.dry_run nothing is written

    def begin(self, files: int) -> None:
        """So many there are."""
        self.files = files

    @property
    def failed(self) -> int:
        """What is not as it was; asked at the end."""
        return self.files - self.put_back - self.would


def undo_batch(invocation: Invocation, batch_id: str, *, follow: bool, as_json: bool) -> int:
    """Do it, and print what became of it; gives the exit code."""
    tally = Tally()
    if invocation.named_url is None:
        with contextlib.suppress(JournalLocked):  # a daemon has it
            _here(invocation.load(), batch_id, tally, as_json=as_json)
            return _end(batch_id, tally, as_json=as_json)
    if follow:
        _followed(invocation, batch_id, tally, as_json=as_json)
        return _end(batch_id, tally, as_json=as_json)
    answer = asking.post(invocation, f"/batch/{batch_id}/undo")
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{batch_id}: {counted(answer['job_ids_total'], 'file')} to be put back.")
    return 0


def _end(batch_id: str, tally: Tally, *, as_json: bool) -> int:
    if as_json:
        print_json({"batch_id": batch_id, "job_ids_total": tally.files, "failed": tally.failed})
    elif tally.would:
        click.echo(f"{batch_id}: {counted(tally.would, 'file')} would be put back.")
    else:
        click.echo(f"{batch_id}: {counted(tally.put_back, 'file')} put back.")
    return 1 if tally.failed else 0


@contextmanager
def _counting(batch_id: str, tally: Tally, *, as_json: bool) -> Iterator[Ended]:
    """Gives what takes the end of each undo job: it counts, names failures, moves the bar."""
    with progress_bars(hidden=as_json) as bars:
        bar = bars.add_task(batch_id, total=None, rest="")
        done = 0

        def ended(job: Mapping[str, Any]) -> None:
            nonlocal done
            done += 1
            right = job.get("result") == "success"
            tally.put_back += right and job["track_changed"]
            tally.would += right and not job["track_changed"]
            if not right and not as_json:
                path, status = job["file_path"], job["status"]
                said = brief(job.get("message"), path) or job.get("reason") or status
                say(bars, f"failed {shown(path)}: {said}", err=True)
            bars.update(bar, total=tally.files or None, completed=done)

        yield ended


def _here(loaded: Loaded, batch_id: str, tally: Tally, *, as_json: bool) -> None:
    from arrtheaudio.api.job_views import job_item
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.cli.local import open_local
    from arrtheaudio.jobs.models import parse_id

    async def run() -> None:
        async with open_local(loaded) as local:
            with _counting(batch_id, tally, as_json=as_json) as ended:
                await local.undo_batch(
                    parse_id(batch_id)[1],
                    begun=tally.begin,
                    ended=lambda job: ended(job_item(job)),
                )

    run_orderly(run)


# --- at the daemon ----------------------------------------------------------


def _followed(invocation: Invocation, batch_id: str, tally: Tally, *, as_json: bool) -> None:
    async def question(daemon: Daemon) -> None:
        changes = await _changes(daemon, batch_id)
        since = await head_of(daemon.address)
        tally.files = (await daemon.post(f"/batch/{batch_id}/undo"))["job_ids_total"]
        await warn_if_paused(daemon)
        with goes_on("arrtheaudio queue"), _counting(batch_id, tally, as_json=as_json) as ended:
            await _follow(daemon, since, changes, tally.files, ended)

    asking.ask(invocation, question)


async def _changes(daemon: Daemon, batch_id: str) -> set[str]:
    """The jobs of the batch that may be undone."""
    query: dict[str, Any] = {"batch_id": batch_id, "kind": "process"}
    query |= {"track_changed": "true", "undone": "false"}
    return {job["job_id"] async for job in daemon.jobs(query)}


async def _follow(daemon: Daemon, since: int, changes: set[str], files: int, ended: Ended) -> None:
    """Tell the end of each job that undoes one of these changes and came behind ``since``."""
    from arrtheaudio.client import ended_jobs
    from arrtheaudio.client.feed import Wanted, follow

    waiting: set[str] = set()
    async with follow(daemon.address, Wanted(since=since, types=(QUEUED, *ENDS))) as feed:
        async for message in feed:
            kind = message["type"]
            if kind == QUEUED and message.get("undo_of") in changes:
                waiting.add(message["job_id"])
            elif kind in ENDS and message["job_id"] in waiting:
                waiting.remove(message["job_id"])
                files -= 1
                ended(message)
                if not files:
                    return
            elif kind == "gap":
                break
    async for job in ended_jobs(daemon, waiting):  # their events are not kept any more
        ended(job)
