"""Batches over HTTP, with a queue in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from documented import Documented
from kept_jobs import kept_job
from live_api import Live, configured, live_api

from arrtheaudio.jobs.models import BatchStatus, Priority, Progress


async def test_a_batch_starts(live: Live, rest: Documented, media: Path) -> None:
    live.queue.find_files = 3
    body = {"path": str(media), "recursive": False, "pattern": "**/*.{mkv,mp4}", "dry_run": True,
            "priority": "low", "filters": {"min_size_mb": 100, "max_age_days": 0.5,
                                           "exclude_patterns": ["*sample*"]}}  # fmt: skip
    answer = await rest.ask("POST", "/batch", "/batch", json=body)
    assert answer.status_code == 202
    started = answer.json()
    assert started["batch_id"] == started["job_id"]
    assert (started["estimated_files"], started["discovery_complete"]) == (3, True)
    asked = live.queue.new_batches[0]
    assert asked.filters.min_size_mb == 100
    assert asked.filters.exclude_patterns == ("*sample*",)
    assert asked.priority is Priority.LOW
    shown = (await rest.ask("GET", f"/batch/{started['batch_id']}", "/batch/{batch_id}")).json()
    assert shown["filters"] == body["filters"]
    assert shown["progress"]["remaining"] == 3
    assert (await rest.ask("GET", "/batch?status=queued", "/batch")).json()["total"] == 1
    same = await rest.ask("GET", f"/jobs/{started['batch_id']}", "/jobs/{job_id}")
    assert same.json() == shown


async def test_a_second_batch_of_the_folder_is_a_conflict(
    live: Live, rest: Documented, media: Path
) -> None:
    (media.parent / "link").symlink_to(media)
    first = await rest.ask("POST", "/batch", "/batch", json={"path": str(media)})
    for path in (f"{media}/", f"{media}/../tv", f"{media.parent}/link"):
        again = await rest.ask("POST", "/batch", "/batch", json={"path": path})
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
    live: Live, rest: Documented, media: Path, body: dict[str, Any]
) -> None:
    if "path" in body and isinstance(body["path"], str):
        body = {**body, "path": body["path"].format(media=media)}
    answer = await rest.ask("POST", "/batch", "/batch", json=body)
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
    live: Live, rest: Documented, media: Path, force: str, status: str
) -> None:
    started = await live.client.post("/batch", json={"path": str(media)})
    batch_id = started.json()["batch_id"]
    answer = await rest.ask("DELETE", f"/batch/{batch_id}{force}", "/batch/{batch_id}")
    assert (answer.status_code, answer.json()["status"]) == (202, status)
    same = await rest.ask("DELETE", f"/jobs/{batch_id}{force}", "/jobs/{job_id}")
    assert same.json() == answer.json()
    undo = await rest.ask("POST", f"/batch/{batch_id}/undo", "/batch/{batch_id}/undo")
    assert undo.json() == {"batch_id": batch_id, "job_ids_total": 0}


async def test_progress_adds_up(live: Live, rest: Documented, media: Path) -> None:
    await live.client.post("/batch", json={"path": str(media)})
    (seq, batch), *_ = live.queue.batches_kept.items()
    totals = Progress(
        total_files=120, success=40, skipped=5, cancelled=0, running=2, queued=73, track_changes=38
    )
    live.queue.batches_kept[seq] = attrs.evolve(
        batch, progress=totals, status=BatchStatus.RUNNING, files=(kept_job(9, result="success"),)
    )
    shown = (await rest.ask("GET", f"/batch/batch_{seq:012x}", "/batch/{batch_id}")).json()
    progress = shown["progress"]
    assert progress["percent"] == progress["progress_percent"] == 37.5
    assert progress["processed"] == progress["completed"] == 45
    assert progress["remaining"] == 75
    assert progress["eta_seconds"] is None
    assert shown["results"] == {"success": 40, "failed": 0, "skipped": 5, "track_changes": 38}
    assert shown["files"][0]["status"] == "success"
