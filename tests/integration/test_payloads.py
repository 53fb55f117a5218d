"""Real deliveries, friendly, odd and hostile, to both webhooks: never a 5xx, never a hang."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import attrs
import pytest
from live_api import Live, configured, live_api

from arrtheaudio.config import PathMappingConfig

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "payloads"
NAMES = sorted(path.name for path in FOLDER.glob("*") if path.suffix in {".json", ".txt", ".bin"})

# What each is: (status, jobs journalled); both webhooks read both senders.
EXPECTED = {
    "sonarr_download_single.json": (202, 1),
    "sonarr_upgrade.json": (202, 1),
    "sonarr_import_complete_season_pack.json": (202, 3),
    "radarr_download.json": (202, 1),
    "sonarr_test.json": (200, 0),
    "radarr_test.json": (200, 0),
    "sonarr_rename.json": (200, 0),
    "radarr_rename.json": (200, 0),
    "sonarr_grab.json": (200, 0),
    "sonarr_health.json": (200, 0),
    "sonarr_episode_file_delete.json": (200, 0),
    "radarr_movie_file_delete.json": (200, 0),
    "edge_relative_path_only.json": (202, 1),
    "edge_replacement_char_path.json": (202, 1),
    "edge_lowercase_event.json": (202, 1),
    "edge_unknown_event.json": (200, 0),
    "hostile_empty_body.txt": (400, 0),
    "hostile_nan.txt": (400, 0),
    "hostile_truncated.txt": (400, 0),
    "hostile_non_utf8.bin": (400, 0),
    "hostile_top_level_array.json": (400, 0),
    "hostile_top_level_scalar.json": (400, 0),
    "hostile_missing_event_type.json": (400, 0),
    "hostile_download_without_file.json": (400, 0),
    "hostile_empty_file_list.json": (400, 0),
}


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    mappings = tuple(
        PathMappingConfig(remote=remote, local=str(tmp_path)) for remote in ("/tv", "/movies")
    )
    async with live_api(attrs.evolve(configured(tmp_path), path_mappings=mappings)) as running:
        yield running


@pytest.mark.usefixtures("payloads")
def test_the_payloads_are_here() -> None:
    assert set(EXPECTED) <= set(NAMES)


@pytest.mark.parametrize("app", ["sonarr", "radarr"])
@pytest.mark.parametrize("name", NAMES)
async def test_each_payload_is_answered_and_the_daemon_well(
    live: Live, name: str, app: str
) -> None:
    raw = (FOLDER / name).read_bytes()
    headers = {"Content-Type": "application/json"}
    answer = await live.client.post(f"/webhook/{app}", content=raw, headers=headers)
    assert answer.status_code < 500
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert live.queue.new_jobs == []
    if name in EXPECTED:
        assert (answer.status_code, len(live.queue.new_jobs)) == EXPECTED[name]
    for job in live.queue.new_jobs:  # whatever was taken lies inside, or is refused
        inside = job.path.startswith(bytes(Path(live.config.media_roots[0])) + b"/")
        assert inside or job.refused is not None
    assert (await live.stranger.get("/health")).json()["status"] == "healthy"


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 100_000,
        b'{"eventType": "Download", "x": ' + b"9" * 6000 + b"}",
        b'{"eventType": "Download", "episodeFile": {"path": "/tv/\\ud800.mkv"}}',
        b'{"eventType": "Download", "eventType": "Test"}',
        '{"eventType": "Test"}'.encode("utf-16"),
        b"\xff" * 1000,
    ],
    ids=["deep", "huge integer", "lone surrogate", "key twice", "utf-16", "noise"],
)
async def test_what_is_no_json_is_a_400(live: Live, raw: bytes) -> None:
    answer = await live.client.post("/webhook/sonarr", content=raw)
    assert answer.status_code == 400
    assert (await live.stranger.get("/ping")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/tv/a\0b.mkv", "", " ", ".", "/", "/tv", "/tv/", "tv/a.mkv", "\\"]
)
async def test_a_path_that_is_none_never_breaks_a_delivery(live: Live, path: str) -> None:
    body = {"eventType": "Download", "episodeFiles": [{"path": path}, {"path": "/tv/good.mkv"}]}
    answer = await live.client.post("/webhook/sonarr", content=json.dumps(body).encode())
    assert answer.status_code == 202
    assert live.queue.new_jobs[-1].path.endswith(b"/good.mkv")
