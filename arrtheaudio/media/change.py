"""One change that is ready to be written, and writing it in place.

A ``Change`` is decided and compared with nothing left to choose; its ``Plan`` is
what the journal gets before the first byte. Knows files and bytes, not queues.
Rules: media.md "Writing safely".
"""

from __future__ import annotations

import os
from contextlib import suppress

import attrs

from arrtheaudio.errors import ChangedMeanwhile, MediaError, VerifyFailed
from arrtheaudio.media import before_image, patch
from arrtheaudio.media.access import open_to_write
from arrtheaudio.media.containers import Expectation, probe
from arrtheaudio.media.patch import State
from arrtheaudio.media.tracks import Container, Options, Patch, Plan, Replacement
from arrtheaudio.media.ways import METHODS, Way


@attrs.frozen
class Change:
    """What is to be done to one file, and what the file was when that was decided."""

    path: bytes
    container: Container
    status: os.stat_result
    way: Way
    options: Options
    patches: tuple[Patch, ...]  # both sides in full; none for a remux
    extents: tuple[tuple[int, int], ...]
    digest: bytes
    fragile: bool = False
    target: int | None = None
    expectation: Expectation | None = None  # None: an undo, which is right when the bytes are

    def plan(self, replacement: Replacement | None = None) -> Plan:
        """The change as the journal keeps it."""
        patches = self.patches
        if self.needs_image:
            patches = before_image.compact(patches)
        return Plan(
            path=self.path,
            method=METHODS[self.way],
            size=self.status.st_size,
            target=self.target,
            patches=patches,
            extents=self.extents,
            digest=self.digest,
            device=self.status.st_dev,
            inode=self.status.st_ino,
            mtime_ns=self.status.st_mtime_ns,
            number=self.expectation.number if self.expectation else None,
            replacement=replacement,
        )

    @property
    def needs_image(self) -> bool:
        """Whether the old bytes are too large for the journal and too precious to lose."""
        return (
            self.fragile
            and self.way == "in_place"
            and self.options.before_image_dir is not None
            and sum(len(piece.old) for piece in self.patches) > before_image.LARGEST_IN_JOURNAL
        )

    def keep_image(self, plan: Plan) -> Plan:
        """Write the before-image of the plan's large patches and name it in the plan."""
        folder = self.options.before_image_dir
        large = [
            full
            for full, kept in zip(self.patches, plan.patches, strict=True)
            if kept.shuffle is not None
        ]
        if folder is None or not large:
            return plan
        return attrs.evolve(plan, before_image=before_image.keep(folder, self.path, large))

    def expect_unchanged(self, fd: int, status: os.stat_result) -> None:
        """Raises ChangedMeanwhile unless the open file is still the one that was looked at."""
        if (
            status.st_size != self.status.st_size
            or patch.digest(fd, self.extents, self.patches) != self.digest
            or patch.compare(fd, self.patches) is not State.OLD
        ):
            raise ChangedMeanwhile(path=self.path)

    def verify(self, fd: int) -> None:
        """Raises a MediaError unless the open file shows what was wanted."""
        if self.expectation is None:
            if patch.compare(fd, self.patches) is not State.NEW:
                raise VerifyFailed("the bytes read back are not those that were written")
        else:
            self.expectation.check(probe(fd, os.fstat(fd).st_size))


def edit_in_place(change: Change) -> int:
    """Carry the change out on the file itself; return the mtime in ns that it leaves.

    Raises ChangedMeanwhile, FileBusy and NotWritable before anything is written;
    VerifyFailed and IoFailed with the old bytes back; HalfEdited where neither.
    """
    with open_to_write(change.path) as file:
        change.expect_unchanged(file.fd, file.status)
        try:
            patch.apply(file.fd, change.patches, lambda: change.verify(file.fd))
        except MediaError:
            restore_mtime(file.fd, file.status)
            raise
        if change.options.preserve_mtime:
            restore_mtime(file.fd, file.status)
        after = os.fstat(file.fd)
        if not same_file(after, os.stat(change.path)):
            raise ChangedMeanwhile("another program replaced the file during the edit")
        return after.st_mtime_ns


def restore_mtime(fd: int, status: os.stat_result) -> None:
    """Put the times back; who may write but does not own the file may not, and goes without."""
    with suppress(PermissionError):
        os.utime(fd, ns=(status.st_atime_ns, status.st_mtime_ns))


def same_file(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether both are the same file at the same moment (over time, inodes are advisory)."""
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
