"""When Python looks for garbage in cycles: rarely by itself, because that holds everybody.

A young collection walks what was made since the last one: 3 ms for 20,000 objects that
are new to the processor's caches. A full one looks at every queued job, 80 ms with 100,000
of them: never by itself, but when ``daemon.py`` asks for it, while the queue is short.
"""

from __future__ import annotations

import gc
from typing import Final

# Objects until a young collection; young collections until one of the middle; and a full one.
COLLECTIONS: Final = (50_000, 5, 1_000_000)


def keep_what_is() -> None:
    """What was imported and replayed stays and is never looked at again; from now on, rarely."""
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    gc.enable()
