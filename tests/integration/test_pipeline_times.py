"""The mtime: changed by an edit, kept where that is wished, also by what a crash broke off."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import attrs
import pytest
from media_runs import FILES, Journal, defaults, request, write

from arrtheaudio import errors, media
from arrtheaudio.jobs.encoding import decode_plan, encode_plan
from arrtheaudio.media import change, patch
from arrtheaudio.media.tracks import Context, Options, Patch, Plan, Rules

OLD = 1_000_000_000_123_456_789
PARTS = {"first write": 1, "all writes": None}


async def broken_off(file: Path, *, preserve_mtime: bool) -> Plan:
    """The plan of an edit whose process died before the first byte, as the journal has it."""
    os.utime(file, ns=(OLD, OLD))
    plans = []

    async def die(plan: Plan) -> None:
        plans.append(plan)
        raise errors.JournalUnavailable

    with pytest.raises(errors.JournalUnavailable):
        await media.run(
            request(file, options=Options(preserve_mtime=preserve_mtime)), before_write=die
        )
    return decode_plan(encode_plan(plans[0]))


async def keep(_: Plan) -> None:
    """A journal that reads nothing of the file."""


def write_some(file: Path, plan: Plan, count: int | None) -> None:
    """What of the plan was written before the process died."""
    with file.open("r+b") as film:
        for piece in plan.patches[:count]:
            film.seek(piece.offset)
            film.write(piece.new)


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_looking_and_changing_leave_no_time_of_access(tmp_path, content) -> None:
    file = write(tmp_path, content)
    read_long_ago = OLD - 10**9  # before the mtime: any other program's read would show
    os.utime(file, ns=(read_long_ago, OLD))
    media.inspect(os.fsencode(file), Rules(), Context(), Options())
    assert file.stat().st_atime_ns == read_long_ago
    assert (await media.run(request(file), before_write=keep)).track_changed
    assert file.stat().st_mtime_ns != OLD
    assert file.stat().st_atime_ns == read_long_ago


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("count", PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("preserve", [False, True])
async def test_what_recovery_completes_keeps_its_mtime_only_where_wished(
    tmp_path, content, count, preserve
) -> None:
    file = write(tmp_path, content)
    plan = await broken_off(file, preserve_mtime=preserve)
    write_some(file, plan, count)
    settled = media.recover(plan)
    assert settled.state == "completed"
    assert defaults(file) == ["en"]
    assert (file.stat().st_mtime_ns == OLD) is preserve
    assert settled.mtime_ns == file.stat().st_mtime_ns


@pytest.mark.parametrize("preserve", [False, True])
async def test_what_recovery_takes_back_has_its_old_mtime(tmp_path, preserve) -> None:
    file = write(tmp_path, FILES["mp4"])
    plan = await broken_off(file, preserve_mtime=preserve)
    write_some(file, plan, 1)
    settled = media.recover(attrs.evolve(plan, number=9999))
    assert settled.state == "rolled_back"
    assert file.read_bytes() == FILES["mp4"]
    assert settled.mtime_ns == file.stat().st_mtime_ns == OLD


async def test_a_plan_of_an_older_version_is_settled_as_it_was_then(tmp_path) -> None:
    file = write(tmp_path, FILES["mp4"])
    plan = await broken_off(file, preserve_mtime=False)
    write_some(file, plan, 1)
    row = {**encode_plan(plan), "device": 64768, "inode": 131_074}
    assert "keep_mtime" not in row
    assert media.recover(decode_plan(row)).state == "completed"


def test_a_digest_in_an_older_version_s_journal_still_counts(tmp_path) -> None:
    """Another way of counting would make every open plan and every undo a conflict."""
    film = write(tmp_path, bytes(range(200)))
    with film.open("rb") as file:
        digest = patch.digest(
            file.fileno(), ((100, 50), (0, 20)), (Patch(4, b"old", b"new"), Patch(149, b"o", b"n"))
        )
    assert digest.hex() == "844863178d7e0529cacbb8d033eab9f060de9c4f0a2ee0a4ffe2385fd58a77bd"


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM, errno.EIO])
async def test_an_edit_that_stands_has_not_failed_for_its_mtime(
    tmp_path, monkeypatch, number
) -> None:
    file = write(tmp_path, FILES["ffmpeg"])
    monkeypatch.setattr(os, "utime", refusing(number))
    outcome = await media.run(
        request(file, options=Options(preserve_mtime=True)), before_write=Journal()
    )
    assert outcome.track_changed
    assert defaults(file) == ["en"]


async def test_a_lost_mtime_hides_no_failed_check(tmp_path, monkeypatch) -> None:
    file = write(tmp_path, FILES["ffmpeg"])

    def disappoint(self, fd):
        raise errors.CorruptFile("Tracks makes no sense")

    monkeypatch.setattr(os, "utime", refusing(errno.ENOSYS))
    monkeypatch.setattr(change.Change, "verify", disappoint)
    with pytest.raises(errors.VerifyFailed):
        await media.run(request(file), before_write=Journal())
    assert file.read_bytes() == FILES["ffmpeg"]


def refusing(number: int):
    """Some of FUSE has no utimens."""

    def utime(*arguments, **named):
        raise OSError(number, os.strerror(number))

    return utime
