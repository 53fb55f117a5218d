"""SIGKILL at every write, barrier and rename of every method (by strace's injection).

After each kill the file must parse and have a default audio track (a torn MP4
reordering excepted, and whole again after recovery), recovery must settle the
journalled plan one way or the other, and a second run must end the work.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import attrs
import pytest
import synth
import synth_mp4
import trio
from oracles import absent

from arrtheaudio import media
from arrtheaudio.errors import CorruptFile
from arrtheaudio.jobs.encoding import decode_plan
from arrtheaudio.media.tracks import Options, Plan, Request, Rules

ENGLISH = Rules(language_priority=("eng",))
# What makes a change durable or visible. A name with ? is not known to every machine.
WRITES = "pwrite64,copy_file_range,fdatasync,fsync,?rename,?renameat,?renameat2,?unlink,?unlinkat"
CHILD = """
import json, os, sys, trio
from arrtheaudio import media
from arrtheaudio.jobs.encoding import decode_plan, encode_plan
from arrtheaudio.media.tracks import Options, Request, Rules

path, journal, options, undo = json.loads(sys.argv[1])
options = Options(**{**options, "before_image_dir": os.fsencode(journal + ".images")})

async def before_write(plan):
    with open(journal, "w") as file:
        json.dump(encode_plan(plan), file)

async def main():
    if undo is not None:
        await media.undo(decode_plan(undo), before_write=before_write, options=options)
        return
    request = Request(
        os.fsencode(path), Rules(language_priority=("eng",)), options=options,
        heavy=True, expected_size=os.path.getsize(path),
    )
    assert (await media.run(request, before_write=before_write)).track_changed

