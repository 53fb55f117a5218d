"""Waiting for jobs and batches at a daemon.

The REST API has no call that waits, so it is asked again at growing intervals:
soon at first, because most files are done within milliseconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import trio

from arrtheaudio.client.http import Daemon

ENDED: Final = frozenset({"completed", "failed", "cancelled"})  # jobs and batches alike

FIRST_LOOK_SECONDS: Final = 0.004
LONGEST_LOOK_SECONDS: Final = 1.0
GROWTH: Final = 1.3


async def ended_jobs(daemon: Daemon, job_ids: Iterable[str]) -> AsyncIterator[dict[str, Any]]:
    """Give each job, as ``GET /jobs/{id}`` shows it, once it has ended; in the order given."""
    for job_id in job_ids:
        async for job in _states(daemon, f"/jobs/{job_id}"):
            if job["status"] in ENDED:
                yield job


def batch_states(daemon: Daemon, batch_id: str) -> AsyncIterator[dict[str, Any]]:
    """A batch, as ``GET /batch/{id}`` shows it, again and again; the last one has ended."""
    return _states(daemon, f"/batch/{batch_id}")


async def _states(daemon: Daemon, path: str) -> AsyncIterator[dict[str, Any]]:
    pause = FIRST_LOOK_SECONDS
    while True:
        state: dict[str, Any] = await daemon.get(path)
        yield state
        if state["status"] in ENDED:
            return
        await trio.sleep(pause)
        pause = min(pause * GROWTH, LONGEST_LOOK_SECONDS)
