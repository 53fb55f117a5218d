"""Real daemons that are stopped, and slow children that end with their jobs."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from daemon_process import Household, alive, end_orphans, leftovers, remuxing, season, started
from media_runs import MP4


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
        movies = [household.add(f"m{n}.mp4", MP4) for n in range(2)]
        heavy = daemon.post("/jobs", {"paths": [str(movie) for movie in movies]})["job_ids"]
        light = daemon.post("/webhook/sonarr", body)["job_ids"]
        assert {daemon.ended(job)["result"] for job in light} == {"success"}
        assert {daemon.ended(job)["reason"] for job in heavy} == {"timeout"}
        assert alive(started(slow)) == []
        assert leftovers(household) == []
        assert daemon.stop() == 0
