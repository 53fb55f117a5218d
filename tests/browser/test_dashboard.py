"""The dashboard in a real browser, in front of a real daemon: what people do with it."""

from __future__ import annotations

import re

from desk import DAMAGED, WRONG_DEFAULT, Desk, batch, confirm, library, mark, row, rows
from playwright.sync_api import expect


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
    page.mouse.move(0, 0)  # nothing moves under the hand: new rows would wait behind a button

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


def test_what_is_done_for_real_keeps_the_languages_of_the_dry_run(desk: Desk) -> None:
    library(desk, right=1, wrong=1)
    wanted = {"language_priority": ["deu", "eng"], "dry_run": True}
    started = desk.daemon.post("/batch", {"path": str(desk.household.media / "tv"), **wanted})
    page = desk.open(f"#/batches/{started['batch_id']}")
    with page.expect_request(lambda request: request.method == "POST") as asked:
        page.get_by_role("button", name="Run it for real").click()
    assert asked.value.post_data_json["language_priority"] == ["deu", "eng"]
    film = desk.household.add("movies/Heat.mkv", WRONG_DEFAULT)
    (job,) = desk.daemon.post("/jobs", {"paths": [str(film)], **wanted})["job_ids"]
    desk.daemon.ended(job)
    page.goto(f"{desk.url}/#/jobs/{job}")
    with page.expect_request(lambda request: request.method == "POST") as asked:
        page.get_by_role("button", name="Do it for real").click()
    assert asked.value.post_data_json == {
        "paths": [str(film)],
        "language_priority": ["deu", "eng"],
    }


def test_enter_in_a_field_of_the_dialog_starts_the_scan(desk: Desk) -> None:
    library(desk, right=1, wrong=1)
    page = desk.open("#/batches")
    page.get_by_role("button", name="Scan a folder").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Filters").click()
    dialog.get_by_label("Only names like").press("Enter")
    expect(page.locator(".legend")).to_contain_text("1would change")
    page.goto(f"{desk.url}/#/batches")
    page.get_by_role("button", name="Scan a folder").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert len(desk.daemon.get("/batch")["batches"]) == 1


def test_a_batch_that_ended_before_the_eyes_can_be_undone_at_once(desk: Desk) -> None:
    library(desk)
    page = desk.open("#/batches")
    expect(page.get_by_text("No batch yet.")).to_be_visible()
    batch(desk)
    card = page.locator(".batch")
    expect(card).to_contain_text("Completed")
    expect(card.get_by_role("button", name="Undo…")).to_be_visible()
    expect(card).not_to_contain_text("now ago")


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


# --- one job ----------------------------------------------------------------------------


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
    row(page, "The file is damaged").click()
    sheet = page.get_by_role("dialog")
    expect(sheet.locator(".notice")).to_contain_text(re.compile("^[A-Z]"))
    expect(sheet.get_by_text(str(file.parent))).to_have_count(1)  # it heads the sheet
    page.keyboard.press("Escape")
    desk.household.add("movies/Heat (1995)/Heat (1995).mkv", WRONG_DEFAULT)
    page.goto(f"{desk.url}/#/jobs/{job}")
    page.get_by_role("dialog").get_by_role("button", name="Retry").click()
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("dialog")).to_contain_text("Default audio is now English")
    page.goto(f"{desk.url}/#/")
    expect(page.get_by_role("heading", name="Every file is right.")).to_be_visible()


def test_a_group_of_problems_is_retried_and_no_other(desk: Desk) -> None:
    def damaged(*names: str) -> list[str]:
        paths = [str(desk.household.add(f"movies/{name}", DAMAGED)) for name in names]
        return [
            desk.daemon.ended(job)["job_id"]
            for job in desk.daemon.post("/jobs", {"paths": paths})["job_ids"]
        ]

    damaged("A.mkv", "B.mkv")
    page = desk.open()
    page.get_by_role("button", name="Retry 2").click()
    with page.expect_request("**/jobs/actions") as asked:
        confirm(page, "Retry 2")
    group = {
        "problem": True,
        "reason": ["corrupt"],
        "folder": str(desk.household.media / "movies"),
    }
    assert asked.value.post_data_json == {"action": "retry", "filter": group, "expected": 2}
    expect(page.get_by_text("Queued again: 2 jobs.")).to_be_visible()
    damaged("Set/C.mkv")
    listed = page.locator(".problem").filter(has_text="2 files are damaged")
    listed.get_by_role("button", name="Retry 2").click()
    with page.expect_request("**/jobs/actions") as asked:
        confirm(page, "Retry 2")
    assert asked.value.post_data_json == {"action": "retry", "filter": group, "expected": 2}
    answer = asked.value.response()
    assert answer is not None, "before that, the old failures count"
    assert answer.status == 202
    desk.daemon.until(
        lambda: desk.daemon.get("/jobs", problem=True)["total"] == 3, "all fail again"
    )
    listed.get_by_role("link").click()
    expect(rows(page)).to_have_count(2)


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
