"""Lists in a real browser: filters, numbers that are their rows, keys, pages, charts."""

from __future__ import annotations

import re

import pytest
from desk import DAMAGED, WRONG_DEFAULT, Desk, batch, confirm, library, mark, row, rows
from playwright.sync_api import Route, WebSocketRoute, expect


def test_the_history_is_filtered_and_the_filters_stand_in_the_address(desk: Desk) -> None:
    library(desk)
    desk.household.add("movies/Heat (1995)/Heat (1995).mkv", DAMAGED)
    batch(desk, ".")
    page = desk.open("#/jobs")
    expect(rows(page)).to_have_count(6)
    chip = page.get_by_role("group", name="Result")
    expect(chip.get_by_role("button", name="All 6")).to_have_attribute("aria-pressed", "true")
    chip.get_by_role("button", name="Changed 3").click()
    expect(rows(page)).to_have_count(3)
    chip.get_by_role("button", name="Already right 2").click()
    expect(rows(page)).to_have_count(2)
    page.get_by_label("Search by title or path").fill("S02E01")
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"#/jobs\?show=right&q=S02E01$"))
    page.reload()
    expect(rows(page)).to_have_count(1)
    page.get_by_label("Search by title or path").fill("nothing like it")
    page.get_by_role("button", name="Clear the filters").click()
    expect(rows(page)).to_have_count(6)
    chip.get_by_role("button", name="Failed 1").click()
    expect(row(page, "The file is damaged")).to_have_count(1)


def test_one_button_acts_on_all_that_match(desk: Desk) -> None:
    wrong = library(desk)
    batch(desk)
    page = desk.open("#/jobs?show=changed")
    page.get_by_role("button", name="Undo 3…").click()
    confirm(page, "Undo 3")
    expect(row(page, "Undone")).to_have_count(3)
    assert all(file.read_bytes() == WRONG_DEFAULT for file in wrong)


def test_what_cannot_be_undone_is_not_in_the_number_of_the_button(desk: Desk) -> None:
    library(desk)
    batch(desk)
    desk.daemon.post("/queue/pause", status=200)
    page = desk.open("#/jobs?show=changed")
    expect(page.get_by_role("button", name="Undo 3…")).to_be_visible()
    (job, *_) = desk.daemon.get("/jobs", track_changed="true")["jobs"]
    desk.daemon.post(f"/jobs/{job['job_id']}/undo")  # it waits
    page.get_by_role("button", name="Undo 2…").click()
    expect(page.get_by_role("group", name="Result")).to_contain_text("Changed3")
    confirm(page, "Undo 2")
    expect(page.get_by_text("Undo queued for 2 jobs.")).to_be_visible()


def test_what_was_undone_is_offered_no_more_and_every_number_is_its_rows(desk: Desk) -> None:
    library(desk, right=1)
    page = desk.open("#/jobs")
    batch(desk)
    chips = page.get_by_role("group", name="Result")
    undo_all = page.get_by_role("button", name=re.compile("^Undo 3"))
    chips.get_by_role("button", name="Changed 3").click()
    undo_all.click()
    confirm(page, "Undo 3")
    expect(chips.get_by_role("button", name="All 7")).to_be_visible()
    for _ in range(2):
        expect(chips.get_by_role("button", name="Changed 0")).to_be_visible()
        expect(undo_all).to_have_count(0)
        page.reload()
        expect(page.get_by_text("No job matches")).to_be_visible()
    page.goto(f"{desk.url}/#/batches")
    page.get_by_role("button", name="Undo…").click()
    expect(page.get_by_text("There is nothing to undo any more.")).to_be_visible()
    page.locator(".legend a").filter(has_text="3changed").click()
    expect(rows(page)).to_have_count(3)
    for name, count in (("Checked today", 4), ("Changed today", 3)):
        page.goto(f"{desk.url}/#/")
        number = page.get_by_role("link", name=name)
        expect(number).to_contain_text(str(count))
        number.click()
        expect(rows(page)).to_have_count(count)
    page.goto(f"{desk.url}/#/")
    page.locator(".languages").get_by_role("link", name="English").click()
    expect(chips.get_by_role("button", name="All 4")).to_be_visible()  # with what was right before
    expect(rows(page)).to_have_count(3)


def test_a_row_tells_the_default_before_and_now(desk: Desk) -> None:
    file = library(desk, right=0, wrong=1)[0]
    page = desk.open("#/")
    dry = {"paths": [str(file)], "dry_run": True}
    desk.daemon.ended(desk.daemon.post("/jobs", dry)["job_ids"][0])
    batch(desk)
    for _ in range(2):  # from the feed, then from the list
        expect(row(page, "Dry run: Japanese to English")).to_have_count(1)
        expect(row(page, re.compile("^(?!.*Dry run).*Japanese to English"))).to_have_count(1)
        page.goto(f"{desk.url}/#/jobs")


def test_keys_move_select_open_and_close(desk: Desk) -> None:
    library(desk, right=0, wrong=3)
    batch(desk)
    page = desk.open("#/")
    page.keyboard.press("g")
    page.keyboard.press("j")
    expect(page.get_by_role("button", name="All 3")).to_be_visible()  # the overview has rows, too
    expect(rows(page)).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(rows(page).nth(1)).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_text("1 job selected")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("heading", level=2)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(rows(page).nth(1)).to_be_focused()
    page.keyboard.press("/")
    expect(page.get_by_label("Search by title or path")).to_be_focused()


