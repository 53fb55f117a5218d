"""Rewriting through ffmpeg or mkvmerge: what must be right before the file takes the name."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import synth
import synth_mp4
import trio

from arrtheaudio import errors, media
from arrtheaudio.media import matroska, programs, remux
from arrtheaudio.media.host import Host
from arrtheaudio.media.tracks import Options, Plan, Request, Rules

ENGLISH = Rules(language_priority=("eng",))
REMUX = Options(mp4_method="remux")
RELOCATE = Options(allow_relocate=True)


def request(file: Path, options: Options = REMUX, **more) -> Request:
    size = file.stat().st_size
    named = {"heavy": True, "expected_size": size, **more}
    return Request(os.fsencode(file), ENGLISH, options=options, **named)


async def journalled(plan: Plan) -> None:
    await trio.lowlevel.checkpoint()


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def audio(file: Path) -> list[tuple[str, bool]]:
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    return [(track.language, track.default) for track in looked.media.audio]


@pytest.fixture
def film(oracle, tmp_path):
    """Makes a film with two real audio tracks, Japanese first and default."""
    ffmpeg = oracle("ffmpeg")

    def make(name: str = "film.mp4", *arguments: str) -> Path:
        file = tmp_path / name
        sources = [
            *("-f", "lavfi", "-i", "testsrc=d=1:s=64x48"),
            *("-f", "lavfi", "-i", "sine=440:d=1"),
            *("-f", "lavfi", "-i", "sine=880:d=1"),
        ]
        tracks = [
            *("-map", "0", "-map", "1", "-map", "2", "-c:v", "mpeg4", "-c:a", "aac"),
            *("-metadata:s:a:0", "language=jpn", "-metadata:s:a:1", "language=eng"),
            *("-disposition:a:0", "default", "-disposition:a:1", "0"),
        ]
        command = [ffmpeg, "-nostdin", "-v", "error", *sources, *tracks, *arguments]
        subprocess.run([*command, f"file:{file}"], check=True)
        return file

    return make


def hashes(oracle, file: Path, *maps: str) -> list[bytes]:
    command = [oracle("ffmpeg"), "-nostdin", "-v", "error", "-i", f"file:{file}"]
    command += [*(maps or ("-map", "0")), "-c", "copy", "-f", "streamhash", "-"]
    return printed(command).splitlines()


def printed(command: list[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


@pytest.mark.oracle
@pytest.mark.parametrize("front", [False, True])
async def test_ffmpeg_writes_an_mp4_anew_with_the_same_streams(film, oracle, front) -> None:
    file = film("film.mp4", *(("-movflags", "+faststart") if front else ()))
    streams, inode = hashes(oracle, file), file.stat().st_ino
    os.chmod(file, 0o640)
    outcome = await media.run(request(file), before_write=journalled)
    assert (outcome.result, outcome.method) == ("success", "remux")
    assert audio(file) == [("ja", False), ("en", True)]
    assert hashes(oracle, file) == streams
    content = file.read_bytes()
    assert (content.index(b"moov") < content.index(b"mdat")) is front
    assert file.stat().st_ino != inode
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert names(file.parent) == ["film.mp4"]
    assert media.recover(outcome.plan).state == "completed"
    with pytest.raises(errors.NothingToUndo):
        await media.undo(outcome.plan, before_write=journalled)


@pytest.mark.oracle
async def test_ffprobe_sees_the_same_single_default(film, oracle) -> None:
    file = film()
    await media.run(request(file), before_write=journalled)
    command = [oracle("ffprobe"), "-v", "error", "-select_streams", "a", "-of", "json"]
    command += ["-show_entries", "stream_disposition=default:stream_tags=language", str(file)]
    shown = json.loads(printed(command))
    assert [
        (one["tags"]["language"], one["disposition"]["default"]) for one in shown["streams"]
    ] == [("jpn", 0), ("eng", 1)]


@pytest.mark.oracle
async def test_the_chosen_track_can_be_written_first(film, oracle) -> None:
    file = film()
    wanted = hashes(oracle, file, "-map", "0:0", "-map", "0:2", "-map", "0:1")
    options = Options(mp4_method="remux", reorder=True)
    await media.run(request(file, options), before_write=journalled)
    assert audio(file) == [("en", True), ("ja", False)]
    assert hashes(oracle, file) == wanted


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "muxer", "brand"),
    [("film.mov", "mov", b"qt  "), ("film.m4v", "mp4", b"M4V "), ("-film.mp4", "mp4", b"isom")],
)
async def test_the_kind_of_file_and_an_odd_name_are_kept(film, name, muxer, brand) -> None:
    file = film(name, "-f", muxer, "-brand", brand.decode())
    assert file.read_bytes()[8:12] == brand
    outcome = await media.run(request(file), before_write=journalled)
    assert outcome.method == "remux"
    assert file.read_bytes()[8:12] == brand


@pytest.mark.oracle
async def test_a_rewrite_is_finished_before_the_plan_and_renamed_after_it(film) -> None:
    file = film()
    before = file.read_bytes()

    async def before_write(plan: Plan) -> None:
        assert await trio.Path(file).read_bytes() == before
        seen.extend(names(file.parent))
        raise errors.JournalUnavailable

    seen: list[str] = []
    with pytest.raises(errors.JournalUnavailable):
        await media.run(request(file), before_write=before_write)
    assert len(seen) == 2
    assert next(name for name in seen if name.startswith("._")).endswith(".tmp")
    assert names(file.parent) == ["film.mp4"]
    assert file.read_bytes() == before


@pytest.mark.oracle
async def test_ffmpegs_own_words_are_told_and_the_file_stays(oracle, tmp_path) -> None:
    oracle("ffmpeg")
    file = tmp_path / "film.mp4"
    broken = synth_mp4.mp4(
        tracks=[
            synth_mp4.track("video", codec="zzzz"),
            synth_mp4.track(language="jpn"),
            synth_mp4.track(language="eng", enabled=False),
        ]
    )
    await trio.Path(file).write_bytes(broken)
    with pytest.raises(errors.ToolFailed) as caught:
        await media.run(request(file), before_write=journalled)
    assert "ffmpeg ended with" in str(caught.value)
    assert "zzzz" in str(caught.value) or "codec" in str(caught.value)
    assert caught.value.path == os.fsencode(file)
    assert file.read_bytes() == broken
    assert names(tmp_path) == ["film.mp4"]


# --- Matroska -----------------------------------------------------------------

TIGHT = synth.mkv([{"language": "jpn"}, {"language": "eng"}], style="tight")


@pytest.mark.oracle
@pytest.mark.parametrize("program", ["mkvmerge", "ffmpeg"])
async def test_a_matroska_file_without_room_is_written_anew_when_allowed(
    film, oracle, monkeypatch, program
) -> None:
    mkvmerge = oracle("mkvmerge")
    file = film("film.mkv", "-f", "matroska", "-attach", __file__, "-metadata:s:t", "mimetype=a/b")
    crowd(monkeypatch)
    if program == "ffmpeg":
        without(monkeypatch, "mkvmerge")
    streams = hashes(oracle, file, "-map", "0", "-map", "-0:t")
    assert (await media.run(request(file, Options()), before_write=journalled)).reason == "no_room"
    outcome = await media.run(request(file, RELOCATE), before_write=journalled)
    assert outcome.method == "remux"
    assert audio(file) == [("ja", False), ("en", True)]
    assert hashes(oracle, file, "-map", "0", "-map", "-0:t") == streams
    listed = json.loads(printed([mkvmerge, "-J", str(file)]))
    assert len(listed["attachments"]) == 1
    assert names(file.parent) == ["film.mkv"]


@pytest.mark.oracle
@pytest.mark.parametrize("code", [1, 2])
async def test_mkvmerge_may_warn_but_not_fail(film, oracle, tmp_path, monkeypatch, code) -> None:
    file, program = film("film.mkv", "-f", "matroska"), tmp_path / "bin" / "mkvmerge"
    really = shutil.which
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n{oracle("mkvmerge")} "$@"\nexit {code}\n')
    program.chmod(0o755)
    monkeypatch.setattr(
        remux.shutil, "which", lambda name: str(program) if name == "mkvmerge" else really(name)
    )
    crowd(monkeypatch)
    if code == 1:
        await media.run(request(file, RELOCATE), before_write=journalled)
        assert audio(file) == [("ja", False), ("en", True)]
    else:
        with pytest.raises(errors.ToolFailed, match="ended with 2"):
            await media.run(request(file, RELOCATE), before_write=journalled)
        assert audio(file) == [("ja", True), ("en", False)]


@pytest.mark.oracle
async def test_a_matroska_rewrite_waits_for_the_heavy_lane_and_for_space(film, monkeypatch) -> None:
    file = film("film.mkv", "-f", "matroska")
    crowd(monkeypatch)
    with pytest.raises(errors.NeedsHeavyLane):
        await media.run(request(file, RELOCATE, heavy=False), before_write=journalled)
    with pytest.raises(errors.NoSpace):
        await media.run(
            request(file, RELOCATE), before_write=journalled, host=Host(free_space=lambda _: 0)
        )


def crowd(monkeypatch) -> None:
    """No room in any header that still has to change."""
    really = matroska.plan_default

    def plan_default(window, probed, target, *, reorder):
        defaults = [track.index for track in probed.audio if track.default]
        if defaults != [target]:
            raise errors.NoRoom
        return really(window, probed, target, reorder=reorder)

    monkeypatch.setattr(matroska, "plan_default", plan_default)


# --- programs -----------------------------------------------------------------


# As if a program had written that file.
COPYING = 'for one in "$@"; do case "$one" in file:*._*) cp {} "${{one#file:}}";; esac; done'


def without(monkeypatch, *missing: str) -> None:
    really = shutil.which
    monkeypatch.setattr(
        remux.shutil, "which", lambda name: None if name in missing else really(name)
    )


def pretend(monkeypatch, folder: Path, script: str) -> None:
    """An ffmpeg of the test's own."""
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(remux.shutil, "which", lambda name: str(program))


