"""Bounded reading: the one door through which header bytes come in.

A Window reads ahead in aligned chunks and keeps the few that a header needs.
Every request is checked against the file's size and against a budget, so that
forged sizes cost neither memory nor time.
"""

from __future__ import annotations

import os
from typing import Final

from arrtheaudio.errors import CorruptFile, IoFailed

# A whole season of tracks, tags and seek heads fits many times; a forged file stops here.
BUDGET_BYTES: Final = 64 << 20
PAGE_BYTES: Final = 4096  # what the smallest read costs the system


class Window:
    """A read-only view of an open file.

    Args:
        fd: a descriptor open for reading; the caller keeps it open and closes it.
        size: the file's size in bytes, as fstat gave it.
        chunk: bytes per read-ahead (a power of two).

    Raises (all methods): CorruptFile beyond the end or the budget, IoFailed
    when the operating system cannot read.
    """

    __slots__ = ("_budget", "_chunk", "_chunks", "fd", "size")

    def __init__(self, fd: int, size: int, *, chunk: int = 65536) -> None:
        self.fd = fd
        self.size = size
        self._chunk = chunk
        self._chunks: dict[int, bytes] = {}
        self._budget = BUDGET_BYTES

    def read(self, offset: int, length: int) -> bytes:
        """Exactly ``length`` bytes at ``offset``."""
        if offset < 0 or length < 0 or offset + length > self.size:
            raise CorruptFile(
                f"a header points to byte {offset + length}, behind the end of the file"
            )
        first = offset // self._chunk
        last = (offset + length - 1) // self._chunk if length else first
        if first == last:
            at = offset - first * self._chunk
            piece = self._load(first)[at : at + length]
        elif length <= 4 * self._chunk:
            start = offset - first * self._chunk
            joined = b"".join(self._load(number) for number in range(first, last + 1))
            piece = joined[start : start + length]
        else:  # one large piece: not worth keeping
            piece = self._pread(offset, length)
        if len(piece) != length:
            raise CorruptFile(
                f"the file ends at byte {offset + len(piece)}, in the middle of a header"
            )
        return piece

    def glance(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes at ``offset``, fewer at the end of the file.

        For hops over large elements: what is not read ahead already is not kept,
        and counts like a page, so that the budget bounds the number of hops too.
        """
        if not 0 <= offset < self.size:
            return b""
        number, at = divmod(offset, self._chunk)
        chunk = self._chunks.get(number)
        if chunk is not None and (at + length <= len(chunk) or len(chunk) < self._chunk):
            return chunk[at : at + length]
        self._budget -= max(0, PAGE_BYTES - length)
        return self._pread(offset, length)

    def _load(self, number: int) -> bytes:
        chunk = self._chunks.get(number)
        if chunk is None:
            chunk = self._chunks[number] = self._pread(number * self._chunk, self._chunk)
        return chunk

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
