"""The fold: legal moves only, and what each event means for attempts, places and batches."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from arrtheaudio.errors import JournalCorrupt
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.draft import Draft
from arrtheaudio.jobs.fold import apply, replay
from arrtheaudio.jobs.models import NewBatch, NewJob, Priority, Status
from arrtheaudio.jobs.state import State, batch_end_body

PATH = b"/m/a.mkv"
TERMINAL = {
    ev.JOB_COMPLETED: ev.end_body(PATH, 1, 1, ms=5, result="success", reason=None, message=""),
    ev.JOB_FAILED: ev.failed_body(PATH, 1, "corrupt", "bad", ms=5),
    ev.JOB_CANCELLED: ev.cancelled_body(PATH, 1, ms=None),
}
BODIES: dict[str, dict[str, Any]] = {ev.JOB_WAITING: {"needed": 9, "free": 1}, **TERMINAL}
# How a job gets into each live status.
WAYS = {
    Status.QUEUED: (),
    Status.RUNNING: (ev.JOB_STARTED,),
    Status.WAITING_FOR_SPACE: (ev.JOB_STARTED, ev.JOB_WAITING),
}


def journal(*kinds: str, batch: bool = False, undo_of: int | None = None) -> list[ev.Row]:
    """One job and what happens to it; row 1 is its webhook or batch, row 2 the job."""
    draft = Draft(1, 100.0)
    if batch:
        parent = draft.begin(ev.BATCH_QUEUED, ev.batch_body(NewBatch(b"/m")))
        job = draft.queued(ev.found_body(PATH, Priority.NORMAL), parent)
    else:
        parent = draft.begin(ev.WEBHOOK_RECEIVED, {"source": "sonarr", "event": "Download"})
        body = ev.queued_body(NewJob(PATH), "sonarr", Priority.HIGH, undo_of=undo_of)
        job = draft.queued(body, parent)
    for kind in kinds:
        draft.job(kind, job, parent, BODIES.get(kind))
    return draft.rows


@pytest.mark.parametrize(("status", "event"), list(itertools.product(WAYS, ev.MOVES)))
def test_only_listed_moves_are_taken(status: Status, event: str) -> None:
    allowed, to = ev.MOVES[event]
    rows = journal(*WAYS[status], event)
    if status not in allowed:
        with pytest.raises(JournalCorrupt, match="row"):
            replay(rows)
        return
    state = replay(rows)
    job = state.jobs.get(2)
    assert (job.status if job else to) is to
    assert (job is None) == (event in ev.JOB_ENDS)


@pytest.mark.parametrize(
    "events",
    [(), (ev.JOB_STARTED,), (ev.JOB_STARTED, ev.JOB_RETRYING), (ev.JOB_STARTED, ev.JOB_FAILED),
     (ev.JOB_STARTED, ev.JOB_WAITING)],
)  # fmt: skip
def test_depth_counts_the_live_jobs_by_status_and_priority(events: tuple[str, ...]) -> None:
    state = replay(journal(*events))
    assert state.depth == Counter((job.status, job.priority) for job in state.jobs.values())
    assert all(state.depth.values())


@pytest.mark.parametrize("event", ev.MOVES)
def test_ended_is_final(event: str) -> None:
    rows = journal(ev.JOB_STARTED, ev.JOB_FAILED, event)
    with pytest.raises(JournalCorrupt, match="not live"):
        replay(rows)


@pytest.mark.parametrize(
    ("events", "attempt", "priority"),
    [
        ([ev.JOB_STARTED], 1, Priority.HIGH),
        ([ev.JOB_STARTED, ev.JOB_RETRYING], 1, Priority.LOW),
        ([ev.JOB_STARTED, ev.JOB_RETRYING, ev.JOB_STARTED], 2, Priority.LOW),
        ([ev.JOB_STARTED, ev.JOB_DEFERRED], 0, Priority.HIGH),
        ([ev.JOB_STARTED, ev.JOB_INTERRUPTED], 0, Priority.HIGH),
        ([ev.JOB_STARTED, ev.JOB_WAITING], 0, Priority.HIGH),
        ([ev.JOB_STARTED, ev.JOB_WAITING, ev.JOB_SPACE_FOUND], 0, Priority.HIGH),
    ],
)
def test_attempts_are_starts_not_given_back(
    events: list[str], attempt: int, priority: Priority
) -> None:
    job = replay(journal(*events)).jobs[2]
    assert (job.attempt, job.priority) == (attempt, priority)


def test_crashes_in_a_row_are_counted_and_any_other_end_of_a_run_resets_them() -> None:
    rows = journal(ev.JOB_STARTED, ev.JOB_INTERRUPTED, ev.JOB_STARTED, ev.JOB_RETRYING)
    rows[3] = rows[3]._replace(body={"crash": True})
    crashed = replay(rows[:4]).jobs[2]
    assert crashed.moved is not None
    assert (crashed.moved.crashes, crashed.attempt) == (1, 1)
    moved = replay(rows).jobs[2].moved
    assert moved is not None
    assert moved.crashes == 0


@pytest.mark.parametrize(
    ("events", "places"),
    [
        ([], 1),
        ([ev.JOB_STARTED], 0),
        ([ev.JOB_STARTED, ev.JOB_WAITING], 1),
        ([ev.JOB_STARTED, ev.JOB_RETRYING], 1),
        ([ev.JOB_CANCELLED], 0),
    ],
)
def test_a_single_job_takes_a_place_while_it_waits(events: list[str], places: int) -> None:
    assert replay(journal(*events)).places == places
    assert replay(journal(*events, undo_of=1)).places == 0, "undo jobs never do"


def test_a_batch_takes_one_place_until_it_ends() -> None:
    rows = journal(ev.JOB_STARTED, ev.JOB_FAILED, batch=True)
    state = replay(rows)
    assert state.places == 1
    batch = state.batches[1]
    assert (batch.total, batch.live, sum(batch.ended)) == (1, 0, 1)
    draft = Draft(5, 101.0)
    draft.parent(ev.BATCH_COMPLETED, 1, batch_end_body(batch))
    apply(state, draft.rows[0])
    assert (state.places, state.batches) == (0, {})
    with pytest.raises(JournalCorrupt, match="not live"):
        apply(state, draft.rows[0]._replace(seq=6))


def test_a_batch_cannot_end_before_its_jobs() -> None:
    rows = journal(batch=True)
    draft = Draft(3, 101.0)
    draft.parent(ev.BATCH_COMPLETED, 1, {"path": "/m", "total": 1, "ended": [0] * 6})
    with pytest.raises(JournalCorrupt, match="1 live jobs"):
        replay([*rows, *draft.rows])


def test_a_state_that_came_back_to_the_same_equals_itself() -> None:
    """Counters leave no zeros behind, or equal states would not compare equal."""
    state = replay(journal(ev.JOB_STARTED, ev.JOB_CANCELLED))
    assert state == State(head=4, ended=state.ended)
    assert list(state.ended.values()) == [1]


def test_an_unknown_event_is_refused() -> None:
    with pytest.raises(JournalCorrupt, match="unknown event"):
        replay([ev.Row(1, 0.0, "job.teleported", None, None, {})])
