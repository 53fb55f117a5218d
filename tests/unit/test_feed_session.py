"""A listener's session: over at once when signed out, in time when it runs out."""

from __future__ import annotations

import trio
import trio.testing

from arrtheaudio.api.auth import SESSION_SECONDS, Sessions

START = 1_700_000_000


def sessions() -> Sessions:
    """Sessions whose wall clock is Trio's."""
    begun = trio.current_time()
    return Sessions.of("the key", lambda: START + trio.current_time() - begun)


async def test_a_session_is_over_when_it_runs_out_and_not_before(autojump_clock) -> None:
    known = sessions()
    cookie = known.begin()
    begun = trio.current_time()
    await known.over(cookie)
    assert trio.current_time() - begun >= SESSION_SECONDS


async def test_a_session_is_over_when_it_is_signed_out(autojump_clock) -> None:
    known = sessions()
    mine, other = known.begin(), known.begin()
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(known.over, mine)
        await trio.testing.wait_all_tasks_blocked()
        await known.end(other)  # somebody else's end changes nothing
        await trio.testing.wait_all_tasks_blocked()
        assert nursery.child_tasks
        await known.end(mine)
    assert trio.current_time() == begun


async def test_what_is_no_session_is_over_at_once(autojump_clock) -> None:
    await sessions().over("made up")
