"""Real daemons that are killed: nothing accepted is lost, nothing is done twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from daemon_process import (
    DaemonProcess,
    Household,
    end_orphans,
    leftovers,
    remuxing,
    season,
    started,
)
from synth import mkv


def test_after_a_kill_between_acceptance_and_processing_every_accepted_job_completes(
    household: Household,
) -> None:
    paths, body = season(household, 12)
    with household.daemon() as daemon:
        daemon.post("/queue/pause", status=200)
        jobs = daemon.post("/webhook/sonarr", body)["job_ids"]
        daemon.kill()
    with household.daemon() as daemon:
        assert {daemon.job(job)["status"] for job in jobs} == {"queued"}
        daemon.post("/queue/resume", status=200)
        ended = [daemon.ended(job) for job in jobs]
        assert daemon.stop() == 0
    assert [(job["result"], job["track_changed"], job["attempt"]) for job in ended] == [
        ("success", True, 1)
    ] * len(paths)


def test_a_kill_in_the_middle_of_processing_loses_nothing_and_changes_each_file_once(
    household: Household,
) -> None:
    _, body = season(household, 200)
    with household.daemon() as daemon:
        jobs = daemon.post("/webhook/sonarr", body)["job_ids"]
        daemon.until(lambda: daemon.get("/jobs/stats")["completed"] >= 20, "20 files are done")
        daemon.kill()
    with household.daemon() as daemon:
        ended = [daemon.ended(job) for job in jobs]
        stats = daemon.get("/jobs/stats")
        assert daemon.stop() == 0
    assert {job["result"] for job in ended} == {"success"}
    assert (stats["completed"], stats["total_jobs"]) == (200, 200)


def test_a_kill_in_the_middle_of_discovery_finds_every_file_exactly_once(
    household: Household,
) -> None:
    for number in range(3000):
        household.add(f"tv/{number // 100:03}/{number:05}.mkv", b"")
    household.write_config()
    with household.daemon() as daemon:
        daemon.post("/queue/pause", status=200)
        batch = daemon.http.build_request("POST", "/batch", json={"path": str(household.media)})
        answer = daemon.http.send(batch)
        assert answer.status_code == 202
        daemon.kill()
    name = answer.json()["batch_id"]
    with household.daemon() as daemon:
        daemon.until(lambda: daemon.get(f"/batch/{name}")["discovery_complete"], "all is found")
        progress = daemon.get(f"/batch/{name}")["progress"]
        assert (progress["total_files"], progress["queued"]) == (3000, 3000)
        found = [
            job["file_path"]
            for offset in range(0, 3000, 1000)
            for job in daemon.get("/jobs", batch_id=name, limit=1000, offset=offset)["jobs"]
        ]
        assert len(set(found)) == len(found) == 3000
        assert daemon.stop() == 0


def test_webhooks_overtake_a_large_batch_and_totals_add_up_over_a_kill(
    household: Household,
) -> None:
    count = 1200
    content = mkv()
    files = [household.add(f"library/{n // 50:03}/{n:04}.mkv", content) for n in range(count)]
    _, body = season(household, 10)
    household.write_config()
    with household.daemon() as daemon:
        folder = str(household.media / "library")
        name = daemon.post("/batch", {"path": folder})["batch_id"]
        answer = daemon.http.post("/batch", json={"path": folder})
        assert (answer.status_code, answer.json()["batch_id"]) == (409, name)
        daemon.until(lambda: progress(daemon, name)["success"] >= 50, "some are done")
        jobs = daemon.post("/webhook/sonarr", body)["job_ids"]
        ended = [daemon.ended(job) for job in jobs]
        seen = progress(daemon, name)
        assert [job["result"] for job in ended] == ["success"] * 10
        assert seen["remaining"] > 0, "the webhook's jobs went first"
        daemon.kill()
    with household.daemon() as daemon:
        daemon.until(
            lambda: daemon.get(f"/batch/{name}")["status"] == "completed", "the batch completes"
        )
        batch = daemon.get(f"/batch/{name}")
        assert daemon.stop() == 0
    assert batch["progress"]["total_files"] == batch["progress"]["processed"] == count
    assert batch["results"] == {
        "success": count, "failed": 0, "skipped": 0, "track_changes": count,
    }  # fmt: skip
    assert {file.read_bytes() for file in files} == {files[0].read_bytes()} != {content}


def progress(daemon: DaemonProcess, batch: str) -> dict[str, Any]:
    found: dict[str, Any] = daemon.get(f"/batch/{batch}")["progress"]
    return found


def test_two_kills_in_the_middle_of_one_job_poison_it(household: Household, slow: Path) -> None:
    with household.daemon() as daemon:
        job = remuxing(daemon, household, slow)
        daemon.kill()
    end_orphans(slow)
    with household.daemon() as daemon:
        daemon.until(lambda: len(started(slow)) == 4, "ffmpeg starts again")
        daemon.kill()
    end_orphans(slow)
    with household.daemon() as daemon:
        ended = daemon.ended(job)
        assert (ended["status"], ended["reason"]) == ("failed", "poisoned")
        daemon.until(lambda: leftovers(household) == [], "the half-written file is removed")
        assert daemon.stop() == 0
