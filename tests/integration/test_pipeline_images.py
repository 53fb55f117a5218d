"""Before-images: made off the event loop, durable, told of, and gone when nobody needs them."""

from __future__ import annotations

import errno
import os
import random
import stat
import threading
from pathlib import Path

import attrs
import pytest
import synth
import synth_mp4
from media_runs import FILES, Journal, content_of, request, write

from arrtheaudio import errors, media
from arrtheaudio.jobs.encoding import decode_plan, encode_body, encode_plan
from arrtheaudio.media import before_image, change, shuffle
from arrtheaudio.media.tracks import Options, Patch, Plan

LARGE = synth_mp4.mp4(
    [
        synth_mp4.track("video"),
        synth_mp4.track(
            language="jpn", extra=synth_mp4.box("free", random.Random(7).randbytes(90_000))
        ),
        synth_mp4.track(language="eng", enabled=False),
    ]
)
DAY = 24 * 3600


@pytest.fixture
def images(tmp_path) -> Path:
    return tmp_path / "images"


def reordering(file: Path, images: Path, **more) -> media.Request:
    options = Options(reorder=True, before_image_dir=os.fsencode(images), **more)
    return request(file, options=options)


async def torn(file: Path, images: Path) -> Plan:
    """The plan of an edit that a kill tore in the middle of its large write."""
    kept = []

    async def before_write(plan: Plan) -> None:
        kept.append(held_by(plan.before_image))

    done = await media.run(reordering(file, images), before_write=before_write)
    plan = decode_plan(encode_plan(done.plan))
    write(images, kept[0], os.path.basename(plan.before_image))
    half = plan.patches[0].offset + plan.patches[0].length // 2
    write(file.parent, held_by(file)[:half] + LARGE[half:], file.name)
    return plan


def held_by(file: str | Path) -> bytes:
    """What a file holds."""
    return content_of(os.fsencode(file))


# --- making ---------------------------------------------------------------------


@pytest.mark.parametrize("content", [LARGE, FILES["mp4"]], ids=["large", "small"])
async def test_the_event_loop_makes_small_plans_only(
    tmp_path, images, monkeypatch, content
) -> None:
    file, makers = write(tmp_path, content), []
    really = change.Change.plan

    def plan(*arguments):
        makers.append(threading.current_thread())
        return really(*arguments)

    monkeypatch.setattr(change.Change, "plan", plan)
    await media.run(reordering(file, images), before_write=Journal())
    (maker,) = makers
    assert (maker is threading.main_thread()) is (content is not LARGE)


async def test_nobody_searches_for_the_order_that_the_plan_of_an_mp4_made(
    tmp_path, images, monkeypatch
) -> None:
    """Where all tables are alike a search takes seconds."""
    tables = [synth_mp4.box("free", bytes(200_000 + number)) for number in range(3)]
    content = synth_mp4.mp4(
        [
            synth_mp4.track("video"),
            *(synth_mp4.track(language="jpn", extra=table) for table in tables),
            synth_mp4.track(language="eng", enabled=False),
        ]
    )
    file = write(tmp_path, content)
    monkeypatch.delattr(shuffle, "shuffle_of")
    done = await media.run(reordering(file, images), before_write=Journal())
    plan = decode_plan(encode_plan(done.plan))
    undone = await media.undo(
        plan, before_write=Journal(), options=Options(before_image_dir=os.fsencode(images))
    )
    assert file.read_bytes() == content
    assert undone.plan.patches[0].shuffle is not None
    assert media.recover(decode_plan(encode_plan(undone.plan))).state == "completed"


async def test_a_copy_s_plan_is_as_short(tmp_path, images) -> None:
    file = write(tmp_path, LARGE)
    (tmp_path / "seed").hardlink_to(file)
    done = await media.run(reordering(file, images, hardlinks="copy"), before_write=Journal())
    assert len(encode_body(encode_plan(done.plan))) < before_image.LARGEST_IN_JOURNAL // 8
    assert not images.exists()
    await media.undo(done.plan, before_write=Journal())
    assert file.read_bytes() == LARGE


