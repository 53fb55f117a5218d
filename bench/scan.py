"""Whole libraries: ``arrtheaudio scan`` over many small files, against a loop of ffprobe.

    python bench/scan.py [--files N] [--rounds N] [--jobs N] [--sample N] [--folder DIR]

The files are small and real-shaped: MKV as ffmpeg and as mkvmerge write it, MP4
with its header in front and at the end; one video, three audio tracks, subtitles;
shows, seasons and episodes in folders. A round is a first sweep, in which every
file has to be changed, and a repeat, in which every file is right already; the
next round wishes for another language, so that all are changed again. Measured
is the command as a user types it, start of Python and journal included.

The loop of ffprobe only looks. It is run on a sample and counted per file: ten
thousand would take a quarter of an hour. Needs ffmpeg and mkvtoolnix.
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and queue.py would hide the library's ``queue``.
sys.path.append(sys.path.pop(0))

import argparse
import itertools
import json
import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import samples
from rich.table import Table
from rounds import Case, Measured, console, measure, save

SEASONS, EPISODES = 5, 20  # per show; 100 files
LANGUAGES = ("jpn", "eng")  # in turns; English is the default at the start
FIRST, REPEAT, FFPROBE = "first sweep", "repeat sweep", "ffprobe, one by one"
COMMAND = (sys.executable, "-m", "arrtheaudio")


def episodes(folder: Path) -> list[Path]:
    """One short file of each shape, all with the same tracks."""
    folder.mkdir()
    clip = samples.clip(folder, picture=samples.TEST_CARD, seconds=1)
    made = [folder / name for name in ("muxed.mkv", "front.mp4", "end.mp4")]
    subprocess.run(["mkvmerge", "--quiet", "--output", made[0], clip], check=True)
    for target, flags in ((made[1], ("-movflags", "+faststart")), (made[2], ())):
        samples.ffmpeg(
            "-i", str(clip), "-map", "0", "-c", "copy", "-c:s", "mov_text", *flags, str(target)
        )
    return [clip, *made]


def library(folder: Path, files: int) -> list[Path]:
    """So many files in folders as Sonarr names them; their shapes take turns."""
    shapes = episodes(folder.with_name("shapes"))
    made = []
    for number, shape in zip(range(files), itertools.cycle(shapes), strict=False):
        show, rest = divmod(number, SEASONS * EPISODES)
        season, episode = divmod(rest, EPISODES)
        place = folder / f"Show {show + 1:03}" / f"Season {season + 1:02}"
        place.mkdir(parents=True, exist_ok=True)
        name = f"Show {show + 1:03} - S{season + 1:02}E{episode + 1:02}{shape.suffix}"
        made.append(Path(shutil.copyfile(shape, place / name)))
    return made


def scan(folder: Path, data: Path, language: str, jobs: int) -> dict[str, int]:
    """One sweep as a user starts it; its totals."""
    command = [*COMMAND, "--data-dir", str(data), "scan", str(folder), "--json"]
    command += ["--language", language, "--jobs", str(jobs)]
    printed = subprocess.run(command, check=True, capture_output=True).stdout
    totals: dict[str, int] = json.loads(printed.splitlines()[-1])["totals"]
    return totals


def sweep(folder: Path, data: Path, language: str, jobs: int, files: int, changed: int) -> None:
    """A sweep that must have changed so many of so many files."""
    totals = scan(folder, data, language, jobs)
    if (totals["files"], totals["changed"], totals["failed"]) != (files, changed, 0):
        raise SystemExit(f"a sweep gave something else than expected: {totals}")


def ffprobe(files: Sequence[Path]) -> None:
    """What a script would do with each file before it decides anything."""
    for file in files:
        subprocess.run(
            ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(file)],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip


def cases(
    folder: Path, data: Path, files: Sequence[Path], sample: int, jobs: int
) -> list[list[Case]]:
    """The two sweeps, which come in this order, and the loop."""
    wish = itertools.cycle(LANGUAGES)
    now = [""]

    def first() -> None:
        now[0] = next(wish)
        sweep(folder, data, now[0], jobs, len(files), len(files))

    def repeat() -> None:
        sweep(folder, data, now[0], jobs, len(files), 0)

    some = random.Random(1).sample(list(files), min(sample, len(files)))
    sweeps = [Case(FIRST, first, len(files), os.sync), Case(REPEAT, repeat, len(files), os.sync)]
    return [sweeps, [Case(FFPROBE, lambda: ffprobe(some), len(some))]]


def table(results: Sequence[Measured], reference: Measured, files: int) -> Table:
    """Files per second, and how many times more than the reference."""
    shown = Table(title=f"A library of {files:,} files", title_justify="left")
    for column in ("what", "files per second", "slowest", "fastest", "ratio"):
        shown.add_column(column, justify="left" if column == "what" else "right")
    for result in results:
        rates = [1 / result.median, 1 / max(result.seconds), 1 / min(result.seconds)]
        ratio = "" if result is reference else f"{reference.median / result.median:,.3g} ×"
        shown.add_row(result.name, *(f"{rate:,.0f}" for rate in rates), ratio)
    return shown


def run(folder: Path, files: int, rounds: int, jobs: int, sample: int) -> None:
    """Make the library, measure, and report."""
    root = folder / "library"
    with console.status(f"making {files:,} files"):
        made = library(root, files)
        os.sync()
    sweeps, loop = cases(root, folder / "data", made, sample, jobs)
    order = random.Random(1)
    taken: dict[str, list[float]] = {}
    for _ in range(rounds):
        # The repeat belongs behind its first sweep; only the pair and the loop take turns.
        for group in order.sample([sweeps, loop], 2):
            for case in group:
                (measured,) = measure([case], rounds=1).values()
                taken.setdefault(case.name, []).extend(measured.seconds)
    results = {name: Measured(name, tuple(taken[name])) for name in (FFPROBE, FIRST, REPEAT)}
    reference = results[FFPROBE]
    console.print(table(list(results.values()), reference, files))
    console.print(f"--jobs {jobs}; ffprobe measured on {min(sample, files)} of the files")
    save(
        "scan",
        {
            name: {"files_per_second": 1 / one.median, "ratio": reference.median / one.median}
            for name, one in results.items()
        }
        | {"files": files, "jobs": jobs},
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="as for scan")
    parser.add_argument("--sample", type=int, default=200, help="files that ffprobe looks at")
    parser.add_argument("--folder", type=Path, help="where the library is made")
    chosen = parser.parse_args()
    for tool in ("ffmpeg", "ffprobe", "mkvmerge"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is needed: install ffmpeg and mkvtoolnix")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        run(Path(folder), chosen.files, chosen.rounds, chosen.jobs, chosen.sample)


if __name__ == "__main__":
    main()
