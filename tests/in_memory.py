"""Files that exist only in memory: a Window over bytes, and edits applied to bytes."""

from __future__ import annotations

from collections.abc import Iterable

from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Patch


class BytesWindow(Window):
    """A Window whose file is a bytes object; ``reads`` lists what would be system calls."""

    __slots__ = ("_content", "reads")

    def __init__(self, content: bytes, *, chunk: int = 65536) -> None:
        super().__init__(-1, len(content), chunk=chunk)
        self._content = content
        self.reads: list[tuple[int, int]] = []

    def _read_file(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        return self._content[offset : offset + length]


def patched(content: bytes, patch: Patch) -> bytes:
    """The content behind one write, which must meet the bytes that it expects."""
    end = patch.offset + len(patch.old)
    assert len(patch.old) == len(patch.new)
    assert content[patch.offset : end] == patch.old
    return content[: patch.offset] + patch.new + content[end:]


def states(content: bytes, patches: Iterable[Patch]) -> list[bytes]:
    """The content as it was, and behind each write."""
    found = [content]
    for patch in patches:
        found.append(patched(found[-1], patch))
    return found


def inverted(patches: Iterable[Patch]) -> list[Patch]:
    """The writes that undo these."""
    return [Patch(p.offset, p.new, p.old, p.sync) for p in reversed(tuple(patches))]
