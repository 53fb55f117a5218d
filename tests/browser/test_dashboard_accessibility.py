"""axe-core over every page, in both themes: no serious fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from desk import DAMAGED, DESKTOP, PHONE, WRONG_DEFAULT, Desk
from playwright.sync_api import Page, expect

SERIOUS = ("serious", "critical")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: Page) -> list[str]:
    """What axe finds, worst first, in one line each."""
    page.wait_for_load_state("networkidle")
    options: dict[str, Any] = {"runOnly": {"type": "tag", "values": RULES}}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{fault['id']}: {fault['help']} at {node['target']} {node['html'][:160]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]


@pytest.fixture
def lived_in(desk: Desk) -> Desk:
    """Changes, a problem, and a batch that waits."""
    for number in range(3):
        desk.household.add(f"tv/Dark/Dark - S01E{number + 1:02}.mkv", WRONG_DEFAULT)
    desk.household.add("movies/Heat (1995)/Heat (1995).mkv", DAMAGED)
    desk.daemon.post("/batch", {"path": str(desk.household.media)})
    desk.daemon.until(lambda: desk.daemon.get("/batch")["batches"][0]["completed_at"], "it ends")
    desk.daemon.post("/queue/pause", status=200)
    desk.daemon.post("/batch", {"path": str(desk.household.media / "tv")})
    return desk


def see_overview(page: Page) -> None:
    expect(page.get_by_role("heading", name="Needs you")).to_be_visible()


def see_rows(page: Page) -> None:
    expect(page.locator("a.job[href]").first).to_be_visible()


def see_sheet(page: Page) -> None:
    page.locator("a.job[href]").filter(has_text="English").first.click()
    expect(page.get_by_role("heading", name="Audio tracks")).to_be_visible()


def see_selection(page: Page) -> None:
    page.get_by_role("button", name="Select", exact=True).click()
    page.locator(".pick input").first.check()
    expect(page.get_by_text("1 job selected")).to_be_visible()


def see_batches(page: Page) -> None:
    expect(page.get_by_role("progressbar")).to_have_count(2)


def see_scan(page: Page) -> None:
    page.get_by_role("button", name="Scan a folder").first.click()
    expect(page.get_by_role("dialog").get_by_role("button", name="movies")).to_be_visible()
    page.get_by_text("Filters").click()


def see_question(page: Page) -> None:
    page.get_by_role("button", name="Cancel…").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def see_system(page: Page) -> None:
    expect(page.get_by_text("Every change is on disk before it counts")).to_be_visible()


SIGHTS = {
    "overview": ("#/", see_overview),
    "jobs": ("#/jobs", see_rows),
    "sheet": ("#/jobs", see_sheet),
    "selection": ("#/jobs", see_selection),
    "batches": ("#/batches", see_batches),
    "scan": ("#/batches", see_scan),
    "question": ("#/batches", see_question),
    "system": ("#/system", see_system),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious(lived_in: Desk, theme: str) -> None:
    found = {}
    for name, (route, see) in SIGHTS.items():
        page = lived_in.open(route, color_scheme=theme, viewport=DESKTOP)
        see(page)
        found[name] = faults(page)
    assert {name: some for name, some in found.items() if some} == {}


def test_axe_finds_nothing_serious_on_a_phone(lived_in: Desk) -> None:
    found = {}
    sights: dict[str, tuple[str, Callable[[Page], None]]] = {**SIGHTS}
    for name, (route, see) in sights.items():
        page = lived_in.open(route, viewport=PHONE, has_touch=True)
        see(page)
        found[name] = faults(page)
    assert {name: some for name, some in found.items() if some} == {}


def test_axe_finds_nothing_serious_where_one_signs_in(desk: Desk) -> None:
    page = desk.open(signed_in=False)
    expect(page.get_by_label("API key", exact=True)).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_where_the_api_is_described(desk: Desk, theme: str) -> None:
    page = desk.open("docs", signed_in=False, color_scheme=theme)
    page.locator("summary").filter(has_text="One delivery and what became of it").click()
    expect(page.get_by_role("heading", name="200 OK")).to_be_visible()
    page.get_by_role("link", name="batches").click()
    expect(page).to_have_url(f"{desk.url}/docs#batches")
    assert faults(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_a_new_daemon(desk: Desk, theme: str) -> None:
    found = {}
    for route, heading in {
        "#/": "Ready when you are.",
        "#/jobs": "Jobs",
        "#/batches": "No batch yet.",
    }.items():
        page = desk.open(route, color_scheme=theme)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        found[route] = faults(page)
    assert {route: some for route, some in found.items() if some} == {}
