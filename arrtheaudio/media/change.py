"""One change that is ready to be written, and writing it in place.

A ``Change`` is decided and compared with nothing left to choose; its ``Plan`` is
what the journal gets before the first byte. Knows files and bytes, not queues.
Rules: media.md "Writing safely".
"""

from __future__ import annotations

import os
from contextlib import suppress

import attrs

from arrtheaudio.errors import ChangedMeanwhile, EditConflict, MediaError, VerifyFailed
from arrtheaudio.media import before_image, patch
from arrtheaudio.media.access import open_to_write
from arrtheaudio.media.containers import Expectation, probe
from arrtheaudio.media.patch import Fingerprint, State
from arrtheaudio.media.shuffle import compact, in_full
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

    @property
    def fingerprint(self) -> Fingerprint:
        """By what the file is known again."""
        return Fingerprint(self.status.st_size, self.extents, self.digest)

    @property
    def large(self) -> bool:
        """Whether the old bytes are too many for the journal, and to work on in passing."""
        return sum(len(piece.old) for piece in self.patches) > before_image.LARGEST_IN_JOURNAL

    @property
    def needs_image(self) -> bool:
        """Whether the old bytes are too large for the journal and too precious to lose."""
        return (
            self.fragile
            and self.way == "in_place"
            and self.options.before_image_dir is not None
            and self.large
        )

    def plan(self, replacement: Replacement | None = None) -> Plan:
        """The change as the journal keeps it, its before-image written where it needs one.

        Blocks on the data folder where the change is ``large``. Raises IoFailed.
        """
        image = None
        short = self.large and (self.way != "in_place" or self.needs_image)
        patches = compact(self.patches) if short else in_full(self.patches)
        folder = self.options.before_image_dir
        if folder is not None and self.needs_image:
            large = [full for full, kept in zip(self.patches, patches, strict=True) if not kept.old]
            image = before_image.keep(folder, self.path, large) if large else None
        return Plan(
            path=self.path,
            method=METHODS[self.way],
            size=self.status.st_size,
            target=self.target,
            patches=patches,
            extents=self.extents,
            digest=self.digest,
            mtime_ns=self.status.st_mtime_ns,
            keep_mtime=self.options.preserve_mtime,
            before_image=image,
            number=self.expectation.number if self.expectation else None,
            replacement=replacement,
        )

    def expect_unchanged(self, fd: int) -> None:
        """Raises ChangedMeanwhile unless the open file is still the one that was looked at."""
        if self.fingerprint.state(fd, self.patches) is not State.OLD:
            raise ChangedMeanwhile(path=self.path)

    def expect_unshared(self, links: int) -> None:
        """Raises ChangedMeanwhile where an edit in place would change another name's bytes."""
        if links > 1 and self.options.hardlinks != "edit":
            raise ChangedMeanwhile(f"it has {links} hard links by now", path=self.path)

    def verify(self, fd: int) -> None:
        """Raises a MediaError unless the open file shows what was wanted."""
        if self.expectation is None:
            if patch.compare(fd, self.patches) is not State.NEW:
                raise VerifyFailed("the bytes read back are not those that were written")
        else:
            self.expectation.check(probe(fd, patch.size_of(fd), self.container))


def edit_in_place(change: Change) -> int:
    """Carry the change out on the file itself; return the mtime in ns that it leaves.

    Raises ChangedMeanwhile, FileBusy and NotWritable before anything is written;
    VerifyFailed and IoFailed with the old bytes back; HalfEdited where neither;
    EditConflict where another program wrote to it during the edit.
    """
    with open_to_write(change.path, change.status) as file:
        change.expect_unchanged(file.fd)
        change.expect_unshared(file.status.st_nlink)
        times = file.status.st_atime_ns, file.status.st_mtime_ns
        try:
            patch.apply(file.fd, change.patches, change.fingerprint, lambda: change.verify(file.fd))
        except EditConflict:
            raise  # the last change is not ours
        except MediaError:
            restore_times(file.fd, *times)
            raise
        if change.options.preserve_mtime:
            restore_times(file.fd, *times)
        after = os.fstat(file.fd)
        if not os.path.samestat(after, os.stat(change.path, follow_symlinks=False)):
            raise ChangedMeanwhile("another program replaced the file during the edit")
        return after.st_mtime_ns


def restore_times(fd: int, atime_ns: int, mtime_ns: int) -> None:
    """Put the times back where that can be.

    Who may write but does not own the file may not, and some of FUSE cannot: an edit
    that stands has not failed for that.
    """
    with suppress(OSError):
        os.utime(fd, ns=(atime_ns, mtime_ns))
