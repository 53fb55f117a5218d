"""What holds for every address: its spellings, methods and headers."""

from __future__ import annotations

from pathlib import Path

import pytest
from live_api import KEY, Live, configured, live_api
from structlog.testing import capture_logs


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


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/jobs/job_0000000000ff"),
        ("GET", "/jobs?limit=0"),
        ("GET", "/nowhere"),
        ("PATCH", "/jobs"),
        ("POST", "/webhook/sonarr"),
    ],
)
async def test_the_log_line_of_a_refused_request_says_why(
    tmp_path: Path, method: str, path: str
) -> None:
    with capture_logs() as logs:  # until the server has ended: a line comes after the answer
        async with live_api(configured(tmp_path)) as live:
            answer = await live.client.request(method, path)
            await live.client.post("/queue/pause")
    refused, other = (line for line in logs if line["event"] == "request")
    assert refused["detail"] == answer.json()["detail"]
    assert "detail" not in other


async def test_the_log_line_of_an_address_outside_of_the_prefix_says_why(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with live_api(configured(tmp_path, url_base="/audio")) as live:
            await live.client.get(f"http://127.0.0.1:{live.port}/queue")
    (refused,) = (line for line in logs if line["event"] == "request")
    assert refused["detail"] == "There is nothing at this address."


async def test_a_long_detail_is_shortened_in_the_log(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with live_api(configured(tmp_path)) as live:
            paths = ["/etc/" + "x" * 200] * 90
            answer = await live.client.post("/jobs", json={"paths": paths})
    assert len(answer.json()["detail"]) > 2000
    (line,) = (line for line in logs if line["event"] == "request")
    assert len(line["detail"]) <= 500


async def test_options_tells_the_methods_and_is_no_html(live: Live) -> None:
    answer = await live.stranger.options("/jobs")
    assert answer.status_code == 200
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST", "OPTIONS"}
    assert "html" not in answer.headers["content-type"]


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
