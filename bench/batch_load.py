"""A sweep of a library in which every file needs a change.

    python bench/batch_load.py [--files N] [--mp4 N] [--workers N] [--find N] [--size MB]

First a dry run over ``--find`` files (1,000), to see how soon they are found; then two
batches that really edit, of MKV and of MP4 files. ``--size`` makes each file that large:
the rest of it is a hole, because pictures and sound are never read. Reported beside what
was promised: 1,000 files found in about 1 s, 100 MKV files within 15 min with 2 workers,
100 MP4 files within 40 min. For another number of files the promise is scaled.
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and its queue.py and http.py would hide the library's.
sys.path.append(sys.path.pop(0))

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from daemons import daemon
from promises import Promise, report
from rich.progress import Progress
from rounds import console

from arrtheaudio.cli.samples import Voice, matroska, mp4

FOUND_SECONDS_OF_1000 = 1.0  # promised
MKV_SECONDS_OF_100 = 15 * 60.0
MP4_SECONDS_OF_100 = 40 * 60.0
LOOK_SECONDS = 0.02
LARGEST_HEAD = 16  # bytes of a box that holds nothing
VOICES = [Voice("eng", "English", default=True), Voice("jpn", "Japanese")]
WISH = {"language_priority": ["jpn"], "media": {"settle_seconds": 0}}


def plant(folder: Path, count: int, content: bytes, suffix: str, size: int) -> None:
    """A library: shows, seasons, episodes."""
    for number in range(count):
        show, episode = divmod(number, 20)
        season = folder / f"Show {show:04}" / "Season 01"
        season.mkdir(parents=True, exist_ok=True)
        film = season / f"Show {show:04} - S01E{episode + 1:02}{suffix}"
        film.write_bytes(content)
        if size > len(content):
            os.truncate(film, size)


def with_hole(content: bytes, size: int) -> bytes:
    """The file with a last part that declares the hole up to ``size``: a free box, or a Void."""
    rest = size - len(content)
    if rest < LARGEST_HEAD:
        return content
    if content[4:8] == b"ftyp":
        return content + b"\0\0\0\1free" + rest.to_bytes(8, "big")
    return content + b"\xec" + (1 << 56 | rest - 9).to_bytes(8, "big")


def sweep(client: httpx.Client, folder: Path, shown: Progress, what: str) -> tuple[Any, float]:
    """One batch to its end: its last view, and the seconds that it took."""
    began = time.perf_counter()
    started = client.post("/batch", json={"path": str(folder)})
    started.raise_for_status()
    batch = started.json()["batch_id"]
    task = shown.add_task(what, total=None)
    while True:
        view = client.get(f"/batch/{batch}", params={"limit": 1}).json()
        progress = view["progress"]
        shown.update(task, total=progress["total_files"] or None, completed=progress["processed"])
        if view["completed_at"]:
            return view, time.perf_counter() - began
        time.sleep(LOOK_SECONDS)


def main() -> int:
    """Find, edit, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100, help="MKV files to edit (100)")
    parser.add_argument("--mp4", type=int, default=100, help="MP4 files to edit (100)")
    parser.add_argument("--workers", type=int, default=2, help="processing.worker_count (2)")
    parser.add_argument("--find", type=int, default=1000, help="files to find (1000)")
    parser.add_argument("--size", type=float, default=0, metavar="MB", help="of each file")
    chosen = parser.parse_args()
    size = int(chosen.size * 1_000_000)
    config = {**WISH, "processing": {"worker_count": chosen.workers}}
    promises, failed = [], []
    with tempfile.TemporaryDirectory(prefix="bench-batch-") as name, Progress() as shown:
        media = Path(name, "media")
        plant(media / "find", chosen.find, b"", ".mkv", 0)
        for suffix, count, film in (
            (".mkv", chosen.files, matroska("Load", VOICES)),
            (".mp4", chosen.mp4, mp4(VOICES)),
        ):
            plant(media / suffix[1:], count, with_hole(film.content, size), suffix, size)
        with daemon(Path(name, "data"), media, config) as running, running.client() as client:
            client.post("/queue/pause").raise_for_status()
            seconds = found_in(client, media / "find", shown)
            most = FOUND_SECONDS_OF_1000 * chosen.find / 1000
            promises.append(Promise(f"{chosen.find:,} files found", seconds, most))
            client.post("/queue/resume").raise_for_status()
            for kind, count, most in (
                ("mkv", chosen.files, MKV_SECONDS_OF_100),
                ("mp4", chosen.mp4, MP4_SECONDS_OF_100),
            ):
                view, seconds = sweep(client, media / kind, shown, f"{count} {kind} files")
                what = f"{count:,} {kind.upper()} files, {chosen.workers} workers"
                promises.append(Promise(what, seconds, most * count / 100))
                if view["results"]["track_changes"] != count:
                    failed.append(f"{kind}: {view['results']}")
    kept = report("batch_load", promises)
    for failure in failed:
        console.print(f"[red]not all were changed: {failure}")
    return 0 if kept and not failed else 1


def found_in(client: httpx.Client, folder: Path, shown: Progress) -> float:
    """Seconds until all files of a folder are found and journalled; none is processed."""
    began = time.perf_counter()
    task = shown.add_task("finding", total=None)
    started = client.post("/batch", json={"path": str(folder), "dry_run": True})
    started.raise_for_status()
    view = started.json()
    while not view["discovery_complete"]:
        time.sleep(LOOK_SECONDS)
        view = client.get(f"/batch/{view['batch_id']}").json()
    seconds = time.perf_counter() - began
    shown.update(task, total=1, completed=1)
    client.delete(f"/batch/{view['batch_id']}").raise_for_status()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
