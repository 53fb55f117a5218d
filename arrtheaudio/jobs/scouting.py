"""What claims need from the disk, looked up just before them: rows, and real files.

One thread looks up many jobs. A file system that hangs (a dead network share) is
waited for once: its thread is left behind, and until that returns the paths on this
file system identify themselves (queue.md, invariant 5: "else the path").
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, TypeVar

import apsw
import attrs
import structlog
import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.history import Found
from arrtheaudio.jobs.mounts import mount_of
from arrtheaudio.jobs.readers import Readers
from arrtheaudio.media import Plan

THREADS: Final = 4  # that look; a hung one is left behind
PATIENCE_SECONDS: Final = 5.0

T = TypeVar("T")
_log = structlog.get_logger(__name__)


@attrs.frozen
class Scouted:
    """What a claim needs."""

    found: Found
    identity: Hashable  # of the real file
    own_mtime_ns: int | None
    undo_plan: Plan | None
    at: float  # monotonic


@attrs.define(eq=False)
class _Look(Generic[T]):
    """One thread's work, as far as it got."""

    answer: list[T] = attrs.field(factory=list)  # of the journal: none yet, or one
    identities: dict[bytes, Hashable] = attrs.field(factory=dict)
    at: bytes = b""  # the path that is asked for now
    ended: bool = False
    hung: bytes | None = None  # mount point; nobody waits for this thread any more


class Scouts:
    """Looks things up in threads of its own."""

    def __init__(self, readers: Readers, identify: Callable[[bytes], Hashable]) -> None:
        self._readers = readers
        self._identify = identify
        self._limiter = trio.CapacityLimiter(THREADS)
        self._hung: list[bytes] = []  # mount points
        self._lock = threading.Lock()  # between a thread that ends and who gives it up

    async def look(
        self, query: Callable[[apsw.Connection], T], paths: Iterable[bytes]
    ) -> tuple[T, dict[bytes, Hashable]]:
        """The journal's answer, and which real file each path is.

        Raises: JournalUnavailable, also where the journal's own disk hangs.
        """
        wanted = tuple(dict.fromkeys(paths))
        if not self._readers.threads:
            answer = await self._readers.run(query)
            return answer, {path: self._identify(path) for path in wanted}
        look: _Look[T] = _Look()
        with trio.move_on_after(PATIENCE_SECONDS):
            await trio.to_thread.run_sync(
                self._look, look, query, wanted, limiter=self._limiter, abandon_on_cancel=True
            )
        if not look.answer:
            raise JournalUnavailable("The journal's disk does not answer")
        (answer,) = look.answer
        self._leave(look)
        return answer, {path: look.identities.get(path, path) for path in wanted}

    def _look(
        self, look: _Look[T], query: Callable[[apsw.Connection], T], paths: tuple[bytes, ...]
    ) -> None:
        try:
            look.answer.append(self._readers.read(query))
            hung = frozenset(self._hung)
            for path in paths:
                if look.hung is not None:
                    break
                look.at = path
                answers = not hung or mount_of(path)[0] not in hung
                look.identities[path] = self._identify(path) if answers else path
        finally:
            with self._lock:
                look.ended = True
                if look.hung is not None:
                    self._hung.remove(look.hung)

    def _leave(self, look: _Look[T]) -> None:
        """Do not ask its file system again before the thread has ended, if it has not."""
        with self._lock:
            if look.ended:
                return
            look.hung, _ = mount_of(look.at)
            self._hung.append(look.hung)
        _log.warning("file_system_hangs", mount=look.hung.decode("utf-8", "replace"))
