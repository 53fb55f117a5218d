"""Rewriting with programs that are missing, fail, lie or do not end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import synth
import synth_mp4
import trio
from linked_films import journalled, names
from remux_lab import COPYING, RELOCATE, pretend, request, without

from arrtheaudio import errors, media
from arrtheaudio.media import programs, remux

TIGHT = synth.mkv([{"language": "jpn"}, {"language": "eng"}], style="tight")


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
