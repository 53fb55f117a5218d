"""One file from path to outcome, on real files: what is written, and what never is."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import threading
from pathlib import Path

import pytest
import synth
import synth_mp4
import trio

from arrtheaudio import errors, media
from arrtheaudio.media import change, patch
from arrtheaudio.media.access import WHOLE_FILE_WRITE_LOCK
from arrtheaudio.media.tracks import Options, Plan, Request, Rules

ENGLISH = Rules(language_priority=("eng",))
MP4 = synth_mp4.mp4(
    tracks=[
        synth_mp4.track("video"),
        synth_mp4.track(language="jpn"),
        synth_mp4.track(language="eng", enabled=False),
    ]
)
FILES = {
    "mkvmerge": synth.mkv(),
    "ffmpeg": synth.mkv(style="ffmpeg"),
    "mp4": MP4,
}


class Journal:
    """Keeps the plans, and what the file held when each was handed over."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.held: list[bytes] = []

    async def __call__(self, plan: Plan) -> None:
        await trio.lowlevel.checkpoint()
        self.plans.append(plan)
        self.held.append(content_of(plan.path))


def content_of(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def write(folder: Path, content: bytes, name: str = "film.mkv") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


def request(file: Path, **more) -> Request:
    options = more.pop("options", Options())
    size = file.stat().st_size if file.is_file() else None
    asked = {"heavy": True, "expected_size": size, **more}
    return Request(os.fsencode(file), asked.pop("rules", ENGLISH), options=options, **asked)


def defaults(file: Path) -> list[str]:
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    return [track.language for track in looked.media.audio if track.default]


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_the_wished_language_becomes_the_only_default(tmp_path, content) -> None:
    file, journal = write(tmp_path, content), Journal()
    outcome = await media.run(request(file), before_write=journal)
    assert (outcome.result, outcome.track_changed, outcome.method) == ("success", True, "in_place")
    assert defaults(file) == ["en"]
    assert len(file.read_bytes()) == len(content)
    assert outcome.mtime_ns == file.stat().st_mtime_ns
    assert outcome.plan == journal.plans[0]


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_the_plan_is_handed_over_once_before_the_first_byte(tmp_path, content) -> None:
    file, journal = write(tmp_path, content), Journal()
    await media.run(request(file), before_write=journal)
    assert journal.held == [content]


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("reorder", [False, True])
async def test_undo_is_byte_identical(tmp_path, content, reorder) -> None:
    file, journal = write(tmp_path, content), Journal()
    done = await media.run(request(file, options=Options(reorder=reorder)), before_write=journal)
    assert file.read_bytes() != content
    undone = await media.undo(done.plan, before_write=journal)
    assert file.read_bytes() == content
    assert undone.track_changed
    assert undone.mtime_ns == file.stat().st_mtime_ns
    assert len(journal.plans) == 2
    assert media.recover(undone.plan).state == "completed"


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_reordering_makes_the_chosen_track_the_first_audio_track(tmp_path, content) -> None:
    file, journal = write(tmp_path, content), Journal()
    options = Options(reorder=True)
    await media.run(request(file, options=options), before_write=journal)
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), options)
    assert [track.language for track in looked.media.audio] == ["en", "ja"]
    again = await media.run(request(file, options=options), before_write=journal)
    assert (again.result, again.reason) == ("skipped", "already_correct")


async def test_a_default_track_that_is_not_the_first_is_moved_when_asked(tmp_path) -> None:
    file, journal = write(tmp_path, MP4, "film.mp4"), Journal()
    await media.run(request(file), before_write=journal)
    moved = await media.run(request(file, options=Options(reorder=True)), before_write=journal)
    assert moved.track_changed
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    assert looked.media.audio[0].language == "en"


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_a_file_that_is_right_is_never_opened_for_writing(
    tmp_path, content, monkeypatch
) -> None:
    file, journal = write(tmp_path, content), Journal()
    await media.run(request(file), before_write=journal)
    before = file.stat()
    opened = []
    really_open = os.open

    def watched(path, flags, *more, **named):
        opened.append(flags & os.O_ACCMODE)
        return really_open(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", watched)
    outcome = await media.run(request(file), before_write=journal)
    assert (outcome.result, outcome.reason) == ("skipped", "already_correct")
    assert opened == [os.O_RDONLY]
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert len(journal.plans) == 1


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tmp_path, content) -> None:
    file, journal = write(tmp_path, content), Journal()
    before = file.stat()
    outcome = await media.run(request(file, dry_run=True, expected_size=None), before_write=journal)
    assert outcome.result == "success"
    assert outcome.message.startswith("Would set")
    assert not outcome.track_changed
    assert journal.plans == []
    assert file.read_bytes() == content
    assert file.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("content", "rules", "options", "reason"),
    [
        (FILES["mkvmerge"], Rules(language_priority=("fra",)), Options(), "no_matching_track"),
        (synth.mkv([{"type": "video"}]), ENGLISH, Options(), "no_audio_tracks"),
        (b"RIFF....AVI " + bytes(100), ENGLISH, Options(), "unsupported_container"),
        (MP4, ENGLISH, Options(containers=frozenset({"mkv"})), "container_disabled"),
        (synth.mkv(style="tight"), ENGLISH, Options(), "no_room"),
    ],
    ids=["no match", "silent", "avi", "switched off", "no room"],
)
async def test_what_is_left_alone_has_a_reason(tmp_path, content, rules, options, reason) -> None:
    file, journal = write(tmp_path, content), Journal()
    outcome = await media.run(request(file, rules=rules, options=options), before_write=journal)
    assert (outcome.result, outcome.reason) == ("skipped", reason)
    assert outcome.message
    assert file.read_bytes() == content
    assert journal.plans == []


