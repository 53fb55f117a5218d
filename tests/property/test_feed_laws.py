"""The tape tells everybody everything, once and in order; pacing never hurries nor forgets."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
from fake_queue import FakeQueue
from hypothesis import given, settings
from hypothesis import strategies as st

from arrtheaudio.api import feed_tape
from arrtheaudio.api.feed_progress import PROGRESS_SECONDS, Pacing
from arrtheaudio.api.feed_tape import Tape, frames, line_of
from arrtheaudio.jobs.models import Event

READERS = 3

# What happens: rows are published, the tape is read, or a reader takes what he can.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 40)),
        st.tuples(st.just("read"), st.just(0)),
        st.tuples(st.just("take"), st.integers(0, READERS - 1)),
    ),
    max_size=60,
)


async def follow(script: list[tuple[str, int]]) -> tuple[FakeQueue, list[list[int]]]:
    """Play the script; what each reader heard, until all have heard everything."""
    queue: Any = FakeQueue()
    tape = Tape(queue)
    heard: list[list[int]] = [[] for _ in range(READERS)]
    cursors = [0] * READERS

    async def take(reader: int) -> None:
        part = await tape.behind(cursors[reader])
        heard[reader] += [line.seq for line in part.lines]
        cursors[reader] = part.upto

    for what, number in script:
        if what == "publish":
            for _ in range(number):
                queue.publish("queue.paused")
        elif what == "read":
            await tape.read()
        else:
            await take(number)
    while tape.end < queue.head:
        await tape.read()
    for reader in range(READERS):
        while cursors[reader] < queue.head:
            await take(reader)
    return queue, heard


@given(steps)
@settings(max_examples=60, deadline=None)
async def test_every_reader_hears_every_event_once_and_in_order(
    script: list[tuple[str, int]],
) -> None:
    sizes = feed_tape.TAPE_EVENTS, feed_tape.BLOCK_NUMBERS, feed_tape.BLOCKS
    feed_tape.TAPE_EVENTS, feed_tape.BLOCK_NUMBERS, feed_tape.BLOCKS = 20, 9, 2  # all fall behind
    try:
        queue, heard = await follow(script)
    finally:
        feed_tape.TAPE_EVENTS, feed_tape.BLOCK_NUMBERS, feed_tape.BLOCKS = sizes
    everything = [event.seq for event in queue.feed]
    assert heard == [everything] * READERS


@given(st.lists(st.integers(0, 3000), max_size=300))
@settings(max_examples=30, deadline=None)
def test_frames_hold_the_same_events_and_stay_small(sizes: list[int]) -> None:
    lines = [
        line_of(Event(seq, 0.0, "batch.failed", {"batch": seq, "error": "x" * size}))
        for seq, size in enumerate(sizes)
    ]
    made = list(frames(lines))
    told = [event["seq"] for text in made for event in orjson.loads(text)["events"]]
    assert told == list(range(len(sizes)))
    for text in made:
        count = len(orjson.loads(text)["events"])
        assert 1 <= count <= feed_tape.FRAME_EVENTS
        assert count == 1 or len(text) <= feed_tape.FRAME_CHARACTERS + count + 40


moments = st.lists(
    st.tuples(st.floats(0.0, 0.2), st.sampled_from((1, 2)), st.booleans()), max_size=60
)


@given(moments)
@settings(max_examples=100, deadline=None)
def test_progress_never_comes_twice_within_the_pause_and_ends_with_the_newest(
    changes: list[tuple[float, int, bool]],
) -> None:
    pacing = Pacing()
    now, totals, ended = 0.0, {1: 0, 2: 0}, set[int]()
    sent: dict[int, list[tuple[float, str]]] = {1: [], 2: []}

    def send_due() -> None:
        for batch in pacing.take(now):
            text = str(totals[batch])
            if pacing.sending(batch, text, now):
                sent[batch].append((now, text))

    for pause, batch, end in changes:
        now += pause
        if batch not in ended:
            totals[batch] += 1
            pacing.touch({batch: end})
            ended |= {batch} if end else set()
        send_due()
    while pacing.next_due < float("inf"):
        now = max(now, pacing.next_due)
        send_due()
    for batch, messages in sent.items():
        times = [at for at, _ in messages]
        assert all(
            later - earlier >= PROGRESS_SECONDS - 1e-9
            for earlier, later in itertools.pairwise(times)
        )
        if totals[batch]:
            assert messages[-1][1] == str(totals[batch])
