"""Probing and changing the default audio track of a 1 GB film, against the usual tools.

    python bench/media.py [--size BYTES] [--rounds N] [--folder DIR]

Every change is a real one: each round makes another language the default, with
fdatasync and verification where the tool has them. What a copy before it left
to be written is waited for outside the measured time.

The floor is what any program must pay for one durable byte: open, pread, pwrite,
fdatasync, close. A disk that is asked again at once answers faster than one that
had a pause, so for that comparison the two take turns; each one by itself, as the
other tools are measured, stands beside it. Python looks for garbage as seldom as it
does in the daemon, for PyAV and pymediainfo as well. Everything is called from one thread
that waits for it; what Trio's worker threads add in the daemon is a line of its own.
Needs ffmpeg and mkvtoolnix; PyAV and pymediainfo are measured where installed.
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and queue.py would hide the library's ``queue``.
sys.path.append(sys.path.pop(0))

import argparse
import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import samples
import trio
from rounds import Case, Measured, Sample, comparison, console, measure, own_garbage_only, save

from arrtheaudio import media
from arrtheaudio.media import Context, Options, Request, Rules
from arrtheaudio.media.change import edit_in_place
from arrtheaudio.media.pipeline import examine

# The targets of the design for a 1 GB file in the page cache.
PROBE_TARGET = 200
MKV_TARGET = 100
MP4_TARGET = 3000
FLOOR_TARGET = 6

FAST_TIMES = 100  # pieces of work per round for what takes about a millisecond
NATIVE_IN_TURNS, FLOOR_IN_TURNS = "native, in turns", "floor, in turns"
LANGUAGES = ("jpn", "eng")
OPTIONS = Options(settle_seconds=0.0, hardlinks="edit")


def quiet(*command: str) -> bytes:
    """What a tool prints; raises CalledProcessError when it fails."""
    return subprocess.run(command, check=True, capture_output=True).stdout


def ffprobe(film: Path) -> bytes:
    """The classic question: which streams are there."""
    return quiet("ffprobe", "-v", "error", "-show_streams", "-of", "json", str(film))


# --- probing ------------------------------------------------------------------


def native_probe(film: Path) -> None:
    """Our own probe, the choice included."""
    found = media.inspect(os.fsencode(film), Rules(), Context(), OPTIONS)
    assert len(found.media.audio) == len(samples.AUDIO)


def pyav_probe(film: Path) -> None:
    """Open with the libraries of ffmpeg, in this process."""
    import av

    with av.open(str(film)) as container:
        assert len(container.streams.audio) == len(samples.AUDIO)


def mediainfo_probe(film: Path) -> None:
    """Parse with libmediainfo, in this process."""
    from pymediainfo import MediaInfo

    assert len(MediaInfo.parse(film).audio_tracks) == len(samples.AUDIO)


def probe_cases(film: Path) -> list[Case]:
    """Everything that can say which tracks a film has."""
    cases = [
        Case("ffprobe", lambda: ffprobe(film)),
        Case("native", lambda: [native_probe(film) for _ in range(FAST_TIMES)], FAST_TIMES),
    ]
    if film.suffix == ".mkv":
        cases.append(Case("mkvmerge -J", lambda: quiet("mkvmerge", "-J", str(film))))
    if importlib.util.find_spec("av"):
        cases.append(Case("PyAV", lambda: pyav_probe(film)))
    if importlib.util.find_spec("pymediainfo"):
        cases.append(Case("pymediainfo", lambda: mediainfo_probe(film)))
    return cases


# --- changing -----------------------------------------------------------------


def wish(film: Path, language: str) -> Request:
    """One language for one film, which may be changed at once."""
    return Request(
        path=os.fsencode(film),
        rules=Rules(),
        context=Context(language_priority=(language,)),
        options=OPTIONS,
        heavy=True,
    )


def native_change(film: Path, language: str) -> None:
    """Probe, choose, plan, write, fdatasync, verify: what ``media.run`` does in its threads."""
    found = examine(wish(film, language))
    assert found.change is not None, found.outcome
    found.change.plan()
    edit_in_place(found.change)


async def journalled(_: media.Plan) -> None:
    """Stands for the journal, whose commit has a benchmark of its own."""


async def changes_in_trio(film: Path, languages: Iterator[str]) -> None:
    """Our change again and again, as the daemon makes it."""
    for _ in range(FAST_TIMES):
        outcome = await media.run(wish(film, next(languages)), before_write=journalled)
        assert outcome.track_changed, outcome.message


def floor(film: Path) -> None:
    """One durable byte, 4 KiB read before it."""
    file = os.open(film, os.O_RDWR)
    byte = os.pread(file, 4096, 0)[4:5]
    os.pwrite(file, byte, 4)
    os.fdatasync(file)
    os.close(file)


def in_turns(film: Path, other: Path, languages: Iterator[str], *, native: bool) -> Sample:
    """Our change and the floor, each on a file of its own, one after the other; times one."""
    seconds = {True: 0.0, False: 0.0}
    for _ in range(FAST_TIMES):
        start = time.perf_counter()
        native_change(film, next(languages))
        between = time.perf_counter()
        floor(other)
        seconds[True] += between - start
        seconds[False] += time.perf_counter() - between
    return Sample(seconds[native])


def fast_cases(film: Path, other: Path) -> list[Case]:
    """Our own change and the floor, each by itself and both in turns."""
    languages = itertools.cycle(LANGUAGES)
    turns = partial(in_turns, film, other, languages, native=True)
    floors = partial(in_turns, film, other, languages, native=False)
    in_trio = partial(trio.run, changes_in_trio, film, languages)
    return [
        Case(
            "native",
            lambda: [native_change(film, next(languages)) for _ in range(FAST_TIMES)],
            FAST_TIMES,
            os.sync,
        ),
        Case("native, in Trio", in_trio, FAST_TIMES, os.sync),
        Case("floor", lambda: [floor(other) for _ in range(FAST_TIMES)], FAST_TIMES, os.sync),
        Case(NATIVE_IN_TURNS, turns, FAST_TIMES, os.sync),
        Case(FLOOR_IN_TURNS, floors, FAST_TIMES, os.sync),
    ]


def propedit_case(film: Path) -> Case:
    """ffprobe, then mkvpropedit with both flags."""
    first = itertools.cycle((False, True))

    def change() -> None:
        ffprobe(film)
        eng = next(first)
        edits = ("--edit", "track:a1", "--set", f"flag-default={int(eng)}")
        edits += ("--edit", "track:a2", "--set", f"flag-default={int(not eng)}")
        quiet("mkvpropedit", str(film), *edits)

    return Case("ffprobe + mkvpropedit", change)


def copy_case(film: Path, *, durable: bool = False) -> Case:
    """ffprobe, then a stream copy with other dispositions, put in the film's place.

    As the scripts do it that are in use, which wait for no disk; ``durable``: synced
    before it takes the name, as an edit in place is before it counts.
    """
    first = itertools.cycle((False, True))
    temporary = film.with_name(f"copy{film.suffix}")

    def change() -> None:
        ffprobe(film)
        eng = next(first)
        flags = ("default", "0") if eng else ("0", "default")
        dispositions = ("-disposition:a:0", flags[0], "-disposition:a:1", flags[1])
        samples.ffmpeg("-i", str(film), "-map", "0", "-c", "copy", *dispositions, str(temporary))
        if durable:
            file = os.open(temporary, os.O_RDONLY)
            os.fsync(file)
            os.close(file)
        temporary.replace(film)

    return Case(f"ffprobe + ffmpeg -c copy{', synced' if durable else ''}", change)


# --- the report ---------------------------------------------------------------


def own_copy(film: Path, name: str) -> Path:
    """Every tool changes a copy of its own."""
    return Path(shutil.copyfile(film, film.with_name(f"{name}{film.suffix}")))


def report(title: str, cases: list[Case], reference: str, rounds: int) -> dict[str, Measured]:
    """Measure, print and keep one table."""
    with own_garbage_only():
        results = measure(cases, rounds=rounds)
    console.print(comparison(title, list(results.values()), results[reference]))
    return results


def verdict(what: str, factor: float, target: float, *, at_most: bool = False) -> dict[str, object]:
    """Say whether a target of the design is met in this run."""
    met = factor <= target if at_most else factor >= target
    bound = "at most" if at_most else "at least"
    colour = "green" if met else "red"
    console.print(f"[{colour}]{what}: {factor:,.3g} × (wanted: {bound} {target} ×)[/{colour}]")
    return {"what": what, "factor": factor, "target": target, "met": met}


def run(folder: Path, size: int, rounds: int) -> None:
    """Make the films, measure, and report."""
    made: Callable[[str], Path] = lambda name: samples.loop(clip, folder / name, size)  # noqa: E731
    clip = samples.clip(folder)
    mkv, mp4 = made("film.mkv"), made("film.mp4")
    verdicts = []
    for film in (mkv, mp4):
        title = f"Probe, {film.suffix}, {film.stat().st_size / 1e9:.2f} GB"
        results = report(title, probe_cases(film), "ffprobe", rounds)
        factor = results["ffprobe"].median / results["native"].median
        verdicts.append(verdict(f"probe {film.suffix}", factor, PROBE_TARGET))
    rival: dict[Path, Callable[[Path], Case]] = {mkv: propedit_case, mp4: copy_case}
    for film, target in ((mkv, MKV_TARGET), (mp4, MP4_TARGET)):
        other = rival[film](own_copy(film, "other"))
        cases = [other, *fast_cases(own_copy(film, "native"), own_copy(film, "floor"))]
        cases.append(copy_case(own_copy(film, "copied"), durable=film is mp4))
        results = report(f"Change the default, {film.suffix}", cases, other.name, rounds)
        native = results["native"].median
        verdicts.append(
            verdict(f"change {film.suffix}", results[other.name].median / native, target)
        )
        times = results[NATIVE_IN_TURNS].median / results[FLOOR_IN_TURNS].median
        verdicts.append(verdict(f"{film.suffix} over the floor", times, FLOOR_TARGET, at_most=True))
    save("media", verdicts)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=10**9, help="bytes per film")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the films are made")
    chosen = parser.parse_args()
    for tool in ("ffmpeg", "ffprobe", "mkvmerge", "mkvpropedit"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is needed: install ffmpeg and mkvtoolnix")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        run(Path(folder).resolve(), chosen.size, chosen.rounds)


if __name__ == "__main__":
    main()
