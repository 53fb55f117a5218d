"""A reload (SIGHUP) replaces the configuration that requests see, and nothing else of the API."""

from __future__ import annotations

import signal
from pathlib import Path

import httpx
import pytest
from daemon_process import DaemonProcess, Household
from synth import mkv
from whole_api import TRACKS


@pytest.fixture
def household(tmp_path: Path) -> Household:
    return Household(tmp_path)


def reload(daemon: DaemonProcess, household: Household, workers: int) -> None:
    """Return when the new number of workers holds."""
    household.write_config(processing={"worker_count": workers})
    daemon.signal(signal.SIGHUP)
    daemon.until(lambda: daemon.get("/queue")["workers"]["total"] == workers, "it is reloaded")


def test_counters_go_on_and_sessions_that_ended_stay_ended(household: Household) -> None:
    film = household.add("a.mkv", mkv(TRACKS))
    with household.daemon() as daemon:
        job = daemon.post("/jobs", {"paths": [str(film)]})["job_ids"][0]
        daemon.ended(job)
        key = daemon.http.headers["X-Api-Key"]
        with httpx.Client(base_url=daemon.http.base_url) as browser:
            browser.post("/session", json={"api_key": key}).raise_for_status()
            cookie = dict(browser.cookies)
            assert browser.get("/queue").status_code == 200
            assert browser.delete("/session").status_code == 204
        reload(daemon, household, 3)
        metrics = daemon.http.get("/metrics").text
        assert 'arrtheaudio_jobs_ended_total{reason="",status="completed"} 1.0' in metrics
        old = httpx.get(f"{daemon.http.base_url}/queue", cookies=cookie)
        assert old.status_code == 401
        assert daemon.stop() == 0
    with household.daemon() as daemon:
        again = httpx.get(f"{daemon.http.base_url}/queue", cookies=cookie)
        assert again.status_code == 401
        assert daemon.stop() == 0
    kept = household.data / "signed-out.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert cookie["arrtheaudio_session"].split(".")[1] in kept.read_text()


def test_a_rollback_to_worker_count_0_by_reload_answers_processed(household: Household) -> None:
    film = household.add("a.mkv", mkv(TRACKS))
    delivery = {
        "eventType": "Download",
        "movie": {"title": "Harbour", "originalLanguage": {"name": "English"}},
        "movieFile": {"path": str(film)},
    }
    with household.daemon() as daemon:
        reload(daemon, household, 0)
        answer = daemon.post("/webhook/radarr", delivery, status=200)
        assert answer["status"] == "processed"
        assert [job["result"] for job in answer["jobs"]] == ["success"]
        assert answer["job_ids"] == [job["job_id"] for job in answer["jobs"]]
        for path, body in (
            ("/jobs", {"paths": [str(film)]}),
            ("/batch", {"path": str(household.media)}),
        ):
            assert daemon.http.post(path, json=body).status_code == 503
        reload(daemon, household, 2)
        daemon.post("/webhook/radarr", delivery, status=202)
        assert daemon.stop() == 0
