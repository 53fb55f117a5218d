"""Every endpoint of the HTTP contract against a live server, with a queue in memory.

Every answer, good or bad, is held against the OpenAPI document of that server.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import httpx
import jsonschema
import pytest
from live_api import KEY, Live, configured, live_api
from openapi_spec_validator import validate

import arrtheaudio.errors as errors
from arrtheaudio.jobs.models import (
    BatchStatus,
    Job,
    Priority,
    Progress,
    SelectedTrack,
    Status,
    TrackReport,
)
from arrtheaudio.jobs.models import Event as JournalEvent


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with live_api(configured(tmp_path)) as running:
        yield running


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder below the media root with one file."""
    folder = tmp_path / "tv"
    folder.mkdir()
    (folder / "a.mkv").write_bytes(b"")
    return folder


class Documented:
    """A client that checks each answer against the document."""

    def __init__(self, client: httpx.AsyncClient, document: dict[str, Any]) -> None:
        self._client = client
        self._document = document

    async def ask(self, method: str, path: str, route: str, **more: Any) -> httpx.Response:
        """Send a request to one of the document's routes."""
        answer = await self._client.request(method, path, **more)
        operation = self._document["paths"][route][method.lower()]
        described = operation["responses"][str(answer.status_code)]
        media_type = answer.headers.get("content-type")
        if media_type is None:
            assert "content" not in described
            return answer
        schema = described["content"][media_type]["schema"]
        whole = {**schema, "components": self._document["components"]}
        jsonschema.validate(answer.json(), whole)
        return answer


@pytest.fixture
async def api(live: Live) -> Documented:
    return Documented(live.client, (await live.client.get("/openapi.json")).json())


def kept_job(seq: int, status: Status = Status.COMPLETED, **more: Any) -> Job:
    """A job with everything filled in."""
    track = {"index": 1, "language": "ja", "title": None, "codec": "aac", "channels": 2}
    report = {"default": True, "forced": False, "commentary": False, "chosen": True, "why": "ja"}
    return Job(
        seq=seq,
        status=status,
        path=b"/media/caf\xe9.mkv",
        priority=Priority.HIGH,
        source="sonarr",
        created_at=1_700_000_000.0,
        updated_at=1_700_000_001.5,
        container="mkv",
        selected_track=SelectedTrack(**track),
        tracks=(TrackReport(**track, **report),),
        events=(
            JournalEvent(
                5,
                1_700_000_000.25,
                "job.queued",
                {"job": seq, "webhook": 4, "batch": None, "path": b"/m\xe9", "status": status,
                 "priority": Priority.HIGH, "next_attempt_at": 1_700_000_060.0},
            ),
        ),
        **more,
    )  # fmt: skip


# --- the document -------------------------------------------------------------


async def test_the_document_is_valid_openapi(live: Live) -> None:
    document = (await live.stranger.get("/openapi.json")).json()
    validate(document)
    assert document["openapi"].startswith("3.1")


async def test_the_document_names_every_route(live: Live) -> None:
    document = (await live.stranger.get("/openapi.json")).json()
    named = {
        f"{method.upper()} {path}"
        for path, methods in document["paths"].items()
        for method in methods
    }
    assert named == {
        "POST /webhook/sonarr", "PUT /webhook/sonarr",
        "POST /webhook/sonarr/{instance}", "PUT /webhook/sonarr/{instance}",
        "POST /webhook/radarr", "PUT /webhook/radarr",
        "POST /webhook/radarr/{instance}", "PUT /webhook/radarr/{instance}",
        "GET /webhook/{webhook_id}",
        "POST /jobs", "GET /jobs", "GET /jobs/stats", "GET /jobs/{job_id}",
        "DELETE /jobs/{job_id}", "POST /jobs/{job_id}/retry", "POST /jobs/{job_id}/undo",
        "POST /batch", "GET /batch", "GET /batch/{batch_id}", "DELETE /batch/{batch_id}",
        "POST /batch/{batch_id}/undo",
        "GET /queue", "POST /queue/pause", "POST /queue/resume", "GET /stats",
        "POST /admin/cleanup", "GET /health", "GET /ping", "GET /metrics",
        "POST /session", "DELETE /session",
        "GET /ws", "GET /browse", "GET /inspect", "GET /sources", "GET /config",
        "GET /stats/daily", "GET /stats/breakdown", "POST /jobs/actions",
        "GET /problems", "POST /problems/dismiss", "POST /problems/restore",
    }  # fmt: skip


