"""Work without a daemon: the queue and the media engine, no HTTP and no dispatcher.

Takes the journal's lock and records every plan there, so an interruption at any
instant is settled like one of the daemon's, and the change can be undone. What
others have queued stays queued. The paths are the user's own authority: they
count beside ``media_roots``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import attrs
import click
import trio

from arrtheaudio import logs
from arrtheaudio.cli.output import shown
from arrtheaudio.config import Loaded
from arrtheaudio.errors import AlreadyEnded, HalfEdited
from arrtheaudio.jobs.attempt import attempt
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import MediaEngine, Policy
from arrtheaudio.jobs.models import Job, NewJob
from arrtheaudio.jobs.queue import Queue, Settings, open_queue
from arrtheaudio.jobs.recovery import settle
from arrtheaudio.media import Plan

FOLDER_MODE: Final = 0o700
UNSETTLED: Final = (
    "arrtheaudio: {}: an interrupted edit of it can be neither finished nor taken back now; "
    "it is tried again and again. Is its disk mounted? Ctrl-C leaves it for the next start."
)
CANCEL_SECONDS: Final = 10.0  # a journal that hangs must not hold the command for ever


@attrs.frozen
class Local:
    """An open journal, and what is needed to work on files with it."""

    queue: Queue
    engine: MediaEngine
    settling: trio.Nursery
    unsettled: list[Claim] = attrs.field(factory=list)  # of this life and of former ones

    async def settle(self, claim: Claim, plan: Plan, error: HalfEdited | None = None) -> None:
        """Finish or take back an edit; one that cannot be settled yet is tried on and on."""
        tried = trio.Event()

        async def until_settled() -> None:
            self.unsettled.append(claim)
            await settle(self.queue, self.engine, claim, plan, tried, error)
            self.unsettled.remove(claim)

        self.settling.start_soon(until_settled)
        await tried.wait()
        if claim in self.unsettled:  # whoever asks for this very file waits for that
            click.echo(UNSETTLED.format(shown(plan.path)), err=True)

    async def process(
        self, jobs: Sequence[NewJob], *, parallel: int, ended: Callable[[Job], None]
    ) -> None:
        """Bring these files in order, ``parallel`` at a time; ``ended`` is told of each."""
        accepted = await self.queue.submit(jobs, direct=True)
        await self._do(accepted.jobs, parallel, ended)

    async def undo(self, job: int) -> Job:
        """Put back what a job changed; nothing else that waits is touched."""
        self._trust((await self.queue.job(job)).path)
        done: list[Job] = []
        await self._do([await self.queue.undo(job, direct=True)], 1, done.append)
        return done[0]

    async def undo_batch(
        self, batch: int, *, begun: Callable[[int], None], ended: Callable[[Job], None]
    ) -> None:
        """Put back all that a batch changed; ``begun`` is told how many files that are."""
        self._trust((await self.queue.batch(batch, limit=1)).path)
        others = set(self.queue.direct_jobs())
        begun(await self.queue.undo_batch(batch, direct=True))
        await self._do([job for job in self.queue.direct_jobs() if job not in others], 1, ended)

    def _trust(self, path: bytes) -> None:
        """The user names what is to be undone, so where it lies may be touched."""
        policy = self.engine.policy
        self.engine.policy = attrs.evolve(policy, roots=(*(policy.roots or ()), path))

    async def _do(self, jobs: Sequence[int], parallel: int, ended: Callable[[Job], None]) -> None:
        waiting = iter(jobs)  # shared: whoever is free takes the next one
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(parallel):
                    nursery.start_soon(self._work, waiting, ended)
        finally:
            with trio.move_on_after(CANCEL_SECONDS, shield=True):
                await self._cancel_what_waits(jobs)

    async def _work(self, waiting: Iterator[int], ended: Callable[[Job], None]) -> None:
        for job in waiting:
            claim = await self.queue.claim_direct(job)
            if claim is not None:
                unsettled = await attempt(self.queue, self.engine, claim, worker_id=1)
                if unsettled is not None:
                    claim.scope = trio.CancelScope()  # one can be entered once only
                    await self.settle(claim, unsettled.plan, unsettled.error)
            ended(await self.queue.job(job))

    async def _cancel_what_waits(self, jobs: Sequence[int]) -> None:
        """After an interruption nothing of this call may be left for a later daemon.

        But what could not be settled is: its file may be changed in part.
        """
        ours = set(jobs) - {claim.job for claim in self.unsettled}
        await self.queue.cancel_many(ours.intersection(self.queue.direct_jobs()))
        for job in ours.intersection(self.queue.direct_jobs()):  # its run was still ending
            with suppress(AlreadyEnded):
                await self.queue.cancel(job)


@asynccontextmanager
async def open_local(loaded: Loaded, paths: Sequence[bytes] = ()) -> AsyncIterator[Local]:
    """The journal of the data folder, locked. Raises JournalLocked where a daemon has it."""
    logs.configure(level="error")  # results are printed; what ends in a result is no news
    folder = Path(loaded.data_dir)
    await trio.Path(folder).mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    config = loaded.config
    # The user names the file now: whether it has rested for a while does not matter.
    options = attrs.evolve(config.options(os.fsencode(loaded.before_images)), settle_seconds=0.0)
    roots = (*map(os.fsencode, config.media_roots), *paths)
    engine = MediaEngine(Policy(config.rules(), options, roots, config.execution.dry_run))
    settings = Settings(
        max_queue_size=sys.maxsize,  # no sender waits here that could be told to come again
        heeds_pause=False,
        worker_count=0,  # nothing is dispatched: only what was asked for runs
        retry_attempts=0,  # whoever typed the command sees why, and can type it again
        timeout_seconds=config.processing.timeout_seconds,
    )
    async with (
        open_queue(Path(loaded.journal_path), settings) as queue,
        trio.open_nursery() as settling,
    ):
        local = Local(queue, engine, settling)
        for claim, plan in await queue.take_open_plans():
            await local.settle(claim, plan)
        try:
            yield local
        finally:
            with trio.CancelScope(shield=True):
                await _stop(queue, local.unsettled)


async def _stop(queue: Queue, unsettled: Sequence[Claim]) -> None:
    await queue.stopping()  # so that the next start knows that this was no crash
    for claim in unsettled:
        claim.cancel("stop")
