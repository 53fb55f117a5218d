"""The daemon is killed with SIGKILL, again and again, under a client that listens.

What the client has heard is exactly what the journal holds: no gap, no repeat, and
nothing that a crash took back.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from feed_lab import ROOMY, events
from live_api import KEY

from arrtheaudio.client.feed import Wanted, follow
from arrtheaudio.client.http import Address
from arrtheaudio.jobs.queue import open_queue

CHILD = Path(__file__).resolve().parents[1] / "feed_child.py"
LIVES = 4


def begin(command: list[str]) -> subprocess.Popen[bytes]:
    """A daemon of its own."""
    return subprocess.Popen(command)


async def free_port() -> int:
    """A port that nobody listens on."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port: int = listener.socket.getsockname()[1]
    await listener.aclose()
    return port


@pytest.mark.parametrize("seed", range(2))
async def test_kill_minus_nine_leaves_no_gap_and_repeats_nothing(tmp_path: Path, seed: int) -> None:
    choose = random.Random(seed)
    port = await free_port()
    address = Address(f"http://127.0.0.1:{port}", KEY)
    command = [sys.executable, str(CHILD), str(tmp_path), str(port)]
    heard: list[int] = []
    lost = 0
    child = begin(command)
    try:
        await until_listening(port)
        with trio.fail_after(100):
            async with follow(address, Wanted(since=0)) as feed:
                goal = choose.randrange(50, 400)  # events, until the next kill
                async for message in feed:
                    heard += [event["seq"] for event in events([message])]
                    if message["type"] == "lost":
                        lost += 1
                        child.wait()
                        child = begin(command)
                        goal = len(heard) + choose.randrange(50, 400)
                    elif len(heard) >= goal and child.poll() is None:
                        if lost == LIVES - 1:
                            break
                        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    async with open_queue(tmp_path / "jobs.db", ROOMY) as queue:
        chunk = await queue.events(0, limit=1_000_000)
    expected = [event.seq for event in chunk.events]
    assert heard == expected[: len(heard)], f"seed {seed}"
    assert lost == LIVES - 1


async def until_listening(port: int) -> None:
    """Return when somebody answers there."""
    with trio.fail_after(60):
        while True:
            try:
                stream = await trio.open_tcp_stream("127.0.0.1", port)
            except OSError:
                await trio.sleep(0.05)
            else:
                await stream.aclose()
                return
