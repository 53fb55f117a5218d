"""Waiting for single jobs at a daemon.

The REST API has no call that waits, so it is asked again at growing intervals:
soon at first, because most files are done within milliseconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, Final

import trio

from arrtheaudio.client.http import Daemon

ENDED: Final = frozenset({"completed", "failed", "cancelled"})

FIRST_LOOK_SECONDS: Final = 0.004
LONGEST_LOOK_SECONDS: Final = 1.0
GROWTH: Final = 1.3


async def ended_jobs(daemon: Daemon, job_ids: Iterable[str]) -> AsyncIterator[dict[str, Any]]:
    """Give each job, as ``GET /jobs/{id}`` shows it, once it has ended; in the order given."""
    for job_id in job_ids:
        pause = FIRST_LOOK_SECONDS
        while (job := await daemon.get(f"/jobs/{job_id}"))["status"] not in ENDED:
            await trio.sleep(pause)
            pause = min(pause * GROWTH, LONGEST_LOOK_SECONDS)
        yield job