async def test_a_small_plan_needs_neither_image_nor_shuffle(tmp_path, images) -> None:
    done = await media.run(
        reordering(write(tmp_path, FILES["mp4"]), images), before_write=Journal()
    )
    assert all(piece.old and piece.shuffle is None for piece in done.plan.patches)
    assert not images.exists()


LARGE_TRACKS = synth.mkv(
    [
        {"type": "video", "extra": synth.element(0x63A2, random.Random(7).randbytes(90_000))},
        *synth.TWO_TRACKS[1:],
    ],
    void_after=120_000,
)


@pytest.mark.parametrize(
    ("content", "folder"), [(LARGE, False), (LARGE_TRACKS, True)], ids=["no folder", "no risk"]
)
async def test_what_has_no_image_is_in_the_journal_byte_by_byte(
    tmp_path, images, content, folder
) -> None:
    file, journal = write(tmp_path, content), Journal()
    where = os.fsencode(images) if folder else None
    await media.run(
        request(file, options=Options(reorder=True, before_image_dir=where)), before_write=journal
    )
    (plan,) = journal.plans
    assert plan.before_image is None
    assert not images.exists()
    assert sum(len(piece.old) for piece in plan.patches) > before_image.LARGEST_IN_JOURNAL
    half = plan.patches[0].offset + plan.patches[0].length // 2
    write(tmp_path, held_by(file)[:half] + content[half:])
    assert media.recover(decode_plan(encode_plan(plan))).state == "completed"


async def test_undoing_a_move_needs_an_image_whatever_else_it_changes(tmp_path, images) -> None:
    """A track behind the moved ones is disabled, too: a small change beside the large one."""
    noise = random.Random(7).randbytes(90_000)
    content = synth_mp4.mp4(
        [
            synth_mp4.track("video"),
            synth_mp4.track(language="jpn", extra=synth_mp4.box("free", noise)),
            synth_mp4.track(language="eng", enabled=False),
            synth_mp4.track(language="fra"),
        ]
    )
    file, journal = write(tmp_path, content), Journal()
    done = await media.run(reordering(file, images), before_write=journal)
    assert len(done.plan.patches) > 1
    folder = os.fsencode(images)
    await media.undo(done.plan, before_write=journal, options=Options(before_image_dir=folder))
    assert all(plan.before_image for plan in journal.plans)
    assert file.read_bytes() == content