# --- every spelling -----------------------------------------------------------


@pytest.mark.parametrize("path", ["/queue", "/queue/", "/api/v1/queue", "/api/v1/queue/"])
async def test_every_spelling_is_answered_directly(live: Live, path: str) -> None:
    answer = await live.client.get(path)
    assert answer.status_code == 200
    assert not answer.history


async def test_a_prefix_is_in_front_of_everything(tmp_path: Path) -> None:
    async with live_api(configured(tmp_path, url_base="/audio")) as live:
        base = f"http://127.0.0.1:{live.port}"
        headers = {"X-Api-Key": KEY}
        for path in ("/audio/queue", "/audio/api/v1/queue/"):
            assert (await live.client.get(base + path, headers=headers)).status_code == 200
        for path in ("/queue", "/audioqueue"):
            assert (await live.client.get(base + path, headers=headers)).status_code == 404
        assert (
            b'href="/audio/openapi.json"' in (await live.client.get(base + "/audio/docs")).content
        )


async def test_options_tells_the_methods_and_is_no_html(live: Live) -> None:
    answer = await live.stranger.options("/jobs")
    assert answer.status_code == 200
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert "html" not in answer.headers["content-type"]


# --- jobs ---------------------------------------------------------------------


async def test_files_by_hand(live: Live, api: Documented, media: Path) -> None:
    body = {"paths": [f"{media}/a.mkv", f"{media}/b.avi"], "language_priority": ["jpn"],
            "priority": "low"}  # fmt: skip
    answer = await api.ask("POST", "/jobs", "/jobs", json=body)
    assert answer.status_code == 202
    assert answer.json()["file_count"] == 2
    first, second = live.queue.new_jobs
    assert first.path == f"{media}/a.mkv".encode()
    assert first.language_priority == ("jpn",)
    assert first.refused is None
    assert second.refused is not None
    assert second.refused[0] == "unsupported_container"


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"paths"}),
        ({"paths": []}, {"paths"}),
        ({"paths": ["/etc/passwd"], "dry": True}, {"dry"}),
        ({"paths": ["/etc/passwd", "../x.mkv", "/media/\0", "C:\\tv\\x.mkv", "-rf.mkv"]},
         {"paths[0]", "paths[1]", "paths[3]", "paths[4]"}),
        ({"paths": ["x" * 5000]}, {"paths[0]"}),
        ({"paths": ["/a"] * 1001}, {"paths"}),
        ({"paths": ["/a"], "priority": "high", "dry_run": 1}, {"priority", "dry_run"}),
        ({"paths": ["/a"], "language_priority": ["jpn", "jp?n", "original", "zz99zz"]},
         {"language_priority[1]", "language_priority[3]"}),
        ([], {""}),
    ],
)  # fmt: skip
async def test_bad_files_by_hand_are_named(
    live: Live, api: Documented, body: Any, fields: set[str]
) -> None:
    answer = await api.ask("POST", "/jobs", "/jobs", json=body)
    assert answer.status_code == 400
    if "\0" not in json.dumps(body).encode().decode("unicode_escape"):
        assert {problem["field"] for problem in answer.json()["errors"]} == fields
    assert live.queue.new_jobs == []


