"""Signing in, the connection, and where the page is shown: prefixes, phones, hostile names."""

from __future__ import annotations

import re

import pytest
from daemon_process import Household
from desk import PHONE, WRONG_DEFAULT, Desk, batch, library, mark, row, rows
from playwright.sync_api import Browser, Route, expect

REFUSED = r"Failed to load resource.*(401|ERR_CONNECTION_REFUSED)"
NO_SOCKET = r"WebSocket connection to .* failed"


def test_a_stranger_signs_in_and_comes_to_the_page_he_asked_for(desk: Desk) -> None:
    page = desk.open("#/system", signed_in=False, expected=(REFUSED,))
    field = page.get_by_label("API key", exact=True)
    expect(field).to_be_focused()
    field.fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This is not the API key.")).to_be_visible()
    field.fill(desk.key)
    field.press("Enter")
    expect(page.get_by_role("heading", name="Checks")).to_be_visible()
    expect(page.locator("#live-words")).to_have_text("Live")


def test_signing_out_leads_back_to_the_one_field(desk: Desk) -> None:
    page = desk.open("#/system", expected=(REFUSED,))  # what was being read just then
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_label("API key", exact=True)).to_be_visible()


def test_a_new_daemon_says_how_to_connect_it(desk: Desk) -> None:
    page = desk.open()
    expect(page.get_by_role("heading", name="Ready when you are.")).to_be_visible()
    expect(page.get_by_text(f"{desk.url}/webhook/sonarr", exact=True)).to_be_visible()
    desk.daemon.post("/webhook/sonarr", {"eventType": "Test"}, status=200)
    expect(page.get_by_text("Heard. It works.")).to_be_visible()


def test_before_it_is_known_whether_the_daemon_is_new_nothing_is_said_or_offered(
    desk: Desk,
) -> None:
    page = desk.open("#/batches")
    held: list[Route] = []
    page.route("**/jobs?*", lambda asked: held.append(asked))  # Playwright sets attributes on it
    page.evaluate("location.hash = '#/'")
    expect(page.locator("h1")).to_have_text("Overview")
    page.wait_for_timeout(300)  # the page has been told all else
    assert held
    expect(page.locator("h1")).to_have_text("Overview")
    expect(page.get_by_role("button", name=re.compile("folder"))).to_have_count(0)
    for asked in held:
        asked.continue_()
    expect(page.get_by_role("heading", name="Ready when you are.")).to_be_visible()
    expect(page.get_by_role("button", name="Dry run a folder")).to_be_visible()


@pytest.mark.parametrize("route", ["#/", "#/system"])
def test_the_key_is_shown_and_copied_on_request_only(desk: Desk, route: str) -> None:
    page = desk.open(route, permissions=["clipboard-read", "clipboard-write"])
    box = page.locator(".copyable").filter(has=page.get_by_label("Copy the API key"))
    expect(box).to_contain_text("•••")
    assert desk.key not in page.content()
    box.get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == desk.key
    assert desk.key not in page.content()
    box.get_by_role("button", name="Show").click()
    expect(box.locator("code")).to_have_text(desk.key)
    box.get_by_role("button", name="Hide").click()
    expect(box).to_contain_text("•••")
    assert desk.key not in page.content()


def test_a_key_that_the_browser_does_not_copy_is_shown(desk: Desk) -> None:
    page = desk.open("#/system")
    page.evaluate(
        "navigator.clipboard.writeText = () => Promise.reject(new Error('no'));"
        "document.execCommand = () => false"
    )
    page.get_by_label("Copy the API key").click()
    expect(page.get_by_role("alert")).to_contain_text("copy it by hand")
    expect(page.get_by_text(desk.key, exact=True)).to_be_visible()


def test_where_no_key_is_needed_none_is_offered(chromium: Browser, household: Household) -> None:
    household.write_config(api={"auth": "none"})
    with household.daemon() as daemon:
        desk = Desk(chromium, household, daemon, str(daemon.http.base_url).rstrip("/"))
        try:
            page = desk.open("#/system", signed_in=False)
            page.get_by_role("button", name="Show the API key").click()
            expect(page.get_by_text("No key is needed (api.auth: none).")).to_be_visible()
            expect(page.get_by_label("Copy the API key")).to_be_hidden()
            desk.watched[0].verify()
        finally:
            desk.close()


# --- the queue, the connection ----------------------------------------------------------


