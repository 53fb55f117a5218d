"""The daemon goes away and comes back, with or without what it was: the page notices by itself."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import pytest
from desk import DAMAGED, Desk, batch, library, row, rows
from playwright.sync_api import Route, expect

GONE = (r"WebSocket connection to .* failed", r"Failed to load resource.*(401|CONNECTION_REFUSED)")
SOON = 30_000  # the longest pause between two tries is half of it


def port_of(desk: Desk) -> int:
    port = urlsplit(desk.url).port
    assert port is not None
    return port


@pytest.mark.parametrize("route", ["#/", "#/jobs", "#/batches", "#/batches/{batch}"])
def test_a_page_that_is_opened_during_an_outage_fills_when_it_is_over(
    desk: Desk, route: str
) -> None:
    library(desk, right=1, wrong=2)
    made = batch(desk)
    page = desk.open("#/system", expected=GONE)
    port = port_of(desk)
    assert desk.daemon.stop() == 0
    page.evaluate(f"location.hash = '{route.format(batch=made)}'")
    expect(page.locator("#live-words")).to_have_text("Reconnecting")
    page.wait_for_load_state("networkidle")
    desk.daemon.process = desk._start(port)
    expect(page.locator("#live-words")).to_have_text("Live", timeout=SOON)
    expect(page.locator("main .skeleton")).to_have_count(0, timeout=SOON)
    if route == "#/batches":
        expect(page.locator(".batch")).to_have_count(1)
    else:
        expect(rows(page)).to_have_count(3)


def test_what_could_not_be_read_is_asked_for_again(desk: Desk) -> None:
    library(desk, right=1, wrong=2)
    batch(desk)
    page = desk.open("#/batches", expected=(r"Failed to load resource.*ERR_FAILED",))
    lost: list[Route] = []

    def lose_two(asked: Route) -> None:
        if len(lost) < 2:
            lost.append(asked)
            asked.abort()
        else:
            asked.continue_()

    page.route("**/jobs?*", lose_two)
    page.evaluate("location.hash = '#/'")
    expect(rows(page)).to_have_count(3)
    assert len(lost) == 2


def test_figures_of_the_overview_follow_over_an_outage(desk: Desk) -> None:
    library(desk, right=0, wrong=1)
    batch(desk)
    page = desk.open("#/", expected=GONE)
    spoken = page.locator("section").filter(has_text="Made default today")
    expect(spoken).to_contain_text("English1")
    port = port_of(desk)
    assert desk.daemon.stop() == 0
    expect(page.locator("#live-words")).to_have_text("Reconnecting")
    desk.daemon.process = desk._start(port)
    library(desk, right=0, wrong=3)  # the one that was changed, too
    batch(desk)
    expect(page.locator("#live-words")).to_have_text("Live", timeout=SOON)
    expect(spoken).to_contain_text("English4")


def test_another_key_leads_to_the_sign_in(desk: Desk) -> None:
    page = desk.open("#/jobs", expected=GONE)
    port = port_of(desk)
    assert desk.daemon.stop() == 0
    expect(page.locator("#live-words")).to_have_text("Reconnecting")
    (desk.household.data / "api_key").write_text("quite-another-key-0123456789abcdef\n")
    desk.daemon.process = desk._start(port)
    field = page.get_by_label("API key", exact=True)
    expect(field).to_be_visible(timeout=SOON)
    expect(page.get_by_text("Connection lost.")).to_be_hidden()
    field.fill(desk.key)
    field.press("Enter")
    expect(page.locator("#live-words")).to_have_text("Live")


def test_what_needs_somebody_is_counted_on_every_page(desk: Desk) -> None:
    page = desk.open("#/jobs")
    badge = page.locator("#count-problems")
    expect(badge).to_be_hidden()
    desk.household.add("movies/Heat.mkv", DAMAGED)
    (job,) = desk.daemon.post(
        "/jobs", {"paths": [str(desk.household.media / "movies" / "Heat.mkv")]}
    )["job_ids"]
    expect(row(page, re.compile("Heat"))).to_have_count(1)
    expect(badge).to_have_text(re.compile("1"))
    desk.daemon.post(
        "/problems/dismiss",
        {"reason": "corrupt", "folder": str(desk.household.media / "movies")},
        status=200,
    )
    expect(badge).to_be_hidden()
    assert desk.daemon.ended(job)["status"] == "failed"


def test_a_source_is_shown_as_soon_as_it_is_heard_or_refused(desk: Desk) -> None:
    page = desk.open("#/system")
    heard = page.locator(".checks li").filter(has_text="webhook/sonarr")
    expect(heard).to_contain_text("not heard yet")
    desk.daemon.post("/webhook/sonarr", {"eventType": "Test"}, status=200)
    expect(heard).not_to_contain_text("not heard yet")
    refused = page.locator(".checks li").filter(has_text="webhook/radarr")
    assert httpx.post(f"{desk.url}/webhook/radarr", json={}).status_code == 401
    expect(refused).to_contain_text("refused (401)")
