"""Bounded reading: the one door through which header bytes come in.

A Window reads ahead from where it is asked and keeps the last few pieces, for
headers are read forwards: what follows a header's first bytes is mostly there
already. Every request is checked against the file's size and against a budget,
so that forged sizes cost neither memory nor time.
"""

from __future__ import annotations

import os
from typing import Final

from arrtheaudio.errors import CorruptFile, IoFailed

# A whole season of tracks, tags and seek heads fits many times; a forged file stops here.
BUDGET_BYTES: Final = 64 << 20
PAGE_BYTES: Final = 4096  # what the smallest read costs the system
KEPT_PIECES: Final = 3  # beside the current one; a header is read from front to end
LARGE_CHUNKS: Final = 4  # a request for more than so many chunks is read for itself


class Window:
    """A read-only view of an open file.

    Args:
        fd: a descriptor open for reading; the caller keeps it open and closes it.
        size: the file's size in bytes, as fstat gave it.
        chunk: bytes per read-ahead.
        budget: bytes that may be read in all; None for what a probe may.

    Raises (all methods): CorruptFile beyond the end or the budget, IoFailed
    when the operating system cannot read.
    """

    __slots__ = ("_budget", "_chunk", "_earlier", "_piece", "_start", "fd", "size")

    def __init__(
        self, fd: int, size: int, *, chunk: int = 65536, budget: int | None = None
    ) -> None:
        self.fd = fd
        self.size = size
        self._chunk = chunk
        self._budget = BUDGET_BYTES if budget is None else budget
        self._start = 0  # of the piece that was used last
        self._piece = b""
        self._earlier: list[tuple[int, bytes]] = []

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes at ``offset``."""
        at = offset - self._start
        if 0 <= at <= at + length <= len(self._piece):
            return self._piece[at : at + length]
        if length > LARGE_CHUNKS * self._chunk:  # not worth keeping
            self._check(offset, length)
            return self._complete(self._pread(offset, length), offset, length)
        piece, start = self.around(offset, length)
        return piece[offset - start : offset - start + length]

    def around(self, offset: int, length: int) -> tuple[bytes, int]:
        """A piece of the file with those ``length`` bytes in it, and where the piece begins.

        Without a copy: for walks over many small headers.
        """
        at = offset - self._start
        if not 0 <= at <= at + length <= len(self._piece):
            self._check(offset, length)
            if not self._turn_to(offset, length):
                ahead = min(max(length, self._chunk), self.size - offset)
                piece = self._complete(self._pread(offset, ahead), offset, length)
                self._use(offset, piece)
        return self._piece, self._start

    def glance(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes at ``offset``, fewer at the end of the file.

        For hops over large elements: what is not read ahead already is not kept,
        and counts like a page, so that the budget bounds the number of hops too.
        """
        if not 0 <= offset < self.size:
            return b""
        length = min(length, self.size - offset)
        at = offset - self._start
        if 0 <= at <= at + length <= len(self._piece) or self._turn_to(offset, length):
            at = offset - self._start
            return self._piece[at : at + length]
        self._budget -= max(0, PAGE_BYTES - length)
        return self._pread(offset, length)

    def _check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise CorruptFile(
                f"a header points to byte {offset + length}, behind the end of the file"
            )

    def _complete(self, piece: bytes, offset: int, length: int) -> bytes:
        if len(piece) < length:
            raise CorruptFile(
                f"the file ends at byte {offset + len(piece)}, in the middle of a header"
            )
        return piece

    def _turn_to(self, offset: int, length: int) -> bool:
        """Make an earlier piece the current one if it holds the bytes."""
        for number, (start, piece) in enumerate(self._earlier):
            if start <= offset and offset + length <= start + len(piece):
                del self._earlier[number]
                self._use(start, piece)
                return True
        return False

    def _use(self, start: int, piece: bytes) -> None:
        """Make a piece the current one, and keep the last few."""
        if self._piece:
            self._earlier.insert(0, (self._start, self._piece))
            del self._earlier[KEPT_PIECES:]
        self._start, self._piece = start, piece

    def _pread(self, offset: int, length: int) -> bytes:
        self._budget -= length
        if self._budget < 0:
            raise CorruptFile("the headers are larger than any real file's")
        return self._read_file(offset, length)

    def _read_file(self, offset: int, length: int) -> bytes:
        """The system call; what a Window over something else replaces."""
        try:
            return os.pread(self.fd, length, offset)
        except OSError as error:
            raise IoFailed(f"cannot read: {error.strerror}") from error
