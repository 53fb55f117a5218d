"""Heavy jobs of a real daemon with a slow ffmpeg on PATH: limits in a recorded timeline, children.

The ffmpeg here writes when it begins and ends, starts a grandchild and waits for a
gate to open; then it fails, which is an ordinary end of an attempt.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import apsw
import attrs
import pytest
from daemon_process import DaemonProcess, Household, alive
from media_runs import MP4
from synth import mkv

WORKERS = 4
SCRIPT = """#!/bin/sh
trap '' TERM
{grandchild} &
echo "+ $$ $!" >> {timeline}
until [ -e {gate} ]; do sleep 0.05; done
echo "- $$ $!" >> {timeline}
{end}
exit 1
"""


@attrs.define
class GatedFfmpeg:
    """The program on PATH, and what it has recorded."""

    household: Household

    @property
    def gate(self) -> Path:
        return self.household.folder / "gate"

    @property
    def timeline(self) -> Path:
        return self.household.folder / "timeline"

    def install(self, *, leaves_its_child: bool = False) -> None:
        folder = self.household.folder / "bin"
        folder.mkdir()
        program = folder / "ffmpeg"
        program.write_text(
            SCRIPT.format(
                grandchild="sleep 86399",
                timeline=self.timeline,
                gate=self.gate,
                end="" if leaves_its_child else "kill -9 $!",
            )
        )
        program.chmod(0o755)
        self.household.environ["PATH"] = f"{folder}:{os.environ['PATH']}"

    def open(self) -> None:
        self.gate.touch()

    def recorded(self) -> list[tuple[str, int, int]]:
        """(+ or -, the program's id, its child's id), in order."""
        if not self.timeline.exists():
            return []
        lines = (line.split() for line in self.timeline.read_text().splitlines())
        return [(sign, int(program), int(child)) for sign, program, child in lines]

    def most_at_once(self) -> int:
        running: set[int] = set()
        most = 0
        for sign, program, _ in self.recorded():
            running = running | {program} if sign == "+" else running - {program}
            most = max(most, len(running))
        return most

    def processes(self) -> list[int]:
        return [pid for _, *pids in self.recorded() for pid in pids]


@pytest.fixture
def household(tmp_path: Path) -> Household:
    found = Household(tmp_path)
    found.write_config(
        media={"mp4_method": "remux"},
        processing={"worker_count": WORKERS, "retry_attempts": 0},
    )
    return found


def most_running(household: Household) -> int:
    """Jobs at once, by the rows of the journal."""
    connection = apsw.Connection(str(household.data / "jobs.db"), flags=apsw.SQLITE_OPEN_READONLY)
    running: set[int] = set()
    most = 0
    for job, kind in connection.execute(
        "SELECT job, type FROM journal WHERE job IS NOT NULL ORDER BY seq"
    ):
        if kind == "job.started":
            running.add(job)
        elif kind != "job.planned":
            running.discard(job)
        most = max(most, len(running))
    connection.close()
    return most


def movies(household: Household, daemon: DaemonProcess, count: int) -> list[str]:
    paths = [str(household.add(f"movie {n}.mp4", MP4)) for n in range(count)]
    jobs: list[str] = daemon.post("/jobs", {"paths": paths})["job_ids"]
    return jobs


def episodes(household: Household, daemon: DaemonProcess, count: int) -> list[str]:
    paths = [str(household.add(f"episode {n}.mkv", mkv())) for n in range(count)]
    jobs: list[str] = daemon.post("/jobs", {"paths": paths})["job_ids"]
    return jobs


def statuses(daemon: DaemonProcess, jobs: list[str]) -> dict[str, int]:
    found: dict[str, Any] = {}
    for job in jobs:
        status = daemon.job(job)["status"]
        found[status] = found.get(status, 0) + 1
    return found


def assert_nothing_is_left(household: Household, ffmpeg: GatedFfmpeg) -> None:
    assert alive(ffmpeg.processes()) == []
    assert list(household.media.rglob("._*")) == []
    assert {path.read_bytes() for path in household.media.glob("*.mp4")} == {MP4}


@pytest.mark.parametrize("limit", [1, 2])
def test_heavy_jobs_keep_their_limit_and_mkv_jobs_flow_past_them(
    household: Household, limit: int
) -> None:
    household.write_config(processing={"max_mp4_concurrent": limit})
    ffmpeg = GatedFfmpeg(household)
    ffmpeg.install()
    with household.daemon() as daemon:
        heavy = movies(household, daemon, 6)
        daemon.until(lambda: len(ffmpeg.recorded()) == limit, "as many begin as may")
        light = episodes(household, daemon, 20)
        assert {daemon.ended(job)["result"] for job in light} == {"success"}
        assert statuses(daemon, heavy) == {"running": limit, "queued": 6 - limit}
        ffmpeg.open()
        assert {daemon.ended(job)["reason"] for job in heavy} == {"tool_failed"}
        assert daemon.stop() == 0
    assert len(ffmpeg.recorded()) == 2 * 6
    assert ffmpeg.most_at_once() == limit
    assert limit <= most_running(household) <= WORKERS
    assert_nothing_is_left(household, ffmpeg)


def test_a_cancelled_batch_of_slow_remuxes_leaves_no_process_and_no_temporary_file(
    household: Household,
) -> None:
    household.write_config(processing={"max_mp4_concurrent": 2})
    ffmpeg = GatedFfmpeg(household)
    ffmpeg.install()
    for number in range(5):
        household.add(f"movie {number}.mp4", MP4)
    with household.daemon() as daemon:
        batch = daemon.post("/batch", {"path": str(household.media)})["batch_id"]
        daemon.until(lambda: len(ffmpeg.recorded()) == 2, "two have begun")
        answer = daemon.http.delete(f"/batch/{batch}")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
        assert len(alive(ffmpeg.processes())) == 4, "what runs may end by itself"
        assert daemon.http.delete(f"/batch/{batch}", params={"force": "true"}).status_code == 202
        daemon.until(lambda: daemon.get(f"/batch/{batch}")["status"] == "cancelled", "it ends")
        progress = daemon.get(f"/batch/{batch}")["progress"]
        assert (progress["cancelled"], progress["total_files"]) == (5, 5)
        assert_nothing_is_left(household, ffmpeg)
        assert daemon.stop() == 0


def test_what_a_program_leaves_running_at_its_own_end_dies_with_it(household: Household) -> None:
    ffmpeg = GatedFfmpeg(household)
    ffmpeg.install(leaves_its_child=True)
    ffmpeg.open()
    with household.daemon() as daemon:
        (job,) = movies(household, daemon, 1)
        assert daemon.ended(job)["reason"] == "tool_failed"
        assert_nothing_is_left(household, ffmpeg)
        assert daemon.stop() == 0
