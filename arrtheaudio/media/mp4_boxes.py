"""Walking ISO base media boxes (QuickTime: atoms), from a file and from bytes in memory.

Owns sizes and nesting: a child never reaches behind its parent, counts are
bounded, nothing is read but headers. Knows nothing of what the boxes mean.
Follows ISO/IEC 14496-12, 4.2, and the QuickTime File Format, "Atoms".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from struct import Struct
from typing import Final, NamedTuple

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media.source import Window

HEADER: Final = 8  # size and type
LARGE_HEADER: Final = 16  # size 1, type, 64-bit size
# Far above any real box's children; what matters is that forged files end.
MAX_CHILDREN: Final = 1024
MAX_GATHERED: Final = 4 * MAX_CHILDREN  # on the way through several boxes

# What is looked for: the bytes that are read of a box, or what is looked for inside of it.
Tree = Mapping[bytes, "int | Tree"]

_header_of = Struct(">I4s").unpack_from
_new = tuple.__new__  # what a NamedTuple's own constructor does, in half the time


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
    offset = start
    piece, base, last = b"", start, -1  # what is read ahead, and where its last header begins
    for _ in range(most):
        if end - offset < HEADER:  # QuickTime ends some lists with four zero bytes
            return
        if offset - base > last:
            piece, base = window.around(offset, HEADER)
            last = len(piece) - HEADER
        size, kind = _header_of(piece, offset - base)
        body = offset + HEADER
        if not HEADER <= size <= end - offset:
            size, body = _unusual(window, size, kind, offset, end)
            if not size:
                return
        yield _new(Box, (kind, offset, body, offset + size))
        offset += size
    raise CorruptFile(f"more than {most} boxes follow byte {start}")


def find(window: Window, parent: Box, kinds: Collection[bytes]) -> dict[bytes, Box]:
    """The first child of each kind; stops where all are found."""
    found: dict[bytes, Box] = {}
    for box in walk(window, parent.body, parent.end):
        if box.kind in kinds and box.kind not in found:
            found[box.kind] = box
            if len(found) == len(kinds):
                break
    return found


def gather(window: Window, parent: Box, tree: Tree) -> dict[bytes, tuple[Box, bytes]]:
    """The first box of each kind that the tree names, with the beginning of its content.

    Args:
        tree: by kind, what is looked for inside of it, or the bytes of its content that
            are read. No kind occurs in it twice. A box is left where all is found in it.

    The same walk as ``walk``, down and up again in one loop: this is where a probe spends
    its time.
    """
    found: dict[bytes, tuple[Box, bytes]] = {}
    above: list[tuple[int, Tree, int]] = []  # the boxes that it went down from
    missing = len(tree)
    _, _, offset, end = parent
    last = end - HEADER  # where the last box of this level may begin
    piece, base, ahead = b"", offset, -1  # what is read ahead, and where its last header begins
    for _ in range(MAX_GATHERED):
        while offset > last or not missing:
            if not above:
                return found
            offset = end
            end, tree, missing = above.pop()
            last = end - HEADER
        at = offset - base
        if at > ahead:
            piece, base = window.around(offset, HEADER)
            ahead = len(piece) - HEADER
            at = offset - base
        size, kind = _header_of(piece, at)
        body, after = offset + HEADER, offset + size
        if size < HEADER or after > end:
            size, body = _unusual(window, size, kind, offset, end)
            after = offset + size if size else end  # QuickTime ends some lists with zeros
        if kind not in tree or kind in found:
            offset = after
            continue
        inside = tree[kind]
        missing -= 1
        box = _new(Box, (kind, offset, body, after))
        if isinstance(inside, int):
            most = min(after - body, inside)
            content = piece[body - base : body - base + most]
            found[kind] = box, content if len(content) == most else window.read(body, most)
            offset = after
        else:
            found[kind] = box, b""
            above.append((end, tree, missing))
            offset, end, tree, missing = body, after, inside, len(inside)
            last = end - HEADER
    raise CorruptFile(f"more than {MAX_GATHERED} boxes follow byte {parent.body}")


def _unusual(window: Window, size: int, kind: bytes, offset: int, end: int) -> tuple[int, int]:
    """(size, offset of the body) where the first four bytes do not tell; 0 for padding."""
    body = offset + HEADER
    left = end - offset
    if size == 1:
        if left < LARGE_HEADER:
            raise CorruptFile(f"the box at byte {offset} is cut off in its size")
        size, body = int.from_bytes(window.read(body, 8), "big"), offset + LARGE_HEADER
    elif size == 0:
        if kind == b"\0\0\0\0":
            return 0, body
        size = left
    if not body - offset <= size <= left:
        raise CorruptFile(
            f"the {name_of(kind)} box at byte {offset} claims {size} bytes where {left} are left"
        )
    return size, body


def split(content: bytes, start: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of the boxes in ``content``; ends quietly where they stop making sense.

    For optional content only (user data, codec boxes), which real files pad,
    cut and fill with odd things; nothing is ever written by what is found here.
    """
    end = len(content)
    for _ in range(MAX_CHILDREN):
        if end - start < HEADER:
            return
        size, kind = _header_of(content, start)
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
