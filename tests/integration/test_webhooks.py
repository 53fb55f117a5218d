"""Deliveries of Sonarr and Radarr against a live server: what is journalled, what is answered."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from fake_queue import FakeQueue
from live_api import KEY, Live, configured, live_api
from structlog.testing import capture_logs

from arrtheaudio.api import storage, webhooks
from arrtheaudio.config import Config, Execution, PathMappingConfig, Processing
from arrtheaudio.errors import JournalUnavailable, QueueFull
from arrtheaudio.jobs.models import Accepted, Job, Status


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """One media root; Sonarr calls it /tv, on another machine T:."""
    local = str(tmp_path / "tv")
    Path(local).mkdir()
    mappings = (
        PathMappingConfig(remote="/tv", local=local),
        PathMappingConfig(remote="T:\\", local=local),
        PathMappingConfig(remote="/tv", local=f"{local}/4k", instance="four-k"),
    )
    return attrs.evolve(configured(tmp_path), path_mappings=mappings)


@pytest.fixture
async def live(config: Config) -> AsyncIterator[Live]:
    async with live_api(config) as running:
        yield running


def download(*paths: str, **series: Any) -> dict[str, Any]:
    """A Download with these files."""
    return {
        "eventType": "Download",
        "series": {"title": "Harbour", "path": "/tv/Harbour", "type": "anime", **series},
        "episodeFiles": [{"path": path, "size": 7} for path in paths],
    }


async def test_a_delivery_is_answered_with_its_ids(live: Live, tmp_path: Path) -> None:
    body = download("/tv/a.mkv", "/tv/b.mkv", "/tv/c.mp4", originalLanguage={"name": "Japanese"})
    answer = await live.client.post("/webhook/sonarr", json=body)
    assert answer.status_code == 202
    view = answer.json()
    assert view["status"] == "accepted"
    assert view["file_count"] == len(view["job_ids"]) == 3
    assert view["message"] == "3 files queued for processing"
    (delivery,) = live.queue.new_deliveries
    assert (delivery.source, delivery.instance, delivery.title) == ("sonarr", None, "Harbour")
    job = delivery.jobs[0]
    assert job.path == f"{tmp_path}/tv/a.mkv".encode()
    assert job.requested_path == "/tv/a.mkv"
    assert (job.original_language, job.series_type, job.expected_size) == ("ja", "anime", 7)
    assert job.refused is None
    shown = (await live.client.get(f"/webhook/{view['webhook_id']}")).json()
    assert (shown["total_jobs"], shown["queued"], shown["series_title"]) == (3, 3, "Harbour")
    assert [one["job_id"] for one in shown["jobs"]] == view["job_ids"]


async def test_put_is_as_good_as_post(live: Live) -> None:
    assert (
        await live.client.put("/webhook/radarr/", json=download("/tv/a.mkv"))
    ).status_code == 202
    assert live.queue.new_deliveries[0].source == "radarr"


async def test_an_instance_has_its_own_mappings(live: Live, tmp_path: Path) -> None:
    await live.client.post("/webhook/sonarr/four-k", json=download("/tv/a.mkv"))
    (delivery,) = live.queue.new_deliveries
    assert delivery.instance == "four-k"
    assert delivery.jobs[0].path == f"{tmp_path}/tv/4k/a.mkv".encode()


async def test_windows_paths_are_mapped(live: Live, tmp_path: Path) -> None:
    await live.client.post("/webhook/sonarr", json=download("T:\\Show\\a.mkv"))
    assert live.queue.new_jobs[0].path == f"{tmp_path}/tv/Show/a.mkv".encode()


async def test_one_path_twice_is_one_job(live: Live) -> None:
    answer = await live.client.post(
        "/webhook/sonarr", json=download("/tv/a.mkv", "/tv/a.mkv", "/tv//x/../a.mkv")
    )
    assert answer.json()["file_count"] == 1


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd.mkv", "/tv/../../../etc/passwd.mkv", "C:\\other\\a.mkv", "\\\\nas\\tv\\a.mkv",
     "/tv/" + "x" * 300 + ".mkv", "/tv/" + "y/" * 2040 + "a.mkv"],
)  # fmt: skip
async def test_a_path_outside_the_media_roots_is_a_skipped_job(live: Live, path: str) -> None:
    answer = await live.client.post("/webhook/sonarr", json=download(path))
    assert answer.status_code == 202
    refused = live.queue.new_jobs[0].refused
    assert refused is not None
    assert refused[0] == "outside_media_roots"


async def test_each_refused_file_of_a_delivery_is_told_in_the_log(live: Live) -> None:
    """The commonest first mistake, and Sonarr shows nothing of the answer."""
    with capture_logs() as logs:
        body = download("/tv/a.mkv", "/data/b.mkv", "/tv/c.avi")
        view = (await live.client.post("/webhook/sonarr", json=body)).json()
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [(one["path"], one["reason"], one["job"]) for one in warnings] == [
        ("/data/b.mkv", "outside_media_roots", view["job_ids"][1]),
        ("/tv/c.avi", "unsupported_container", view["job_ids"][2]),
    ]
    assert "path_mappings" in warnings[0]["why"], "it says what to do"


async def test_thousands_of_refused_files_do_not_fill_the_log(live: Live) -> None:
    paths = [f"/data/{number}.mkv" for number in range(webhooks.LOGGED_FILES + 7)]
    with capture_logs() as logs:
        view = (await live.client.post("/webhook/sonarr", json=download(*paths))).json()
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert len(warnings) == webhooks.LOGGED_FILES + 1
    assert (warnings[-1]["files"], warnings[-1]["webhook"]) == (7, view["webhook_id"])


async def test_a_link_out_of_the_media_roots_is_a_skipped_job(live: Live, tmp_path: Path) -> None:
    (tmp_path / "tv" / "out").symlink_to("/etc")
    await live.client.post("/webhook/sonarr", json=download("/tv/out/passwd.mkv"))
    refused = live.queue.new_jobs[0].refused
    assert refused is not None
    assert "it leads to /etc/passwd.mkv" in refused[1]


async def test_another_container_is_a_skipped_job(live: Live) -> None:
    await live.client.post("/webhook/sonarr", json=download("/tv/a.avi", "/tv/noext", "/tv/.mkv2"))
    assert [job.refused and job.refused[0] for job in live.queue.new_jobs] == [
        "unsupported_container"
    ] * 3


@pytest.mark.parametrize(
    "name", ["café.mkv", "日本.mkv", "-rf.mkv", "a\nb.mkv", "$(x).mkv", "�.mkv"]
)
async def test_odd_names_are_names(live: Live, tmp_path: Path, name: str) -> None:
    await live.client.post("/webhook/sonarr", json=download(f"/tv/{name}"))
    assert live.queue.new_jobs[0].path == f"{tmp_path}/tv/{name}".encode()
    assert live.queue.new_jobs[0].refused is None


@pytest.mark.parametrize("kind", ["Test", "test", "TEST"])
async def test_the_test_button_is_answered(live: Live, kind: str) -> None:
    answer = await live.client.post("/webhook/radarr", json={"eventType": kind})
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert live.queue.new_deliveries == []


@pytest.mark.parametrize("kind", ["Grab", "Rename", "Health", "SomethingNew"])
async def test_other_events_are_ignored(live: Live, kind: str) -> None:
    answer = await live.client.post("/webhook/sonarr", json={"eventType": kind})
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert live.queue.new_deliveries == []


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded",
                     "multipart/form-data; boundary=x", "application/json; charset=latin-1"],
)  # fmt: skip
async def test_the_body_is_json_whatever_it_is_called(live: Live, content_type: str | None) -> None:
    raw = json.dumps(download("/tv/é.mkv"), ensure_ascii=False).encode()
    headers = {} if content_type is None else {"Content-Type": content_type}
    answer = await live.client.post("/webhook/sonarr", content=raw, headers=headers)
    assert answer.status_code == 202


async def test_a_byte_order_mark_is_forgiven(live: Live) -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(download("/tv/a.mkv")).encode()
    assert (await live.client.post("/webhook/sonarr", content=raw)).status_code == 202


@pytest.mark.parametrize(("failure", "status"), [(QueueFull(), 503), (JournalUnavailable(), 503)])
async def test_what_cannot_be_journalled_is_not_accepted(
    live: Live, failure: Exception, status: int
) -> None:
    live.queue.failure = failure
    answer = await live.client.post("/webhook/sonarr", json=download("/tv/a.mkv"))
    assert answer.status_code == status
    assert int(answer.headers["Retry-After"]) > 0


async def test_an_unknown_parameter_of_a_sender_does_not_matter(live: Live) -> None:
    answer = await live.stranger.post(
        f"/webhook/sonarr?apikey={KEY}&source=docker", json=download("/tv/a.mkv")
    )
    assert answer.status_code == 202


async def test_a_signed_body_needs_no_key(live: Live) -> None:
    raw = json.dumps(download("/tv/a.mkv")).encode()
    digest = hmac.new(KEY.encode(), raw, hashlib.sha256).hexdigest()
    for signature in (digest, f"sha256={digest}", KEY):
        headers = {"X-Webhook-Signature": signature}
        answer = await live.stranger.post("/webhook/sonarr", content=raw, headers=headers)
        assert answer.status_code == 202
    forged = await live.stranger.post("/webhook/sonarr", content=raw + b" ", headers={
        "X-Webhook-Signature": digest})  # fmt: skip
    assert forged.status_code == 401


async def test_basic_authentication_with_the_key_as_password(live: Live) -> None:
    answer = await live.stranger.post(
        "/webhook/sonarr", json={"eventType": "Test"}, auth=("sonarr", KEY)
    )
    assert answer.status_code == 200


async def test_without_a_key_nothing_is_read(live: Live) -> None:
    answer = await live.stranger.post("/webhook/sonarr", json=download("/tv/a.mkv"))
    assert answer.status_code == 401
    assert live.queue.new_deliveries == []


async def test_a_dry_run_daemon_makes_dry_run_jobs(config: Config) -> None:
    async with live_api(attrs.evolve(config, execution=Execution(dry_run=True))) as live:
        await live.client.post("/webhook/sonarr", json=download("/tv/a.mkv"))
        assert live.queue.new_jobs[0].dry_run


async def test_silent_storage_does_not_lose_a_delivery(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(self: storage.Storage, look: Any, near: bytes = b"") -> Any:
        raise storage.StorageSilent

    monkeypatch.setattr(storage.Storage, "look", silent)
    answer = await live.client.post(
        "/webhook/sonarr", json=download("/tv/a.mkv", "/etc/b.mkv", "/tv/../../c.mkv")
    )
    assert answer.status_code == 202
    assert [job.refused is None for job in live.queue.new_jobs] == [True, False, False]
    by_hand = await live.client.post("/jobs", json={"paths": [f"{tmp_path}/a.mkv"]})
    assert by_hand.status_code == 503


async def test_a_look_at_dead_storage_is_given_up(live: Live) -> None:
    release = trio.Event()
    token = trio.lowlevel.current_trio_token()
    looker = storage.Storage(attrs.make_class("S", {"config": attrs.field()})(live.config))

    def hang() -> None:
        trio.from_thread.run(release.wait, trio_token=token)

    with pytest.raises(storage.StorageSilent):
        await looker.look(hang, seconds=0.01)
    release.set()


# --- worker_count 0 -----------------------------------------------------------


def without_workers(config: Config) -> Config:
    return attrs.evolve(config, processing=Processing(worker_count=0))


async def test_without_workers_the_answer_tells_how_it_ended(config: Config) -> None:
    queue = FakeQueue()

    async def run_here(accepted: Accepted) -> list[Job]:
        return [
            attrs.evolve(queue.jobs_kept[seq], status=Status.COMPLETED, result="success")
            for seq in accepted.jobs
        ]

    async with live_api(without_workers(config), queue=queue, run_here=run_here) as live:
        answer = await live.client.post("/webhook/sonarr", json=download("/tv/a.mkv"))
        assert answer.status_code == 200
        view = answer.json()
        assert view["status"] == "processed"
        assert view["jobs"] == [
            {"job_id": view["job_ids"][0], "status": "completed", "result": "success",
             "reason": None}
        ]  # fmt: skip


async def test_without_workers_a_long_run_is_accepted(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "PROCESS_SECONDS", 0.01)

    async def run_here(accepted: Accepted) -> list[Job]:
        return await trio.sleep_forever()

    async with live_api(without_workers(config), run_here=run_here) as live:
        answer = await live.client.post("/webhook/sonarr", json=download("/tv/a.mkv"))
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")


@pytest.mark.parametrize("before", [True, False])
async def test_without_workers_a_daemon_that_stops_accepts_what_is_durable(
    config: Config, before: bool
) -> None:
    stopping = trio.Event()
    if before:
        stopping.set()

    async def run_here(accepted: Accepted) -> list[Job]:
        stopping.set()
        return await trio.sleep_forever()

    async with live_api(without_workers(config), run_here=run_here, stopping=stopping) as live:
        answer = await live.client.post("/webhook/sonarr", json=download("/tv/a.mkv"))
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")


async def test_without_workers_a_journal_that_fails_meanwhile_is_a_problem_of_its_own(
    config: Config,
) -> None:
    async def run_here(accepted: Accepted) -> list[Job]:
        raise JournalUnavailable("gone")

    async with live_api(without_workers(config), run_here=run_here) as live:
        answer = await live.client.post("/webhook/sonarr", json=download("/tv/a.mkv"))
        assert answer.status_code == 503