async def test_what_was_found_is_told_before_the_plan_is_handed_over(tmp_path) -> None:
    file, order = write(tmp_path, FILES["mkvmerge"]), []

    async def before_write(plan: Plan) -> None:
        order.append("plan")

    outcome = await media.run(
        request(file),
        before_write=before_write,
        on_probed=lambda probed, decision: order.append(decision.chosen.language),
    )
    assert order == ["en", "plan"]
    assert outcome.decision.chosen.language == "en"


async def test_an_mp4_waits_for_the_heavy_lane_whatever_its_name(tmp_path) -> None:
    file, journal = write(tmp_path, MP4), Journal()
    with pytest.raises(errors.NeedsHeavyLane):
        await media.run(request(file, heavy=False), before_write=journal)
    assert file.read_bytes() == MP4
    assert journal.plans == []


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


async def test_undo_is_refused_after_a_change_by_another(tmp_path) -> None:
    file, journal = write(tmp_path, FILES["ffmpeg"]), Journal()
    done = await media.run(request(file), before_write=journal)
    content = bytearray(file.read_bytes())
    content[done.plan.patches[0].offset] ^= 0xFF
    file.write_bytes(content)
    with pytest.raises(errors.ChangedMeanwhile):
        await media.undo(done.plan, before_write=journal)
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
    with pytest.raises(errors.FileGone):
        await media.undo(done.plan, before_write=journal)
    with pytest.raises(errors.FileGone):
        media.recover(done.plan)


# --- cancellation -------------------------------------------------------------


