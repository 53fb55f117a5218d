"""One file from path to outcome: look, choose, plan, journal, write, verify.

``inspect`` only looks. ``run`` looks on a thread that a cancellation abandons,
hands the plan to the caller before the first byte is written, and then writes
on a thread that nothing abandons. Knows nothing of queues: whether a slot for
heavy work is held, and where the plan is kept, are the caller's affairs.
Contract: media.md, queue.md "Workers".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import attrs
import trio

from arrtheaudio.errors import (
    CorruptFile,
    FileBusy,
    HardLinked,
    MediaError,
    NeedsFfmpeg,
    NeedsHeavyLane,
    NoRoom,
    SkippedFile,
    UnsupportedContainer,
)
from arrtheaudio.media import patch, replace
from arrtheaudio.media.access import (
    OpenFile,
    open_to_read,
    open_to_write,
    seconds_to_settle,
)
from arrtheaudio.media.change import Change
from arrtheaudio.media.choose import Place, decide, told
from arrtheaudio.media.containers import FORMATS, Expectation, Format, identify
from arrtheaudio.media.host import HOST, Host
from arrtheaudio.media.remux import ffmpeg
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import (
    Context,
    Decision,
    Edit,
    Inspection,
    Media,
    Options,
    Outcome,
    Request,
    Rules,
    Track,
)
from arrtheaudio.media.ways import (
    METHODS,
    Way,
    need_space,
    no_shared_copy,
    skipped_outcome,
    way_of,
)
from arrtheaudio.media.writing import BeforeWrite, carry_out


@attrs.frozen
class Examined:
    """What looking gave: an outcome already, or a change to carry out."""

    media: Media | None
    decision: Decision | None
    outcome: Outcome | None = None
    change: Change | None = None
    message: str = ""  # of the change


@attrs.frozen
class Planned:
    """How the header changes; ``edit`` is None where only a remux will do."""

    edit: Edit | None
    place: Place


WAYS: Final[dict[Way, str]] = {
    "reflink": "It has {links} hard links: a copy sharing its bytes, where the file system can.",
    "copy": "It has {links} hard links: a full copy takes its name.",
    "remux": "ffmpeg writes the file anew.",
}


def inspect(path: bytes, rules: Rules, context: Context, options: Options) -> Inspection:
    """Look at one file and say what would be chosen and how; reads only, whatever its state.

    Raises MediaError.
    """
    with open_to_read(path) as file:
        size = _not_empty(file.status)
        container, window = identify(file.fd, size)
        media = FORMATS[container].probe(window)
        decision = decide(media, rules, context, path)
        return Inspection(
            path=path,
            media=media,
            decision=decision,
            links=file.status.st_nlink,
            mtime_ns=file.status.st_mtime_ns,
            room=_room(media, decision.chosen, file.status.st_nlink, options),
        )


async def run(
    request: Request,
    *,
    before_write: BeforeWrite,
    limiter: trio.CapacityLimiter | None = None,
    on_probed: Callable[[Media, Decision], None] | None = None,
    host: Host = HOST,
) -> Outcome:
    """Bring one file in order.

    Args:
        before_write: awaited exactly once, before the first byte of the file
            changes, with the plan to be made durable. The caller shields its own
            scope inside, for from there on nothing may be cancelled.
        limiter: bounds the threads; by default each run has its own single one.
        on_probed: told what was found as soon as it is known.
        host: the machine's clock, free space and cloning.

    Raises MediaError where the file could not be handled (nothing was changed,
    or the error says so), NeedsHeavyLane and NoSpace before any work.
    """
    threads = limiter or trio.CapacityLimiter(1)
    try:
        found = await trio.to_thread.run_sync(
            examine, request, host, abandon_on_cancel=True, limiter=threads
        )
    except SkippedFile as skipped:
        return skipped_outcome(skipped)
    if on_probed is not None and found.media is not None and found.decision is not None:
        on_probed(found.media, found.decision)
    if found.change is None:
        assert found.outcome is not None
        return found.outcome
    try:
        written = await carry_out(found.change, before_write, threads, host)
    except SkippedFile as skipped:
        return skipped_outcome(skipped, found.media, found.decision)
    return Outcome(
        "success",
        None,
        found.message,
        track_changed=True,
        method=written.plan.method,
        media=found.media,
        decision=found.decision,
        plan=written.plan,
        mtime_ns=written.mtime_ns,
    )


def examine(request: Request, host: Host = HOST) -> Examined:
    """Everything that only reads; blocks. Raises what ``run`` raises, and SkippedFile."""
    with open_to_read(request.path) as file:
        if not request.dry_run and (request.heavy or file.status.st_nlink > 1):
            with suppress(MediaError):  # an old attempt's; it says nothing about this file
                replace.clear_leftovers(request.path)
        unsettled = seconds_to_settle(
            file.status,
            expected_size=request.expected_size,
            own_mtime_ns=request.own_mtime_ns,
            settle_seconds=request.options.settle_seconds,
            now_ns=host.now_ns(),
        )
        try:
            return _decide(request, file, unsettled, host)
        except (CorruptFile, UnsupportedContainer) as error:
            # What is still being written looks damaged, and a file that was
            # replaced or cut while it was read was never seen whole.
            now = os.fstat(file.fd)
            if unsettled or now.st_size != file.status.st_size:
                raise FileBusy(
                    "it is still being written", retry_after=unsettled or None
                ) from error
            raise


def _decide(request: Request, file: OpenFile, unsettled: float, host: Host) -> Examined:
    container, window = identify(file.fd, _not_empty(file.status))
    if container not in request.options.containers:
        return _left(None, None, "container_disabled", f"{container} files are switched off")
    if container == "mp4" and not request.heavy:
        raise NeedsHeavyLane("an MP4 file", path=request.path)
    media = FORMATS[container].probe(window)
    decision = decide(media, request.rules, request.context, request.path)
    target = decision.chosen
    if target is None or _already(decision, media, request.options):
        return _left(media, decision, decision.reason or "no_matching_track", decision.message)
    found = Examined(media, decision)
    try:
        planned = _edit(FORMATS[container], window, media, target, request.options)
        if planned.edit is not None and not planned.edit.patches:
            return _left(media, decision, "already_correct", told(decision, planned.place))
        way = way_of(file.status.st_nlink, request.options, remux=planned.edit is None)
        if way == "reflink" and not host.may_clone(
            file.status.st_dev, os.path.dirname(request.path)
        ):
            raise no_shared_copy(file.status.st_nlink)
    except SkippedFile as skipped:
        return attrs.evolve(found, outcome=skipped_outcome(skipped, media, decision))
    rewritten = way in ("copy", "remux")
    if request.dry_run:
        message = told(decision, planned.place, dry_run=True)
        outcome = Outcome(
            "success", None, message, method=METHODS[way], media=media, decision=decision
        )
        return attrs.evolve(found, outcome=outcome)
    if rewritten and not request.heavy:
        raise NeedsHeavyLane("the whole file must be rewritten", path=request.path)
    if unsettled:
        raise FileBusy("it was written a moment ago", path=request.path, retry_after=unsettled)
    if rewritten:
        need_space(request.path, file.status.st_size, host)
    with open_to_write(request.path, file.status) as writable:
        # Who may not write, or finds it locked, learns so before anything is journalled.
        # Its status counts from here on: to open it changes the inode on overlayfs.
        if writable.status.st_size != file.status.st_size:
            raise FileBusy("it is still being written", path=request.path)
        file = OpenFile(file.fd, writable.status)
    change = _change(request, file, media, target, way, planned)
    return Examined(media, decision, change=change, message=told(decision, planned.place))


def _room(media: Media, chosen: Track | None, links: int, options: Options) -> str:
    """How the default would be changed, as the options have it."""
    if media.container not in options.containers:
        return f"{media.container} files are switched off."
    remux = media.container == "mp4" and options.mp4_method == "remux"
    try:
        way = way_of(links, options, remux=remux)
    except HardLinked as error:
        return f"The file is left alone: {error.what}."
    if way == "in_place":
        moves = chosen is not None and _shall_move(media, chosen, options)
        return FORMATS[media.container].room(media, reorder=moves)
    return WAYS[way].format(links=links)


def _already(decision: Decision, media: Media, options: Options) -> bool:
    if decision.reason != "already_correct":
        return False
    return decision.chosen is not None and not _shall_move(media, decision.chosen, options)


def _shall_move(media: Media, chosen: Track, options: Options) -> bool:
    return options.reorder and media.audio[0] != chosen


def _edit(
    container: Format, window: Window, media: Media, target: Track, options: Options
) -> Planned:
    """How the track becomes the default one, and the first where that is asked for.

    A chosen track that cannot be moved to the front is at least made the default.
    Raises NoRoom.
    """
    reorder = _shall_move(media, target, options)
    place: Place = "first" if reorder else "kept"
    if media.container == "mp4" and options.mp4_method == "remux":
        return Planned(None, place)
    try:
        edit = container.plan_default(window, media, target.index, reorder=reorder)
        return Planned(edit, place)
    except NoRoom as error:
        relocate = options.allow_relocate and media.container == "mkv"
        if relocate and ffmpeg() is not None:
            return Planned(None, place)
        if not reorder and relocate:
            raise NeedsFfmpeg from error
        if not reorder:
            raise
    edit = container.plan_default(window, media, target.index, reorder=False)
    return Planned(edit, "no_room")


def _change(
    request: Request,
    file: OpenFile,
    media: Media,
    target: Track,
    way: Way,
    planned: Planned,
) -> Change:
    size = file.status.st_size
    edit = planned.edit or Edit((), replace.ends_of(size))
    reorder = planned.place == "first"
    patch.check_edit(edit, size)
    return Change(
        path=request.path,
        container=media.container,
        status=file.status,
        way=way,
        options=request.options,
        patches=edit.patches,
        extents=edit.extents,
        digest=patch.digest(file.fd, edit.extents, edit.patches),
        fragile=edit.fragile,
        target=target.index,
        expectation=Expectation(number=target.number, before=media, reorder=reorder),
    )


def _not_empty(status: os.stat_result) -> int:
    if status.st_size == 0:
        raise CorruptFile("the file is empty")
    return status.st_size


def _left(media: Media | None, decision: Decision | None, reason: str, message: str) -> Examined:
    """Nothing is to be done."""
    outcome = Outcome("skipped", reason, message, media=media, decision=decision)
    return Examined(media, decision, outcome)