@pytest.fixture
def small(tmp_path) -> Path:
    """A synthesised film in a folder of its own, for programs that never look at it."""
    file = tmp_path / "media" / "film.mp4"
    file.parent.mkdir()
    file.write_bytes(
        synth_mp4.mp4(
            tracks=[
                synth_mp4.track("video"),
                synth_mp4.track(language="jpn"),
                synth_mp4.track(language="eng", enabled=False),
            ]
        )
    )
    return file


async def test_without_ffmpeg_it_is_said_what_to_install(small, monkeypatch) -> None:
    without(monkeypatch, "ffmpeg")
    with pytest.raises(errors.ToolFailed, match="ffmpeg is not installed"):
        await media.run(request(small), before_write=journalled)
    assert names(small.parent) == ["film.mp4"]


@pytest.mark.parametrize("missing", [("ffmpeg",), ("ffmpeg", "mkvmerge")])
@pytest.mark.parametrize("dry_run", [False, True])
async def test_without_ffmpeg_a_matroska_file_without_room_is_left_alone(
    tmp_path, monkeypatch, missing, dry_run
) -> None:
    without(monkeypatch, *missing)
    file = tmp_path / "film.mkv"
    await trio.Path(file).write_bytes(TIGHT)
    outcome = await media.run(request(file, RELOCATE, dry_run=dry_run), before_write=journalled)
    assert (outcome.result, outcome.reason) == ("skipped", "no_room")
    assert "Install ffmpeg" in outcome.message
    assert file.read_bytes() == TIGHT


