"""What claims need from the disk, looked up just before them: rows, and real files.

One thread looks up many jobs. A file system that hangs (a dead network share) is
waited for once: its thread is left behind, another goes on with the other paths, and
until the first returns the paths at that place identify themselves (queue.md,
invariant 5: "else the path").
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable
from typing import Final, Generic, NamedTuple, TypeVar

import apsw
import attrs
import structlog
import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.models import NewJob
from arrtheaudio.jobs.mounts import place_of
from arrtheaudio.jobs.readers import Readers
from arrtheaudio.media import Plan

THREADS: Final = 16  # that look; a hung one is left behind
PATIENCE_SECONDS: Final = 5.0
MORE_PATIENCE_SECONDS: Final = 1.0  # in the same look, where one place hung already

T = TypeVar("T")
_log = structlog.get_logger(__name__)


class Scouted(NamedTuple):
    """What a claim needs."""

    request: NewJob
    identity: Hashable  # of the real file
    own_mtime_ns: int | None
    undo: tuple[Plan, int | None] | None  # what an undo job takes back, and whose it was
    at: float  # monotonic


@attrs.define(eq=False)
class _Look(Generic[T]):
    """One thread's work, as far as it got."""

    answer: list[T] = attrs.field(factory=list)  # of the journal: none yet, or one
    identities: dict[bytes, Hashable] = attrs.field(factory=dict)
    at: bytes | None = None  # the path that is asked for now; None while the journal is read
    ended: bool = False
    left: bool = False  # nobody waits for this thread any more
    hung: bytes | None = None  # the place that it hangs at


class Scouts:
    """Looks things up in threads of its own."""

    def __init__(self, readers: Readers, identify: Callable[[bytes], Hashable]) -> None:
        self._readers = readers
        self._identify = identify
        self._limiter = trio.CapacityLimiter(THREADS)
        self._hung: list[bytes] = []  # places
        self._lock = threading.Lock()  # between a thread and who gives it up

    async def look(
        self, query: Callable[[apsw.Connection], T], paths: Iterable[bytes]
    ) -> tuple[T, dict[bytes, Hashable]]:
        """The journal's answer, and which real file each path is.

        Raises: JournalUnavailable, also where the journal's own disk hangs.
        """
        wanted = left = tuple(dict.fromkeys(paths))
        if not self._readers.threads:
            answer = await self._readers.run(query)
            return answer, {path: self._identify(path) for path in wanted}
        answers: list[T] = []
        identities: dict[bytes, Hashable] = {}
        patience = PATIENCE_SECONDS
        while (left or not answers) and self._limiter.available_tokens:
            look: _Look[T] = _Look()
            await self._try(look, None if answers else query, left, patience)
            answers += look.answer
            identities |= look.identities
            if look.ended:
                break
            if not answers:
                raise JournalUnavailable("The journal's disk does not answer")
            left = tuple(
                path for path in left if path not in identities and place_of(path) != look.hung
            )
            patience = MORE_PATIENCE_SECONDS
        if not answers:  # every thread hangs somewhere
            answers.append(await self._readers.run(query))
        return answers[0], {path: identities.get(path, path) for path in wanted}

    async def _try(
        self,
        look: _Look[T],
        query: Callable[[apsw.Connection], T] | None,
        paths: tuple[bytes, ...],
        patience: float,
    ) -> None:
        """Look, and leave behind what hangs."""
        try:
            with trio.move_on_after(patience):
                await trio.to_thread.run_sync(
                    self._look, look, query, paths, limiter=self._limiter, abandon_on_cancel=True
                )
        finally:
            self._leave(look)

    def _look(
        self,
        look: _Look[T],
        query: Callable[[apsw.Connection], T] | None,
        paths: tuple[bytes, ...],
    ) -> None:
        try:
            if query is not None:
                look.answer.append(self._readers.read(query))
            hung = frozenset(self._hung)
            for path in paths:
                look.at = path
                answers = not hung or place_of(path) not in hung
                identity = self._identify(path) if answers else path
                with self._lock:
                    if look.left:
                        return
                    look.identities[path] = identity
        finally:
            with self._lock:
                look.ended = not look.left
                if look.hung is not None:
                    self._hung.remove(look.hung)

    def _leave(self, look: _Look[T]) -> None:
        """Do not ask its place again before the thread has ended, if it has not."""
        with self._lock:
            if look.ended:
                return
            look.left = True
            if look.at is None:
                return
            look.hung = place_of(look.at)
            self._hung.append(look.hung)
        _log.warning("file_system_hangs", place=look.hung.decode("utf-8", "replace"))
