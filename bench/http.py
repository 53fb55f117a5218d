"""The webhook, from POST to durable 202, beside what a user would write instead.

    python bench/http.py [--quick] [--rounds N] [--clients N …] [--own-only]

Both servers run at the same time, each round asks both in changing order, over kept
connections: one client, then 64. Nothing works on the jobs meanwhile. Then 1,000
deliveries of 3 files from 64 clients, kill -9, a restart: every accepted job must be there.
Needs the extra ``bench``: fastapi, uvicorn, huey.
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and its queue.py and http.py would hide the library's.
sys.path.append(sys.path.pop(0))

import argparse
import contextlib
import itertools
import json
import secrets
import tempfile
import time
from pathlib import Path

import attrs
from daemons import Daemon, daemon, rival
from http_load import post, send_all
from rich.table import Table
from rounds import Case, Measured, Sample, console, duration, measure, save

ROUTE = "/webhook/sonarr"
LIMITS = {"processing": {"max_queue_size": 1_000_000}}
OWN, RIVAL = "arrtheaudio", "FastAPI + huey"
FIRST_REQUESTS = 20  # before anything is measured, to each server


@attrs.frozen
class Effort:
    """How much is done in one round."""

    rounds: int
    alone: int  # requests of one client
    together: int  # of 64 clients


FULL = Effort(rounds=7, alone=300, together=1920)
QUICK = Effort(rounds=3, alone=100, together=640)


def season(media: Path, number: int, files: int) -> bytes:
    """A Download with so many files."""
    folder = f"{media}/Show {number}"
    return json.dumps(
        {
            "eventType": "Download",
            "instanceName": "Sonarr",
            "series": {
                "id": number,
                "title": f"Show {number}",
                "path": folder,
                "type": "standard",
                "tags": ["dub"],
                "originalLanguage": {"id": 1, "name": "English"},
            },
            "episodeFiles": [
                {"id": file, "path": f"{folder}/S01E{file:02}.mkv", "size": 2_843_771_904}
                for file in range(1, files + 1)
            ],
        }
    ).encode()


class Webhooks:
    """A server under load; every request is a delivery of its own."""

    def __init__(self, port: int, key: str, media: Path, files: int = 1) -> None:
        self._port = port
        self._requests = (
            post(ROUTE, season(media, number, files), key) for number in itertools.count()
        )

    def deliver(self, count: int, clients: int) -> Sample:
        """So many deliveries; a Sample of what they took."""
        requests = list(itertools.islice(self._requests, count))
        began = time.perf_counter()
        replies = send_all(self._port, requests, clients)
        seconds = time.perf_counter() - began
        refused = [reply.status for reply in replies if reply.status != 202]
        failed = f"{len(refused)} of {count} answered {sorted(set(refused))}" if refused else ""
        return Sample(seconds, [reply.seconds for reply in replies], failed)


def side_by_side(own: Webhooks, other: Webhooks | None, effort: Effort, clients: list[int]) -> None:
    """Measure, print and keep."""
    sides = [(OWN, own), *([(RIVAL, other)] if other else [])]
    cases = []
    for many, (name, server) in itertools.product(clients, sides):
        server.deliver(FIRST_REQUESTS, 1)
        times = effort.alone if many == 1 else effort.together
        cases.append(
            Case(
                f"{name}, {many}",
                lambda server=server, times=times, many=many: server.deliver(times, many),
                times,
            )
        )
    measured = measure(cases, rounds=effort.rounds)
    figures = []
    table = Table(title="webhook POST to durable 202", title_justify="left")
    for column in ("clients", "server", "p50", "p99", "requests/s", f"against {RIVAL}"):
        table.add_column(column, justify="left" if column == "server" else "right")
    for many, (name, _) in itertools.product(clients, sides):
        one = measured[f"{name}, {many}"]
        reference = measured.get(f"{RIVAL}, {many}", one)
        figures.append(figure(name, many, one))
        ratio = "" if one is reference else f"{reference.median / one.median:.3g} ×"
        table.add_row(
            str(many), name, duration(one.percentile(50)), duration(one.percentile(99)),
            f"{1 / one.median:,.0f}", ratio,
        )  # fmt: skip
        for failure in one.failures:
            console.print(f"[red]{one.name} clients: {failure}")
    console.print(table)
    save("http", figures)


def figure(name: str, clients: int, one: Measured) -> dict[str, object]:
    """What is kept."""
    return {
        "server": name,
        "clients": clients,
        "p50_ms": one.percentile(50) * 1000,
        "p99_ms": one.percentile(99) * 1000,
        "per_second": 1 / one.median,
        "failures": one.failures,
    }


def nothing_lost(folder: Path, media: Path, deliveries: int = 1000, files: int = 3) -> bool:
    """Accepted is kept: count the jobs after a kill."""
    with daemon(folder, media, LIMITS) as running:
        pause(running)
        requests = [
            post(ROUTE, season(media, number, files), running.key) for number in range(deliveries)
        ]
        replies = send_all(running.port, requests, 64)
        running.process.kill()
    accepted = [json.loads(reply.body) for reply in replies if reply.status == 202]
    jobs = {job for answer in accepted for job in answer["job_ids"]}
    with daemon(folder, media, LIMITS) as again, again.client() as client:
        kept = {}
        for offset in range(0, deliveries * files, 1000):
            page = client.get("/jobs", params={"limit": 1000, "offset": offset}).json()
            kept |= {job["job_id"]: job["status"] for job in page["jobs"]}
    lost = jobs - kept.keys()
    console.print(
        f"{deliveries:,} deliveries of {files} files from 64 clients: {len(accepted):,} accepted, "
        f"{len(jobs):,} jobs; after kill -9 and a restart {len(lost)} lost, "
        f"{len(kept.keys() - jobs)} too many."
    )
    return len(accepted) == deliveries and len(jobs) == deliveries * files and kept.keys() == jobs


def pause(running: Daemon) -> None:
    """Nothing is to run beside what is measured."""
    with running.client() as client:
        client.post("/queue/pause").raise_for_status()


def main() -> int:
    """Measure both, then count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds of fewer requests")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 64])
    parser.add_argument("--own-only", action="store_true", help="without the rival")
    chosen = parser.parse_args()
    effort = QUICK if chosen.quick else FULL
    effort = attrs.evolve(effort, rounds=chosen.rounds or effort.rounds)
    with tempfile.TemporaryDirectory(prefix="bench-http-") as name:
        folder = Path(name)
        media = folder / "media"
        media.mkdir()
        with contextlib.ExitStack() as servers:
            running = servers.enter_context(daemon(folder / "own", media, LIMITS))
            pause(running)
            own, other = Webhooks(running.port, running.key, media), None
            if not chosen.own_only:
                key = secrets.token_urlsafe()
                port = servers.enter_context(rival(folder / "rival", key))
                other = Webhooks(port, key, media)
            side_by_side(own, other, effort, chosen.clients)
        return 0 if nothing_lost(folder / "kept", media) else 1


if __name__ == "__main__":
    sys.exit(main())