async def test_links_do_not_lead_out_of_the_media_roots(live: Live, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    answer = await live.client.post("/jobs", json={"paths": [f"{tmp_path}/out/passwd"]})
    assert answer.status_code == 400
    assert "leads to /etc/passwd" in answer.text


async def test_without_media_roots_every_path_is_refused(live: Live) -> None:
    async with live_api(configured(None)) as bare:
        answer = await bare.client.post("/jobs", json={"paths": ["/media/a.mkv"]})
        assert answer.status_code == 400
        assert "media_roots is empty" in answer.text


async def test_one_job_in_full(live: Live, api: Documented) -> None:
    live.queue.jobs_kept[9] = kept_job(9, webhook=4, result="success", duration_ms=2)
    answer = await api.ask("GET", "/jobs/job_000000000009", "/jobs/{job_id}")
    job = answer.json()
    assert job["file_path"] == "/media/caf�.mkv"
    assert job["created_at"] == "2023-11-14T22:13:20.000Z"
    assert job["webhook_id"] == "webhook_000000000004"
    assert job["events"] == [
        {"seq": 5, "at": "2023-11-14T22:13:20.250Z", "type": "job.queued", "status": "completed",
         "job_id": "job_000000000009", "webhook_id": "webhook_000000000004", "batch_id": None,
         "file_path": "/m�", "priority": "high", "next_attempt_at": "2023-11-14T22:14:20.000Z"}
    ]  # fmt: skip


async def test_a_list_of_jobs_passes_its_filter_on(live: Live, api: Documented) -> None:
    live.queue.jobs_kept[9] = kept_job(9)
    query = (
        "status=queued&status=failed&result=skipped&batch_id=batch_00000000000a&source=manual"
        "&container=mp4&path=/media&q=cafe%CC%81&limit=1000&offset=0&order_by=updated_at&order=asc"
    )
    answer = await api.ask("GET", f"/jobs?{query}", "/jobs")
    assert answer.json()["total"] == 1
    asked = live.queue.filters[-1]
    assert asked.status == (Status.QUEUED, Status.FAILED)
    assert asked.batch == 10
    assert asked.path == b"/media"
    assert asked.q == "cafe\u0301"
    assert (asked.limit, asked.order_by, asked.order) == (1000, "updated_at", "asc")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", {"limit"}),
        ("limit=1001&offset=100001", {"limit", "offset"}),
        ("limit=x&foo=1&foo=2&status=done", {"limit", "foo", "status[0]"}),
        ("webhook_id=batch_000000000001", {"webhook_id"}),
        ("q=%ff", {"query"}),
        ("&".join(f"a{n}=1" for n in range(201)), {"query"}),
        ("order=up&order_by=path", {"order", "order_by"}),
        ("limit=1&limit=2", {"limit"}),
    ],
)
async def test_bad_parameters_are_named(
    live: Live, api: Documented, query: str, fields: set[str]
) -> None:
    answer = await api.ask("GET", f"/jobs?{query}", "/jobs")
    assert answer.status_code == 400
    assert {problem["field"] for problem in answer.json()["errors"]} == fields


async def test_unknown_parameters_of_every_route_are_refused(live: Live) -> None:
    for path in ("/queue", "/stats", "/jobs/stats", "/ping", "/health", "/metrics"):
        assert (await live.client.get(f"{path}?x=1")).status_code == 400, path


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/jobs/{}", "/jobs/{job_id}"),
        ("DELETE", "/jobs/{}", "/jobs/{job_id}"),
        ("POST", "/jobs/{}/retry", "/jobs/{job_id}/retry"),
        ("POST", "/jobs/{}/undo", "/jobs/{job_id}/undo"),
        ("GET", "/batch/{}", "/batch/{batch_id}"),
        ("DELETE", "/batch/{}", "/batch/{batch_id}"),
        ("POST", "/batch/{}/undo", "/batch/{batch_id}/undo"),
        ("GET", "/webhook/{}", "/webhook/{webhook_id}"),
    ],
)
@pytest.mark.parametrize(
    "written",
    ["job_0000000000ff", "batch_0000000000ff", "webhook_0000000000ff", "job_FF", "job_" + "0" * 99],
)
async def test_unknown_ids_are_not_found(
    live: Live, api: Documented, method: str, path: str, route: str, written: str
) -> None:
    answer = await api.ask(method, path.format(written), route)
    assert answer.status_code == 404


async def test_cancel_retry_undo(live: Live, api: Documented) -> None:
    live.queue.jobs_kept[9] = kept_job(9, Status.RUNNING)
    cancelled = await api.ask("DELETE", "/jobs/job_000000000009", "/jobs/{job_id}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    again = await api.ask("DELETE", "/jobs/job_000000000009", "/jobs/{job_id}")
    assert (again.status_code, again.json()["final_status"]) == (409, "cancelled")
    retried = await api.ask("POST", "/jobs/job_000000000009/retry", "/jobs/{job_id}/retry")
    assert (retried.status_code, retried.json()["retry_of"]) == (202, "job_000000000009")
    undone = await api.ask("POST", "/jobs/job_000000000009/undo", "/jobs/{job_id}/undo")
    assert (undone.status_code, undone.json()["undo_of"]) == (202, "job_000000000009")


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (errors.QueueFull(), 503),
        (errors.WorkersOff(), 503),
        (errors.JournalUnavailable(), 503),
    ],
)
async def test_a_queue_that_cannot_take_more_says_when_to_come_back(
    live: Live, api: Documented, media: Path, failure: Exception, status: int
) -> None:
    live.queue.failure = failure
    for path, body in (("/jobs", {"paths": [f"{media}/a.mkv"]}), ("/batch", {"path": str(media)})):
        answer = await api.ask("POST", path, path, json=body)
        assert answer.status_code == status
        assert int(answer.headers["Retry-After"]) > 0


