"""Real daemons as processes: kills, stops, reloads, children, a second one on the same folder."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from daemon_process import DaemonProcess, Household, alive, slow_ffmpeg, started
from synth import mkv
from synth_mp4 import mp4, track

MOVIE = mp4(
    [
        track("video"),
        track(language="jpn"),
        track(language="eng", enabled=False),
    ]
)


@pytest.fixture
def household(tmp_path: Path) -> Household:
    return Household(tmp_path)


@pytest.fixture
def slow(household: Household) -> Iterator[Path]:
    """MP4 files are remuxed by an ffmpeg that never ends."""
    household.write_config(media={"mp4_method": "remux"})
    pids = slow_ffmpeg(household)
    yield pids
    assert alive(started(pids)) == [], "no process may outlive its daemon's stop"


def season(household: Household, count: int) -> tuple[list[Path], dict[str, Any]]:
    """Files that need an edit, and their delivery."""
    paths = [household.add(f"tv/Show/S01E{n:02}.mkv", mkv()) for n in range(count)]
    body = {
        "eventType": "Download",
        "series": {"title": "Show", "path": str(household.media / "tv/Show")},
        "episodeFiles": [{"path": str(path)} for path in paths],
    }
    return paths, body


def leftovers(household: Household) -> list[str]:
    return [path.name for path in household.media.rglob("._*")]


def remuxing(daemon: DaemonProcess, household: Household, pids: Path) -> str:
    """A job in the middle of its slow remux."""
    movie = household.add("movie.mp4", MOVIE)
    before = len(started(pids))
    (job,) = daemon.post("/jobs", {"paths": [str(movie)]})["job_ids"]
    daemon.until(lambda: len(started(pids)) > before, "ffmpeg starts")
    assert daemon.job(job)["status"] == "running"
    return str(job)


# --- kill -9 ----------------------------------------------------------------


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


def end_orphans(pids: Path) -> None:
    """What kill -9 of a daemon leaves behind is nobody's to reap but ours."""
    for pid in alive(started(pids)):
        os.kill(pid, signal.SIGKILL)


# --- stopping ---------------------------------------------------------------


def test_a_stop_interrupts_a_slow_job_reaps_its_children_and_gives_the_attempt_back(
    household: Household, slow: Path
) -> None:
    household.write_config(processing={"shutdown_grace_seconds": 0})
    with household.daemon() as daemon:
        job = remuxing(daemon, household, slow)
        assert daemon.stop() == 0
    assert alive(started(slow)) == []
    assert leftovers(household) == []
    with household.daemon() as daemon:
        daemon.post("/queue/pause", status=200)
        events = [event["type"] for event in daemon.job(job)["events"]]
        assert events[:3] == ["job.queued", "job.started", "job.interrupted"]
        daemon.http.delete(f"/jobs/{job}")
        assert daemon.stop() == 0


def test_a_delivery_in_the_grace_is_taken_and_done_after_the_restart(
    household: Household, slow: Path
) -> None:
    paths, body = season(household, 3)
    with household.daemon() as daemon:
        remuxing(daemon, household, slow)
        daemon.signal(signal.SIGTERM)
        daemon.until(
            lambda: "stop_requested" in household.log.read_text(), "the signal has arrived"
        )
        jobs = daemon.post("/webhook/sonarr", body)["job_ids"]
        daemon.signal(signal.SIGTERM)  # at once
        assert daemon.wait() == 0
    household.write_config(media={"mp4_method": "in_place"})
    with household.daemon() as daemon:
        assert [daemon.ended(job)["result"] for job in jobs] == ["success"] * len(paths)
        assert daemon.stop() == 0


def test_a_container_stop_in_the_middle_of_a_slow_remux_twice_poisons_nothing(
    household: Household, slow: Path
) -> None:
    job = ""
    for run in range(2):
        with household.daemon() as daemon:
            if run == 0:
                job = remuxing(daemon, household, slow)
            else:
                daemon.until(lambda: len(started(slow)) == 4, "ffmpeg starts again")
            daemon.signal(signal.SIGTERM)
            daemon.until(
                lambda run=run: household.log.read_text().count("daemon_stopping") > run,
                "the stop is journalled",
            )
            daemon.kill()  # as Docker does 10 s later
        end_orphans(slow)
    household.write_config(media={"mp4_method": "in_place"})
    with household.daemon() as daemon:
        ended = daemon.ended(job)
        assert (ended["result"], ended["attempt"]) == ("success", 1)
        assert daemon.stop() == 0
    assert leftovers(household) == []


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_daemon_stops_with_0(household: Household, signum: int) -> None:
    with household.daemon() as daemon:
        daemon.signal(signum)
        assert daemon.wait() == 0


def test_cancelling_a_running_remux_ends_its_children_and_leaves_the_file(
    household: Household, slow: Path
) -> None:
    with household.daemon() as daemon:
        job = remuxing(daemon, household, slow)
        before = (household.media / "movie.mp4").read_bytes()
        answer = daemon.http.delete(f"/jobs/{job}")
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert alive(started(slow)) == []
        assert (household.media / "movie.mp4").read_bytes() == before
        assert leftovers(household) == []
        assert daemon.stop() == 0


