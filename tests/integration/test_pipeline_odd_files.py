"""Files that are missing, odd, busy, or changed by others while they are looked at."""

from __future__ import annotations

import fcntl
import os
import socket

import pytest
from media_runs import ENGLISH, FILES, MP4, Journal, request, write

from arrtheaudio import errors, media
from arrtheaudio.media import change, patch
from arrtheaudio.media.access import WHOLE_FILE_WRITE_LOCK
from arrtheaudio.media.tracks import Options, Plan, Request, Rules

# --- files that are no ordinary files -----------------------------------------


@pytest.mark.parametrize("kind", ["folder", "fifo", "socket", "link"])
async def test_what_is_no_regular_file_is_left_alone_without_waiting(tmp_path, kind) -> None:
    odd = tmp_path / "film.mkv"
    match kind:
        case "folder":
            odd.mkdir()
        case "fifo":
            os.mkfifo(odd)
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                here = os.open(".", os.O_RDONLY)
                os.chdir(tmp_path)  # socket paths are short
                listener.bind("film.mkv")
                os.fchdir(here)
                os.close(here)
        case "link":
            odd.symlink_to(write(tmp_path, FILES["mkvmerge"], "other.mkv"))
    outcome = await media.run(request(odd), before_write=Journal())
    assert (outcome.result, outcome.reason) == ("skipped", "unsupported_container")


async def test_a_missing_file_is_not_found(tmp_path) -> None:
    with pytest.raises(errors.FileNotFound) as caught:
        await media.run(request(tmp_path / "no.mkv"), before_write=Journal())
    assert caught.value.path == os.fsencode(tmp_path / "no.mkv")


async def test_a_name_that_cannot_be_is_not_found() -> None:
    with pytest.raises(errors.FileNotFound):
        await media.run(Request(b"/media/a\0b.mkv", ENGLISH), before_write=Journal())


async def test_an_empty_file_is_corrupt_once_it_has_settled(tmp_path) -> None:
    file = write(tmp_path, b"")
    with pytest.raises(errors.CorruptFile):
        await media.run(request(file), before_write=Journal())
    with pytest.raises(errors.FileBusy):
        await media.run(request(file, expected_size=5_000), before_write=Journal())


# --- busy ---------------------------------------------------------------------


