"""A daemon for the feed's crash test: the real queue and server, work that never ends.

``python feed_child.py FOLDER PORT``: serves the journal in FOLDER until it is killed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import structlog
import trio
from feed_lab import ROOMY, feed_lab, new_jobs, work

JOBS_AT_ONCE = 20


async def main(folder: Path, port: int) -> None:
    """Serve, work, and submit more as soon as all is done."""
    async with feed_lab(folder, ROOMY, port=port) as lab, trio.open_nursery() as nursery:
        nursery.start_soon(lambda: work(lab.queue))
        while True:
            await lab.queue.submit(new_jobs(JOBS_AT_ONCE))
            while (state := lab.queue.state()).queued or state.running:
                await lab.queue.wait_beyond(lab.queue.head)


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    trio.run(main, Path(sys.argv[1]), int(sys.argv[2]))
