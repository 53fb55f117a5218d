"""Rewriting through ffmpeg or mkvmerge: what must be right before the file takes the name."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import synth_mp4
import trio
from linked_films import journalled, names
from remux_lab import RELOCATE, audio, request, without

from arrtheaudio import errors, media
from arrtheaudio.media import matroska, remux
from arrtheaudio.media.host import Host
from arrtheaudio.media.tracks import Options, Plan


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
