"""Writing patches: the one door through which bytes of a media file change.

Compares before it writes, writes in the given order with the given barriers,
lets the caller verify, and puts the old bytes back where anything fails. A sync
may take seconds, and locks are advisory: what another program wrote meanwhile is
never written over. Knows descriptors and bytes, nothing of tracks or journals.
Rules: media.md "Writing safely".
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

import attrs

from arrtheaudio.errors import (
    ChangedMeanwhile,
    EditConflict,
    HalfEdited,
    IoFailed,
    MediaError,
    VerifyFailed,
)
from arrtheaudio.media import shuffle as shuffles
from arrtheaudio.media.tracks import Edit, Patch

Extents = Sequence[tuple[int, int]]

DIGEST_STEP: Final = 1 << 20  # bytes hashed per read
WRITTEN_MEANWHILE: Final = "another program wrote to it during the edit"


class State(Enum):
    """What an open file holds where an edit would change it."""

    OLD = "old"
    NEW = "new"
    MIXED = "mixed"  # every byte is an old or a new one
    FOREIGN = "foreign"  # some byte is neither


@attrs.frozen
class Fingerprint:
    """By what a file is known as the one that an edit was planned for."""

    size: int
    extents: Extents
    digest: bytes  # of the extents, the patched ranges left out

    def state(self, fd: int, patches: Sequence[Patch]) -> State:
        """What the open file holds; FOREIGN where anything else of its header differs."""
        if size_of(fd) != self.size or digest(fd, self.extents, patches) != self.digest:
            return State.FOREIGN
        return compare(fd, patches)


def check_edit(edit: Edit, size: int) -> None:
    """A plan that could damage a file is a fault of ours, found before anything is written."""
    reach = 0
    for patch in sorted(edit.patches, key=lambda patch: patch.offset):
        if patch.offset < reach or len(patch.old) != len(patch.new) or not patch.old:
            raise AssertionError(f"patches overlap or change the length at {patch.offset}")
        reach = patch.offset + len(patch.old)
    if reach > size:
        raise AssertionError(f"a patch ends at {reach}, behind the end of the file")


def size_of(fd: int) -> int:
    """The file's size in bytes.

    fstat would ask for its times, too. Who has been told a file's time must be told
    another one after the next write (Linux 6.13, "Multigrain Timestamps"), and the sync
    of a write that changes the inode takes half as long again.
    """
    return os.lseek(fd, 0, os.SEEK_END)


def read_exactly(fd: int, offset: int, length: int) -> bytes:
    """``length`` bytes at ``offset``. Raises ChangedMeanwhile where the file ends before them."""
    piece = os.pread(fd, length, offset)
    if len(piece) == length:
        return piece
    pieces = [piece]
    while piece and (missing := length - sum(map(len, pieces))):
        piece = os.pread(fd, missing, offset + length - missing)
        pieces.append(piece)
    if not piece:
        raise ChangedMeanwhile("the file has become shorter")
    return b"".join(pieces)


def digest(fd: int, extents: Extents, patches: Sequence[Patch]) -> bytes:
    """SHA-256 of the extents, the patched ranges left out: the same before and after the edit."""
    state = hashlib.sha256()
    for start, end in unpatched(extents, patches):
        state.update(b"%d+%d:" % (start, end - start))
        for offset in range(start, end, DIGEST_STEP):
            state.update(read_exactly(fd, offset, min(DIGEST_STEP, end - offset)))
    return state.digest()


def unpatched(extents: Extents, patches: Sequence[Patch]) -> list[tuple[int, int]]:
    """The (start, end) ranges inside the extents and outside the patches, in order, disjoint."""
    holes = sorted((patch.offset, patch.offset + patch.length) for patch in patches)
    ranges = []
    reach = 0
    for offset, length in sorted(extents):
        start, end = max(reach, offset), offset + length
        reach = max(reach, end)
        for hole_start, hole_end in holes:
            if hole_end <= start or hole_start >= end:
                continue
            if hole_start > start:
                ranges.append((start, hole_start))
            start = hole_end
        if start < end:
            ranges.append((start, end))
    return ranges


def compare(fd: int, patches: Sequence[Patch]) -> State:
    """Which side of the edit the file shows; all patches with both their sides."""
    pieces = [read_exactly(fd, patch.offset, patch.length) for patch in patches]
    if all(piece == patch.old for piece, patch in zip(pieces, patches, strict=True)):
        return State.OLD
    if all(piece == patch.new for piece, patch in zip(pieces, patches, strict=True)):
        return State.NEW
    for piece, patch in zip(pieces, patches, strict=True):
        if piece not in (patch.old, patch.new) and not all(
            byte in (old, new) for byte, old, new in zip(piece, patch.old, patch.new, strict=True)
        ):
            return State.FOREIGN
    return State.MIXED


def write(fd: int, patches: Sequence[Patch], size: int) -> None:
    """The new bytes in order, durable at every barrier and at the end.

    Raises EditConflict where a byte is neither an old nor a new one behind a barrier.
    """
    durable = True
    for number, patch in enumerate(patches, 1):
        done = 0
        while done < len(patch.new):
            done += os.pwrite(fd, patch.new[done:] if done else patch.new, patch.offset + done)
        durable = patch.sync
        if durable:
            os.fdatasync(fd)
            if number < len(patches):
                _refuse_foreign(fd, patches, size)
    if not durable:
        os.fdatasync(fd)


def _refuse_foreign(fd: int, patches: Sequence[Patch], size: int) -> None:
    if size_of(fd) != size or compare(fd, patches) is State.FOREIGN:
        raise EditConflict(WRITTEN_MEANWHILE)


def apply(
    fd: int, patches: Sequence[Patch], fingerprint: Fingerprint, verify: Callable[[], None]
) -> None:
    """Write, verify, and put the old bytes back where either fails.

    ``verify`` looks at the same descriptor and raises a MediaError.

    Raises VerifyFailed or IoFailed with the old bytes back, HalfEdited where
    they could not be put back, EditConflict where another program wrote to the
    file: then its bytes stay.
    """
    try:
        write(fd, patches, fingerprint.size)
        verify()
    except Exception as error:
        put_back(fd, patches, fingerprint)
        if isinstance(error, OSError):
            what = f"cannot read or write: {error.strerror}; the old bytes are back"
            raise IoFailed(what) from error
        if isinstance(error, MediaError) and not isinstance(error, IoFailed):
            raise VerifyFailed(f"{error.what}; the old bytes are back") from error
        raise


def put_back(fd: int, patches: Sequence[Patch], fingerprint: Fingerprint) -> None:
    """The old bytes again. Raises HalfEdited, EditConflict."""
    try:
        if fingerprint.state(fd, patches) is State.FOREIGN:
            raise EditConflict(WRITTEN_MEANWHILE)
        write(fd, reverse(patches), fingerprint.size)
    except ChangedMeanwhile as error:  # it ends before its own header
        raise EditConflict(WRITTEN_MEANWHILE) from error
    except OSError as error:
        raise HalfEdited(f"cannot put the old bytes back: {error.strerror}") from error


def reverse(patches: Sequence[Patch]) -> tuple[Patch, ...]:
    """The same edit backwards: every state on the way is one of the way forward.

    A barrier behind a patch stands behind its follower here, between the same two.
    """
    backwards = []
    for at in range(len(patches) - 1, -1, -1):
        patch = patches[at]
        shuffle = patch.shuffle and shuffles.backwards(patch.shuffle)
        sync = at > 0 and patches[at - 1].sync
        backwards.append(Patch(patch.offset, patch.new, patch.old, sync, shuffle))
    return tuple(backwards)
