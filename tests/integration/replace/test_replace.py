"""Hard-linked files: a copy takes the name, the other links keep their bytes."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
import trio
from linked_films import CONTENT, NAMES, REFLINK, asked, journalled, names
from media_runs import defaults

from arrtheaudio import errors, media
from arrtheaudio.media import host as machine
from arrtheaudio.media import replace
from arrtheaudio.media.host import HOST, Host
from arrtheaudio.media.tracks import Plan

PLAIN = Host(clone=lambda source, target: False)
FULL = Host(free_space=lambda folder: 2 * len(CONTENT))


@pytest.mark.parametrize(("mode", "host"), [("auto", REFLINK), ("copy", HOST)])
async def test_a_copy_is_changed_and_the_other_link_stays(linked, mode, host) -> None:
    outcome = await media.run(asked(linked, mode), before_write=journalled, host=host)
    assert (outcome.result, outcome.method) == ("success", "copy")
    assert defaults(linked) == ["en"]
    assert (linked.parent / "seed.mkv").read_bytes() == CONTENT
    assert linked.stat().st_nlink == 1
    assert outcome.mtime_ns == linked.stat().st_mtime_ns
    assert names(linked.parent) == NAMES


async def test_without_shared_extents_auto_leaves_the_file_alone(linked) -> None:
    plans = []

    async def before_write(plan: Plan) -> None:
        plans.append(plan)

    outcome = await media.run(asked(linked, "auto"), before_write=before_write, host=PLAIN)
    assert (outcome.result, outcome.reason) == ("skipped", "hardlinked")
    assert outcome.media is not None
    assert plans == []
    assert names(linked.parent) == NAMES


async def test_a_dry_run_says_what_the_run_does_and_neither_touches_the_folder(linked) -> None:
    os.utime(linked.parent, ns=(1, 1))
    asks = []

    def clone(source: int, target: int) -> bool:
        asks.append(os.fstat(target).st_nlink)
        return False

    host = Host(clone=clone)
    for dry_run in (True, False):
        outcome = await media.run(
            asked(linked, "auto", dry_run=dry_run), before_write=journalled, host=host
        )
        assert (outcome.result, outcome.reason) == ("skipped", "hardlinked")
        assert "without copying all of its bytes" in outcome.message
    assert linked.parent.stat().st_mtime_ns == 1
    assert asks == [0], "asked once, of a file without a name"


async def test_where_no_nameless_file_can_be_only_trying_tells(linked, monkeypatch) -> None:
    plain = Host(clone=PLAIN.clone)
    monkeypatch.setattr(machine, "nameless", lambda folder: None)
    would = await media.run(
        asked(linked, "auto", dry_run=True), before_write=journalled, host=plain
    )
    assert would.message.startswith("Would set")
    outcome = await media.run(asked(linked, "auto"), before_write=journalled, host=plain)
    assert outcome.reason == "hardlinked"
    assert names(linked.parent) == NAMES


@pytest.mark.parametrize("mode", ["skip", "wait"])
async def test_skip_and_wait_leave_the_file_alone(linked, mode) -> None:
    outcome = await media.run(asked(linked, mode), before_write=journalled)
    assert (outcome.result, outcome.reason) == ("skipped", "hardlinked")
    assert linked.read_bytes() == CONTENT


async def test_edit_changes_all_links(linked) -> None:
    outcome = await media.run(asked(linked, "edit"), before_write=journalled)
    assert outcome.method == "in_place"
    assert defaults(linked.parent / "seed.mkv") == ["en"]
    assert linked.stat().st_nlink == 2


@pytest.mark.parametrize("mode", ["auto", "skip", "wait", "copy"])
async def test_a_linked_file_that_is_right_is_just_right(linked, mode) -> None:
    await media.run(asked(linked, "edit"), before_write=journalled)
    outcome = await media.run(asked(linked, mode, heavy=False), before_write=journalled)
    assert outcome.reason == "already_correct"


async def test_a_full_copy_waits_for_the_heavy_lane_and_a_reflink_does_not(linked) -> None:
    with pytest.raises(errors.NeedsHeavyLane):
        await media.run(asked(linked, "copy", heavy=False), before_write=journalled)
    outcome = await media.run(
        asked(linked, "auto", heavy=False), before_write=journalled, host=REFLINK
    )
    assert outcome.track_changed


async def test_a_full_copy_needs_more_than_twice_its_size(linked) -> None:
    with pytest.raises(errors.NoSpace) as caught:
        await media.run(asked(linked, "copy"), before_write=journalled, host=FULL)
    assert (caught.value.needed, caught.value.free) == (2 * len(CONTENT), 2 * len(CONTENT))
    outcome = await media.run(
        asked(linked, "copy", dry_run=True), before_write=journalled, host=FULL
    )
    assert outcome.message.startswith("Would")
    roomy = Host(free_space=lambda folder: 2 * len(CONTENT) + 1)
    assert (
        await media.run(asked(linked, "copy"), before_write=journalled, host=roomy)
    ).track_changed


async def test_an_inode_that_changes_on_opening_is_no_other_file(linked, monkeypatch) -> None:
    """overlayfs copies a file up when it is first opened for writing."""
    really_open, copied = os.open, []

    def copying_up(path, flags, *more, **named):
        if path == os.fsencode(linked) and flags & os.O_RDWR and not copied:
            copied.append(path)
            shutil.copy2(linked, linked.parent / "up")
            os.replace(linked.parent / "up", linked)
        return really_open(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", copying_up)
    outcome = await media.run(asked(linked, "copy"), before_write=journalled)
    assert outcome.track_changed
    assert copied


@pytest.mark.parametrize("what", ["touched", "replaced", "grown", "edited, its mtime kept"])
async def test_an_original_changed_meanwhile_is_kept(linked, what) -> None:
    async def meddle(plan: Plan) -> None:
        match what:
            case "touched":
                os.utime(linked, ns=(1, 1))
            case "replaced":
                shutil.copy2(linked, linked.parent / "new.mkv")
                os.replace(linked.parent / "new.mkv", linked)
            case "grown":
                with linked.open("ab") as file:
                    file.write(b"more")
            case "edited, its mtime kept":
                before = linked.stat()
                with linked.open("r+b") as file:
                    file.seek(-1, os.SEEK_END)
                    file.write(b"!")
                os.utime(linked, ns=(before.st_atime_ns, before.st_mtime_ns))
        held.append(linked.read_bytes())

    held: list[bytes] = []
    with pytest.raises(errors.ChangedMeanwhile):
        await media.run(asked(linked, "copy"), before_write=meddle)
    assert linked.read_bytes() == held[0]
    assert names(linked.parent) == NAMES


async def test_a_failing_plan_leaves_no_temporary_file(linked) -> None:
    async def fail(plan: Plan) -> None:
        assert Path(os.fsdecode(plan.replacement.temporary)).name in names(linked.parent)
        raise errors.JournalUnavailable

    with pytest.raises(errors.JournalUnavailable):
        await media.run(asked(linked, "copy"), before_write=fail)
    assert names(linked.parent) == NAMES
    assert linked.read_bytes() == CONTENT


async def test_a_copy_is_cancelled_between_two_pieces(linked, monkeypatch) -> None:
    monkeypatch.setattr(replace, "COPY_STEP", 16)
    really = os.copy_file_range
    copied = []
    with trio.CancelScope() as scope:

        def slow(*arguments):
            if len(copied) == 3:
                trio.from_thread.run_sync(scope.cancel)
            copied.append(1)
            return really(*arguments)

        monkeypatch.setattr(os, "copy_file_range", slow)
        await media.run(asked(linked, "copy"), before_write=journalled)
    assert scope.cancelled_caught
    assert 4 <= len(copied) < len(CONTENT) / 16
    assert names(linked.parent) == NAMES


@pytest.mark.parametrize("answer", ["cannot", "nothing"])
async def test_where_the_kernel_cannot_copy_ranges_all_bytes_still_arrive(
    linked, monkeypatch, answer
) -> None:
    def refuse(*arguments):
        if answer == "cannot":
            raise OSError(errno.EXDEV, "other device")
        return 0

    monkeypatch.setattr(os, "copy_file_range", refuse)
    outcome = await media.run(asked(linked, "copy"), before_write=journalled)
    assert outcome.track_changed
    assert len(linked.read_bytes()) == len(CONTENT)


def test_a_kernel_that_can_no_longer_copy_ranges_is_followed_on(tmp_path, monkeypatch) -> None:
    """Where one way ends the next one goes on, and no byte behind the measured end is taken."""
    monkeypatch.setattr(replace, "COPY_STEP", 16)
    content, really, turns = bytes(range(100)), os.copy_file_range, iter([True, False] * 9)

    def now_and_then(*arguments):
        return really(*arguments) if next(turns) else 0

    monkeypatch.setattr(os, "copy_file_range", now_and_then)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(content + b"grown since")
    with source.open("rb") as old, target.open("w+b") as new:
        replace.copy_bytes(old.fileno(), new.fileno(), len(content), lambda: None)
    assert target.read_bytes() == content


async def test_a_copy_is_durable_before_it_takes_the_name_and_the_name_after(
    linked, monkeypatch
) -> None:
    calls, fsync, rename = [], os.fsync, os.rename

    def syncing(fd):
        calls.append(("sync", os.readlink(f"/proc/self/fd/{fd}")))
        fsync(fd)

    def renaming(old, new):
        calls.append(("rename", os.fsdecode(old)))
        rename(old, new)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "rename", renaming)
    outcome = await media.run(asked(linked, "copy"), before_write=journalled)
    temporary = os.fsdecode(outcome.plan.replacement.temporary)
    assert calls == [("sync", temporary), ("rename", temporary), ("sync", str(linked.parent))]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, errors.NoSpace), (errno.EIO, errors.IoFailed)]
)
async def test_a_copy_that_fails_leaves_nothing(linked, monkeypatch, number, kind) -> None:
    def fail(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "copy_file_range", fail)
    with pytest.raises(kind):
        await media.run(asked(linked, "copy"), before_write=journalled)
    assert names(linked.parent) == NAMES
    assert linked.read_bytes() == CONTENT
