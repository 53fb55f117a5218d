"""A whole tree: what was asked, what became of each file, and the sweep without a daemon.

That sweep is walked and looked at one chunk ahead of the jobs, and only what needs one
gets a job on the locked journal. Knows nothing of terminals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import attrs

from arrtheaudio.cli.output import shown

if TYPE_CHECKING:
    from arrtheaudio.cli.local import Local
    from arrtheaudio.cli.looking import LeftAlone, Looker
    from arrtheaudio.jobs.models import Job
    from arrtheaudio.jobs.walk import Chunk

CHUNK_FILES: Final = 256  # one commit of the journal for so many files
CHUNK_SECONDS: Final = 0.5
LOOK_FILES: Final = 16  # by one thread in a row: to go to a thread costs as much as a look


@attrs.frozen
class Wanted:
    """What was asked for."""

    folder: bytes  # resolved
    recursive: bool
    pattern: str | None
    languages: tuple[str, ...]
    dry_run: bool
    parallel: int


@attrs.frozen
class File:
    """What became of one file; ``job_id`` is None where it needed no job."""

    job_id: str | None
    file: str
    status: str  # success, skipped, failed, cancelled
    reason: str | None
    message: str | None
    duration_ms: int | None
    changed: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return attrs.asdict(self, filter=lambda field, _: field.name != "changed")


@attrs.define
class Totals:
    """What became of the files so far."""

    started: float = attrs.field(factory=time.monotonic)
    files: int = 0
    changed: int = 0
    success: int = 0
    skipped: int = 0
    failed: int = 0
    cancelled: int = 0
    unreadable: int = 0  # folders

    def count(self, file: File) -> None:
        """One more."""
        self.files += 1
        self.changed += file.changed
        setattr(self, file.status, getattr(self, file.status) + 1)

    @property
    def rate(self) -> float:
        """Files per second."""
        return self.files / max(time.monotonic() - self.started, 1e-9)


def changes(changed: int, success: int, *, dry_run: bool) -> str:
    """``3 changed``; a success without a change is one that was only looked at."""
    if dry_run:
        return f"{success:,} would be changed"
    would = success - changed  # where only the configuration says execution.dry_run
    return f"{changed:,} changed" + (f", {would:,} would be changed" if would else "")


def of_view(job: Mapping[str, Any]) -> File:
    """A file from its job as ``GET /jobs`` shows it."""
    return File(
        job_id=job["job_id"],
        file=job["file_path"],
        status=job["result"] or job["status"],
        reason=job["reason"],
        message=job["message"],
        duration_ms=job["duration_ms"],
        changed=job["track_changed"],
    )


def _of_job(job: Job) -> File:
    from arrtheaudio.jobs.models import format_id

    return File(
        job_id=format_id("job", job.seq),
        file=shown(job.path),
        status=job.result or str(job.status),
        reason=job.reason,
        message=job.message,
        duration_ms=job.duration_ms,
        changed=job.track_changed,
    )


def _of_look(left: LeftAlone) -> File:
    return File(
        job_id=None,
        file=shown(left.path),
        status="skipped",
        reason=left.reason,
        message=left.message,
        duration_ms=left.duration_ms,
    )


async def sweep(
    local: Local,
    wanted: Wanted,
    *,
    found: Callable[[Chunk], None],
    ended: Callable[[File], None],
) -> None:
    """Bring a tree in order; ``found`` is told of its files, ``ended`` of each that is done.

    Raises: BadPattern; OSError where the folder itself cannot be read.
    """
    import trio

    from arrtheaudio.cli.looking import Looker
    from arrtheaudio.jobs.models import NewJob
    from arrtheaudio.jobs.walk import Sweep, Walk

    wishes = wanted.languages or None
    roots = local.engine.policy.roots or ()
    walk = Walk(
        Sweep(wanted.folder, wanted.recursive, wanted.pattern, named_within=roots, now=time.time())
    )
    looker = Looker(local.engine.policy, wishes)
    into, out = trio.open_memory_channel[list[bytes]](0)

    async def look_ahead() -> None:
        async with into:
            complete = False
            while not complete:
                chunk = await trio.to_thread.run_sync(walk.chunk, CHUNK_FILES, CHUNK_SECONDS)
                complete = chunk.complete
                found(chunk)
                needed = await _looked(local, looker, chunk.names, wanted.parallel, ended)
                if needed:
                    await into.send(needed)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look_ahead)
        async for paths in out:
            jobs = [
                NewJob(path, language_priority=wishes, dry_run=wanted.dry_run) for path in paths
            ]
            await local.process(
                jobs, parallel=wanted.parallel, ended=lambda job: ended(_of_job(job))
            )


async def _looked(
    local: Local,
    looker: Looker,
    files: Sequence[bytes],
    parallel: int,
    ended: Callable[[File], None],
) -> list[bytes]:
    """The files that need a job, in their order; the others are done."""
    import trio

    runs = [files[begin : begin + LOOK_FILES] for begin in range(0, len(files), LOOK_FILES)]
    waiting = iter(runs)
    needed: set[bytes] = set()

    async def work() -> None:
        for paths in waiting:
            titles = await local.queue.titles(paths)
            look = partial(looker.look, paths, titles)
            looks = await trio.to_thread.run_sync(look, abandon_on_cancel=True)
            for path, left in zip(paths, looks, strict=True):
                if left is None:
                    needed.add(path)
                else:
                    ended(_of_look(left))

    async with trio.open_nursery() as nursery:
        for _ in range(min(parallel, len(runs))):
            nursery.start_soon(work)
    return [path for path in files if path in needed]