def test_a_new_folder_of_images_is_durable_in_its_own(images, monkeypatch) -> None:
    """Else a power cut takes the folder, and all images in it."""
    synced, really = [], os.fsync

    def fsync(fd):
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        really(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    for _ in range(2):
        image = before_image.keep(os.fsencode(images), b"film", [Patch(0, b"old", b"new")])
    assert synced == [str(images.parent), image, str(images), image, str(images)]


# --- failing --------------------------------------------------------------------


async def test_a_folder_that_cannot_be_made_fails_the_attempt_and_nothing_else(
    tmp_path, images
) -> None:
    file, journal = write(tmp_path, LARGE), Journal()
    images.write_bytes(b"a file is in its place")
    with pytest.raises(errors.IoFailed, match="before-image") as caught:
        await media.run(reordering(file, images), before_write=journal)
    assert caught.value.retried
    assert caught.value.path == os.fsencode(file)
    assert file.read_bytes() == LARGE
    assert journal.plans == []


@pytest.mark.parametrize("call", ["fsync", "open"])
async def test_a_full_data_folder_keeps_no_part_of_an_image(
    tmp_path, images, monkeypatch, call
) -> None:
    file, really = write(tmp_path, LARGE), getattr(os, call)
    images.mkdir()

    def full(what, *more, **named):
        if call == "fsync" or os.fsencode(what).endswith(before_image.SUFFIX):
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(what, *more, **named)

    monkeypatch.setattr(os, call, full)
    with pytest.raises(errors.IoFailed, match="No space"):
        await media.run(reordering(file, images), before_write=Journal())
    assert os.listdir(images) == []
    assert file.read_bytes() == LARGE


async def test_an_image_that_cannot_be_removed_does_not_fail_the_edit(
    tmp_path, images, monkeypatch
) -> None:
    file = write(tmp_path, LARGE)

    def refuse(path):
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(os, "unlink", refuse)
    assert (await media.run(reordering(file, images), before_write=Journal())).track_changed


async def test_an_image_that_cannot_be_read_is_no_verdict_on_the_film(tmp_path, images) -> None:
    file = write(tmp_path, LARGE)
    plan = await torn(file, images)
    os.unlink(plan.before_image)
    os.mkdir(plan.before_image)
    with pytest.raises(errors.IoFailed, match="before-image") as caught:
        media.recover(plan)
    assert caught.value.retried


# --- leaving --------------------------------------------------------------------


async def test_a_conflict_names_the_image_and_keeps_it(tmp_path, images) -> None:
    file = write(tmp_path, LARGE)
    plan = await torn(file, images)
    torn_film = held_by(file)
    write(
        tmp_path,
        torn_film[: plan.patches[0].offset] + b"?" * 9 + torn_film[plan.patches[0].offset + 9 :],
    )
    with pytest.raises(errors.EditConflict) as caught:
        media.recover(plan)
    assert plan.before_image in caught.value.advice
    assert ".;" not in caught.value.advice
    (piece,) = plan.patches
    kept = held_by(plan.before_image)
    assert kept == LARGE[piece.offset : piece.offset + piece.length]


async def test_a_conflict_with_a_file_that_was_cut_names_the_image_too(tmp_path, images) -> None:
    file = write(tmp_path, LARGE)
    plan = await torn(file, images)
    at = plan.patches[0].offset
    # As long as it was when it was measured, and shorter when it is read.
    size = os.stat(file).st_size
    os.truncate(file, at)
    cut = attrs.evolve(plan, size=at)
    assert size > at
    with pytest.raises(errors.EditConflict) as caught:
        media.recover(cut)
    assert plan.before_image in caught.value.advice
    assert caught.value.path == plan.path


async def test_a_conflict_during_the_edit_names_the_image_too(
    tmp_path, images, monkeypatch
) -> None:
    file, journal, really = write(tmp_path, LARGE), Journal(), os.fdatasync

    def meddling(fd):
        really(fd)
        file.write_bytes(b"another film")

    monkeypatch.setattr(os, "fdatasync", meddling)
    with pytest.raises(errors.EditConflict) as caught:
        await media.run(reordering(file, images), before_write=journal)
    assert journal.plans[0].before_image in caught.value.advice
    assert os.listdir(images) == [os.path.basename(journal.plans[0].before_image)]


async def test_images_that_nobody_needed_for_a_month_make_room_for_others(tmp_path, images) -> None:
    images.mkdir()
    for name, days in (("forgotten.before", 31), ("young.before", 29), ("notes", 99)):
        (images / name).write_bytes(b"")
        age = before_image.time.time() - days * DAY
        os.utime(images / name, (age, age))
    await media.run(reordering(write(tmp_path, LARGE), images), before_write=Journal())
    assert sorted(os.listdir(images)) == ["notes", "young.before"]


async def test_the_image_of_an_open_plan_does_not_grow_old(tmp_path, images) -> None:
    """Its share may not be mounted for months."""
    file = write(tmp_path, LARGE)
    plan = await torn(file, images)
    os.utime(plan.before_image, (0, 0))
    with pytest.raises(errors.FileGone) as gone:
        media.recover(attrs.evolve(plan, path=b"/not mounted/film.mp4"))
    assert gone.value.path == b"/not mounted/film.mp4"
    other = write(tmp_path, LARGE, "other.mp4")
    await media.run(reordering(other, images), before_write=Journal())
    assert media.recover(plan).state == "completed"
    assert os.listdir(images) == []


async def test_only_the_daemon_reads_an_image(tmp_path, images) -> None:
    modes = []

    async def before_write(plan: Plan) -> None:
        modes.append(stat.S_IMODE(os.stat(plan.before_image).st_mode))

    await media.run(reordering(write(tmp_path, LARGE), images), before_write=before_write)
    assert modes == [0o600]
