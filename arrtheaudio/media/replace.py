"""Replacing a file: a finished one beside it takes its name by one rename.

Serves hard-linked files (reflink or full copy, edited, then renamed) and gives
the remux its temporary file. The original is never opened for writing. Knows
bytes, attributes and names; nothing of tracks. media.md "Writing safely",
"Hard links".
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import attrs

from arrtheaudio.errors import (
    ChangedMeanwhile,
    FileBusy,
    HalfEdited,
    IoFailed,
    MediaError,
    NotWritable,
    UnsupportedContainer,
    VerifyFailed,
)
from arrtheaudio.media import patch
from arrtheaudio.media.access import (
    SAFELY,
    OpenFile,
    expect_at,
    lock,
    media_error,
    naming,
    open_to_read,
    synced_folder,
)
from arrtheaudio.media.change import Change, restore_times
from arrtheaudio.media.host import Host
from arrtheaudio.media.tracks import Replacement
from arrtheaudio.media.ways import no_shared_copy

COPY_STEP: Final = 16 << 20  # bytes between two looks at whether the copy is still wanted
ENDS: Final = 64 << 10  # bytes at either end of a file by which a remuxed one is known
# Sonarr and Radarr pass over names that start so, and no video extension follows.
PREFIX: Final = b"._arrtheaudio-"
SUFFIX: Final = b".tmp"
# ACLs of Linux, of NFSv4 and of Samba, capabilities, and what users attach.
KEPT_ATTRIBUTES: Final = (
    "user.", "system.posix_acl_access", "system.nfs4_acl", "security.", "trusted.",
)  # fmt: skip
# What the system gives each file itself: labels, and sums over the very inode.
SYSTEMS_OWN: Final = (
    "security.selinux", "security.SMACK64", "security.ima", "security.evm", "trusted.overlay.",
)  # fmt: skip
NO_ATTRIBUTES: Final = {errno.EOPNOTSUPP, errno.ENOSYS}
NO_COPY_RANGE: Final = {errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@attrs.frozen
class Temporary:
    """An empty file of ours beside the original, open and locked."""

    path: bytes
    fd: int

    def discard(self) -> None:
        """Remove it; what cannot be removed now does not hide why, and the next attempt tries."""
        with suppress(OSError):
            self.remove()
        self.close()

    def remove(self) -> None:
        """Take its name away; harmless where it has its final one already. Raises OSError."""
        with suppress(FileNotFoundError):
            if os.path.samestat(os.stat(self.path, follow_symlinks=False), os.fstat(self.fd)):
                os.unlink(self.path)

    def close(self) -> None:
        """Give the lock back."""
        os.close(self.fd)


@attrs.frozen
class Finished:
    """A temporary file with everything in it, durable, waiting for its name."""

    temporary: Temporary
    replacement: Replacement


def temporary_name(path: bytes) -> bytes:
    """One name per file, so that what a crash left over is found again."""
    folder, name = os.path.split(path)
    digest = hashlib.sha256(name).hexdigest()[:24].encode()
    return os.path.join(folder, PREFIX + digest + SUFFIX)


def claim(path: bytes) -> Temporary:
    """Create the temporary file of ``path``, in place of one that a crash left over.

    Raises FileBusy where another process is working on the same file, NotWritable.
    """
    name = temporary_name(path)
    clear_leftovers(path)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFELY
    try:
        fd = os.open(name, flags, 0o600)
    except FileExistsError as error:
        raise FileBusy("another process is replacing it", path=path) from error
    except OSError as error:
        refused = media_error(error, path)
        if error.errno == errno.ENAMETOOLONG:  # it is there: the other name is the longer one
            refused = NotWritable(refused.what, path=path)
        refused.what = f"cannot create a file in its folder: {refused.what}"
        raise refused from error
    temporary = Temporary(name, fd)
    try:
        expect_at(fd, name)
        lock(fd, path)
    except BaseException:
        temporary.discard()
        raise
    return temporary


def clear_leftovers(path: bytes) -> bool:
    """Remove the temporary file that a crash left beside ``path``; True where there was one.

    One that is still locked belongs to a process at work and stays.
    """
    name = temporary_name(path)
    if not os.path.lexists(name):
        return False
    try:
        fd = os.open(name, os.O_RDWR | SAFELY)
    except OSError as error:
        refused = media_error(error, name)
        if isinstance(refused, UnsupportedContainer):  # not made by us, so not ours to remove
            refused = NotWritable(f"in the way of the new file: {refused.what}", path=name)
        raise refused from error
    temporary = Temporary(name, fd)
    try:
        with naming(name):
            expect_at(fd, name)
            lock(fd, name)
            temporary.remove()
    except FileBusy:
        return False
    finally:
        temporary.close()
    return True


def copy(change: Change, host: Host, check_wanted: Callable[[], object]) -> Finished:
    """A copy of the file with the change made in it.

    ``check_wanted`` is called between pieces and raises to stop; nothing is left
    behind then, nor in any failing case.

    Raises HardLinked (a reflink is impossible), NoSpace, ChangedMeanwhile,
    NotWritable, VerifyFailed, IoFailed.
    """
    temporary = claim(change.path)
    try:
        with naming(change.path), open_to_read(change.path) as original:
            if change.way == "copy":
                copy_bytes(original.fd, temporary.fd, original.status.st_size, check_wanted)
            elif not host.clone(original.fd, temporary.fd):
                raise no_shared_copy(original.status.st_nlink)
            change.expect_unchanged(temporary.fd)
            _edit(change, temporary.fd)
            edited = tuple((piece.offset, piece.length) for piece in change.patches)
            return finish(change, temporary, original, change.extents + edited)
    except BaseException:
        temporary.discard()
        raise


def _edit(change: Change, fd: int) -> None:
    """Make the change in a copy, which goes away where that fails: nothing is put back."""
    try:
        patch.write(fd, change.patches, change.status.st_size)
        change.verify(fd)
    except IoFailed:
        raise
    except MediaError as error:
        raise VerifyFailed(error.what) from error


def finish(
    change: Change,
    temporary: Temporary,
    original: OpenFile,
    extents: tuple[tuple[int, int], ...],
) -> Finished:
    """Give the temporary file the original's attributes and make it durable.

    ``extents`` cover what makes it differ from the original.
    """
    keep_attributes(original.fd, temporary.fd)
    if change.options.preserve_mtime:
        restore_times(temporary.fd, original.status.st_atime_ns, original.status.st_mtime_ns)
    os.fsync(temporary.fd)
    size = os.fstat(temporary.fd).st_size
    digest = patch.digest(temporary.fd, extents, ())
    return Finished(temporary, Replacement(temporary.path, size, extents, digest))


def publish(change: Change, finished: Finished) -> int:
    """Let the finished file take the original's name; return its mtime in ns.

    Raises ChangedMeanwhile where the original is not the one that was copied.
    """
    folder = os.path.dirname(change.path) or b"."
    with naming(change.path):
        now, then = os.stat(change.path, follow_symlinks=False), change.status
        if (
            not os.path.samestat(now, then)
            or now.st_size != then.st_size
            or now.st_mtime_ns != then.st_mtime_ns
            or now.st_ctime_ns != then.st_ctime_ns  # which no program can put back
        ):
            raise ChangedMeanwhile()
        with synced_folder(folder) as sync:  # one that cannot be opened is found before
            os.rename(finished.temporary.path, change.path)
            try:
                sync()
            except OSError as error:
                what = f"cannot make its new name durable: {error.strerror}"
                raise HalfEdited(what) from error
        mtime_ns = os.fstat(finished.temporary.fd).st_mtime_ns
    finished.temporary.close()
    return mtime_ns


def ends_of(size: int) -> tuple[tuple[int, int], ...]:
    """The extents by which a rewritten file is known: its beginning and its end."""
    head = min(size, ENDS)
    tail = min(size - head, ENDS)
    return ((0, head), (size - tail, tail)) if tail else ((0, head),)


def copy_bytes(source: int, target: int, size: int, check_wanted: Callable[[], object]) -> None:
    """Copy ``size`` bytes, inside the kernel and sharing extents where it can.

    Raises ChangedMeanwhile where the source has become shorter.
    """
    done = 0
    while done < size:
        check_wanted()
        try:
            step = os.copy_file_range(source, target, min(COPY_STEP, size - done), done, done)
        except OSError as error:
            if error.errno not in NO_COPY_RANGE:
                raise
            step = 0
        if step == 0:  # some file systems answer 0 where they cannot: ask another way
            os.lseek(target, done, os.SEEK_SET)
            step = os.sendfile(target, source, done, min(COPY_STEP, size - done))
        if step == 0:
            raise ChangedMeanwhile("the file has become shorter")
        done += step


def keep_attributes(source: int, target: int) -> None:
    """Give the target the source's owner, mode, ACL and extended attributes.

    Raises NotWritable where the owner or an attribute cannot be kept: a file
    must not change hands silently.
    """
    status, fresh = os.fstat(source), os.fstat(target)
    try:
        if (status.st_uid, status.st_gid) != (fresh.st_uid, fresh.st_gid):
            os.fchown(target, status.st_uid, status.st_gid)
        wanted = _attributes(source)
        for name in _attributes(target).keys() - wanted.keys():
            os.removexattr(target, name)  # inherited from the folder's default ACL
        os.fchmod(target, stat.S_IMODE(status.st_mode))
    except PermissionError as error:
        raise NotWritable("a copy could not be given its owner and mode") from error
    for name, value in wanted.items():
        try:
            os.setxattr(target, name, value)
        except PermissionError as error:
            raise NotWritable(f"a copy could not be given its attribute {name}") from error


def _attributes(fd: int) -> dict[str, bytes]:
    """Those that are kept; an ordinary user is not shown ``trusted`` ones."""
    try:
        names = os.listxattr(fd)
    except OSError as error:
        if error.errno in NO_ATTRIBUTES:
            return {}
        raise
    return {name: os.getxattr(fd, name) for name in names if is_kept(name)}


def is_kept(attribute: str) -> bool:
    """Whether a copy must have the original's attribute of that name."""
    return attribute.startswith(KEPT_ATTRIBUTES) and not attribute.startswith(SYSTEMS_OWN)
