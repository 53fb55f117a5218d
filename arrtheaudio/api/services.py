"""What the daemon hands to the API: one value, so that nothing here knows the daemon.

Owns no behaviour. The API reads the configuration and asks the queue; it never
reaches back into the nursery except through ``run_here``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import trio

if TYPE_CHECKING:
    from arrtheaudio.config import Config
    from arrtheaudio.jobs.models import Accepted, Job
    from arrtheaudio.jobs.queue import Queue


@attrs.define
class Services:
    """The parts of a running daemon that requests need.

    ``config`` is replaced when the configuration is read again; what needs a
    restart (address, key, prefix, body size) was taken from it at the start.
    ``api_key`` is None only with ``api.auth: none``. ``stopping`` is set when
    SIGTERM was journalled. ``run_here`` runs a delivery's jobs one after
    another in the daemon's nursery and returns them ended (``worker_count`` 0);
    a caller that stops waiting cancels nothing.
    """

    queue: Queue
    config: Config
    data_dir: Path
    started_at: float  # seconds since the epoch
    api_key: str | None
    stopping: trio.Event
    run_here: Callable[[Accepted], Awaitable[list[Job]]] | None = None