trio.run(main)
"""


def film(*, spare: int = 0) -> bytes:
    tables = b"".join(number.to_bytes(4, "big") for number in range(spare // 4))
    return synth_mp4.mp4(
        tracks=[
            synth_mp4.track("video"),
            synth_mp4.track(language="jpn", extra=synth_mp4.box("free", tables)),
            synth_mp4.track(language="eng", enabled=False),
        ]
    )


@attrs.frozen
class Method:
    """One way of changing a file."""

    content: bytes
    options: dict[str, object] = attrs.Factory(dict)
    linked: bool = False
    undo: bool = False
    fragile: bool = False


@attrs.frozen
class Undo:
    """What undoing begins with."""

    edited: bytes
    plan: dict[str, object]


BEHIND = synth.mkv(tracks_last=True, void_after=1100)
METHODS = {
    "value byte": Method(
        synth.mkv(
            (
                {"type": "video"},
                {"type": "audio", "language": "jpn", "default": True},
                {"type": "audio", "language": "eng", "default": False},
            ),
            style="tight",
        )
    ),
    "shadow flip": Method(synth.mkv()),
    "shadow flip behind the clusters": Method(BEHIND),
    "rebuilt": Method(synth.mkv(style="ffmpeg")),
    "reordered mkv": Method(synth.mkv(), {"reorder": True}),
    "mp4": Method(film()),
    "mp4 over several pages": Method(film(spare=9_000)),
    "reordered mp4": Method(film(), {"reorder": True}, fragile=True),
    "reordered large mp4": Method(film(spare=90_000), {"reorder": True}, fragile=True),
    "full copy": Method(synth.mkv(), {"hardlinks": "copy"}, linked=True),
    "undo": Method(synth.mkv(), undo=True),
    "undo of a large mp4": Method(film(spare=90_000), {"reorder": True}, undo=True, fragile=True),
}


@pytest.fixture
def strace(oracle) -> str:
    program = oracle("strace")
    if subprocess.run([program, "-o", "/dev/null", "true"], capture_output=True).returncode:
        absent("the permission to trace")
    return program


@pytest.mark.oracle
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_kill_at_every_write_leaves_a_file_that_can_be_finished(method, strace, tmp_path) -> None:
    undo = prepare_undo(method, tmp_path) if method.undo else None
    states = kill_everywhere(method, undo, strace, tmp_path)
    assert {"interrupted", "completed"} <= states


@pytest.mark.oracle
def test_a_kill_around_a_rewrite_leaves_the_old_or_the_new_file(strace, oracle, tmp_path) -> None:
    master = tmp_path / "master.mp4"
    sources = ["-f", "lavfi", "-i", "sine=440:d=1", "-f", "lavfi", "-i", "sine=880:d=1"]
    tracks = ["-map", "0", "-map", "1", "-c:a", "aac", "-metadata:s:a:1", "language=eng"]
    subprocess.run([oracle("ffmpeg"), "-v", "error", *sources, *tracks, str(master)], check=True)
    method = Method(master.read_bytes(), {"mp4_method": "remux"})
    states = kill_everywhere(method, None, strace, tmp_path)
    assert states == {None, "interrupted", "completed"}


def kill_everywhere(
    method: Method, undo: Undo | None, strace: str, folder: Path
) -> set[str | None]:
    """Count the calls of a run that nobody kills, then die on entering each of them."""
    start = undo.edited if undo else method.content
    states = set()
    trace = folder / "trace"
    file, journal = place(method, folder / "whole", start)
    whole = ["-o", str(trace), "-e", f"trace={WRITES}"]
    assert run_traced(strace, whole, file, journal, method.options, undo) == 0
    for name, number in calls(trace.read_text()):
        file, journal = place(method, folder / f"{name}-{number}", start)
        killed = ["-o", "/dev/null", "-e", f"trace={name}"]
        killed += ["-e", f"inject={name}:signal=SIGKILL:when={number}"]
        ended = run_traced(strace, killed, file, journal, method.options, undo)
        assert ended == -signal.SIGKILL
        states.add(check(method, file, journal, start))
    return states


def calls(trace: str) -> list[tuple[str, int]]:
    """(system call, how manieth of its kind): strace counts each kind by itself."""
    seen: dict[str, int] = {}
    numbered = []
    for line in trace.splitlines():
        name, bracket, _ = line.split(maxsplit=1)[1].partition("(")
        if bracket and name.isidentifier():
            seen[name] = seen.get(name, 0) + 1
            numbered.append((name, seen[name]))
    return numbered


def place(method: Method, folder: Path, content: bytes) -> tuple[Path, Path]:
    """A fresh file in a folder of its own, and where its plan will be."""
    folder.mkdir()
    file = folder / "film"
    file.write_bytes(content)
    if method.linked:
        (folder / "seed").hardlink_to(file)
    return file, folder.with_suffix(".plan")


def prepare_undo(method: Method, folder: Path) -> Undo:
    file, journal = folder / "first", folder / "first.plan"
    file.write_bytes(method.content)
    argument = json.dumps([str(file), str(journal), method.options, None])
    subprocess.run([sys.executable, "-c", CHILD, argument], check=True)
    return Undo(file.read_bytes(), json.loads(journal.read_text()))


def run_traced(
    strace: str,
    options: list[str],
    file: Path,
    journal: Path,
    media_options: dict[str, object],
    undo: Undo | None,
) -> int:
    """Run the engine in a child under strace; the exit status is the child's."""
    plan = None if undo is None else {**undo.plan, "path": str(file)}
    argument = json.dumps([str(file), str(journal), media_options, plan])
    command = [strace, "-f", "-qq", *options, sys.executable, "-B", "-c", CHILD, argument]
    return subprocess.run(command).returncode


def check(method: Method, file: Path, journal: Path, start: bytes) -> str | None:
    """What a restart does, and what it must find."""
    if not method.fragile:
        assert has_default(file)
    state = None
    if journal.exists():
        plan: Plan = decode_plan(json.loads(journal.read_text()))
        state = media.recover(plan).state
        assert (file.read_bytes() == start) is (state == "interrupted")
        images = Path(f"{journal}.images")
        assert not images.exists() or os.listdir(images) == []
    else:
        assert file.read_bytes() == start
        media.clear_leftovers(os.fsencode(file))
    assert has_default(file)
    assert sorted(os.listdir(file.parent)) == ["film", "seed"][: 1 + method.linked]
    if method.linked:
        assert (file.parent / "seed").read_bytes() == method.content
    if method.undo:
        assert file.read_bytes() == (start if state != "completed" else method.content)
        return state
    again = trio.run(second_run, file, file.stat().st_size, method)
    assert again.reason == ("already_correct" if state == "completed" else None)
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    assert [track.language for track in looked.media.audio if track.default] == ["en"]
    return state


async def second_run(file: Path, size: int, method: Method) -> media.Outcome:
    async def before_write(plan: Plan) -> None:
        await trio.lowlevel.checkpoint()

    options = Options(**method.options)
    request = Request(os.fsencode(file), ENGLISH, options=options, heavy=True, expected_size=size)
    return await media.run(request, before_write=before_write)


def has_default(file: Path) -> bool:
    try:
        looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    except CorruptFile:
        return False
    return any(track.default for track in looked.media.audio)
