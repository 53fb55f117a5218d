"""What other programs do to a file while it is edited: their bytes stay, and it is told."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import attrs
import pytest
import synth
import synth_mp4
from media_runs import FILES, Journal, request, write

from arrtheaudio import errors, media
from arrtheaudio.media import replace
from arrtheaudio.media.tracks import Options, Plan

ANOTHER_MKV = synth.mkv(
    [{"type": "video", "name": "n" * 700}, {"type": "audio", "language": "fre"}], void_after=2000
)
ANOTHER_MP4 = synth_mp4.mp4(
    [synth_mp4.track("video", name="x" * 40), synth_mp4.track(language="fre")], padding=40_000
)


def at_the_first_sync(monkeypatch: pytest.MonkeyPatch, meddle) -> None:
    """Another program's turn: on a disk that must spin up a sync takes seconds."""
    really, turns = os.fdatasync, [meddle]

    def fdatasync(fd):
        while turns:
            turns.pop()()
        really(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)


@pytest.mark.parametrize(
    ("before", "after", "reorder"),
    [
        (FILES["ffmpeg"], ANOTHER_MKV, False),
        (FILES["mkvmerge"], ANOTHER_MKV + bytes(len(FILES["mkvmerge"])), False),
        (FILES["mkvmerge"], ANOTHER_MKV[:60], False),
        (FILES["mp4"], ANOTHER_MP4, False),
        (FILES["mp4"], ANOTHER_MP4, True),
    ],
    ids=["one write", "behind a barrier", "shorter", "mp4", "reordered mp4"],
)
async def test_a_file_written_anew_during_the_edit_keeps_every_byte(
    tmp_path, monkeypatch, before, after, reorder
) -> None:
    file = write(tmp_path, before)
    at_the_first_sync(monkeypatch, lambda: file.write_bytes(after))  # as cp does: the same inode
    with pytest.raises(errors.EditConflict, match="another program"):
        await media.run(request(file, options=Options(reorder=reorder)), before_write=Journal())
    assert file.read_bytes() == after


@pytest.mark.parametrize("how", ["one byte changed", "one byte more"])
async def test_behind_a_barrier_nothing_is_written_into_another_s_file(
    tmp_path, monkeypatch, how
) -> None:
    file, journal, held = write(tmp_path, FILES["mkvmerge"]), Journal(), []

    def meddle() -> None:
        _, switch = journal.plans[0].patches
        with file.open("r+b") as film:
            film.seek(switch.offset if how == "one byte changed" else file.stat().st_size)
            film.write(b"!")
        held.append(file.read_bytes())

    at_the_first_sync(monkeypatch, meddle)
    with pytest.raises(errors.EditConflict, match="another program"):
        await media.run(request(file), before_write=journal)
    assert [file.read_bytes()] == held


async def test_the_other_program_s_mtime_stays(tmp_path, monkeypatch) -> None:
    file = write(tmp_path, FILES["ffmpeg"])
    os.utime(file, ns=(1, 1))
    theirs = 1_700_000_000_000_000_000

    def meddle() -> None:
        file.write_bytes(ANOTHER_MKV)
        os.utime(file, ns=(theirs, theirs))

    at_the_first_sync(monkeypatch, meddle)
    with pytest.raises(errors.EditConflict):
        await media.run(request(file), before_write=Journal())
    assert file.stat().st_mtime_ns == theirs


async def test_recovery_that_cannot_end_an_edit_leaves_another_s_bytes(
    tmp_path, monkeypatch
) -> None:
    """Rolling back is writing, too."""
    file, journal = write(tmp_path, FILES["ffmpeg"]), Journal()
    await media.run(request(file), before_write=journal)
    at_the_first_sync(monkeypatch, lambda: file.write_bytes(ANOTHER_MKV))
    with pytest.raises(errors.EditConflict):
        media.recover(attrs.evolve(journal.plans[0], number=9999))
    assert file.read_bytes() == ANOTHER_MKV


