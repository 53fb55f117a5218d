"""Large patches: told in few words for the journal, their old bytes in a file of their own.

Reordering an MP4 rewrites megabytes of ``moov``, and a kill in the middle leaves
them unreadable until recovery. The journal gets a ``Shuffle``; the old bytes lie
fsynced in the data folder until the file is whole again. Undo needs no image:
either side follows from the other. Rule: media.md "MP4", reorder.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

import attrs

from arrtheaudio.errors import EditConflict
from arrtheaudio.media.access import sync_folder
from arrtheaudio.media.patch import read_exactly
from arrtheaudio.media.tracks import Patch, Shuffle

LARGEST_IN_JOURNAL: Final = 64 << 10  # bytes of old bytes that a journal row may carry
SEED_BYTES: Final = 64  # enough of a box to find where it came from: its header and first fields
MOST_RUNS: Final = 256  # a permutation of tracks has a handful; more means it is none
MOST_REST: Final = 4096  # bytes that stand in no run; flags and counts are a few


def shuffle_of(old: bytes, new: bytes) -> Shuffle | None:
    """How ``new`` is made of ``old``; None where that cannot be said in few words."""
    runs: list[tuple[int, int, int]] = []
    rest: list[tuple[int, int]] = []
    at = expected = 0  # a byte that differs inside a run does not end what follows it
    while at < len(new):
        seed = new[at : at + SEED_BYTES]
        source = expected if old.startswith(seed, expected) else old.find(seed)
        if source < 0:
            rest.append((at, 1))
            at, expected = at + 1, expected + 1
        else:
            length = _common(old, source, new, at)
            runs.append((source, at, length))
            at, expected = at + length, source + length
        if len(runs) > MOST_RUNS or len(rest) > MOST_REST:
            return None
    unused = _gaps(((source, length) for source, _, length in runs), len(old))
    if sum(length for _, length in unused) > MOST_REST:
        return None
    return Shuffle(
        length=len(old),
        runs=tuple(runs),
        old_rest=tuple((offset, old[offset : offset + length]) for offset, length in unused),
        new_rest=tuple((offset, new[offset : offset + length]) for offset, length in rest),
        old_digest=hashlib.sha256(old).digest(),
        new_digest=hashlib.sha256(new).digest(),
    )


def new_of(shuffle: Shuffle, old: bytes) -> bytes:
    """The new bytes that the old ones become."""
    new = bytearray(shuffle.length)
    for source, target, length in shuffle.runs:
        new[target : target + length] = old[source : source + length]
    for offset, piece in shuffle.new_rest:
        new[offset : offset + len(piece)] = piece
    return bytes(new)


def old_of(shuffle: Shuffle, new: bytes) -> bytes:
    """The old bytes that the new ones were."""
    old = bytearray(shuffle.length)
    for source, target, length in shuffle.runs:
        old[source : source + length] = new[target : target + length]
    for offset, piece in shuffle.old_rest:
        old[offset : offset + len(piece)] = piece
    return bytes(old)


def compact(patches: Sequence[Patch]) -> tuple[Patch, ...]:
    """The patches as the journal keeps them: large ones told as shuffles where possible."""
    return tuple(
        attrs.evolve(patch, old=b"", new=b"", shuffle=shuffle)
        if len(patch.old) > MOST_REST and (shuffle := shuffle_of(patch.old, patch.new))
        else patch
        for patch in patches
    )


def image_name(path: bytes) -> str:
    """One name per media file: a later edit of the same file replaces what a crash left over."""
    return hashlib.sha256(path).hexdigest()[:32] + ".before"


def keep(folder: bytes, path: bytes, patches: Sequence[Patch]) -> str:
    """Write the old bytes of all large patches, durable with their name; return its path."""
    file = os.path.join(folder, image_name(path).encode())
    os.makedirs(folder, exist_ok=True)
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb", buffering=0) as image:
        for patch in patches:
            view = memoryview(patch.old)
            while view:
                view = view[image.write(view) :]
        os.fsync(image.fileno())
    sync_folder(folder)
    return os.fsdecode(file)


def discard(before_image: str | None) -> None:
    """Remove a before-image that is no longer needed."""
    if before_image is not None:
        with suppress(FileNotFoundError):
            os.unlink(before_image)


def restore(fd: int, patches: Sequence[Patch], before_image: str | None) -> tuple[Patch, ...]:
    """The journal's patches with both sides, from what the file or the image holds.

    Raises EditConflict where neither side of a large patch can be found.
    """
    whole = []
    skipped = 0
    for patch in patches:
        if patch.shuffle is None:
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
        whole.append(attrs.evolve(patch, old=old, new=new_of(shuffle, old), shuffle=None))
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
    if hashlib.sha256(old).digest() != shuffle.old_digest:
        raise EditConflict(f"its before-image {before_image} is damaged")
    return old


def _common(old: bytes, source: int, new: bytes, at: int) -> int:
    """How many bytes are the same from here on; slices compare at the speed of memory."""
    most = min(len(old) - source, len(new) - at)
    same, step = 0, SEED_BYTES
    while same < most:
        step = min(step, most - same)
        if old[source + same : source + same + step] == new[at + same : at + same + step]:
            same += step
            step *= 2
        elif step == 1:
            break
        else:
            step //= 2
    return same


def _gaps(pieces: Iterable[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    gaps = []
    reach = 0
    for offset, length in sorted(pieces):
        if offset > reach:
            gaps.append((reach, offset - reach))
        reach = max(reach, offset + length)
    if reach < size:
        gaps.append((reach, size - reach))
    return gaps
