"""A flood of deliveries, each with one file that needs a change, at default settings.

    python bench/flood.py [--count N] [--clients N] [--queue-size N]

The daemon starts, the deliveries come all at once, the jobs run. Reported beside what
was promised: started within 1 s, 100 jobs queued within 1 s. The queue has 100 places
by default; a larger flood may be refused with 503 (that is counted), unless
``--queue-size`` makes room.
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and its queue.py and http.py would hide the library's.
sys.path.append(sys.path.pop(0))

import argparse
import collections
import json
import tempfile
import time
from pathlib import Path

import httpx
from daemons import Daemon, daemon
from http_load import Reply, post, send_all
from promises import Promise, report
from rich.progress import Progress
from rounds import console

from arrtheaudio.cli.samples import Voice, matroska

START_SECONDS = 1.0  # promised
QUEUED_SECONDS_OF_100 = 1.0  # promised
LOOK_SECONDS = 0.05  # between two looks at what is left
FILM = matroska("Flood", [Voice("eng", "English", default=True), Voice("jpn")]).content


def delivery(path: Path, number: int) -> bytes:
    """What Radarr sends for one film."""
    movie = {"id": number, "title": path.stem, "originalLanguage": {"id": 8, "name": "Japanese"}}
    movie["folderPath"] = str(path.parent)
    file = {"id": number, "path": str(path), "size": len(FILM)}
    return json.dumps({"eventType": "Download", "movie": movie, "movieFile": file}).encode()


def flooded(running: Daemon, films: list[Path], clients: int, shown: Progress) -> list[Reply]:
    """Deliver all films, many at once."""
    requests = [
        post("/webhook/radarr", delivery(film, number), running.key)
        for number, film in enumerate(films, 1)
    ]
    task = shown.add_task("delivering", total=len(requests))
    return send_all(running.port, requests, clients, lambda _: shown.advance(task))


def drained(client: httpx.Client, jobs: int, shown: Progress) -> dict[str, int]:
    """Wait until nothing is left; how the jobs ended."""
    task = shown.add_task("processing", total=jobs)
    while True:
        left = client.get("/queue").json()["total_jobs"]
        shown.update(task, completed=jobs - left)
        if not left:
            break
        time.sleep(LOOK_SECONDS)
    ends = {}
    for result in ("success", "skipped", "failed"):
        page = client.get("/jobs", params={"limit": 1, "result": result}).json()
        ends[result] = page["total"]
    return ends


def main() -> int:
    """Flood, wait, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="deliveries (100)")
    parser.add_argument("--clients", type=int, default=100, help="connections at once (100)")
    parser.add_argument("--queue-size", type=int, help="processing.max_queue_size (its default)")
    chosen = parser.parse_args()
    limits = {"processing": {"max_queue_size": chosen.queue_size}} if chosen.queue_size else {}
    with tempfile.TemporaryDirectory(prefix="bench-flood-") as name, Progress() as shown:
        media = Path(name, "media")
        media.mkdir()
        films = [media / f"Film {number:05}.mkv" for number in range(chosen.count)]
        for film in films:
            film.write_bytes(FILM)
        config = {"media": {"settle_seconds": 0}, **limits}
        with daemon(Path(name, "data"), media, config) as running, running.client() as client:
            began = time.perf_counter()
            replies = flooded(running, films, chosen.clients, shown)
            queued = time.perf_counter() - began
            accepted = [reply for reply in replies if reply.status == 202]
            ends = drained(client, len(accepted), shown)
            done = time.perf_counter() - began
    statuses = collections.Counter(reply.status for reply in replies)
    console.print(f"answers: {dict(statuses)}; jobs: {ends}")
    promised = QUEUED_SECONDS_OF_100 if chosen.count == 100 else None
    kept = report(
        "flood",
        [
            Promise("from exec to the first answer", running.started_seconds, START_SECONDS),
            Promise(f"{len(accepted)} jobs queued", queued, promised),
            Promise(f"{len(accepted)} jobs done", done),
        ],
    )
    return 0 if kept and ends["success"] == len(accepted) == chosen.count else 1


if __name__ == "__main__":
    sys.exit(main())
