"""The feed's first message: the state at one number, so that events can be added to it.

Everything in ``hello`` is true at ``seq``, but for ``problems``, which is a number to be
asked again (GET /problems) when something happens. Knows values; nothing of sockets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypedDict

from arrtheaudio import __version__
from arrtheaudio.api import bodies
from arrtheaudio.api.batch_views import BatchItem, batch_item
from arrtheaudio.api.health import Verdict
from arrtheaudio.api.queue_views import (
    Capacity,
    CurrentJob,
    QueueNumbers,
    Workers,
    capacity,
    current_job,
    queue_numbers,
    workers,
)
from arrtheaudio.jobs import events as ev
from arrtheaudio.jobs.facets import ALREADY, CANCELLED, CHANGED, FAILED, SKIPPED, SUCCESS
from arrtheaudio.jobs.figures import DayCounts
from arrtheaudio.jobs.models import Event
from arrtheaudio.jobs.schema import local_day

if TYPE_CHECKING:
    from arrtheaudio.jobs.queue import Queue


class HelloQueue(QueueNumbers):
    """The live queue, with what runs."""

    capacity: Capacity
    current_jobs: list[CurrentJob]


class HelloToday(TypedDict):
    """Jobs that ended on this local day, undo jobs aside; ``checked``: all but the cancelled."""

    checked: int
    changed: int
    already_correct: int
    skipped: int
    failed: int
    cancelled: int


class Hello(TypedDict):
    """The first message."""

    type: Literal["hello"]
    seq: int
    version: str
    paused: bool
    queue: HelloQueue
    workers: Workers
    batches: list[BatchItem]
    today: HelloToday
    problems: int
    health: Verdict | None


def end_of_event(event: Event) -> int | None:
    """How a job ended with this event; None for every other one, and for an undo."""
    if event.body.get("kind") == "undo":
        return None
    match event.type:
        case ev.JOB_FAILED:
            return FAILED
        case ev.JOB_CANCELLED:
            return CANCELLED
        case ev.JOB_COMPLETED:
            if event.body.get("track_changed"):
                return CHANGED
            if event.body.get("result") != "skipped":
                return SUCCESS
            return ALREADY if event.body.get("reason") == ev.ALREADY_CORRECT else SKIPPED
    return None


class Today:
    """What ended on the current local day, kept up event by event."""

    def __init__(self, counts: DayCounts) -> None:
        self.counts = counts

    def take(self, event: Event) -> None:
        """The next event of the journal."""
        end = end_of_event(event)
        if end is not None:
            self.turn(event.at)
            if local_day(event.at) == self.counts.day:
                self.counts.ends[end] += 1

    def turn(self, now: float) -> None:
        """A new day begins empty; a clock that was set back does not bring one back."""
        day = local_day(now)
        if day > self.counts.day:
            self.counts = DayCounts(day)

    def view(self) -> HelloToday:
        """As it is sent."""
        ends = self.counts.ends
        return {
            "checked": self.counts.processed,
            "changed": ends[CHANGED],
            "already_correct": ends[ALREADY],
            "skipped": ends[SKIPPED],
            "failed": ends[FAILED],
            "cancelled": ends[CANCELLED],
        }


def hello(queue: Queue, today: Today, problems: int, health: Verdict | None) -> str:
    """The message at the head of the journal. No checkpoint: all of it is of one moment."""
    state = queue.state()
    message: Hello = {
        "type": "hello",
        "seq": queue.head,
        "version": __version__,
        "paused": state.paused,
        "queue": {
            **queue_numbers(state),
            "capacity": capacity(state),
            "current_jobs": [current_job(one) for one in state.current],
        },
        "workers": workers(state),
        "batches": [batch_item(batch) for batch in queue.live_batches()],
        "today": today.view(),
        "problems": problems,
        "health": health,
    }
    return bodies.encode(message).decode()
