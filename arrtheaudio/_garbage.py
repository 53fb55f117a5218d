"""When Python looks for garbage in cycles: rarely by itself, because that holds everybody.

A young collection walks what was made since the last one: 11 ms at most for 30,000 objects
that have left the processor's caches. One of the middle walks several times as many, and
took 75 ms in the middle of a batch; a full one looks at every queued job, 80 ms with 100,000
of them. So neither comes by itself: ``daemon.py`` asks for all, while the queue is short.
"""

from __future__ import annotations

import gc
from typing import Final

# Objects until a young collection; young collections until one of the middle; and a full one.
COLLECTIONS: Final = (30_000, 1_000_000, 1_000_000)


def keep_what_is() -> None:
    """What was imported and replayed stays and is never looked at again; from now on, rarely."""
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    gc.enable()