async def test_recovery_writes_nothing_while_the_file_is_changing(tmp_path, monkeypatch) -> None:
    """It looks first, and opens the file for writing only then."""
    file, journal, really = write(tmp_path, FILES["mkvmerge"]), Journal(), os.open
    await media.run(request(file), before_write=journal)
    (plan,), edited = journal.plans, file.read_bytes()
    first, _ = plan.patches
    torn = FILES["mkvmerge"][: first.offset] + edited[first.offset : first.offset + first.length]
    file.write_bytes(torn + FILES["mkvmerge"][len(torn) :])
    held = []

    def meddling(path, flags, *more, **named):
        if flags & os.O_RDWR:
            file.write_bytes(FILES["mkvmerge"])  # put back from elsewhere
            held.append(file.stat().st_mtime_ns)
        return really(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", meddling)
    with pytest.raises(errors.EditConflict, match="changing"):
        media.recover(plan)
    assert file.read_bytes() == FILES["mkvmerge"]
    assert [file.stat().st_mtime_ns] == held


@pytest.mark.parametrize("content", [FILES["ffmpeg"], FILES["mp4"]], ids=["mkv", "mp4"])
async def test_undo_keeps_what_others_changed_outside_the_header(tmp_path, content) -> None:
    """A date is no reason to refuse: Sonarr sets it, too."""
    file = write(tmp_path, content)
    done = await media.run(request(file), before_write=Journal())
    with file.open("r+b") as film:
        film.seek(-1, os.SEEK_END)
        film.write(b"!")
    await media.undo(done.plan, before_write=Journal())
    assert file.read_bytes() == content[:-1] + b"!"


# --- links ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["linked", "replaced by a link"])
async def test_a_hard_link_made_after_the_look_keeps_its_bytes(tmp_path, how) -> None:
    file, seed = write(tmp_path, FILES["ffmpeg"]), tmp_path / "seed.mkv"

    async def meddle(plan: Plan) -> None:
        if how == "linked":
            seed.hardlink_to(file)
        else:  # a deduplicator
            write(tmp_path, FILES["ffmpeg"], "seed.mkv")
            (tmp_path / "link").hardlink_to(seed)
            os.rename(tmp_path / "link", file)

    with pytest.raises(errors.ChangedMeanwhile, match="2 hard links"):
        await media.run(request(file), before_write=meddle)
    assert seed.read_bytes() == FILES["ffmpeg"]


async def test_undo_leaves_a_hard_link_made_after_the_look(tmp_path) -> None:
    file, seed = write(tmp_path, FILES["ffmpeg"]), tmp_path / "seed.mkv"
    done = await media.run(request(file), before_write=Journal())
    edited = file.read_bytes()

    async def meddle(plan: Plan) -> None:
        seed.hardlink_to(file)

    with pytest.raises(errors.ChangedMeanwhile):
        await media.undo(done.plan, before_write=meddle)
    assert seed.read_bytes() == edited


async def test_who_wants_all_links_changed_gets_that_for_a_new_one_too(tmp_path) -> None:
    file, seed = write(tmp_path, FILES["ffmpeg"]), tmp_path / "seed.mkv"

    async def meddle(plan: Plan) -> None:
        seed.hardlink_to(file)

    await media.run(request(file, options=Options(hardlinks="edit")), before_write=meddle)
    assert seed.read_bytes() == file.read_bytes() != FILES["ffmpeg"]


# --- folders --------------------------------------------------------------------


@pytest.fixture
def shelves(tmp_path) -> tuple[Path, Path]:
    """A film below a media root, and the same film in a place that is nobody's business."""
    show, private = tmp_path / "root" / "show", tmp_path / "private"
    for folder in (show, private):
        folder.mkdir(parents=True)
        write(folder, FILES["ffmpeg"])
    return show, private


def swap(show: Path, private: Path) -> None:
    show.rename(show.with_name("moved"))
    show.symlink_to(private)


@pytest.mark.parametrize("mode", ["edit", "copy"])
async def test_a_folder_that_became_a_link_leads_nowhere(shelves, mode) -> None:
    show, private = shelves
    if mode == "copy":
        (show / "seed.mkv").hardlink_to(show / "film.mkv")

    async def meddle(plan: Plan) -> None:
        swap(show, private)

    with pytest.raises(errors.ChangedMeanwhile):
        await media.run(
            request(show / "film.mkv", options=Options(hardlinks=mode)), before_write=meddle
        )
    assert (private / "film.mkv").read_bytes() == FILES["ffmpeg"]
    assert os.listdir(private) == ["film.mkv"]


async def test_nothing_is_read_or_made_through_a_link(shelves) -> None:
    show, private = shelves
    swap(show, private)
    for dry_run in (False, True):
        with pytest.raises(errors.ChangedMeanwhile, match="link"):
            await media.run(request(show / "film.mkv", dry_run=dry_run), before_write=Journal())


def test_no_temporary_file_is_left_behind_a_link(shelves) -> None:
    show, private = shelves
    swap(show, private)
    with pytest.raises(errors.ChangedMeanwhile, match="link"):
        replace.claim(os.fsencode(show / "film.mkv"))
    assert os.listdir(private) == ["film.mkv"]


def test_leftovers_behind_a_link_are_not_ours(shelves) -> None:
    show, private = shelves
    path = os.fsencode(show / "film.mkv")
    leftover = private / os.path.basename(os.fsdecode(replace.temporary_name(path)))
    leftover.write_bytes(b"half")
    swap(show, private)
    with pytest.raises(errors.ChangedMeanwhile):
        media.clear_leftovers(path)
    assert leftover.read_bytes() == b"half"


async def test_recovery_follows_no_link(shelves) -> None:
    show, private = shelves
    journal = Journal()
    await media.run(request(show / "film.mkv"), before_write=journal)
    swap(show, private)
    with pytest.raises(errors.EditConflict, match="link"):
        media.recover(attrs.evolve(journal.plans[0], number=9999))
    assert (private / "film.mkv").read_bytes() == FILES["ffmpeg"]


@pytest.mark.parametrize("answer", ["another spelling", "no proc"])
async def test_a_path_that_the_system_spells_otherwise_is_the_same_place(
    tmp_path, monkeypatch, answer
) -> None:
    """File systems without case, and containers without /proc."""
    file, really = write(tmp_path, FILES["ffmpeg"]), os.readlink

    def readlink(path, *more, **named):
        if os.fsencode(path).startswith(b"/proc/self/fd/"):
            if answer == "no proc":
                raise FileNotFoundError(errno.ENOENT, "no /proc")
            return os.fsencode(file).upper()
        return really(path, *more, **named)

    monkeypatch.setattr(os, "readlink", readlink)
    assert (await media.run(request(file), before_write=Journal())).track_changed


async def test_a_file_replaced_while_it_is_opened_is_told(tmp_path, monkeypatch) -> None:
    file, really = write(tmp_path, FILES["ffmpeg"]), os.open

    def slow(path, flags, *more, **named):
        fd = really(path, flags, *more, **named)
        if flags & os.O_RDWR:
            os.rename(write(tmp_path, ANOTHER_MKV, "other"), file)
        return fd

    monkeypatch.setattr(os, "open", slow)
    with pytest.raises(errors.ChangedMeanwhile, match="replaced it while"):
        await media.run(request(file), before_write=Journal())
    assert file.read_bytes() == ANOTHER_MKV