# --- batches ------------------------------------------------------------------


async def test_a_batch_starts(live: Live, api: Documented, media: Path) -> None:
    live.queue.find_files = 3
    body = {"path": str(media), "recursive": False, "pattern": "**/*.{mkv,mp4}", "dry_run": True,
            "priority": "low", "filters": {"min_size_mb": 100, "max_age_days": 0.5,
                                           "exclude_patterns": ["*sample*"]}}  # fmt: skip
    answer = await api.ask("POST", "/batch", "/batch", json=body)
    assert answer.status_code == 202
    started = answer.json()
    assert started["batch_id"] == started["job_id"]
    assert (started["estimated_files"], started["discovery_complete"]) == (3, True)
    asked = live.queue.new_batches[0]
    assert asked.filters.min_size_mb == 100
    assert asked.filters.exclude_patterns == ("*sample*",)
    assert asked.priority is Priority.LOW
    shown = (await api.ask("GET", f"/batch/{started['batch_id']}", "/batch/{batch_id}")).json()
    assert shown["filters"] == body["filters"]
    assert shown["progress"]["remaining"] == 3
    assert (await api.ask("GET", "/batch?status=queued", "/batch")).json()["total"] == 1
    same = await api.ask("GET", f"/jobs/{started['batch_id']}", "/jobs/{job_id}")
    assert same.json() == shown


async def test_a_second_batch_of_the_folder_is_a_conflict(
    live: Live, api: Documented, media: Path
) -> None:
    (media.parent / "link").symlink_to(media)
    first = await api.ask("POST", "/batch", "/batch", json={"path": str(media)})
    for path in (f"{media}/", f"{media}/../tv", f"{media.parent}/link"):
        again = await api.ask("POST", "/batch", "/batch", json={"path": path})
        assert again.status_code == 409
        assert again.json()["batch_id"] == first.json()["batch_id"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"path": "/etc"},
        {"path": "{media}/a.mkv"},
        {"path": "{media}/nothing"},
        {"path": "{media}", "pattern": "/abs/*.mkv"},
        {"path": "{media}", "pattern": "../*.mkv"},
        {"path": "{media}", "pattern": ""},
        {"path": "{media}", "priority": "high"},
        {"path": "{media}", "preset": "anime"},
        {"path": "{media}", "filters": {"min_size_mb": -1}},
        {"path": "{media}", "filters": {"exclude_patterns": ["a/b"]}},
        {"path": "{media}", "filters": None},
        {"path": 7, "recursive": "yes"},
    ],
)
async def test_a_bad_batch_is_refused(
    live: Live, api: Documented, media: Path, body: dict[str, Any]
) -> None:
    if "path" in body and isinstance(body["path"], str):
        body = {**body, "path": body["path"].format(media=media)}
    answer = await api.ask("POST", "/batch", "/batch", json=body)
    assert answer.status_code == 400
    assert live.queue.new_batches == []


async def test_no_batch_without_workers(live: Live, media: Path) -> None:
    config = configured(media.parent)
    off = type(config.processing)(worker_count=0)
    async with live_api(type(config)(config.media_roots, api=config.api, processing=off)) as idle:
        answer = await idle.client.post("/batch", json={"path": str(media)})
        assert answer.status_code == 503


