"""Pacing of batch progress: coalesced, and always a last one."""

from __future__ import annotations

import math

from arrtheaudio.api.feed_progress import PROGRESS_SECONDS, Pacing


def test_nothing_is_due_where_nothing_changed() -> None:
    pacing = Pacing()
    assert pacing.next_due == math.inf
    assert pacing.take(5.0) == []


def test_the_first_change_is_due_at_once() -> None:
    pacing = Pacing()
    pacing.touch({7: False})
    assert pacing.take(1.0) == [7]
    assert pacing.sending(7, "a", 1.0)


def test_the_next_one_waits_until_the_pause_is_over_and_is_the_newest() -> None:
    pacing = Pacing()
    pacing.touch({7: False})
    pacing.sending(7, "a", 1.0)
    pacing.touch({7: False})
    assert pacing.next_due == 1.0 + PROGRESS_SECONDS
    assert pacing.take(1.0 + PROGRESS_SECONDS / 2) == []
    assert pacing.take(1.0 + PROGRESS_SECONDS) == [7]
    assert pacing.sending(7, "c", 1.0 + PROGRESS_SECONDS)


def test_the_same_totals_are_not_sent_twice_but_at_the_end() -> None:
    pacing = Pacing()
    pacing.touch({7: False})
    assert pacing.sending(7, "a", 1.0)
    pacing.touch({7: False})
    assert not pacing.sending(7, "a", 2.0)
    pacing.touch({7: True})
    assert pacing.sending(7, "a", 3.0)


def test_the_last_one_waits_for_the_pause_too() -> None:
    pacing = Pacing()
    pacing.touch({7: False})
    pacing.sending(7, "a", 1.0)
    pacing.touch({7: True})
    assert pacing.take(1.1) == []
    assert pacing.take(1.0 + PROGRESS_SECONDS) == [7]


def test_two_batches_do_not_wait_for_each_other() -> None:
    pacing = Pacing()
    pacing.touch({7: False})
    pacing.sending(7, "a", 1.0)
    pacing.touch({7: False, 8: False})
    assert pacing.take(1.01) == [8]


def test_a_batch_that_is_gone_is_forgotten() -> None:
    pacing = Pacing()
    pacing.touch({7: True})
    assert not pacing.sending(7, None, 1.0)
    assert pacing.next_due == math.inf
