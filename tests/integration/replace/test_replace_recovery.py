"""Behind a replaced file: leftovers of a crash, recovery of the rename, undo."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest
import synth_mp4
import trio
from linked_films import CONTENT, NAMES, REFLINK, asked, journalled, names

from arrtheaudio import errors, media
from arrtheaudio.media import patch, replace
from arrtheaudio.media.host import HOST, Host
from arrtheaudio.media.tracks import Options, Plan


def test_leftovers_of_a_crash_are_removed_and_those_at_work_are_not(linked) -> None:
    path = os.fsencode(linked)
    assert not media.clear_leftovers(path)
    Path(os.fsdecode(replace.temporary_name(path))).write_bytes(b"half")
    assert media.clear_leftovers(path)
    assert names(linked.parent) == NAMES
    at_work = replace.claim(path)
    assert not media.clear_leftovers(path)
    with pytest.raises(errors.FileBusy) as busy:
        replace.claim(path)
    assert busy.value.path == path
    at_work.discard()
    assert names(linked.parent) == NAMES


def test_whoever_needs_the_name_clears_what_a_crash_left(linked) -> None:
    """Before an undo nobody else has done so."""
    path = os.fsencode(linked)
    Path(os.fsdecode(replace.temporary_name(path))).write_bytes(b"half")
    temporary = replace.claim(path)
    assert os.fstat(temporary.fd).st_size == 0
    temporary.discard()


async def test_no_descriptor_stays_open(linked) -> None:
    """Each would hold a lock, and the space of a removed file."""
    path, before = os.fsencode(linked), open_below(linked.parent)

    async def fail(plan: Plan) -> None:
        raise errors.JournalUnavailable

    with pytest.raises(errors.JournalUnavailable):
        await media.run(asked(linked, "copy"), before_write=fail)
    await trio.Path(os.fsdecode(replace.temporary_name(path))).write_bytes(b"half")
    assert media.clear_leftovers(path)
    at_work = replace.claim(path)
    assert not media.clear_leftovers(path)
    at_work.discard()
    await media.run(asked(linked, "copy"), before_write=journalled)
    assert open_below(linked.parent) == before == []


def open_below(folder: Path) -> list[str]:
    """What this process holds open there, removed files among it."""
    targets = []
    for entry in os.scandir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the one that looks
            targets.append(os.readlink(entry))
    return [target for target in targets if target.startswith(str(folder))]


async def test_a_leftover_does_not_stand_in_the_way(linked) -> None:
    leftover = trio.Path(os.fsdecode(replace.temporary_name(os.fsencode(linked))))
    await leftover.write_bytes(b"half")
    assert (await media.run(asked(linked, "skip"), before_write=journalled)).reason == "hardlinked"
    assert not await leftover.exists()
    await leftover.write_bytes(b"half")
    assert (await media.run(asked(linked, "copy"), before_write=journalled)).track_changed
    assert names(linked.parent) == NAMES


@pytest.mark.parametrize(
    ("links", "asks", "cleared"),
    [
        (1, {"heavy": True}, True),
        (2, {"heavy": False}, True),
        (1, {"heavy": False}, False),
        (1, {"heavy": True, "dry_run": True}, False),
        (2, {"heavy": False, "dry_run": True}, False),
    ],
    ids=["heavy", "linked", "small edit", "heavy dry run", "linked dry run"],
)
async def test_who_may_write_a_new_file_clears_what_a_crash_left(
    linked, links, asks, cleared
) -> None:
    leftover = trio.Path(os.fsdecode(replace.temporary_name(os.fsencode(linked))))
    await leftover.write_bytes(b"half")
    if links == 1:
        os.unlink(linked.parent / "seed.mkv")
    await media.run(asked(linked, "edit", **asks), before_write=journalled)
    assert await leftover.exists() is not cleared


@pytest.mark.parametrize("renamed", [False, True])
async def test_recovery_finds_the_rename_made_or_not(linked, renamed) -> None:
    crashed = {}

    async def crash(plan: Plan) -> None:
        crashed["plan"] = plan
        crashed["copy"] = await trio.Path(os.fsdecode(plan.replacement.temporary)).read_bytes()
        raise errors.JournalUnavailable

    with pytest.raises(errors.JournalUnavailable):
        await media.run(asked(linked, "copy"), before_write=crash)
    temporary = Path(os.fsdecode(crashed["plan"].replacement.temporary))
    await trio.Path(temporary).write_bytes(crashed["copy"])
    if renamed:
        os.rename(temporary, linked)
    settled = media.recover(crashed["plan"])
    assert settled.state == ("completed" if renamed else "interrupted")
    assert linked.read_bytes() == (crashed["copy"] if renamed else CONTENT)
    assert names(linked.parent) == NAMES


@pytest.mark.parametrize("renamed", [False, True])
async def test_recovery_looks_where_the_files_differ(tmp_path, renamed) -> None:
    """Both ends are the same, and so is the size; only flags far from either differ."""
    content = synth_mp4.mp4(
        tracks=[
            synth_mp4.track("video", extra=synth_mp4.box("free", bytes(80_000))),
            synth_mp4.track(language="jpn"),
            synth_mp4.track(language="eng", enabled=False),
            synth_mp4.track("subtitles", extra=synth_mp4.box("free", bytes(80_000))),
        ]
    )
    file = tmp_path / "film.mp4"
    await trio.Path(file).write_bytes(content)
    os.link(file, tmp_path / "seed.mp4")
    plans = []

    async def before_write(plan: Plan) -> None:
        plans.append(plan)
        if not renamed:
            raise errors.JournalUnavailable

    with contextlib.suppress(errors.JournalUnavailable):
        await media.run(asked(file, "copy", expected_size=len(content)), before_write=before_write)
    assert media.recover(plans[0]).state == ("completed" if renamed else "interrupted")


async def test_recovery_of_a_replaced_file_notices_another_hand(linked) -> None:
    outcome = await media.run(asked(linked, "copy"), before_write=journalled)
    content = bytearray(linked.read_bytes())
    content[outcome.plan.patches[0].offset + 4] ^= 0xFF
    linked.write_bytes(content)
    with pytest.raises(errors.EditConflict):
        media.recover(outcome.plan)
    assert linked.read_bytes() == content


async def test_recovery_of_a_replaced_file_notices_another_size(linked) -> None:
    outcome = await media.run(asked(linked, "copy"), before_write=journalled)
    longer = linked.read_bytes() + b"more"
    linked.write_bytes(longer)
    with pytest.raises(errors.EditConflict, match="bytes instead of"):
        media.recover(outcome.plan)
    assert linked.read_bytes() == longer


async def test_recovery_makes_the_rename_durable(linked, monkeypatch) -> None:
    """The crash may have come between it and the folder's sync."""
    outcome = await media.run(asked(linked, "copy"), before_write=journalled)
    synced, really = [], os.fsync

    def fsync(fd):
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        really(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    assert media.recover(outcome.plan).state == "completed"
    assert synced == [str(linked.parent)]


async def test_undo_of_a_copied_file_puts_its_bytes_back(linked) -> None:
    outcome = await media.run(asked(linked, "copy"), before_write=journalled)
    await media.undo(outcome.plan, before_write=journalled)
    assert linked.read_bytes() == CONTENT


@pytest.mark.parametrize(("mode", "host"), [("auto", REFLINK), ("copy", HOST)])
async def test_undo_in_a_file_linked_since_changes_a_copy(tmp_path, mode, host) -> None:
    file = tmp_path / "film.mkv"
    file.write_bytes(CONTENT)
    outcome = await media.run(asked(file, "auto"), before_write=journalled)
    edited = file.read_bytes()
    (tmp_path / "seed.mkv").hardlink_to(file)
    left = await media.undo(
        outcome.plan, before_write=journalled, options=Options(hardlinks="skip")
    )
    assert (left.result, left.reason) == ("skipped", "hardlinked")
    undone = await media.undo(
        outcome.plan, before_write=journalled, options=Options(hardlinks=mode), host=host
    )
    assert file.read_bytes() == CONTENT
    assert (tmp_path / "seed.mkv").read_bytes() == edited
    assert media.recover(undone.plan).state == "completed"


async def test_undo_by_a_full_copy_waits_for_the_heavy_lane(linked) -> None:
    outcome = await media.run(asked(linked, "edit"), before_write=journalled)
    copying = Options(hardlinks="copy")
    with pytest.raises(errors.NeedsHeavyLane):
        await media.undo(outcome.plan, before_write=journalled, options=copying, heavy=False)


async def test_undo_by_a_full_copy_needs_more_than_twice_its_size(linked) -> None:
    outcome = await media.run(asked(linked, "edit"), before_write=journalled)
    full = Host(free_space=lambda folder: 2 * len(CONTENT))
    with pytest.raises(errors.NoSpace):
        await media.undo(
            outcome.plan, before_write=journalled, options=Options(hardlinks="copy"), host=full
        )


async def test_a_folder_that_may_not_be_written_is_told(linked, monkeypatch) -> None:
    really_open = os.open

    def refusing(path, flags, *more, **named):
        if flags & os.O_CREAT:
            raise OSError(errno.EACCES, "no")
        return really_open(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(errors.NotWritable, match="cannot create a file in its folder: perm"):
        await media.run(asked(linked, "copy"), before_write=journalled)


def test_copying_from_a_file_that_shrank_is_noticed(tmp_path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"12345")
    with source.open("rb") as reading, target.open("w+b") as writing:
        with pytest.raises(errors.ChangedMeanwhile):
            replace.copy_bytes(reading.fileno(), writing.fileno(), 10, lambda: None)
        with pytest.raises(errors.ChangedMeanwhile):
            patch.read_exactly(reading.fileno(), 2, 10)
