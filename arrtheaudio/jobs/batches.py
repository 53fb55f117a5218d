"""Batches: begin, discover in chunks, cancel in chunks, end exactly once.

A batch is ``queued`` until its first job starts, then ``running``,
``cancelling``, and one of the three ends. What must go on after a restart
(discovery, cancelling) is found in the state then. queue.md: Batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import trio

from arrtheaudio.errors import AlreadyEnded, BatchExists, JournalUnavailable
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.claims import Discovery
from arrtheaudio.jobs.encoding import encode_bytes
from arrtheaudio.jobs.facets import CANCELLED
from arrtheaudio.jobs.journal import wait_landed
from arrtheaudio.jobs.models import BatchCancelled, BatchStatus, NewBatch, Status, format_id
from arrtheaudio.jobs.ownership import Ownership
from arrtheaudio.jobs.state import LiveBatch, batch_end_body

CANCEL_CHUNK: Final = 500  # jobs ended by one commit


class Batches(Ownership):
    """The batch part of the face."""

    async def start_batch(self, batch: NewBatch) -> int:
        """Journal a batch; its discovery begins at once (``next_discovery``).

        Raises: WorkersOff, QueueFull, BatchExists, JournalUnavailable.
        """
        self._need_workers()
        for live in self._state.batches.values():
            if live.request.path == batch.path:
                raise BatchExists(path=batch.path, batch=live.seq)
        if batch.path in self._starting:
            raise BatchExists(path=batch.path, batch=self._starting[batch.path])
        self._admit(1)
        draft = self._draft()
        seq = draft.begin(ev.BATCH_QUEUED, ev.batch_body(batch))
        draft.places = 1
        self._starting[batch.path] = seq
        try:
            await self._commit(draft)
        finally:
            del self._starting[batch.path]
        return seq

    # --- discovery ---

    async def next_discovery(self) -> Discovery:
        """The next batch whose folder is to be walked; its owner enters ``scope``.

        After a restart, or a failure of the journal, a batch is given again and goes on
        behind ``last``. The scope is cancelled when the batch is, or when the journal fails.
        """
        while True:
            for batch in self._state.batches.values():
                wanted = not batch.discovery_complete and batch.seq not in self._discoveries
                if wanted and not self._is_cancelling(batch) and self._journal.available:
                    discovery = Discovery(batch.seq, batch.request, batch.last)
                    self._discoveries[batch.seq] = discovery
                    return discovery
            self._discovery_wanted = trio.Event()
            await self._discovery_wanted.wait()

    def give_back(self, discovery: Discovery) -> None:
        """Its walk was broken off: it is given out again, behind what it had found."""
        if self._discoveries.get(discovery.batch) is discovery:
            del self._discoveries[discovery.batch]
            self._discovery_wanted.set()

    async def batch_discovered(
        self,
        batch: int,
        files: Sequence[bytes],
        *,
        last: bytes | None,
        errors: Sequence[str] = (),
        complete: bool,
    ) -> bool:
        """One chunk of files, one commit. False: the batch is cancelled, look no further.

        Raises: JournalUnavailable (the batch is then given out again).
        """
        known = await self.titles(files)
        live = self._state.batches.get(batch)
        if live is None or self._is_cancelling(live):
            return False
        draft = self._draft()
        priority = int(live.request.priority)
        for path in files:
            found = ev.found_body(path, priority, known.get(path))
            draft.queued(found, batch, takes_place=False)
        body: dict[str, object] = {"found": len(files), "complete": complete}
        if last is not None:
            body["last"] = encode_bytes(last)
        if errors:
            body["errors"] = list(errors)
        draft.parent(ev.BATCH_DISCOVERED, batch, body)
        await self._commit(draft)
        return True

    async def batch_failed(self, batch: int, error: str) -> None:
        """Its folder is unreadable. Where jobs are live already, discovery ends there instead.

        Raises: JournalUnavailable.
        """
        live = self._state.batches.get(batch)
        if live is None or self._is_cancelling(live) or ("end", batch) in self._batch_rows:
            return
        if live.live or live.total:
            await self.batch_discovered(batch, (), last=live.last, errors=[error], complete=True)
            return
        draft = self._draft()
        draft.parent(ev.BATCH_FAILED, batch, batch_end_body(live, error))
        ticket = self._journal.submit(draft.rows)  # where that is refused, nothing has changed
        self._batch_rows.add(("end", batch))
        await wait_landed(ticket)

    # --- cancel ---

    async def cancel_batch(self, batch: int, *, force: bool = False) -> BatchCancelled:
        """Cancel what waits; with ``force`` the running jobs' scopes, too.

        Returns behind the durable ``batch.cancelling``, and where nothing runs behind the
        batch's end. Raises: UnknownId, AlreadyEnded, JournalUnavailable.
        """
        await self._wait_while(lambda: ("end", batch) in self._batch_rows)
        live = self._state.batches.get(batch)
        if live is None:
            ended = await self.batch(batch, limit=1)
            raise AlreadyEnded(
                f"{format_id('batch', batch)} is {ended.status}", status=ended.status
            )
        waiting, processed = live.live - live.running, self._processed(live)
        if self._is_cancelling(live):
            await self._wait_while(lambda: live.status is not BatchStatus.CANCELLING)
        else:
            await self._begin_to_cancel(batch)
        runs = [claim for claim in self._claims.values() if claim.batch == batch]
        if force:
            for claim in runs:
                claim.cancel("cancel")
        if runs or live.running:  # claimed, or about to be settled
            return BatchCancelled(BatchStatus.CANCELLING, waiting, processed)
        await self._wait_while(lambda: batch in self._state.batches)
        return BatchCancelled(BatchStatus.CANCELLED, waiting, processed)

    async def _begin_to_cancel(self, batch: int) -> None:
        draft = self._draft()
        draft.parent(ev.BATCH_CANCELLING, batch)
        ticket = self._journal.submit(draft.rows)  # where that is refused, nothing has changed
        self._batch_rows.add((ev.BATCH_CANCELLING, batch))
        discovery = self._discoveries.pop(batch, None)
        if discovery is not None:
            discovery.scope.cancel()
        await wait_landed(ticket)

    @staticmethod
    def _processed(live: LiveBatch) -> int:
        return sum(live.ended) - live.ended[CANCELLED]

    async def _cancel_batches(self) -> None:
        """A service: end the waiting jobs of every batch that is being cancelled."""
        async for batch in self._to_cancel:
            try:
                await self._cancel_waiting_jobs(batch)
            except JournalUnavailable:
                continue  # asked again when the journal's next life has begun

    async def _cancel_waiting_jobs(self, batch: int) -> None:
        waiting = [
            job.seq
            for job in self._state.jobs.values()
            if job.parent == batch and job.status is not Status.RUNNING
        ]
        for begin in range(0, len(waiting), CANCEL_CHUNK):
            draft = self._draft()
            for seq in waiting[begin : begin + CANCEL_CHUNK]:
                job = self._state.jobs.get(seq)
                free = job is not None and seq not in self._owned
                if job is not None and free and job.status is not Status.RUNNING:
                    body = ev.cancelled_body(job.path, job.facet, ms=None)
                    draft.job(ev.JOB_CANCELLED, seq, batch, body)
            if draft.rows:
                await self._commit_owned(draft)
