"""A desk: a daemon and the browser in front of it, with a watch over what pages ask and say."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import synth
from daemon_process import DaemonProcess, Household
from playwright import sync_api

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}

JAPANESE_FIRST = (
    {"type": "video"},
    {"type": "audio", "language": "jpn"},
    {"type": "audio", "language": "eng", "default": False},
)
ENGLISH_FIRST = (
    {"type": "video"},
    {"type": "audio", "language": "eng"},
    {"type": "audio", "language": "jpn", "default": False},
)
WRONG_DEFAULT = synth.mkv(JAPANESE_FIRST)  # the default wishes are [original, eng]
ALREADY_RIGHT = synth.mkv(ENGLISH_FIRST)
DAMAGED = synth.ebml_header() + b"\xff" * 64


@attrs.define
class Watched:
    """One page, and everything that no page of ours may do."""

    page: sync_api.Page
    errors: list[str] = attrs.field(factory=list)
    foreign: list[str] = attrs.field(factory=list)
    expected: list[str] = attrs.field(factory=list)  # patterns of errors that a test provokes

    def listen(self, host: str) -> None:
        def request(asked: sync_api.Request) -> None:
            if asked.url.startswith("data:"):
                return
            if urlsplit(asked.url).netloc != host:
                self.foreign.append(asked.url)

        def console(message: sync_api.ConsoleMessage) -> None:
            if message.type == "error":
                self.errors.append(f"{message.text} {message.location.get('url', '')}")

        self.page.on("request", request)
        self.page.on("console", console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def verify(self) -> None:
        """No error beyond the provoked ones, and no other host was asked."""
        unexpected = [
            error
            for error in self.errors
            if not any(re.search(pattern, error) for pattern in self.expected)
        ]
        assert unexpected == []
        assert self.foreign == []


@attrs.define
class Desk:
    """A daemon and the browser in front of it."""

    browser: sync_api.Browser
    household: Household
    daemon: DaemonProcess
    url: str
    watched: list[Watched] = attrs.field(factory=list)

    @property
    def key(self) -> str:
        return (self.household.data / "api_key").read_text().strip()

    def open(
        self,
        route: str = "#/",
        *,
        signed_in: bool = True,
        viewport: dict[str, int] = DESKTOP,
        expected: tuple[str, ...] = (),
        **options: object,
    ) -> sync_api.Page:
        """A fresh browser profile on a route; signed in unless told otherwise."""
        context = self.browser.new_context(viewport=viewport, **options)
        context.set_default_timeout(15_000)
        if signed_in:
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.url))
            answer = context.request.post(
                f"{self.url}/session", data={"api_key": self.key}, headers={"Origin": origin}
            )
            assert answer.status == 204
        watched = Watched(context.new_page(), expected=list(expected))
        watched.listen(urlsplit(self.url).netloc)
        self.watched.append(watched)
        watched.page.goto(f"{self.url}/{route}")
        if signed_in:
            sync_api.expect(watched.page.locator("#live-words")).to_have_text(
                re.compile("Live|Paused")
            )
        return watched.page

    def restart(self) -> None:
        """Stops the daemon and starts another on the same port and data."""
        port = urlsplit(self.url).port
        assert port is not None
        assert self.daemon.stop() == 0
        self.daemon.process = self._start(port)

    def _start(self, port: int) -> subprocess.Popen[str]:
        process = self.household.start(port=port)
        assert process.stdout is not None
        assert process.stdout.readline(), self.household.log.read_text()
        return process

    def close(self) -> None:
        for watched in self.watched:
            watched.page.context.close()
        if self.daemon.process.poll() is None:
            self.daemon.process.kill()
        self.daemon.process.wait(60)
        assert self.daemon.process.stdout is not None
        self.daemon.process.stdout.close()


# --- what tests do there --------------------------------------------------------------


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


def rows(page: sync_api.Page) -> sync_api.Locator:
    return page.locator("a.job[href]")


def row(page: sync_api.Page, title: str | re.Pattern[str]) -> sync_api.Locator:
    return rows(page).filter(has_text=title)


def mark(page: sync_api.Page) -> Callable[[], None]:
    """Marks the document; the function that is given fails if it was loaded again."""
    page.evaluate("window.theSameDocument = true")

    def verify() -> None:
        assert page.evaluate("window.theSameDocument") is True

    return verify


def confirm(page: sync_api.Page, words: str | re.Pattern[str]) -> None:
    page.get_by_role("dialog").get_by_role("button", name=words).click()
