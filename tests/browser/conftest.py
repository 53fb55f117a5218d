"""A real daemon, a real Chromium.

Without Playwright or axe (the extra ``browser``) only what needs no browser is
collected, and the report's head says so; in CI their absence is an error.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from daemon_process import Household
from oracles import absent

if TYPE_CHECKING:
    from desk import Desk
    from playwright.sync_api import Browser


MISSING = [
    name for name in ("playwright", "axe_playwright_python") if not importlib.util.find_spec(name)
]
if MISSING and not os.environ.get("CI"):
    collect_ignore = [
        "test_dashboard.py",
        "test_dashboard_anywhere.py",
        "test_dashboard_accessibility.py",
        "test_dashboard_lists.py",
        "test_dashboard_outage.py",
        "test_dashboard_speed.py",
    ]


def pytest_report_header() -> list[str]:
    """What is left out, and why."""
    return [f"browser tests left out: {', '.join(MISSING)} missing"] if MISSING else []


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, headless."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        absent("chromium")
    from desk import FLAGS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def household(tmp_path: Path) -> Household:
    """Folders and a configuration in tmp_path; files are looked at without settling."""
    made = Household(tmp_path)
    made.write_config(media={"settle_seconds": 0}, processing={"retry_attempts": 0})
    return made


@pytest.fixture
def desk(chromium: Browser, household: Household) -> Iterator[Desk]:
    """A running daemon; at the end no page may have erred or asked another host."""
    from desk import Desk

    with household.daemon() as daemon:
        made = Desk(chromium, household, daemon, str(daemon.http.base_url).rstrip("/"))
        try:
            yield made
            for watched in made.watched:
                watched.verify()
        finally:
            made.close()