def test_a_remux_that_takes_too_long_times_out_with_its_children_and_mkv_jobs_flow_past(
    household: Household, slow: Path
) -> None:
    household.write_config(processing={"timeout_seconds": 1, "retry_attempts": 0})
    with household.daemon() as daemon:
        _, body = season(household, 5)
        movies = [household.add(f"m{n}.mp4", MOVIE) for n in range(2)]
        heavy = daemon.post("/jobs", {"paths": [str(movie) for movie in movies]})["job_ids"]
        light = daemon.post("/webhook/sonarr", body)["job_ids"]
        assert {daemon.ended(job)["result"] for job in light} == {"success"}
        assert {daemon.ended(job)["reason"] for job in heavy} == {"timeout"}
        assert alive(started(slow)) == []
        assert leftovers(household) == []
        assert daemon.stop() == 0


# --- configuration and start ------------------------------------------------


def test_a_reload_changes_what_can_change_live_and_names_the_rest(household: Household) -> None:
    household.write_config(processing={"worker_count": 1})
    with household.daemon() as daemon:
        household.write_config(processing={"worker_count": 4}, logging={"format": "json"})
        daemon.signal(signal.SIGHUP)
        daemon.until(
            lambda: daemon.get("/queue")["workers"]["total"] == 4, "there are four workers"
        )
        daemon.until(
            lambda: "needs_restart=logging.format" in household.log.read_text(), "it is named"
        )
        (household.folder / "config.yaml").write_text("processing: {worker_count: many}\n")
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: "configuration_refused" in household.log.read_text(), "it is refused")
        assert daemon.get("/queue")["workers"]["total"] == 4
        assert daemon.stop() == 0


def test_a_reload_moves_the_media_roots(household: Household, tmp_path: Path) -> None:
    other = tmp_path / "other"
    household.write_config()
    file = other / "a.mkv"
    with household.daemon() as daemon:
        other.mkdir()
        file.write_bytes(mkv())
        os.utime(file, (1_700_000_000, 1_700_000_000))
        assert daemon.http.post("/jobs", json={"paths": [str(file)]}).status_code == 400
        household.config["media_roots"] = [str(other)]
        household.write_config()
        daemon.signal(signal.SIGHUP)
        job = daemon.until(
            lambda: daemon.http.post("/jobs", json={"paths": [str(file)]}).json().get("job_ids"),
            "the new root counts",
        )[0]
        assert daemon.ended(job)["result"] == "success"
        assert daemon.stop() == 0


def test_worker_count_0_processes_a_delivery_in_its_request(household: Household) -> None:
    household.write_config(processing={"worker_count": 0})
    _, body = season(household, 3)
    with household.daemon() as daemon:
        answer = daemon.post("/webhook/sonarr", body, status=200)
        assert answer["status"] == "processed"
        assert [job["result"] for job in answer["jobs"]] == ["success"] * 3
        assert daemon.http.post("/batch", json={"path": str(household.media)}).status_code == 503
        assert daemon.stop() == 0


def test_a_second_daemon_on_the_same_journal_refuses_to_start(household: Household) -> None:
    with household.daemon() as daemon:
        second = household.start()
        assert second.wait(60) == 1
        assert second.stdout is not None
        second.stdout.close()
        assert "is held by another arrtheaudio" in household.log.read_text()
        assert daemon.get("/ping")["status"] == "OK"
        assert daemon.stop() == 0


def test_a_port_in_use_is_said_and_ends_the_start(household: Household) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = household.start(port=taken.getsockname()[1])
        assert process.wait(60) == 1
    assert process.stdout is not None
    process.stdout.close()
    log = household.log.read_text()
    assert "Address already in use" in log
    assert "Traceback" not in log


def test_the_key_is_made_once_for_its_owner_only_and_never_logged(household: Household) -> None:
    household.write_config(logging={"level": "debug"})
    keys = []
    for _ in range(2):
        with household.daemon() as daemon:
            path = household.data / "api_key"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            keys.append(path.read_text().strip())
            assert daemon.http.get("/stats", headers={"X-Api-Key": "wrong"}).status_code == 401
            daemon.http.get("/stats", params={"apikey": keys[0]})
            assert daemon.stop() == 0
    assert keys[0] == keys[1]
    assert keys[0] not in household.log.read_text()


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff\xfe"])
def test_a_key_file_without_a_key_is_refused(household: Household, content: bytes) -> None:
    household.data.mkdir()
    (household.data / "api_key").write_bytes(content)
    process = household.start()
    assert process.wait(60) == 2
    assert process.stdout is not None
    process.stdout.close()
    assert "holds no key" in household.log.read_text()


def test_systemd_hears_ready_alive_and_stopping(household: Household, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        household.environ |= {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "3000000",
        }
        with household.daemon() as daemon:
            heard = {manager.recv(4096).decode().split("\n")[0] for _ in range(2)}
            assert daemon.stop() == 0
            while (word := manager.recv(4096).decode().split("\n")[0]) == "WATCHDOG=1":
                continue
    assert heard == {"READY=1", "WATCHDOG=1"}
    assert word == "STOPPING=1"
