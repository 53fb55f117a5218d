"""Jobs over HTTP: by hand, lists, one in full, cancel, retry, undo; with a queue in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from documented import Documented
from kept_jobs import kept_job
from live_api import Live, configured, live_api

from arrtheaudio import errors
from arrtheaudio.jobs.models import Status


async def test_files_by_hand(live: Live, rest: Documented, media: Path) -> None:
    body = {"paths": [f"{media}/a.mkv", f"{media}/b.avi"], "language_priority": ["jpn"],
            "priority": "low"}  # fmt: skip
    answer = await rest.ask("POST", "/jobs", "/jobs", json=body)
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
    live: Live, rest: Documented, body: Any, fields: set[str]
) -> None:
    answer = await rest.ask("POST", "/jobs", "/jobs", json=body)
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


async def test_one_job_in_full(live: Live, rest: Documented) -> None:
    live.queue.jobs_kept[9] = kept_job(9, webhook=4, result="success", duration_ms=2)
    answer = await rest.ask("GET", "/jobs/job_000000000009", "/jobs/{job_id}")
    job = answer.json()
    assert job["file_path"] == "/media/caf�.mkv"
    assert job["created_at"] == "2023-11-14T22:13:20.000Z"
    assert job["webhook_id"] == "webhook_000000000004"
    assert job["events"] == [
        {"seq": 5, "at": "2023-11-14T22:13:20.250Z", "type": "job.queued", "status": "completed",
         "job_id": "job_000000000009", "webhook_id": "webhook_000000000004", "batch_id": None,
         "file_path": "/m�", "priority": "high", "next_attempt_at": "2023-11-14T22:14:20.000Z"}
    ]  # fmt: skip


async def test_a_list_of_jobs_passes_its_filter_on(live: Live, rest: Documented) -> None:
    live.queue.jobs_kept[9] = kept_job(9)
    query = (
        "status=queued&status=failed&result=skipped&batch_id=batch_00000000000a&source=manual"
        "&container=mp4&path=/media&q=cafe%CC%81&limit=1000&offset=0&order_by=updated_at&order=asc"
    )
    answer = await rest.ask("GET", f"/jobs?{query}", "/jobs")
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
        ("before=9&order=asc", {"before"}),
    ],
)
async def test_bad_parameters_are_named(
    live: Live, rest: Documented, query: str, fields: set[str]
) -> None:
    answer = await rest.ask("GET", f"/jobs?{query}", "/jobs")
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
    live: Live, rest: Documented, method: str, path: str, route: str, written: str
) -> None:
    answer = await rest.ask(method, path.format(written), route)
    assert answer.status_code == 404


async def test_cancel_retry_undo(live: Live, rest: Documented) -> None:
    live.queue.jobs_kept[9] = kept_job(9, Status.RUNNING)
    cancelled = await rest.ask("DELETE", "/jobs/job_000000000009", "/jobs/{job_id}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    again = await rest.ask("DELETE", "/jobs/job_000000000009", "/jobs/{job_id}")
    assert (again.status_code, again.json()["final_status"]) == (409, "cancelled")
    retried = await rest.ask("POST", "/jobs/job_000000000009/retry", "/jobs/{job_id}/retry")
    assert (retried.status_code, retried.json()["retry_of"]) == (202, "job_000000000009")
    undone = await rest.ask("POST", "/jobs/job_000000000009/undo", "/jobs/{job_id}/undo")
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
    live: Live, rest: Documented, media: Path, failure: Exception, status: int
) -> None:
    live.queue.failure = failure
    for path, body in (("/jobs", {"paths": [f"{media}/a.mkv"]}), ("/batch", {"path": str(media)})):
        answer = await rest.ask("POST", path, path, json=body)
        assert answer.status_code == status
        assert int(answer.headers["Retry-After"]) > 0