async def test_a_run_cancelled_while_its_plan_is_journalled_changes_nothing(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    with trio.CancelScope() as scope:

        async def never(plan: Plan) -> None:
            scope.cancel()
            await trio.sleep_forever()

        await media.run(request(file), before_write=never)
    assert scope.cancelled_caught
    assert file.read_bytes() == FILES["mkvmerge"]


async def test_a_run_shielded_from_its_plan_on_ends_in_spite_of_a_cancellation(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    with trio.CancelScope() as job, trio.CancelScope() as guard:

        async def shielding(plan: Plan) -> None:
            guard.shield = True
            job.cancel()

        outcome = await media.run(request(file), before_write=shielding)
    assert outcome.track_changed
    assert defaults(file) == ["en"]


async def test_a_hung_read_is_abandoned_on_cancellation(tmp_path, monkeypatch) -> None:
    file, release, reading = write(tmp_path, FILES["mkvmerge"]), threading.Event(), trio.Event()
    token = trio.lowlevel.current_trio_token()

    def hang(*arguments):
        token.run_sync_soon(reading.set)
        release.wait()
        raise OSError(errno.EIO, "gone at last")

    monkeypatch.setattr(os, "pread", hang)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_run, file)
            await reading.wait()
            nursery.cancel_scope.cancel()
    finally:
        release.set()


async def _run(file: Path) -> None:
    await media.run(request(file), before_write=Journal())


# --- failing disks ------------------------------------------------------------


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
async def test_a_failing_write_puts_the_old_bytes_back(
    tmp_path, content, number, monkeypatch
) -> None:
    file = write(tmp_path, content)
    before = file.stat()
    failing = FailingWrites(monkeypatch, number, fail_at={0})
    with pytest.raises(errors.IoFailed) as caught:
        await media.run(request(file), before_write=Journal())
    assert type(caught.value) is errors.IoFailed
    assert failing.calls > 1
    assert file.read_bytes() == content
    assert file.stat().st_mtime_ns == before.st_mtime_ns


async def test_an_edit_that_can_neither_go_on_nor_back_says_so(tmp_path, monkeypatch) -> None:
    file, journal = write(tmp_path, FILES["mkvmerge"]), Journal()
    with monkeypatch.context() as broken:
        FailingWrites(broken, errno.EIO, fail_at=range(1, 99))
        with pytest.raises(errors.HalfEdited):
            await media.run(request(file), before_write=journal)
    assert media.recover(journal.plans[0]).state == "completed"
    assert defaults(file) == ["en"]


class FailingWrites:
    """Lets the numbered calls of pwrite fail; the others write one half first."""

    def __init__(self, monkeypatch, number: int, fail_at) -> None:
        self.calls = 0
        really = os.pwrite

        def pwrite(fd, content, offset):
            call, self.calls = self.calls, self.calls + 1
            if call in fail_at:
                raise OSError(number, os.strerror(number))
            return really(fd, content[: (len(content) + 1) // 2], offset)

        monkeypatch.setattr(os, "pwrite", pwrite)


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_a_failing_sync_puts_the_old_bytes_back(tmp_path, content, monkeypatch) -> None:
    file, calls = write(tmp_path, content), []
    really = os.fdatasync

    def fdatasync(fd):
        calls.append(fd)
        if len(calls) == 1:
            raise OSError(errno.EIO, "lost")
        really(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    with pytest.raises(errors.IoFailed, match="old bytes are back"):
        await media.run(request(file), before_write=Journal())
    assert file.read_bytes() == content


@pytest.mark.parametrize("raised", [errors.IoFailed("unreadable"), ZeroDivisionError()])
async def test_whatever_breaks_the_check_the_old_bytes_come_back(
    tmp_path, raised, monkeypatch
) -> None:
    file, content = write(tmp_path, FILES["mkvmerge"]), FILES["mkvmerge"]

    def break_down(self, fd):
        raise raised

    monkeypatch.setattr(change.Change, "verify", break_down)
    with pytest.raises(type(raised)):
        await media.run(request(file), before_write=Journal())
    assert file.read_bytes() == content


async def test_an_edit_that_shows_something_else_is_taken_back(tmp_path, monkeypatch) -> None:
    file, content = write(tmp_path, FILES["mkvmerge"]), FILES["mkvmerge"]

    def disappoint(self, fd):
        raise errors.CorruptFile("Tracks makes no sense")

    monkeypatch.setattr(change.Change, "verify", disappoint)
    with pytest.raises(errors.VerifyFailed) as caught:
        await media.run(request(file), before_write=Journal())
    assert "Tracks makes no sense" in str(caught.value)
    assert file.read_bytes() == content


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
async def test_a_file_that_may_not_be_written_is_left_as_it_is(
    tmp_path, number, monkeypatch
) -> None:
    file, journal = write(tmp_path, FILES["mkvmerge"]), Journal()
    really_open = os.open

    def refusing(path, flags, *more, **named):
        if flags & os.O_ACCMODE:
            raise OSError(number, os.strerror(number))
        return really_open(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(errors.NotWritable):
        await media.run(request(file), before_write=journal)
    assert journal.plans == []


async def test_a_file_that_shrinks_while_it_is_read_is_busy(tmp_path, monkeypatch) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    really = os.pread

    def shrinking(fd, length, offset):
        os.truncate(file, 60)
        return really(fd, length, offset)

    monkeypatch.setattr(os, "pread", shrinking)
    with pytest.raises(errors.FileBusy):
        await media.run(request(file), before_write=Journal())


# --- times, names -------------------------------------------------------------


async def test_the_mtime_changes_unless_it_shall_be_kept(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    old = 1_000_000_000_123_456_789
    os.utime(file, ns=(old, old))
    kept = Options(preserve_mtime=True)
    outcome = await media.run(request(file, options=kept), before_write=Journal())
    assert file.stat().st_mtime_ns == outcome.mtime_ns == old
    undone = await media.undo(outcome.plan, before_write=Journal())
    assert undone.mtime_ns == file.stat().st_mtime_ns != old


async def test_a_name_need_not_be_text(tmp_path) -> None:
    path = os.fsencode(tmp_path) + b"/-\xff\n'.mkv"
    write(tmp_path, FILES["ffmpeg"], os.fsdecode(os.path.basename(path)))
    outcome = await media.run(
        Request(path, ENGLISH, expected_size=len(FILES["ffmpeg"])), before_write=Journal()
    )
    assert outcome.track_changed


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(), "one byte"),
        (Options(containers=frozenset({"mkv"})), "switched off"),
        (Options(mp4_method="remux"), "ffmpeg"),
    ],
)
def test_inspect_says_how_the_default_would_be_changed(tmp_path, options, says) -> None:
    file = write(tmp_path, MP4, "film.mp4")
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), options)
    assert says in looked.room
    assert looked.decision.chosen.language == "en"
    assert looked.links == 1


@pytest.mark.parametrize(
    ("mode", "says"), [("auto", "sharing"), ("copy", "full"), ("wait", "left")]
)
def test_inspect_tells_of_hard_links(tmp_path, mode, says) -> None:
    file = write(tmp_path, MP4, "film.mp4")
    (tmp_path / "seed.mp4").hardlink_to(file)
    options = Options(hardlinks=mode)
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), options)
    assert looked.links == 2
    assert says in looked.room
