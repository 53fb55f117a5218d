"""Settling an open plan after a crash, and undo.

Both know the plan only, as the journal kept it. An edit is ours when the header
outside the patches is the recorded one and every byte inside is an old or a new
one; anything else is a conflict and stays untouched. queue-internals.md
"Settling an open plan", media.md "Writing safely".
"""

from __future__ import annotations

import os
from typing import Final, Literal

import attrs
import trio

from arrtheaudio.errors import (
    ChangedMeanwhile,
    EditConflict,
    FileGone,
    FileNotFound,
    IoFailed,
    MediaError,
    NeedsHeavyLane,
    NothingToUndo,
    SkippedFile,
    UnsupportedContainer,
    VerifyFailed,
)
from arrtheaudio.media import before_image, patch, replace
from arrtheaudio.media.access import OpenFile, naming, open_to_read, open_to_write, sync_folder
from arrtheaudio.media.change import Change, restore_times
from arrtheaudio.media.containers import Expectation, identify, probe
from arrtheaudio.media.host import HOST, Host
from arrtheaudio.media.patch import Fingerprint, State
from arrtheaudio.media.tracks import Options, Outcome, Patch, Plan, Recovery
from arrtheaudio.media.ways import need_space, skipped_outcome, way_of
from arrtheaudio.media.writing import BeforeWrite, carry_out

DEFAULTS: Final = Options()
MESSAGES: Final = {
    "completed": "The interrupted edit is complete",
    "interrupted": "The edit had not begun; the file is unchanged",
    "rolled_back": "The interrupted edit did not give what was wanted; the old bytes are back",
}


def recover(plan: Plan) -> Recovery:
    """Settle a plan that was journalled and never finished; blocks on the file.

    May be called any number of times, also before an attempt is repeated.

    Raises EditConflict where the file holds bytes that are neither the old nor
    the new ones (it is left untouched, and a before-image is kept for a month),
    FileGone, FileBusy, NotWritable, IoFailed.
    """
    before_image.refresh(plan.before_image)
    try:
        with naming(plan.path):
            if plan.replacement is not None:
                replace.clear_leftovers(plan.path)
                recovery = _settle_replacement(plan)
            else:
                recovery = _settle_in_place(plan)
    except FileNotFound as error:
        raise FileGone(path=plan.path) from error
    except (ChangedMeanwhile, UnsupportedContainer) as error:
        # It ends before its own header, lies elsewhere, or is a folder, a link, a FIFO by now.
        conflict = EditConflict(error.what, path=plan.path)
        before_image.name_in(conflict, plan.before_image)
        raise conflict from error
    except EditConflict as conflict:
        before_image.name_in(conflict, plan.before_image)
        raise
    before_image.discard(plan.before_image)
    return recovery


async def undo(
    plan: Plan,
    *,
    before_write: BeforeWrite,
    options: Options = DEFAULTS,
    heavy: bool = True,
    limiter: trio.CapacityLimiter | None = None,
    host: Host = HOST,
) -> Outcome:
    """Put the bytes back that an edit replaced; journalled and written as ``run`` does it.

    ``options`` matter for hard links, the kept mtime and the before-image. The
    plan handed to ``before_write`` is the edit backwards, and ``recover`` settles
    it like any other.

    Raises NothingToUndo for a remux and where the old bytes are there already,
    ChangedMeanwhile where anything else was changed since, FileGone and what
    ``run`` raises. What must not be changed is skipped, as there.
    """
    threads = limiter or trio.CapacityLimiter(1)
    try:
        change = await trio.to_thread.run_sync(
            _backwards, plan, options, heavy, host, abandon_on_cancel=True, limiter=threads
        )
        written = await carry_out(change, before_write, threads, host)
    except SkippedFile as skipped:
        return skipped_outcome(skipped)
    return Outcome(
        "success",
        None,
        "Put the bytes back that were there before the edit",
        track_changed=True,
        method=written.plan.method,
        plan=written.plan,
        mtime_ns=written.mtime_ns,
    )


def _settle_in_place(plan: Plan) -> Recovery:
    with open_to_read(plan.path) as file:
        patches = _ours(plan, file)
        state = patch.compare(file.fd, patches)
        if state is State.OLD:
            return _settled("interrupted", file.fd)
        if state is State.NEW and _shows(plan, file.fd):
            os.fdatasync(file.fd)  # the bytes may not have reached the disk before the crash
            if plan.keep_mtime:
                _restore_mtime(plan, file)
            return _settled("completed", file.fd)
    if state is State.FOREIGN:
        raise EditConflict()
    with open_to_write(plan.path) as file:
        if _fingerprint(plan).state(file.fd, patches) is not state:
            raise EditConflict("it is changing while it is looked at")
        return _roll(plan, file, patches)