@pytest.mark.parametrize(("force", "status"), [("", "cancelling"), ("?force=true", "cancelled")])
async def test_a_batch_is_cancelled(
    live: Live, api: Documented, media: Path, force: str, status: str
) -> None:
    started = await live.client.post("/batch", json={"path": str(media)})
    batch_id = started.json()["batch_id"]
    answer = await api.ask("DELETE", f"/batch/{batch_id}{force}", "/batch/{batch_id}")
    assert (answer.status_code, answer.json()["status"]) == (202, status)
    same = await api.ask("DELETE", f"/jobs/{batch_id}{force}", "/jobs/{job_id}")
    assert same.json() == answer.json()
    undo = await api.ask("POST", f"/batch/{batch_id}/undo", "/batch/{batch_id}/undo")
    assert undo.json() == {"batch_id": batch_id, "job_ids_total": 0}


async def test_progress_adds_up(live: Live, api: Documented, media: Path) -> None:
    await live.client.post("/batch", json={"path": str(media)})
    (seq, batch), *_ = live.queue.batches_kept.items()
    totals = Progress(
        total_files=120, success=40, skipped=5, cancelled=0, running=2, queued=73, track_changes=38
    )
    live.queue.batches_kept[seq] = attrs.evolve(
        batch, progress=totals, status=BatchStatus.RUNNING, files=(kept_job(9, result="success"),)
    )
    shown = (await api.ask("GET", f"/batch/batch_{seq:012x}", "/batch/{batch_id}")).json()
    progress = shown["progress"]
    assert progress["percent"] == progress["progress_percent"] == 37.5
    assert progress["processed"] == progress["completed"] == 45
    assert progress["remaining"] == 75
    assert progress["eta_seconds"] is None
    assert shown["results"] == {"success": 40, "failed": 0, "skipped": 5, "track_changes": 38}
    assert shown["files"][0]["status"] == "success"


# --- queue, statistics, administration ----------------------------------------


async def test_the_queue_shows_what_runs_and_what_is_next(live: Live, api: Documented) -> None:
    live.queue.jobs_kept[1] = kept_job(1, Status.RUNNING, worker_id=1)
    live.queue.jobs_kept[2] = kept_job(2, Status.QUEUED)
    shown = (await api.ask("GET", "/queue", "/queue")).json()
    assert shown["workers"] == {"total": 2, "active": 1, "idle": 1}
    assert [job["job_id"] for job in shown["current_jobs"]] == ["job_000000000001"]
    assert [job["position"] for job in shown["next_jobs"]] == [1]
    assert shown["total_jobs"] == 2


async def test_pause_and_resume(live: Live, api: Documented) -> None:
    assert (await api.ask("POST", "/queue/pause", "/queue/pause")).json()["paused"] is True
    assert (await api.ask("GET", "/queue", "/queue")).json()["paused"] is True
    assert (await live.client.get("/health")).json()["status"] == "degraded"
    assert (await api.ask("POST", "/queue/resume", "/queue/resume")).json()["paused"] is False


async def test_statistics(live: Live, api: Documented) -> None:
    empty = (await api.ask("GET", "/jobs/stats", "/jobs/stats")).json()
    assert empty["success_rate"] is None
    live.queue.jobs_kept = {
        1: kept_job(1), 2: kept_job(2), 3: kept_job(3), 4: kept_job(4, Status.FAILED),
    }  # fmt: skip
    jobs = (await api.ask("GET", "/jobs/stats", "/jobs/stats")).json()
    assert (jobs["total_files_processed"], jobs["success_rate"]) == (4, 0.75)
    stats = (await api.ask("GET", "/stats", "/stats")).json()
    assert stats["today"]["success_rate"] == 75.0
    assert stats["lifetime"]["total_time_hours"] == 0.002


async def test_cleanup(live: Live, api: Documented) -> None:
    body = {"older_than_days": 30, "statuses": ["completed", "cancelled"]}
    answer = await api.ask("POST", "/admin/cleanup", "/admin/cleanup", json=body)
    assert answer.json() == {"status": "ok", "deleted_jobs": 3, "message": "3 jobs removed"}
    assert live.queue.cleaned == [
        {"days": 30.0, "statuses": {Status.COMPLETED, Status.CANCELLED}, "dry_run": False}
    ]


@pytest.mark.parametrize(
    "body", [{}, {"older_than_days": -1}, {"older_than_days": 1, "statuses": ["running"]},
             {"older_than_days": 1, "statuses": []}, {"older_than_days": "30d"}],
)  # fmt: skip
async def test_a_bad_cleanup_removes_nothing(live: Live, api: Documented, body: Any) -> None:
    answer = await api.ask("POST", "/admin/cleanup", "/admin/cleanup", json=body)
    assert answer.status_code == 400
    assert live.queue.cleaned == []


