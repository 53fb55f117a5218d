"""Large patches told in few words: which runs of the old bytes stand where in the new ones.

Reordering an MP4 moves megabytes of ``moov``, but says little. Who plans it knows
the permutation (``rotation``); of others it is searched for. Runs may hold bytes
that differ: the rests are written over them. Pure. media.md "MP4", reorder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from arrtheaudio.media.tracks import Patch, Shuffle

SEED_BYTES: Final = 64  # enough of a box to find where it came from: its header and first fields
MOST_RUNS: Final = 256  # a permutation of tracks has a handful; more means it is none
MOST_REST: Final = 4096  # bytes that stand in no run; flags and counts are a few


def rotation(old: bytes, new: bytes, cut: int, changed: Sequence[Patch]) -> Shuffle:
    """``new`` is ``old`` with what stands behind ``cut`` in front, the small changes made in it.

    The changes' offsets count from the first byte of ``old``; none reaches over ``cut``.
    """
    rest = len(old) - cut
    return Shuffle(
        length=len(old),
        runs=((cut, 0, rest), (0, rest, cut)),
        old_rest=tuple((patch.offset, patch.old) for patch in changed),
        new_rest=tuple(((patch.offset - cut) % len(old), patch.new) for patch in changed),
        old_digest=hashlib.sha256(old).digest(),
        new_digest=hashlib.sha256(new).digest(),
    )


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


def in_full(patches: Sequence[Patch]) -> tuple[Patch, ...]:
    """The patches with both their sides and nothing else."""
    return tuple(attrs.evolve(patch, shuffle=None) if patch.shuffle else patch for patch in patches)


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
    return new_of(backwards(shuffle), new)


def backwards(shuffle: Shuffle) -> Shuffle:
    """How the old bytes are made of the new ones."""
    return Shuffle(
        length=shuffle.length,
        runs=tuple((new, old, length) for old, new, length in shuffle.runs),
        old_rest=shuffle.new_rest,
        new_rest=shuffle.old_rest,
        old_digest=shuffle.new_digest,
        new_digest=shuffle.old_digest,
    )


def compact(patches: Sequence[Patch]) -> tuple[Patch, ...]:
    """The patches as the journal keeps them: large ones told as shuffles where possible."""
    return tuple(_compact(patch) if len(patch.old) > MOST_REST else patch for patch in patches)


def _compact(patch: Patch) -> Patch:
    shuffle = patch.shuffle or shuffle_of(patch.old, patch.new)
    return attrs.evolve(patch, old=b"", new=b"", shuffle=shuffle) if shuffle else patch


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