def test_what_is_typed_behind_the_search_key_is_searched_for_on_every_page(desk: Desk) -> None:
    files = library(desk, right=0, wrong=1)
    batch(desk)
    changed = files[0].read_bytes()
    for words in ("kung fu", "paddington"):  # u undoes what k has focused, p pauses
        page = desk.open("#/")
        expect(rows(page).first).to_be_visible()
        page.keyboard.press("/")
        field = page.get_by_label("Search by title or path")
        expect(field).to_be_focused()
        page.keyboard.type(words)
        expect(field).to_have_value(words)
    assert desk.daemon.get("/queue")["paused"] is False
    assert desk.daemon.get("/jobs")["total"] == 1
    assert files[0].read_bytes() == changed


def test_counts_of_the_chips_agree_with_the_daemon_when_it_is_quiet(desk: Desk) -> None:
    library(desk, right=1, wrong=1)
    page = desk.open("#/jobs")
    expect(page.get_by_role("button", name="All 0")).to_be_visible()
    outside = {"path": "/somewhere/else/Film.mkv"}
    desk.daemon.post(
        "/webhook/radarr",
        {"eventType": "Download", "movie": {"title": "Film"}, "movieFile": outside},
    )
    batch(desk)
    page.get_by_role("button", name="All 3").wait_for()
    for chip in ("Waiting 0", "Changed 1", "Already right 1", "Skipped 1"):
        expect(page.get_by_role("button", name=chip)).to_be_visible()


def test_new_jobs_enter_the_list_without_a_reload(desk: Desk) -> None:
    file = library(desk, right=0, wrong=1)[0]
    page = desk.open("#/jobs")
    expect(page.get_by_text("No job yet")).to_be_visible()
    verify = mark(page)
    desk.daemon.post("/jobs", {"paths": [str(file)]})
    expect(row(page, "English")).to_have_count(1)
    expect(page.get_by_role("button", name="All 1")).to_be_visible()
    verify()


def test_a_job_that_comes_while_the_list_is_being_read_is_in_it(desk: Desk) -> None:
    file = library(desk, right=0, wrong=1)[0]
    page = desk.open("#/system")
    late = []

    def read_late(route: Route) -> None:
        answer = route.fetch()
        if not late:  # the list's rows are those of before
            late.append(desk.daemon.post("/jobs", {"paths": [str(file)]})["job_ids"][0])
            desk.daemon.ended(late[0])
            page.wait_for_timeout(300)  # its events reach the page before the rows do
        route.fulfill(response=answer)

    page.route(re.compile(r"/jobs\?(?!.*facets)"), read_late)
    page.get_by_role("link", name="Jobs").click()
    expect(row(page, "English")).to_have_count(1)
    assert late


@pytest.mark.parametrize("late_ms", [0, 1000])  # behind what the page waits for
def test_a_job_that_comes_before_the_feed_has_begun_is_in_the_list(
    desk: Desk, late_ms: int
) -> None:
    file = library(desk, right=0, wrong=1)[0]
    page = desk.open("#/system")

    def connect_late(socket: WebSocketRoute) -> None:
        page.wait_for_timeout(late_ms)
        desk.daemon.ended(desk.daemon.post("/jobs", {"paths": [str(file)]})["job_ids"][0])
        socket.connect_to_server()

    page.route_web_socket(re.compile(r"/ws\?"), connect_late)
    page.goto(f"{desk.url}/#/jobs")
    page.reload()
    expect(row(page, "English")).to_have_count(1)


@pytest.mark.parametrize("address", ["#/jobs?show=failed", "#/jobs?problem=true&reason=corrupt"])
def test_what_fails_enters_the_list_of_failures_without_a_reload(desk: Desk, address: str) -> None:
    def damaged(name: str) -> None:
        file = desk.household.add(f"movies/{name}.mkv", DAMAGED)
        desk.daemon.ended(desk.daemon.post("/jobs", {"paths": [str(file)]})["job_ids"][0])

    page = desk.open(address)
    expect(page.get_by_role("heading", name="No job matches")).to_be_visible()
    damaged("A")
    expect(rows(page)).to_have_count(1)
    damaged("B")
    page.get_by_role("button", name="1 new").click()
    expect(rows(page)).to_have_count(2)


def test_pages_instead_of_an_endless_list(desk: Desk) -> None:
    library(desk, right=60, wrong=0)
    batch(desk)
    page = desk.open("#/system")
    page.get_by_label("Pages instead of an endless list").check()
    page.get_by_role("link", name="Jobs").click()
    expect(rows(page)).to_have_count(50)
    page.get_by_role("button", name="Older").click()
    expect(page.get_by_text("51 to 60 of 60")).to_be_visible()
    expect(rows(page)).to_have_count(10)


def test_charts_grow_with_what_happens(desk: Desk) -> None:
    files = library(desk, right=0, wrong=3)
    desk.daemon.ended(desk.daemon.post("/jobs", {"paths": [str(files[0])]})["job_ids"][0])
    page = desk.open()
    languages = page.locator(".languages")
    expect(languages).to_contain_text("English1")
    desk.daemon.post("/jobs", {"paths": [str(file) for file in files[1:]]})
    expect(languages).to_contain_text("English3")
    bar = page.locator(".languages i")
    assert bar.evaluate("(bar) => bar.offsetWidth <= bar.parentNode.offsetWidth") is True
    page.get_by_role("link", name=re.compile("3 changed, 0 already right")).press("Enter")
    expect(rows(page)).to_have_count(3)
