"""Reading connections: read-only, pooled, used in threads under a limiter of their own.

Readers never write and never checkpoint. A simulation reads in the event loop
instead (``threads=False``), because a virtual clock does not wait for threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import apsw
import trio

from arrtheaudio.errors import JournalUnavailable
from arrtheaudio.jobs.schema import connect_reader

READERS: Final = 4  # connections, and threads, at once

T = TypeVar("T")


class Readers:
    """A pool of read-only connections."""

    def __init__(self, path: Path, *, threads: bool = True) -> None:
        self._path = path
        self.threads = threads
        self._limiter = trio.CapacityLimiter(READERS)
        self._idle: list[apsw.Connection] = []
        self._closed = False

    async def run(self, query: Callable[[apsw.Connection], T], *, view: bool = True) -> T:
        """``query`` on a connection that nobody else uses meanwhile, in one view of the tables.

        Raises: JournalUnavailable where SQLite cannot read.
        """
        if not self.threads:
            await trio.lowlevel.checkpoint()
            return self.read(query, view=view)
        read = partial(self.read, query, view=view)
        return await trio.to_thread.run_sync(read, limiter=self._limiter)

    def read(self, query: Callable[[apsw.Connection], T], *, view: bool = True) -> T:
        """As ``run``, for whoever is in a thread already."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            if view:
                connection.execute("BEGIN")
            answer = query(connection)
            if view:
                connection.execute("END")
        except apsw.Error as error:
            connection.close()
            raise self._unreadable(error) from error
        except BaseException:
            connection.close()
            raise
        if self._closed:
            connection.close()
        else:
            self._idle.append(connection)
        return answer

    def _connect(self) -> apsw.Connection:
        try:
            return connect_reader(self._path)
        except apsw.Error as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: apsw.Error) -> JournalUnavailable:
        return JournalUnavailable(f"cannot be read ({error})", path=os.fsencode(self._path))

    def close(self) -> None:
        """Close what is idle; whoever still reads closes behind that."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()
