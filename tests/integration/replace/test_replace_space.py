"""A copy that fills the disk: how much is missing is asked of a share that may be silent."""

from __future__ import annotations

import errno
import os
import time
from types import SimpleNamespace

import pytest
import trio

from arrtheaudio import errors
from arrtheaudio.media import replace, writing
from arrtheaudio.media.host import Host

CHANGE = SimpleNamespace(way="copy", path=b"/media/a.mkv", status=SimpleNamespace(st_size=10))


@pytest.fixture(autouse=True)
def full(monkeypatch) -> None:
    def copy(*_) -> None:
        raise errors.NoSpace("no space left", path=CHANGE.path)

    monkeypatch.setattr(replace, "copy", copy)


async def carry_out(host: Host) -> None:
    await writing.carry_out(CHANGE, lambda plan: None, trio.CapacityLimiter(1), host)


async def test_nobody_waits_with_it_for_a_silent_share() -> None:
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            begin = time.monotonic()
            await trio.sleep(0.01)
            longest = max(longest, time.monotonic() - begin)

    def silent(folder: bytes) -> int:
        time.sleep(1.0)
        return 1 << 40

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        with pytest.raises(errors.NoSpace):
            await carry_out(Host(free_space=silent))
        await trio.sleep(0.05)
        nursery.cancel_scope.cancel()
    assert longest < 0.7


async def test_a_share_that_went_is_told_as_one() -> None:
    def gone(folder: bytes) -> int:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with pytest.raises(errors.MediaError) as caught:
        await carry_out(Host(free_space=gone))
    assert caught.value.path == CHANGE.path
