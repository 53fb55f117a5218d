"""Before-images: the old bytes of a large patch in a file of their own.

Reordering an MP4 rewrites megabytes of ``moov``, and a kill in the middle leaves
them unreadable until recovery. The journal gets a ``Shuffle``; the old bytes lie
fsynced in the data folder until the file is whole again, and for a month where
recovery met another program's bytes and left them. Undo needs no image: either
side follows from the other. Rule: media.md "MP4", reorder.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import attrs

from arrtheaudio.errors import EditConflict, IoFailed
from arrtheaudio.media.access import make_folder, sync_folder
from arrtheaudio.media.patch import read_exactly
from arrtheaudio.media.shuffle import new_of, old_of
from arrtheaudio.media.tracks import Patch, Shuffle

LARGEST_IN_JOURNAL: Final = 64 << 10  # bytes of old bytes that a journal row may carry
SUFFIX: Final = b".before"
KEPT_SECONDS: Final = 30 * 24 * 3600  # of an image behind a conflict, for whoever can use it


def image_path(folder: bytes, path: bytes) -> bytes:
    """One name per media file: a later edit of the same file replaces what a crash left over."""
    return os.path.join(folder, hashlib.sha256(path).hexdigest()[:32].encode() + SUFFIX)


def keep(folder: bytes, path: bytes, patches: Sequence[Patch]) -> str:
    """Write the old bytes of all large patches, durable with their name; return its path.

    Clears images that nobody has needed for a month. Raises IoFailed, with nothing left behind.
    """
    file = image_path(folder, path)
    try:
        make_folder(folder)
        _clear_forgotten(folder)
        try:
            _write(file, patches)
            sync_folder(folder)
        except BaseException:
            discard(os.fsdecode(file))
            raise
    except OSError as error:
        what = f"cannot keep its before-image {os.fsdecode(file)}: {error.strerror}"
        raise IoFailed(what, path=path) from error
    return os.fsdecode(file)


def _write(file: bytes, patches: Sequence[Patch]) -> None:
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb", buffering=0) as image:
        for patch in patches:
            view = memoryview(patch.old)
            while view:
                view = view[image.write(view) :]
        os.fsync(image.fileno())


def _clear_forgotten(folder: bytes) -> None:
    """``refresh`` keeps those of open plans young."""
    oldest = time.time() - KEPT_SECONDS
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                discard(os.fsdecode(entry.path))


def refresh(before_image: str | None) -> None:
    """Whoever means to settle a plan needs its image, however long the plan has been open."""
    if before_image is not None:
        with suppress(OSError):
            os.utime(before_image)


def discard(before_image: str | None) -> None:
    """Remove a before-image that is no longer needed; one that cannot be is cleared later."""
    if before_image is not None:
        with suppress(OSError):
            os.unlink(before_image)


def name_in(conflict: EditConflict, before_image: str | None) -> None:
    """Tell where the old bytes are, which nobody may put back now."""
    if before_image is not None and os.path.exists(before_image):
        kept = f"what stood there before the edit is kept in {before_image}"
        conflict.what = f"{conflict.what.rstrip('.')}; {kept}"


def restore(fd: int, patches: Sequence[Patch], before_image: str | None) -> tuple[Patch, ...]:
    """The journal's patches with both sides, from what the file or the image holds.

    Raises EditConflict where neither side of a large patch can be found, IoFailed
    where the image cannot be read.
    """
    whole = []
    skipped = 0
    for patch in patches:
        if patch.shuffle is None or patch.old:
            whole.append(patch)
            continue
        shuffle = patch.shuffle
        held = read_exactly(fd, patch.offset, shuffle.length)
        sha = hashlib.sha256(held).digest()
        if sha == shuffle.new_digest:
            old = old_of(shuffle, held)
        elif sha == shuffle.old_digest:
            old = held
        else:
            old = _from_image(before_image, skipped, shuffle)
        skipped += shuffle.length
        whole.append(attrs.evolve(patch, old=old, new=new_of(shuffle, old)))
    return tuple(whole)


def _from_image(before_image: str | None, offset: int, shuffle: Shuffle) -> bytes:
    if before_image is None:
        raise EditConflict("a large part of its header is neither the old nor the new one")
    try:
        with open(before_image, "rb") as image:
            image.seek(offset)
            old = image.read(shuffle.length)
    except FileNotFoundError as error:
        raise EditConflict(f"its before-image {before_image} is missing") from error
    except OSError as error:
        what = f"cannot read its before-image {before_image}: {error.strerror}"
        raise IoFailed(what) from error
    if hashlib.sha256(old).digest() != shuffle.old_digest:
        raise EditConflict(f"its before-image {before_image} is damaged")
    return old
