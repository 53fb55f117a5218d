"""Walking ISO base media boxes (QuickTime: atoms), from a file and from bytes in memory.

Owns sizes and nesting: a child never reaches behind its parent, counts are
bounded, nothing is read but headers. Knows nothing of what the boxes mean.
Follows ISO/IEC 14496-12, 4.2, and the QuickTime File Format, "Atoms".
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media.source import Window

HEADER: Final = 8  # size and type
LARGE_HEADER: Final = 16  # size 1, type, 64-bit size
# Far above any real box's children; what matters is that forged files end.
MAX_CHILDREN: Final = 1024

_header = Struct(">I4s").unpack


class Box(NamedTuple):
    """A box of the file: ``offset`` of its header, ``body`` behind the header, ``end``."""

    kind: bytes
    offset: int
    body: int
    end: int


def name_of(kind: bytes) -> str:
    """The four characters, printable."""
    return kind.decode("latin-1").encode("unicode_escape").decode("ascii")


def walk(window: Window, start: int, end: int, most: int = MAX_CHILDREN) -> Iterator[Box]:
    """The boxes that fill ``start`` to ``end``; the last bytes may be padding.

    Raises CorruptFile for a size that cannot be, and for more than ``most`` boxes.
    """
    read = window.read
    offset = start
    for _ in range(most):
        if end - offset < HEADER:  # QuickTime ends some lists with four zero bytes
            return
        size, kind = _header(read(offset, HEADER))
        body = offset + HEADER
        if size == 1:
            size, body = _large_size(window, offset, end), offset + LARGE_HEADER
        elif size == 0:
            if kind == b"\0\0\0\0":  # zero padding
                return
            size = end - offset
        if size < body - offset or size > end - offset:
            raise CorruptFile(
                f"the {name_of(kind)} box at byte {offset} claims {size} bytes"
                f" where {end - offset} are left"
            )
        yield Box(kind, offset, body, offset + size)
        offset += size
    raise CorruptFile(f"more than {most} boxes follow byte {start}")


def _large_size(window: Window, offset: int, end: int) -> int:
    if end - offset < LARGE_HEADER:
        raise CorruptFile(f"the box at byte {offset} is cut off in its size")
    return int.from_bytes(window.read(offset + HEADER, 8), "big")


def find(window: Window, parent: Box, *kinds: bytes) -> dict[bytes, Box]:
    """The first child of each kind; stops where all are found."""
    found: dict[bytes, Box] = {}
    for box in walk(window, parent.body, parent.end):
        if box.kind in kinds and box.kind not in found:
            found[box.kind] = box
            if len(found) == len(kinds):
                break
    return found


def split(content: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of the boxes in ``content``; ends quietly where they stop making sense.

    For optional content only (user data, codec boxes), which real files pad,
    cut and fill with odd things; nothing is ever written by what is found here.
    """
    end = len(content)
    for _ in range(MAX_CHILDREN):
        if end - start < HEADER:
            return
        size, kind = _header(content[start : start + HEADER])
        body = start + HEADER
        if size == 1:
            size, body = int.from_bytes(content[body : body + 8], "big"), body + 8
        elif size == 0:
            size = end - start
        if size < body - start:
            return
        yield kind, content[body : min(start + size, end)]
        start += size


class Bits:
    """Fields of a big-endian bit string, from the front. Raises CorruptFile behind its end."""

    __slots__ = ("_left", "_value")

    def __init__(self, content: bytes) -> None:
        self._value = int.from_bytes(content, "big")
        self._left = 8 * len(content)

    def take(self, width: int) -> int:
        """The next ``width`` bits."""
        self._left -= width
        if self._left < 0:
            raise CorruptFile("a codec's description is cut off")
        return self._value >> self._left & (1 << width) - 1