def _roll(plan: Plan, file: OpenFile, patches: tuple[Patch, ...]) -> Recovery:
    """Forward, and back where the result is wrong."""

    def verify() -> None:
        if not _shows(plan, file.fd):
            raise VerifyFailed("the file does not show what was wanted")

    try:
        patch.apply(file.fd, patches, _fingerprint(plan), verify)
    except VerifyFailed:
        _restore_mtime(plan, file)
        return _settled("rolled_back", file.fd)
    if plan.keep_mtime:
        _restore_mtime(plan, file)
    return _settled("completed", file.fd)


def _restore_mtime(plan: Plan, file: OpenFile) -> None:
    """What the file had before the edit; a crash may have come between the writes and this."""
    restore_times(file.fd, file.status.st_atime_ns, plan.mtime_ns)


def _fingerprint(plan: Plan) -> Fingerprint:
    return Fingerprint(plan.size, plan.extents, plan.digest)


def _settle_replacement(plan: Plan) -> Recovery:
    """The rename happened or it did not; there is nothing in between."""
    replacement = plan.replacement
    assert replacement is not None
    with open_to_read(plan.path) as file:
        size = file.status.st_size
        if (
            size == replacement.size
            and patch.digest(file.fd, replacement.extents, ()) == replacement.digest
        ):
            sync_folder(os.path.dirname(plan.path) or b".")
            return _settled("completed", file.fd)
        patches = _ours(plan, file)
        if patch.compare(file.fd, patches) is not State.OLD:
            raise EditConflict()
        return _settled("interrupted", file.fd)


def _ours(plan: Plan, file: OpenFile) -> tuple[Patch, ...]:
    """The plan's patches with both sides, if the file is the one that was planned for.

    Raises EditConflict.
    """
    if file.status.st_size != plan.size:
        raise EditConflict(f"it has {file.status.st_size} bytes instead of {plan.size}")
    if patch.digest(file.fd, plan.extents, plan.patches) != plan.digest:
        raise EditConflict("its header was changed outside the edit")
    return before_image.restore(file.fd, plan.patches, plan.before_image)


def _shows(plan: Plan, fd: int) -> bool:
    """Whether the file shows what the plan wanted; an undo wants bytes, nothing else."""
    if plan.number is None:
        return True
    try:
        Expectation(plan.number).check(probe(fd, os.fstat(fd).st_size))
    except IoFailed:
        raise
    except MediaError:
        return False
    return True


def _settled(state: Literal["completed", "interrupted", "rolled_back"], fd: int) -> Recovery:
    return Recovery(state, MESSAGES[state], os.fstat(fd).st_mtime_ns)


def _backwards(plan: Plan, options: Options, heavy: bool, host: Host) -> Change:
    """The change that takes the plan's edit back."""
    if plan.method == "remux":
        raise NothingToUndo("the file was written anew, the old one is gone", path=plan.path)
    try:
        with naming(plan.path), open_to_read(plan.path) as file:
            try:
                patches = _ours(plan, file)
            except EditConflict as error:
                raise ChangedMeanwhile(error.what) from error
            state = patch.compare(file.fd, patches)
            if state is State.OLD:
                raise NothingToUndo("the old bytes are there already")
            if state is not State.NEW:
                raise ChangedMeanwhile()
            way = way_of(file.status.st_nlink, options, remux=False)
            if way == "copy":
                if not heavy:
                    raise NeedsHeavyLane("the whole file must be rewritten")
                need_space(plan.path, file.status.st_size, host)
            container, _ = identify(file.fd, file.status.st_size)
            change = Change(
                path=plan.path,
                container=container,
                status=file.status,
                way=way,
                options=options,
                patches=patch.reverse(patches),
                extents=plan.extents,
                digest=plan.digest,
                fragile=any(piece.shuffle is not None for piece in plan.patches),
            )
        with open_to_write(plan.path) as writable:  # as in a run, and for the same reasons
            return attrs.evolve(change, status=writable.status)
    except FileNotFound as error:
        raise FileGone(path=plan.path) from error
