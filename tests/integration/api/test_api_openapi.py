"""The OpenAPI document: valid, and of every route."""

from __future__ import annotations

from live_api import Live
from openapi_spec_validator import validate


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
        "POST /session", "DELETE /session", "POST /session/key",
        "GET /ws", "GET /browse", "GET /inspect", "GET /sources", "GET /config",
        "GET /stats/daily", "GET /stats/breakdown", "POST /jobs/actions",
        "GET /problems", "POST /problems/dismiss", "POST /problems/restore",
    }  # fmt: skip