async def test_a_file_written_a_moment_ago_is_looked_at_again(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    with pytest.raises(errors.FileBusy) as caught:
        await media.run(
            request(file, expected_size=None, options=Options(settle_seconds=3600)),
            before_write=Journal(),
        )
    assert 0 < caught.value.retry_after <= 3600
    assert file.read_bytes() == FILES["mkvmerge"]


async def test_a_half_copied_file_is_busy_not_corrupt(tmp_path) -> None:
    file = write(tmp_path, MP4[:700])
    with pytest.raises(errors.FileBusy):
        await media.run(request(file, expected_size=len(MP4)), before_write=Journal())
    with pytest.raises(errors.CorruptFile):
        await media.run(request(file, expected_size=700), before_write=Journal())


async def test_a_half_copied_file_is_looked_at_again_when_it_can_have_settled(tmp_path) -> None:
    file = write(tmp_path, MP4[:700])
    asked = request(file, expected_size=None, options=Options(settle_seconds=3600))
    with pytest.raises(errors.FileBusy) as caught:
        await media.run(asked, before_write=Journal())
    assert 3500 < caught.value.retry_after <= 3600


async def test_a_file_of_which_only_the_room_is_there_is_busy_not_unsupported(tmp_path) -> None:
    file = write(tmp_path, bytes(5000))
    with pytest.raises(errors.FileBusy):
        await media.run(request(file, expected_size=None), before_write=Journal())
    settled = await media.run(request(file), before_write=Journal())
    assert settled.reason == "unsupported_container"


async def test_a_file_that_grows_while_it_is_looked_at_is_busy(tmp_path, monkeypatch) -> None:
    file, journal = write(tmp_path, FILES["mkvmerge"]), Journal()
    really_open = os.open

    def growing(path, flags, *more, **named):
        if flags & os.O_ACCMODE:
            with file.open("ab") as other:
                other.write(b"more")
        return really_open(path, flags, *more, **named)

    asked = request(file)
    monkeypatch.setattr(os, "open", growing)
    with pytest.raises(errors.FileBusy, match="still being written"):
        await media.run(asked, before_write=journal)
    assert journal.plans == []
    assert file.read_bytes() == FILES["mkvmerge"] + b"more"


async def test_our_own_change_does_not_make_a_file_busy(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    slow = Options(settle_seconds=3600)
    done = await media.run(request(file, options=slow), before_write=Journal())
    japanese = Rules(language_priority=("jpn",))
    again = request(
        file, options=slow, rules=japanese, expected_size=None, own_mtime_ns=done.mtime_ns
    )
    outcome = await media.run(again, before_write=Journal())
    assert outcome.track_changed


async def test_a_file_that_is_right_need_not_settle(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    slow = Options(settle_seconds=3600)
    await media.run(request(file, options=slow), before_write=Journal())
    again = request(file, options=slow, expected_size=None)
    assert (await media.run(again, before_write=Journal())).reason == "already_correct"


@pytest.mark.parametrize("kind", ["flock", "record"])
async def test_a_file_locked_by_another_is_busy(tmp_path, kind) -> None:
    file, journal = write(tmp_path, FILES["mkvmerge"]), Journal()
    with file.open("rb") as other:
        if kind == "flock":
            fcntl.flock(other, fcntl.LOCK_SH)
        else:
            shared = fcntl.F_OFD_SETLK
            fcntl.fcntl(other, shared, change_lock_type(fcntl.F_RDLCK))
        with pytest.raises(errors.FileBusy):
            await media.run(request(file), before_write=journal)
    assert journal.plans == []
    assert (await media.run(request(file), before_write=journal)).track_changed


def change_lock_type(kind: int) -> bytes:
    return kind.to_bytes(2, "little") + WHOLE_FILE_WRITE_LOCK[2:]


# --- changes by others --------------------------------------------------------


@pytest.mark.parametrize("what", ["header", "patched bytes", "grown", "cut"])
async def test_a_file_changed_after_the_plan_is_left_untouched(tmp_path, what) -> None:
    file = write(tmp_path, FILES["ffmpeg"])

    async def meddle(plan: Plan) -> None:
        content = bytearray(file.read_bytes())
        match what:
            case "header":
                content[plan.extents[0][0] + 1] ^= 0xFF
            case "patched bytes":
                content[plan.patches[0].offset] ^= 0xFF
            case "grown":
                content += b"more"
            case "cut":
                del content[plan.patches[0].offset :]
        file.write_bytes(content)
        held.append(bytes(content))

    held: list[bytes] = []
    with pytest.raises(errors.ChangedMeanwhile):
        await media.run(request(file), before_write=meddle)
    assert file.read_bytes() == held[0]


async def test_a_file_deleted_after_the_plan_is_gone(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])

    async def delete(plan: Plan) -> None:
        file.unlink()

    with pytest.raises(errors.FileGone):
        await media.run(request(file), before_write=delete)


async def test_a_file_replaced_during_the_edit_is_told(tmp_path, monkeypatch) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    other = write(tmp_path, FILES["mkvmerge"], "other.mkv")
    really_apply = patch.apply

    def replacing(*arguments):
        really_apply(*arguments)
        other.rename(file)

    monkeypatch.setattr(change.patch, "apply", replacing)
    with pytest.raises(errors.ChangedMeanwhile):
        await media.run(request(file), before_write=Journal())
    assert file.read_bytes() == FILES["mkvmerge"]


@pytest.mark.parametrize("where", ["inside the edit", "elsewhere in the header", "at the end"])
async def test_undo_is_refused_after_a_change_by_another(tmp_path, where) -> None:
    file, journal = write(tmp_path, FILES["ffmpeg"]), Journal()
    done = await media.run(request(file), before_write=journal)
    content = bytearray(file.read_bytes())
    if where == "at the end":
        content += b"!"
    else:
        content[done.plan.patches[0].offset if where == "inside the edit" else 0] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(errors.ChangedMeanwhile) as caught:
        await media.undo(done.plan, before_write=journal)
    assert caught.value.path == os.fsencode(file)
    assert file.read_bytes() == content
    assert len(journal.plans) == 1


async def test_undoing_twice_finds_nothing_to_undo(tmp_path) -> None:
    file, journal = write(tmp_path, FILES["mkvmerge"]), Journal()
    done = await media.run(request(file), before_write=journal)
    await media.undo(done.plan, before_write=journal)
    with pytest.raises(errors.NothingToUndo):
        await media.undo(done.plan, before_write=journal)


async def test_undoing_in_a_deleted_file_says_it_is_gone(tmp_path) -> None:
    file, journal = write(tmp_path, FILES["mkvmerge"]), Journal()
    done = await media.run(request(file), before_write=journal)
    file.unlink()
    with pytest.raises(errors.FileGone) as gone:
        await media.undo(done.plan, before_write=journal)
    assert gone.value.path == os.fsencode(file)
    with pytest.raises(errors.FileGone):
        media.recover(done.plan)