async def test_a_program_that_cannot_be_started_is_a_tool_that_failed(
    small, tmp_path, monkeypatch
) -> None:
    program = tmp_path / "ffmpeg"
    await trio.Path(program).write_bytes(b"\x7fELF for another processor")
    program.chmod(0o755)
    monkeypatch.setattr(remux.shutil, "which", lambda name: str(program))
    with pytest.raises(errors.ToolFailed, match="ffmpeg cannot be started: exec format error"):
        await media.run(request(small), before_write=journalled)
    assert names(small.parent) == ["film.mp4"]


async def test_of_a_talkative_program_the_last_words_are_kept(small, tmp_path, monkeypatch) -> None:
    pretend(
        monkeypatch,
        tmp_path,
        "head -c 300000 /dev/zero | tr '\\0' x >&2; echo; echo 'disk on fire' >&2; exit 3",
    )
    with pytest.raises(errors.ToolFailed) as caught:
        await media.run(request(small), before_write=journalled)
    assert "ended with 3" in caught.value.what
    assert caught.value.what.endswith("disk on fire")
    assert len(caught.value.what) < 2 * programs.WORDS_KEPT
    assert names(small.parent) == ["film.mp4"]


async def test_a_rewritten_file_that_lacks_a_track_is_refused(small, tmp_path, monkeypatch) -> None:
    lacking = tmp_path / "lacking.mp4"
    await trio.Path(lacking).write_bytes(
        synth_mp4.mp4(tracks=[synth_mp4.track("video"), synth_mp4.track(language="eng")])
    )
    pretend(monkeypatch, tmp_path, COPYING.format(lacking))
    before = small.read_bytes()
    with pytest.raises(errors.VerifyFailed):
        await media.run(request(small), before_write=journalled)
    assert small.read_bytes() == before
    assert names(small.parent) == ["film.mp4"]