async def test_health_tells_strangers_little(live: Live, api: Documented) -> None:
    stranger = (await live.stranger.get("/health")).json()
    assert set(stranger) == {"status", "version"}
    known = (await api.ask("GET", "/health", "/health")).json()
    assert {check["name"] for check in known["checks"]} >= {
        "journal", "paused", "ffmpeg", "disk_space",
    }  # fmt: skip
    assert known["journal"]["sqlite_version"] == "3.99.0"


async def test_a_journal_that_cannot_be_written_is_unhealthy(live: Live, api: Documented) -> None:
    live.queue.writable = False
    answer = await api.ask("GET", "/health", "/health")
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


# --- methods and headers ------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/jobs", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("GET", "/webhook/sonarr", {"OPTIONS", "POST", "PUT"}),
        ("POST", "/ping", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/batch/batch_000000000001", {"DELETE", "GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(
    live: Live, method: str, path: str, allowed: set[str]
) -> None:
    answer = await live.client.request(method, path)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == allowed
    assert answer.headers["content-type"] == "application/problem+json"


async def test_head_and_options(live: Live) -> None:
    head = await live.stranger.head("/ping")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "15"
    options = await live.stranger.options("/jobs")
    assert "POST" in options.headers["Allow"]
    assert "access-control-allow-origin" not in options.headers


async def test_every_answer_is_named_and_guarded(live: Live) -> None:
    for path in ("/ping", "/nope", "/docs", "/queue"):
        answer = await live.stranger.get(path)
        assert len(answer.headers["X-Request-Id"]) == 16
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    given = await live.stranger.get("/ping", headers={"X-Request-Id": "abc-1"})
    assert given.headers["X-Request-Id"] == "abc-1"
    forged = await live.stranger.get("/ping", headers={"X-Request-Id": "a b"})
    assert forged.headers["X-Request-Id"] != "a b"


# --- access -------------------------------------------------------------------


async def test_without_the_key_only_what_is_open(live: Live) -> None:
    document = (await live.stranger.get("/openapi.json")).json()
    opened = set()
    for path, methods in document["paths"].items():
        for method in methods:
            answer = await live.stranger.request(method, path.replace("{", "").replace("}", ""))
            if answer.status_code != 401:
                opened.add(f"{method.upper()} {path}")
            else:
                assert answer.headers["WWW-Authenticate"]
    assert opened == {"GET /ping", "GET /health", "POST /session", "DELETE /session"}


async def test_a_session_opens_the_api_for_its_own_pages(live: Live) -> None:
    own = {"Origin": f"http://127.0.0.1:{live.port}"}
    wrong = await live.stranger.post("/session", json={"api_key": "x"}, headers=own)
    assert wrong.status_code == 401
    foreign = {"Origin": "http://evil.example"}
    refused = await live.stranger.post("/session", json={"api_key": KEY}, headers=foreign)
    assert refused.status_code == 403
    signed_in = await live.stranger.post("/session", json={"api_key": KEY}, headers=own)
    assert signed_in.status_code == 204
    cookie = signed_in.headers["Set-Cookie"]
    assert KEY not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"} <= set(cookie.split("; "))
    assert (await live.stranger.get("/queue")).status_code == 200
    assert (await live.stranger.post("/queue/pause")).status_code == 403
    assert (await live.stranger.post("/queue/pause", headers=foreign)).status_code == 403
    assert (await live.stranger.post("/queue/pause", headers=own)).status_code == 200
    kept = live.stranger.cookies["arrtheaudio_session"]
    assert (await live.stranger.delete("/session", headers=own)).status_code == 204
    stolen = await live.stranger.get("/queue", headers={"Cookie": f"arrtheaudio_session={kept}"})
    assert stolen.status_code == 401


async def test_without_a_key_only_this_machine_is_served(tmp_path: Path) -> None:
    async with live_api(configured(tmp_path, auth="none"), key=None) as live:
        assert (await live.stranger.get("/queue")).status_code == 200
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            for path in ("/queue", "/health", "/ping"):
                assert (await live.stranger.get(path, headers=headers)).status_code == 403