def test_the_queue_is_paused_and_resumed(desk: Desk) -> None:
    library(desk)
    batch(desk)
    page = desk.open()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paused.")
    expect(page.locator("#live-words")).to_have_text("Paused")
    assert desk.daemon.get("/queue")["paused"] is True
    page.get_by_role("status").get_by_role("button", name="Resume").click()
    expect(page.locator("#live-words")).to_have_text("Live")


def test_a_page_resumes_after_the_daemon_has_restarted(desk: Desk) -> None:
    file = library(desk, right=0, wrong=1)[0]
    page = desk.open("#/jobs", expected=(NO_SOCKET, REFUSED))
    verify = mark(page)
    desk.daemon.post("/queue/pause", status=200)
    desk.daemon.post("/jobs", {"paths": [str(file)]})
    expect(row(page, "Waiting")).to_have_count(1)
    desk.restart()
    expect(page.locator("#live-words")).to_have_text("Paused")
    desk.daemon.post("/queue/resume", status=200)
    expect(row(page, "English")).to_have_count(1)
    expect(page.locator("#live-words")).to_have_text("Live")
    verify()


def test_a_lost_connection_is_said_and_the_state_stays_readable(desk: Desk) -> None:
    library(desk)
    batch(desk)
    page = desk.open(expected=(NO_SOCKET, REFUSED))
    expect(rows(page).first).to_be_visible()
    desk.daemon.stop()
    expect(page.locator("#live-words")).to_have_text("Reconnecting")
    expect(page.get_by_role("alert")).to_contain_text("Connection lost.", timeout=15_000)
    expect(page.get_by_role("button", name="Try now")).to_be_visible()
    expect(rows(page).first).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_disabled()


def test_the_history_is_cleaned_up_after_telling_the_number(desk: Desk) -> None:
    library(desk)
    batch(desk)
    page = desk.open("#/system")
    page.get_by_role("button", name="Delete old jobs…").click()
    expect(page.get_by_text("Nothing is older than 30 days.")).to_be_visible()


# --- anywhere ---------------------------------------------------------------------------


def test_hostile_file_names_stay_text(desk: Desk) -> None:
    names = ["<img src=x onerror=alert(1)>.mkv", "a‮gnp.mkv", "<b>Film</b> & \"co\" 'x'.mkv"]
    for name in names:
        desk.household.add(f"movies/{name}", WRONG_DEFAULT)
    batch(desk, "movies")
    page = desk.open("#/jobs")
    expect(rows(page)).to_have_count(3)
    expect(row(page, "<img src=x onerror=alert(1)>")).to_have_count(1)
    row(page, "<img").click()
    expect(page.get_by_role("dialog")).to_contain_text("<img src=x onerror=alert(1)>.mkv")
    assert page.locator("main img, .sheet img, main b b").count() == 0


def test_it_works_under_a_prefix(chromium: Browser, household: Household) -> None:
    household.write_config(api={"url_base": "/audio"})
    with household.daemon() as daemon:
        desk = Desk(chromium, household, daemon, str(daemon.http.base_url).rstrip("/"))
        try:
            file = library(desk, right=0, wrong=1)[0]
            page = desk.open("#/jobs")
            daemon.post("/jobs", {"paths": [str(file)]})
            expect(row(page, "English")).to_have_count(1)
            assert page.evaluate("location.pathname") == "/audio/"
            page.goto(f"{desk.url}#/jobs")  # as one types it
            expect(row(page, "English")).to_have_count(1)
            assert page.evaluate("location.pathname") == "/audio/"
            desk.watched[0].verify()
        finally:
            desk.close()


@pytest.mark.parametrize("route", ["#/", "#/jobs", "#/batches", "#/system"])
def test_nothing_is_cut_off_at_320_pixels(desk: Desk, route: str) -> None:
    library(desk)
    batch(desk)
    page = desk.open(route, viewport={"width": 320, "height": 640})
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_a_sheet_fills_a_phone_and_shields_what_is_behind(desk: Desk) -> None:
    library(desk, right=0, wrong=1)
    batch(desk)
    page = desk.open("#/jobs", viewport=PHONE)
    row(page, "Dark").click()
    box = page.get_by_role("dialog").bounding_box()
    assert box is not None
    assert round(box["width"]) == PHONE["width"]
    assert page.evaluate("document.getElementById('app').inert") is True
