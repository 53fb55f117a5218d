"""The fold: rows in, the live queue out. The only place where a status changes.

Pure: no clock, no file, no waiting. The same functions serve live (behind each
commit) and at restart; ``fold(journal) == live state`` is invariant 3. A row that
makes an illegal move raises JournalCorrupt.

Invariants kept here (queue.md): 3 (one fold), 7 (attempts are counted from
durable ``job.started`` rows), 8 (an ended job is gone, so it cannot end twice).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from arrtheaudio.errors import JournalCorrupt
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.encoding import decode_bytes
from arrtheaudio.jobs.facets import BATCH_FACETS, end_of
from arrtheaudio.jobs.models import ENDED, BatchStatus, Priority, Status
from arrtheaudio.jobs.state import LiveBatch, LiveJob, Moved, State

_PRIORITIES: Final = tuple(Priority)
_QUEUED: Final = Status.QUEUED
_Counted = TypeVar("_Counted")
UNSEEN: Final = frozenset({"not_found", "io_error", "timeout"})  # perhaps nobody saw the file
DISCOVERY_ERRORS_KEPT: Final = 1000  # of one batch, in memory and in answers


# --- jobs -------------------------------------------------------------------


def queue_up(state: State, rows: Sequence[ev.Row]) -> list[LiveJob]:
    """Fold ``job.queued`` rows that follow each other; their jobs, in their order.

    One loop, without calls: floods consist of these rows.
    """
    live, batches = state.live, state.batches
    jobs = []
    for seq, at, _, _, parent, body in rows:
        facet: int = body["facet"]
        priority = _PRIORITIES[body["priority"]]
        undo_of = body.get("undo_of")
        retried = "retry_of" in body
        state.jobs[seq] = job = LiveJob(
            seq,
            decode_bytes(body["path"]),
            at,
            parent,
            facet,
            priority,
            body.get("heavy", False),
            _QUEUED,
            undo_of,
            body.get("direct", False),
            retried,
        )
        jobs.append(job)
        counted = (_QUEUED, priority, facet)
        live[counted] = live.get(counted, 0) + 1  # as in ``_one_more``
        batch = batches.get(parent) if parent is not None else None
        if batch is not None:
            batch.total += 1
            batch.live += 1
        elif undo_of is not None:
            state.undoing[undo_of] = seq
        elif not retried:
            state.singles_waiting += 1
    state.head = rows[-1].seq
    return jobs


def _queued(state: State, row: ev.Row) -> None:
    queue_up(state, (row,))


def _move(state: State, row: ev.Row) -> tuple[LiveJob, Moved]:
    """Check the move, change the status and every count that depends on it."""
    seq, at, kind, number, _, body = row
    job = state.jobs.get(number or 0)
    allowed, to = ev.MOVES[kind]
    if "refused" in body:
        allowed = ev.REFUSED_FROM
    if job is None or job.status not in allowed:
        where = "not live" if job is None else job.status
        raise JournalCorrupt(f"row {seq}: {kind} for job {number}, which is {where}")
    before, moved = job.status, job.moved
    if moved is None:
        moved = job.moved = Moved(seq, at)
        state.moved.add(job.seq)
    else:
        moved.last, moved.last_at = seq, at
    if before is not to:
        _recount(state, job, before, to)
        job.status = to
    return job, moved


def _recount(state: State, job: LiveJob, before: Status, to: Status) -> None:
    _one_less(state.live, (before, job.priority, job.facet))
    if to not in ENDED:
        _one_more(state.live, (to, job.priority, job.facet))
    batch = state.batches.get(job.parent) if job.parent is not None else None
    if batch is not None:
        batch.running += (to is Status.RUNNING) - (before is Status.RUNNING)
    elif job.undo_of is None and not job.retried:
        waits = to is Status.QUEUED or to is Status.WAITING_FOR_SPACE
        waited = before is not Status.RUNNING
        state.singles_waiting += waits - waited


def _one_more(counts: dict[_Counted, int], of: _Counted) -> None:
    # As a dict: what Counter adds to it is Python, for two keys that come and go with each job.
    counts[of] = counts.get(of, 0) + 1


def _one_less(counts: dict[_Counted, int], of: _Counted) -> None:
    left = counts[of] - 1
    if left:
        counts[of] = left
    else:
        counts.pop(of)  # so that equal states compare equal


def _started(state: State, row: ev.Row) -> None:
    _, moved = _move(state, row)
    moved.attempt += 1
    moved.started_at = row.at
    moved.worker_id = row.body.get("worker_id")
    moved.delay = 0.0
    moved.reason = moved.message = None


def _planned(state: State, row: ev.Row) -> None:
    _, moved = _move(state, row)
    moved.plan = row.seq
    moved.seen = True


def _back_to_queue(state: State, row: ev.Row) -> tuple[LiveJob, Moved]:
    job, moved = _move(state, row)
    moved.worker_id = None
    moved.plan = None
    moved.delay = row.body.get("delay", 0.0)
    moved.reason = row.body.get("reason")
    moved.message = row.body.get("message")
    return job, moved


def _retrying(state: State, row: ev.Row) -> None:
    job, moved = _back_to_queue(state, row)
    _one_less(state.live, (job.status, job.priority, job.facet))
    job.priority = Priority.LOW
    _one_more(state.live, (job.status, job.priority, job.facet))
    moved.crashes = 0
    moved.seen = moved.seen or moved.reason not in UNSEEN


def _deferred(state: State, row: ev.Row) -> None:
    job, moved = _back_to_queue(state, row)
    moved.attempt -= 1
    moved.crashes = 0
    moved.seen = moved.seen or moved.reason not in UNSEEN
    moved.busy += moved.reason == "busy"
    moved.away += moved.reason == "not_found"
    job.heavy = job.heavy or row.body.get("heavy", False)


def _interrupted(state: State, row: ev.Row) -> None:
    _, moved = _back_to_queue(state, row)
    if row.body.get("crash"):
        moved.crashes += 1
    else:
        moved.attempt -= 1
        moved.crashes = 0


def _waiting(state: State, row: ev.Row) -> None:
    _, moved = _back_to_queue(state, row)
    moved.attempt -= 1
    moved.crashes = 0
    moved.seen = True
    moved.needed = row.body["needed"]


def _space_found(state: State, row: ev.Row) -> None:
    _, moved = _back_to_queue(state, row)
    moved.needed = 0


def _ended(state: State, row: ev.Row) -> None:
    job, _ = _move(state, row)
    del state.jobs[job.seq]
    state.moved.discard(job.seq)
    facet: int = row.body["facet"]
    state.ended[facet] += 1
    if job.undo_of is not None and state.undoing.get(job.undo_of) == job.seq:
        del state.undoing[job.undo_of]
    batch = state.batches.get(job.parent) if job.parent is not None else None
    if batch is not None:
        batch.live -= 1
        batch.ended[end_of(facet)] += 1
        batch.updated_at, batch.updated_seq = row.at, row.seq


# --- batches ----------------------------------------------------------------


def _batch_queued(state: State, row: ev.Row) -> None:
    request = ev.new_batch_of(row.body)
    state.batches[row.seq] = LiveBatch(row.seq, request, row.at, row.at, row.seq)


def _batch(state: State, row: ev.Row) -> LiveBatch:
    batch = state.batches.get(row.parent or 0)
    if batch is None:
        raise JournalCorrupt(f"row {row.seq}: {row.type} for batch {row.parent}, which is not live")
    batch.updated_at, batch.updated_seq = row.at, row.seq
    return batch


def _batch_started(state: State, row: ev.Row) -> None:
    batch = _batch(state, row)
    batch.started_at = row.at
    if batch.status is BatchStatus.QUEUED:
        batch.status = BatchStatus.RUNNING


def _batch_discovered(state: State, row: ev.Row) -> None:
    batch = _batch(state, row)
    body = row.body
    if "last" in body:
        batch.last = decode_bytes(body["last"])
    batch.discovery_complete = body["complete"]
    room = DISCOVERY_ERRORS_KEPT - len(batch.errors)
    batch.errors.extend(body.get("errors", ())[:room])


def _batch_cancelling(state: State, row: ev.Row) -> None:
    _batch(state, row).status = BatchStatus.CANCELLING


def _batch_ended(state: State, row: ev.Row) -> None:
    batch = _batch(state, row)
    if batch.live:
        raise JournalCorrupt(f"row {row.seq}: batch {batch.seq} ends with {batch.live} live jobs")
    del state.batches[batch.seq]
    state.ended[BATCH_ENDED_FACET[row.type]] += 1


BATCH_ENDED_FACET: Final = {
    ev.BATCH_COMPLETED: BATCH_FACETS[BatchStatus.COMPLETED],
    ev.BATCH_CANCELLED: BATCH_FACETS[BatchStatus.CANCELLED],
    ev.BATCH_FAILED: BATCH_FACETS[BatchStatus.FAILED],
}


# --- the queue itself -------------------------------------------------------


def _paused(state: State, row: ev.Row) -> None:
    state.paused = row.type == ev.PAUSED


def _daemon(state: State, row: ev.Row) -> None:
    state.stopped_cleanly = row.type == ev.DAEMON_STOPPING


def _trimmed(state: State, row: ev.Row) -> None:
    """Forget counts. Live only: on disk the rows are gone with this one (see ``replay``)."""
    for facet, count, _ran, _ms in row.body["kept"]:
        state.ended[facet] -= count
        if not state.ended[facet]:
            del state.ended[facet]


def _nothing(state: State, row: ev.Row) -> None:
    """A row that changes nothing that is alive."""


_FOLDS: Final[dict[str, Callable[[State, ev.Row], None]]] = {
    ev.JOB_QUEUED: _queued,
    ev.JOB_STARTED: _started,
    ev.JOB_PLANNED: _planned,
    ev.JOB_COMPLETED: _ended,
    ev.JOB_FAILED: _ended,
    ev.JOB_CANCELLED: _ended,
    ev.JOB_RETRYING: _retrying,
    ev.JOB_DEFERRED: _deferred,
    ev.JOB_INTERRUPTED: _interrupted,
    ev.JOB_WAITING: _waiting,
    ev.JOB_SPACE_FOUND: _space_found,
    ev.JOB_UNDONE: _nothing,
    ev.PROBLEM_DISMISSED: _nothing,
    ev.PROBLEM_RESTORED: _nothing,
    ev.BATCH_QUEUED: _batch_queued,
    ev.BATCH_STARTED: _batch_started,
    ev.BATCH_DISCOVERED: _batch_discovered,
    ev.BATCH_CANCELLING: _batch_cancelling,
    ev.BATCH_COMPLETED: _batch_ended,
    ev.BATCH_CANCELLED: _batch_ended,
    ev.BATCH_FAILED: _batch_ended,
    ev.WEBHOOK_RECEIVED: _nothing,
    ev.PAUSED: _paused,
    ev.RESUMED: _paused,
    ev.DAEMON_STARTED: _daemon,
    ev.DAEMON_STOPPING: _daemon,
    ev.REOPENED: _nothing,
    ev.TRIMMED: _trimmed,
}


def apply(state: State, row: ev.Row) -> None:
    """Fold one committed row into the live state.

    Raises: JournalCorrupt for a row that cannot follow what came before.
    """
    fold = _FOLDS.get(row.type)
    if fold is None:
        raise JournalCorrupt(f"row {row.seq}: unknown event {row.type!r}")
    fold(state, row)
    state.head = row.seq


def replay(rows: Iterable[ev.Row], state: State | None = None) -> State:
    """Fold rows as they stand on disk, where what retention removed is gone already."""
    state = State() if state is None else state
    for row in rows:
        if row.type == ev.TRIMMED:
            state.head = row.seq
        else:
            apply(state, row)
    return state
