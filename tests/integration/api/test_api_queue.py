"""The queue, statistics, clean-up, health and metrics over HTTP, with a queue in memory."""

from __future__ import annotations

from typing import Any

import pytest
from documented import Documented
from kept_jobs import kept_job
from live_api import Live

from arrtheaudio.jobs.models import Status


async def test_the_queue_shows_what_runs_and_what_is_next(live: Live, rest: Documented) -> None:
    live.queue.jobs_kept[1] = kept_job(1, Status.RUNNING, worker_id=1)
    live.queue.jobs_kept[2] = kept_job(2, Status.QUEUED)
    shown = (await rest.ask("GET", "/queue", "/queue")).json()
    assert shown["workers"] == {"total": 2, "active": 1, "idle": 1}
    assert [job["job_id"] for job in shown["current_jobs"]] == ["job_000000000001"]
    assert [job["position"] for job in shown["next_jobs"]] == [1]
    assert shown["total_jobs"] == 2


async def test_pause_and_resume(live: Live, rest: Documented) -> None:
    assert (await rest.ask("POST", "/queue/pause", "/queue/pause")).json()["paused"] is True
    assert (await rest.ask("GET", "/queue", "/queue")).json()["paused"] is True
    assert (await live.client.get("/health")).json()["status"] == "degraded"
    assert (await rest.ask("POST", "/queue/resume", "/queue/resume")).json()["paused"] is False


async def test_statistics(live: Live, rest: Documented) -> None:
    empty = (await rest.ask("GET", "/jobs/stats", "/jobs/stats")).json()
    assert empty["success_rate"] is None
    live.queue.jobs_kept = {
        1: kept_job(1), 2: kept_job(2), 3: kept_job(3), 4: kept_job(4, Status.FAILED),
    }  # fmt: skip
    jobs = (await rest.ask("GET", "/jobs/stats", "/jobs/stats")).json()
    assert (jobs["total_files_processed"], jobs["success_rate"]) == (4, 0.75)
    stats = (await rest.ask("GET", "/stats", "/stats")).json()
    assert stats["today"]["success_rate"] == 75.0
    assert stats["lifetime"]["total_time_hours"] == 0.002


async def test_cleanup(live: Live, rest: Documented) -> None:
    body = {"older_than_days": 30, "statuses": ["completed", "cancelled"]}
    answer = await rest.ask("POST", "/admin/cleanup", "/admin/cleanup", json=body)
    assert answer.json() == {"status": "ok", "deleted_jobs": 3, "message": "3 jobs removed"}
    assert live.queue.cleaned == [
        {"days": 30.0, "statuses": {Status.COMPLETED, Status.CANCELLED}, "dry_run": False}
    ]


@pytest.mark.parametrize(
    "body", [{}, {"older_than_days": -1}, {"older_than_days": 1, "statuses": ["running"]},
             {"older_than_days": 1, "statuses": []}, {"older_than_days": "30d"}],
)  # fmt: skip
async def test_a_bad_cleanup_removes_nothing(live: Live, rest: Documented, body: Any) -> None:
    answer = await rest.ask("POST", "/admin/cleanup", "/admin/cleanup", json=body)
    assert answer.status_code == 400
    assert live.queue.cleaned == []


async def test_health_tells_strangers_little(live: Live, rest: Documented) -> None:
    stranger = (await live.stranger.get("/health")).json()
    assert set(stranger) == {"status", "version"}
    known = (await rest.ask("GET", "/health", "/health")).json()
    assert {check["name"] for check in known["checks"]} >= {
        "journal", "paused", "ffmpeg", "disk_space",
    }  # fmt: skip
    assert known["journal"]["sqlite_version"] == "3.99.0"


async def test_a_journal_that_cannot_be_written_is_unhealthy(live: Live, rest: Documented) -> None:
    live.queue.writable = False
    answer = await rest.ask("GET", "/health", "/health")
    assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
    assert (await live.stranger.get("/ping")).status_code == 200


async def test_metrics_count_what_ended(live: Live) -> None:
    body = {"job": 1, "path": b"/a.mkv", "duration_ms": 20, "method": "in_place", "reason": None}
    live.queue.publish("job.completed", **body)
    live.queue.publish("job.failed", **{**body, "duration_ms": None, "reason": "io_error"})
    for _ in range(2):  # a second look counts nothing twice
        answer = await live.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'arrtheaudio_jobs_ended_total{reason="",status="completed"} 1.0' in lines
    assert 'arrtheaudio_jobs_ended_total{reason="io_error",status="failed"} 1.0' in lines
    assert 'arrtheaudio_job_seconds_count{container="mkv",method="in_place"} 1.0' in lines
    assert 'arrtheaudio_jobs{priority="high",status="queued"} 0.0' in lines
    assert any(line.startswith('arrtheaudio_info{sqlite="3.99.0"') for line in lines)
