"""The examples of the HTTP contract against all real parts: journal, workers, files, sockets."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from live_api import KEY
from whole_api import Whole, film, mapped, season_pack, whole_api

from arrtheaudio._derived import settings_of
from arrtheaudio.config import Config, Processing
from arrtheaudio.jobs.engine import MediaEngine


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Two workers, two places."""
    return mapped(tmp_path / "media", max_queue_size=2)


@pytest.fixture
async def whole(config: Config, tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_api(config, tmp_path) as running:
        yield running


async def test_a_season_pack_from_delivery_to_undo(whole: Whole, config: Config) -> None:
    names = ("s/1.mkv", "s/2.mkv", "s/3.mkv")
    before = [film(config, name).read_bytes() for name in names]
    answer = await whole.live.client.post("/webhook/sonarr", json=season_pack(*names))
    assert answer.status_code == 202
    jobs = await whole.ended(*answer.json()["job_ids"])
    for job, name in zip(jobs, names, strict=True):
        assert (job["status"], job["result"], job["track_changed"]) == (
            "completed",
            "success",
            True,
        )
        assert job["selected_track"]["language"] == "en"
        assert [track["chosen"] for track in job["tracks"]] == [False, True]
        assert job["method"] == "in_place"
        assert job["context"]["tags"] == ["dub"]
        assert job["context"]["requested_path"] == f"/tv/{name}"
        assert job["events"][0]["type"] == "job.queued"
        assert job["events"][-1]["type"] == "job.completed"
        assert all(event["job_id"] == job["job_id"] for event in job["events"])
    shown = await whole.get(f"/webhook/{answer.json()['webhook_id']}")
    assert (shown["completed"], shown["total_jobs"], shown["skipped"]) == (3, 3, 0)
    assert film_bytes(config, names) != before
    undone = await whole.live.client.post(f"/jobs/{jobs[0]['job_id']}/undo")
    (undo,) = await whole.ended(undone.json()["job_id"])
    assert (undo["kind"], undo["status"]) == ("undo", "completed")
    assert film_bytes(config, names)[0] == before[0]
    again = await whole.live.client.post(f"/jobs/{jobs[0]['job_id']}/undo")
    assert again.status_code == 409


def film_bytes(config: Config, names: tuple[str, ...]) -> list[bytes]:
    return [Path(config.media_roots[0], name).read_bytes() for name in names]


async def test_a_batch_from_start_to_end(whole: Whole, config: Config) -> None:
    for number in range(5):
        film(config, f"show/{number}.mkv")
    film(config, "show/sample-1.mkv")
    body = {"path": f"{config.media_roots[0]}/show", "filters": {"exclude_patterns": ["*sample*"]}}
    started = await whole.live.client.post("/batch", json=body)
    assert started.status_code == 202
    assert (started.json()["estimated_files"], started.json()["discovery_complete"]) == (5, True)
    await whole.completed(started.json()["batch_id"])
    shown = await whole.get(f"/batch/{started.json()['batch_id']}?limit=2")
    assert shown["status"] == "completed"
    assert shown["progress"]["percent"] == 100.0
    assert shown["results"] == {"success": 5, "failed": 0, "skipped": 0, "track_changes": 5}
    assert (len(shown["files"]), shown["files_total"]) == (2, 5)
    assert (await whole.get("/batch?status=completed"))["total"] == 1
    ended = await whole.live.client.delete(f"/batch/{started.json()['batch_id']}")
    assert ended.status_code == 409
    undone = await whole.live.client.post(f"/batch/{started.json()['batch_id']}/undo")
    assert undone.json()["job_ids_total"] == 5


async def test_a_full_queue_refuses_whole_and_says_when_to_come_back(
    whole: Whole, config: Config
) -> None:
    assert (await whole.live.client.post("/queue/pause")).json()["paused"] is True
    names = [film(config, f"{number}.mkv").name for number in range(4)]
    first = await whole.live.client.post("/webhook/sonarr", json=season_pack(*names[:3]))
    assert first.status_code == 202  # larger than the limit, and taken whole
    second = await whole.live.client.post("/webhook/sonarr", json=season_pack(names[3]))
    assert second.status_code == 503
    assert int(second.headers["Retry-After"]) > 0
    queue = await whole.get("/queue")
    assert (queue["queued"], queue["capacity"]) == (3, {"limit": 2, "used": 3})
    assert [job["position"] for job in queue["next_jobs"]] == [1, 2, 3]
    cancelled = await whole.live.client.delete(f"/jobs/{first.json()['job_ids'][0]}")
    assert cancelled.json()["status"] == "cancelled"
    await whole.live.client.post("/queue/resume")
    ended = await whole.ended(*first.json()["job_ids"])
    assert [job["status"] for job in ended] == ["cancelled", "completed", "completed"]
    retried = await whole.live.client.post(f"/jobs/{first.json()['job_ids'][0]}/retry")
    (job,) = await whole.ended(retried.json()["job_id"])
    assert (job["status"], job["retry_of"]) == ("completed", first.json()["job_ids"][0])


async def test_what_may_not_be_touched_is_a_skipped_job_with_its_reason(
    whole: Whole, config: Config
) -> None:
    body = season_pack("../../etc/x.mkv", "a.avi")
    answer = await whole.live.client.post("/webhook/sonarr", json=body)
    outside, avi = await whole.ended(*answer.json()["job_ids"])
    assert (outside["result"], outside["reason"]) == ("skipped", "outside_media_roots")
    assert (avi["result"], avi["reason"]) == ("skipped", "unsupported_container")
    assert outside["attempt"] == 0
    shown = await whole.get(f"/webhook/{answer.json()['webhook_id']}")
    assert (shown["completed"], shown["skipped"]) == (2, 2)


async def test_a_file_that_never_comes_is_retried_and_then_failed(
    whole: Whole, config: Config
) -> None:
    film(config, "another.mkv")  # the share is mounted
    answer = await whole.live.client.post("/webhook/sonarr", json=season_pack("later.mkv"))
    assert answer.status_code == 202
    (job,) = await whole.ended(*answer.json()["job_ids"])
    assert (job["status"], job["reason"]) == ("failed", "not_found")
    assert job["attempt"] == job["max_attempts"] == 3
    assert job["priority"] == "low"


async def test_statistics_health_and_metrics_of_a_live_queue(whole: Whole, config: Config) -> None:
    film(config, "a.mkv")
    answer = await whole.live.client.post("/webhook/radarr", json=season_pack("a.mkv"))
    await whole.ended(*answer.json()["job_ids"])
    stats = await whole.get("/stats")
    assert stats["today"]["jobs_completed"] == 1
    assert stats["containers"]["mkv_processed"] == 1
    assert (await whole.get("/jobs/stats"))["success_rate"] == 1.0
    health = await whole.get("/health")
    assert health["status"] == "healthy"
    assert health["journal"]["seq"] >= 4
    metrics = (await whole.live.client.get("/metrics")).text
    assert 'arrtheaudio_job_seconds_count{container="mkv",method="in_place"} 1.0' in metrics


async def test_the_age_of_the_oldest_waiting_job_is_measured(whole: Whole) -> None:
    assert "arrtheaudio_oldest_waiting_seconds 0.0" in (await metrics_of(whole))
    await whole.live.client.post("/queue/pause")
    await whole.live.client.post("/webhook/sonarr", json=season_pack("a.mkv"))
    (line,) = [
        line for line in await metrics_of(whole) if line.startswith("arrtheaudio_oldest_waiting")
    ]
    assert float(line.split()[1]) > 0


async def test_depth_is_measured_by_status_and_priority_and_commits_by_what_they_held(
    whole: Whole, config: Config
) -> None:
    film(config, "a.mkv")
    await whole.live.client.post("/queue/pause")
    await whole.live.client.post("/webhook/sonarr", json=season_pack("a.mkv", "b.mkv"))
    lines = await metrics_of(whole)
    assert 'arrtheaudio_jobs{priority="high",status="queued"} 2.0' in lines
    assert 'arrtheaudio_jobs{priority="low",status="queued"} 0.0' in lines
    assert "arrtheaudio_feed_clients 0.0" in lines
    figures = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    commits = float(figures["arrtheaudio_journal_commits_total"])
    assert 1 <= commits <= float(figures["arrtheaudio_journal_requests_total"])
    assert float(figures["arrtheaudio_journal_commit_seconds_total"]) > 0


async def metrics_of(whole: Whole) -> list[str]:
    return (await whole.live.client.get("/metrics")).text.splitlines()


async def test_64_clients_at_once_lose_nothing(whole: Whole, config: Config) -> None:
    whole.queue.configure(attrs.evolve(settings_of(config), max_queue_size=10_000))
    await whole.live.client.post("/queue/pause")
    ids: list[str] = []

    async def client(number: int) -> None:
        for delivery in range(4):
            names = (f"{number}/{delivery}/{file}.mkv" for file in range(3))
            answer = await whole.live.client.post(
                "/webhook/sonarr", json=season_pack(*names), headers={"X-Api-Key": KEY}
            )
            assert answer.status_code == 202
            ids.extend(answer.json()["job_ids"])

    async with trio.open_nursery() as nursery:
        for number in range(64):
            nursery.start_soon(client, number)
    assert len(set(ids)) == 64 * 4 * 3
    assert (await whole.get("/jobs?limit=1"))["total"] == len(ids)


@pytest.mark.parametrize("how", ["reset", "closed"])
async def test_without_workers_a_client_that_hangs_up_cancels_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    config = mapped(tmp_path / "media", worker_count=0)
    film(config, "a.mkv")
    film(config, "b.mkv")
    entered, release = trio.Event(), trio.Event()
    process = MediaEngine.process

    async def slow(self: MediaEngine, claim: Any, **how: Any) -> Any:
        entered.set()
        await release.wait()
        return await process(self, claim, **how)

    monkeypatch.setattr(MediaEngine, "process", slow)
    async with whole_api(config, tmp_path) as whole:
        body = json.dumps(season_pack("a.mkv", "b.mkv")).encode()
        head = f"POST /webhook/sonarr HTTP/1.1\r\nHost: x\r\nX-Api-Key: {KEY}\r\n"
        stream = await whole.live.connect()
        await stream.send_all(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await entered.wait()
        if how == "reset":
            linger = struct.pack("ii", 1, 0)
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        stream.socket.close()
        jobs = (await whole.get("/jobs"))["jobs"]
        release.set()
        ended = await whole.ended(*(job["job_id"] for job in jobs))
    assert [job["result"] for job in ended] == ["success", "success"]


async def test_a_flood_of_100_deliveries_at_default_settings_is_taken(tmp_path: Path) -> None:
    """As many as there are places: while none has run yet, and none of them refused."""
    config = attrs.evolve(mapped(tmp_path / "media"), processing=Processing())
    for number in range(100):
        film(config, f"{number}.mkv")
    statuses: list[int] = []
    ids: list[str] = []
    async with whole_api(config, tmp_path) as whole, trio.open_nursery() as nursery:

        async def deliver(number: int) -> None:
            body = season_pack(f"{number}.mkv")
            answer = await whole.live.client.post("/webhook/sonarr", json=body)
            statuses.append(answer.status_code)
            ids.extend(answer.json()["job_ids"])

        await whole.live.client.post("/queue/pause")
        async with trio.open_nursery() as flood:
            for number in range(100):
                flood.start_soon(deliver, number)
        assert statuses == [202] * 100
        one_more = await whole.live.client.post("/webhook/sonarr", json=season_pack("0.mkv"))
        assert one_more.status_code == 503
        await whole.live.client.post("/queue/resume")
        assert {job["result"] for job in await whole.ended(*ids)} == {"success"}
        nursery.cancel_scope.cancel()
