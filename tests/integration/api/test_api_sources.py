"""Who talks to the daemon, how it is configured, and that neither is told to strangers."""

from __future__ import annotations

from pathlib import Path

import pytest
from dashboard_lab import Dashboard
from feed_lab import feed_lab

from arrtheaudio.jobs.models import NewDelivery, NewJob


async def test_sources_tell_who_was_heard_last_and_who_was_refused(dashboard: Dashboard) -> None:
    fresh = (await dashboard.get("/sources"))["sources"]
    assert [(one["source"], one["path"], one["last_at"]) for one in fresh] == [
        ("sonarr", "/webhook/sonarr", None), ("radarr", "/webhook/radarr", None),
    ]  # fmt: skip
    await dashboard.lab.queue.deliver(
        NewDelivery("sonarr", "Download", (NewJob(b"/media/a.mkv"),), "kids")
    )
    live = dashboard.lab.live
    await live.client.post("/webhook/sonarr", json={"eventType": "Test"})
    await live.stranger.post("/webhook/radarr/4k", json={"eventType": "Grab"})
    found = (await dashboard.get("/sources"))["sources"]
    told = {
        (one["source"], one["instance"]): (one["last_status"], one["last_event"]) for one in found
    }
    assert told == {
        ("sonarr", None): (200, "Test"), ("sonarr", "kids"): (202, "Download"),
        ("radarr", None): (None, None), ("radarr", "4k"): (401, None),
    }  # fmt: skip


async def test_the_configuration_is_shown_without_the_key(tmp_path: Path) -> None:
    async with feed_lab(tmp_path, api_key="0123456789abcdef") as lab:
        shown = await lab.live.client.get("/config")
        assert shown.json()["processing"]["job_history_days"] == 30
        assert shown.json()["api"]["api_key"] == "(hidden)"
        assert "0123456789abcdef" not in shown.text
        assert (await lab.live.stranger.get("/config")).status_code == 401


@pytest.mark.parametrize(
    "path", ["/browse", "/inspect", "/problems", "/sources", "/config", "/stats/daily",
             "/stats/breakdown"]
)  # fmt: skip
async def test_every_new_address_needs_the_key(dashboard: Dashboard, path: str) -> None:
    assert (await dashboard.lab.live.stranger.get(path)).status_code == 401
