"""The dashboard in a real browser, in front of a real daemon: what people do with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from daemon_process import Household
from desk import ALREADY_RIGHT, DAMAGED, PHONE, WRONG_DEFAULT, Desk
from playwright.sync_api import Browser, Locator, Page, expect

REFUSED = r"Failed to load resource.*(401|ERR_CONNECTION_REFUSED)"
NO_SOCKET = r"WebSocket connection to .* failed"


def library(desk: Desk, right: int = 2, wrong: int = 3) -> list[Path]:
    """A series: some episodes with the wrong default; gives those."""
    for number in range(right):
        desk.household.add(f"tv/Dark/Dark - S02E{number + 1:02}.mkv", ALREADY_RIGHT)
    return [
        desk.household.add(f"tv/Dark/Dark - S01E{number + 1:02}.mkv", WRONG_DEFAULT)
        for number in range(wrong)
    ]


def batch(desk: Desk, folder: str = "tv") -> str:
    """A finished batch by the API; gives its id."""
    started = desk.daemon.post("/batch", {"path": str(desk.household.media / folder)})
    batch_id = started["batch_id"]
    desk.daemon.until(
        lambda: desk.daemon.get(f"/batch/{batch_id}")["status"] == "completed", "the batch ends"
    )
    return str(batch_id)


def rows(page: Page) -> Locator:
    return page.locator("a.job[href]")


def row(page: Page, title: str | re.Pattern[str]) -> Locator:
    return rows(page).filter(has_text=title)


def mark(page: Page) -> Callable[[], None]:
    """Marks the document; the function that is given fails if it was loaded again."""
    page.evaluate("window.theSameDocument = true")

    def verify() -> None:
        assert page.evaluate("window.theSameDocument") is True

    return verify


def confirm(page: Page, words: str | re.Pattern[str]) -> None:
    page.get_by_role("dialog").get_by_role("button", name=words).click()


# --- signing in -----------------------------------------------------------------


def test_a_stranger_signs_in_and_comes_to_the_page_he_asked_for(desk: Desk) -> None:
    page = desk.open("#/system", signed_in=False, expected=(REFUSED,))
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    field.fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("This is not the API key.")).to_be_visible()
    field.fill(desk.key)
    field.press("Enter")
    expect(page.get_by_role("heading", name="Checks")).to_be_visible()
    expect(page.locator("#live-words")).to_have_text("Live")


def test_signing_out_leads_back_to_the_one_field(desk: Desk) -> None:
    page = desk.open("#/system")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.reload()
    expect(page.get_by_label("API key")).to_be_visible()


def test_a_new_daemon_says_how_to_connect_it(desk: Desk) -> None:
    page = desk.open()
    expect(page.get_by_role("heading", name="Ready when you are.")).to_be_visible()
    expect(page.get_by_text(f"{desk.url}/webhook/sonarr", exact=True)).to_be_visible()
    desk.daemon.post("/webhook/sonarr", {"eventType": "Test"}, status=200)
    expect(page.get_by_text("Heard. It works.")).to_be_visible()


# --- batches ----------------------------------------------------------------------


def test_a_batch_is_started_in_the_dialog_and_watched_to_its_end(desk: Desk) -> None:
    wrong = library(desk)
    page = desk.open()
    verify = mark(page)
    page.get_by_role("button", name="Scan a folder").or_(
        page.get_by_role("button", name="Dry run a folder")
    ).first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="tv").click()
    expect(dialog.get_by_text("Dark")).to_be_visible()
    dialog.get_by_label("Dry run first").uncheck()
    dialog.get_by_role("button", name="Change files").click()

    expect(page.get_by_role("heading", level=1)).to_have_text(str(desk.household.media / "tv"))
    expect(page.locator(".batch")).to_contain_text("Completed")
    expect(page.locator(".legend")).to_contain_text("3changed")
    expect(rows(page)).to_have_count(5)
    verify()
    assert all(file.read_bytes() != WRONG_DEFAULT for file in wrong)


def test_a_dry_run_changes_nothing_and_can_then_be_run_for_real(desk: Desk) -> None:
    wrong = library(desk, right=1, wrong=1)
    page = desk.open("#/batches")
    page.get_by_role("button", name="Scan a folder").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Start dry run").click()
    expect(page.locator(".legend")).to_contain_text("1would change")
    assert wrong[0].read_bytes() == WRONG_DEFAULT
    page.get_by_role("button", name="Run it for real").click()
    expect(page.locator(".legend")).to_contain_text("1changed")
    assert wrong[0].read_bytes() != WRONG_DEFAULT


def test_a_batch_is_cancelled_after_being_asked(desk: Desk) -> None:
    wrong = library(desk)
    desk.daemon.post("/queue/pause", status=200)
    desk.daemon.post("/batch", {"path": str(desk.household.media)})
    page = desk.open("#/batches")
    page.get_by_role("button", name="Cancel…").click()
    expect(page.get_by_role("dialog")).to_contain_text("5 files stay as they are.")
    expect(page.get_by_role("button", name="Keep going")).to_be_focused()
    confirm(page, "Cancel batch")
    expect(page.locator(".batch")).to_contain_text("Cancelled")
    assert all(file.read_bytes() == WRONG_DEFAULT for file in wrong)


def test_a_batch_is_undone_byte_for_byte(desk: Desk) -> None:
    wrong = library(desk)
    page = desk.open(f"#/batches/{batch(desk)}")
    page.get_by_role("button", name="Undo…").click()
    confirm(page, "Undo 3 changes")
    expect(row(page, "Undone")).to_have_count(3)
    assert all(file.read_bytes() == WRONG_DEFAULT for file in wrong)


# --- one job ------------------------------------------------------------------------


def test_a_waiting_job_is_cancelled_and_queued_again(desk: Desk) -> None:
    file = library(desk, right=0, wrong=1)[0]
    desk.daemon.post("/queue/pause", status=200)
    desk.daemon.post("/jobs", {"paths": [str(file)]})
    page = desk.open("#/jobs")
    row(page, "Dark · S01E01").click()
    page.get_by_role("button", name="Cancel job").click()
    expect(page.get_by_role("dialog")).to_contain_text("Cancelled")
    expect(row(page, "Cancelled")).to_have_count(1)
    page.get_by_role("button", name="Queue again").click()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("dialog")).to_contain_text("Waiting")


def test_a_failed_job_is_retried_once_its_file_is_whole(desk: Desk) -> None:
    file = desk.household.add("movies/Heat (1995)/Heat (1995).mkv", DAMAGED)
    job = desk.daemon.post("/jobs", {"paths": [str(file)]})["job_ids"][0]
    assert desk.daemon.ended(job)["status"] == "failed"
    page = desk.open()
    expect(page.get_by_role("heading", name="One file needs you.")).to_be_visible()
    expect(page.get_by_text("1 file is damaged")).to_be_visible()
    desk.household.add("movies/Heat (1995)/Heat (1995).mkv", WRONG_DEFAULT)
    page.goto(f"{desk.url}/#/jobs/{job}")
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("dialog")).to_contain_text("Default audio is now English")
    page.goto(f"{desk.url}/#/")
    expect(page.get_by_role("heading", name="Every file is right.")).to_be_visible()


def test_a_problem_is_dismissed_and_brought_back(desk: Desk) -> None:
    file = desk.household.add("movies/Heat.mkv", DAMAGED)
    desk.daemon.ended(desk.daemon.post("/jobs", {"paths": [str(file)]})["job_ids"][0])
    page = desk.open()
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("heading", name="Every file is right.")).to_be_visible()
    page.get_by_role("button", name="Bring back").click()
    expect(page.get_by_role("heading", name="One file needs you.")).to_be_visible()


def test_a_change_is_explained_and_undone(desk: Desk) -> None:
    file = library(desk, right=0, wrong=1)[0]
    batch(desk)
    page = desk.open("#/jobs")
    row(page, "Dark · S01E01").click()
    sheet = page.get_by_role("dialog")
    expect(sheet).to_contain_text("Default audio is now English")
    tracks = sheet.locator(".tracks li")
    expect(tracks.nth(0)).to_contain_text("was default")
    expect(tracks.nth(1)).to_contain_text("English")
    expect(tracks.nth(1)).to_contain_text("Default")
    expect(sheet.locator(".timeline")).to_contain_text("Found by a batch, queued")
    sheet.get_by_role("button", name="Undo change").click()
    expect(sheet).to_contain_text("Undone")
    assert file.read_bytes() == WRONG_DEFAULT
    page.get_by_role("button", name="Do it again").last.click()
    desk.daemon.until(lambda: file.read_bytes() != WRONG_DEFAULT, "the file is right again")


def test_a_job_that_was_cleaned_up_says_so(desk: Desk) -> None:
    page = desk.open("#/jobs/job_0000000fffff", expected=(r"404",))
    expect(page.get_by_role("dialog")).to_contain_text("This job was cleaned up.")


# --- lists --------------------------------------------------------------------------


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


def test_new_jobs_enter_the_list_without_a_reload(desk: Desk) -> None:
    file = library(desk, right=0, wrong=1)[0]
    page = desk.open("#/jobs")
    expect(page.get_by_text("No job yet")).to_be_visible()
    verify = mark(page)
    desk.daemon.post("/jobs", {"paths": [str(file)]})
    expect(row(page, "English")).to_have_count(1)
    expect(page.get_by_role("button", name="All 1")).to_be_visible()
    verify()


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


# --- the queue, the connection ---------------------------------------------------------


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


# --- anywhere ------------------------------------------------------------------------------


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