async def test_a_rewritten_file_with_other_streams_is_refused(small, tmp_path, monkeypatch) -> None:
    pretend(monkeypatch, tmp_path, f"{COPYING.format(small)}; echo 0,v,MD5=$$")
    with pytest.raises(errors.VerifyFailed, match="streams"):
        await media.run(request(small), before_write=journalled)
    assert names(small.parent) == ["film.mp4"]


@pytest.mark.parametrize("length", [0, 700])
async def test_a_rewritten_file_that_cannot_be_read_is_refused(
    small, tmp_path, monkeypatch, length
) -> None:
    cut = rewritten(tmp_path)
    os.truncate(cut, length)
    pretend(monkeypatch, tmp_path, COPYING.format(cut))
    with pytest.raises(errors.VerifyFailed, match="cannot be read") as caught:
        await media.run(request(small), before_write=journalled)
    assert caught.value.path == os.fsencode(small)
    assert names(small.parent) == ["film.mp4"]


async def test_chapters_that_ffmpeg_no_longer_finds_are_lost(small, tmp_path, monkeypatch) -> None:
    chapter = "[CHAPTER]\\nTIMEBASE=1/1000\\nSTART=0\\nEND=5\\ntitle=Intro\\n"
    told = f'case "$*" in *._*) ;; *ffmetadata*) printf "{chapter}";; esac'
    pretend(monkeypatch, tmp_path, f"{COPYING.format(rewritten(tmp_path))}; {told}")
    with pytest.raises(errors.WouldLose, match=r"would lose: chapter 'Intro'$"):
        await media.run(request(small), before_write=journalled)
    assert names(small.parent) == ["film.mp4"]


def rewritten(folder: Path) -> Path:
    """What a program must make of the small film."""
    file = folder / "rewritten.mp4"
    file.write_bytes(
        synth_mp4.mp4(
            tracks=[
                synth_mp4.track("video"),
                synth_mp4.track(language="jpn", enabled=False),
                synth_mp4.track(language="eng"),
            ]
        )
    )
    return file


async def test_what_another_program_put_in_the_place_of_a_rewritten_file_is_refused(
    small, tmp_path, monkeypatch
) -> None:
    made = rewritten(tmp_path)
    late = 'cp "${one#file:}" "${one#file:}+" && mv "${one#file:}+" "${one#file:}"'
    replacing = (
        f'for one in "$@"; do case "$*$one" in *ffmetadata*file:*._*.tmp) {late};; esac; done'
    )
    pretend(monkeypatch, tmp_path, f"{COPYING.format(made)}; {replacing}")
    before = small.read_bytes()
    with pytest.raises(errors.VerifyFailed, match="another program replaced"):
        await media.run(request(small), before_write=journalled)
    assert small.read_bytes() == before


async def test_every_thread_of_a_rewrite_counts_against_the_limit(
    small, tmp_path, monkeypatch
) -> None:
    counted, really = [], trio.to_thread.run_sync

    async def run_sync(work, *arguments, limiter=None, **named):
        if getattr(work, "__module__", "").startswith("arrtheaudio"):
            counted.append(limiter)
        return await really(work, *arguments, limiter=limiter, **named)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
    limit, made = trio.CapacityLimiter(1), rewritten(tmp_path)
    pretend(monkeypatch, tmp_path, f"test -e {made} || exit 3; {COPYING.format(made)}")
    asked = request(small)
    made_of = made.read_bytes()
    made.unlink()
    with pytest.raises(errors.ToolFailed):
        await media.run(asked, before_write=journalled, limiter=limit)
    made.write_bytes(made_of)
    await media.run(asked, before_write=journalled, limiter=limit)
    assert len(counted) >= 8
    assert {id(limiter) for limiter in counted} == {id(limit)}


async def test_cancelling_kills_the_program_and_all_that_it_started(
    small, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(programs, "TERMINATE_SECONDS", 0.05)
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    # Three processes hold the FIFO's writing end; reading to its end shows that none is left.
    pretend(
        monkeypatch,
        tmp_path,
        f"exec 9>{fifo}; trap '' TERM; (sleep 600) & sleep 600 & echo ready >&9; wait",
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_run, small)
        with await trio.to_thread.run_sync(open, fifo, "rb") as reading:
            await trio.to_thread.run_sync(reading.readline)
            assert names(small.parent) != ["film.mp4"]
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                assert await trio.to_thread.run_sync(reading.read) == b""
    assert names(small.parent) == ["film.mp4"]


async def _run(file: Path) -> None:
    await media.run(request(file), before_write=journalled)
