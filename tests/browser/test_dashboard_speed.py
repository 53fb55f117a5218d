"""Figures of the dashboard at 100,000 jobs and 1,000 events a second: reported, not asserted.

The page is the daemon's; its lists and its feed are played by the test, so that the
figures are the page's own. What is asserted are counts: nodes, and what is shown.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from desk import Desk
from playwright.sync_api import CDPSession, Page, Route, WebSocketRoute, expect

JOBS = 100_000
EVENTS_A_SECOND = 1_000
SECONDS = 5
FRAME = 100
MOST_ROWS = 60
LATER = 10 * JOBS  # sequence numbers of what comes while we look

AT = "2026-03-14T21:07:45.193Z"
ENGLISH = {"index": 2, "language": "eng", "title": None, "codec": "AAC", "channels": 2}


def job_item(seq: int) -> dict[str, Any]:
    changed = seq % 3 == 0
    return {
        "job_id": f"job_{seq:012x}",
        "kind": "process",
        "status": "completed",
        "file_path": f"/media/tv/Series {seq % 97}/Series {seq % 97} - S01E{seq % 24:02}.mkv",
        "source": "sonarr",
        "batch_id": None,
        "undo_of": None,
        "undone": False,
        "dry_run": False,
        "context": {"title": None},
        "created_at": AT,
        "started_at": AT,
        "updated_at": AT,
        "completed_at": AT,
        "result": "success" if changed else "skipped",
        "reason": None if changed else "already_correct",
        "track_changed": changed,
        "selected_track": ENGLISH,
        "method": "in_place",
    }


def answer_jobs(route: Route) -> None:
    """A page of 100,000 jobs, numbered from the newest."""
    query = {
        name: values[-1] for name, values in parse_qs(urlsplit(route.request.url).query).items()
    }
    newest = min(int(query.get("before", JOBS + 1)), JOBS + 1) - 1 - int(query.get("offset", 0))
    count = min(int(query.get("limit", 50)), max(0, newest))
    page = [job_item(newest - place) for place in range(count)]
    changed = JOBS // 3
    facets = {"all": JOBS, "waiting": 0, "changed": changed, "already_correct": JOBS - changed}
    facets |= {"skipped": 0, "failed": 0, "cancelled": 0}
    route.fulfill(json={"total": JOBS, "limit": 50, "offset": 0, "jobs": page, "facets": facets})


class Feed:
    """The daemon's side of the feed, as fast as it is told."""

    def __init__(self, page: Page) -> None:
        self.seq = LATER
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/ws?*", self.accept)

    def accept(self, socket: WebSocketRoute) -> None:
        hello = {
            "type": "hello",
            "seq": self.seq,
            "version": "1",
            "paused": False,
            "queue": {"queued": 0, "running": 0, "waiting_for_space": 0, "current_jobs": []},
            "workers": {"total": 2, "active": 0, "idle": 2},
            "batches": [],
            "today": {"checked": 0, "changed": 0},
            "problems": 0,
        }
        socket.send(json.dumps(hello))
        self.sockets.append(socket)

    def frame(self) -> str:
        """A hundred events: jobs that are queued, started and completed."""
        events: list[dict[str, Any]] = []
        while len(events) < FRAME:
            seq = self.seq + 1
            item = job_item(seq)
            base = {name: item[name] for name in ("job_id", "file_path", "source", "batch_id")}
            ended = {name: item[name] for name in ("result", "reason", "track_changed")}
            for number, (kind, more) in enumerate(
                (
                    ("job.queued", {"status": "queued", "title": None}),
                    ("job.started", {"status": "running", "worker_id": 1, "attempt": 1}),
                    ("job.completed", {"status": "completed", "selected_track": ENGLISH, **ended}),
                )
            ):
                events.append({"seq": seq + number, "at": AT, "type": kind, **base, **more})
            self.seq = seq + 2
        return json.dumps({"type": "events", "events": events})

    def play(self, page: Page, seconds: float) -> None:
        """Sends at the promised rate."""
        began = time.monotonic()
        sent = 0
        while (passed := time.monotonic() - began) < seconds:
            if sent < passed * EVENTS_A_SECOND:
                self.sockets[-1].send(self.frame())
                sent += FRAME
            page.wait_for_timeout(5)  # hands over to the browser


def heap_megabytes(cdp: CDPSession) -> float:
    cdp.send("HeapProfiler.collectGarbage")
    metrics = cdp.send("Performance.getMetrics")["metrics"]
    return next(one["value"] for one in metrics if one["name"] == "JSHeapUsedSize") / 1e6


OBSERVE = """() => {
  window.inputs = [];
  window.longTasks = [];
  const keep = (list) => (found) => found.getEntries().forEach((one) => list.push(one.duration));
  new PerformanceObserver(keep(window.inputs))
    .observe({type: "event", durationThreshold: 16, buffered: true});
  new PerformanceObserver(keep(window.longTasks)).observe({type: "longtask"});
}"""

FIRST = """() => ({
  paint: performance.getEntriesByName("first-contentful-paint")[0].startTime,
  requests: performance.getEntriesByType("resource").length + 1,
  bytes: performance.getEntriesByType("resource").reduce((sum, one) => sum + one.transferSize, 0),
})"""


def test_figures_at_a_hundred_thousand_jobs(
    desk: Desk, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    page = desk.open()
    first = page.evaluate(FIRST)
    page.goto("about:blank")
    page.route("**/jobs?*", answer_jobs)
    feed = Feed(page)
    cdp = page.context.new_cdp_session(page)
    cdp.send("Performance.enable")
    page.goto(f"{desk.url}/#/jobs")
    scroller = page.locator(".scroller")
    expect(page.locator("a.job[href]").first).to_be_visible()
    page.evaluate(OBSERVE)

    rows = 0
    for place in range(40):  # up and down the whole list
        scroller.evaluate("(node, part) => node.scrollTo(0, part * node.scrollHeight)", place / 40)
        page.wait_for_timeout(30)
        rows = max(rows, page.locator(".window li").count())
    scroller.evaluate("(node) => node.scrollTo(0, node.scrollHeight)")
    last = page.locator(".window li").last
    expect(last).to_have_attribute("aria-posinset", str(JOBS))
    expect(last.locator("a[href]")).to_be_visible()
    quiet = heap_megabytes(cdp)

    scroller.evaluate("(node) => node.scrollTo(0, 40000)")
    chips = page.get_by_role("group", name="Result")
    for name in ("Changed", "Already right", "All"):
        feed.play(page, SECONDS / 3)
        chips.get_by_role("button", name=name).click()
        page.keyboard.press("j")
        rows = max(rows, page.locator(".window li").count())
    feed.play(page, 1)
    expect(chips.get_by_role("button", name="All")).to_contain_text("10")
    inputs = sorted(page.evaluate("window.inputs"))
    tasks = page.evaluate("window.longTasks")
    figures = {
        "first paint, ms": round(first["paint"]),
        "requests of the first page": first["requests"],
        "bytes of the first page": first["bytes"],
        "input to paint, worst, ms": inputs[-1] if inputs else "under 16",
        "long tasks": len(tasks),
        "longest task, ms": round(max(tasks, default=0)),
        "heap at rest, MB": round(quiet, 1),
        "heap after 1,000 events a second, MB": round(heap_megabytes(cdp), 1),
        "rows in the page at most": rows,
    }
    for name, value in figures.items():
        record_property(name, value)
    with capsys.disabled():
        print("\nDashboard, 100,000 jobs:", json.dumps(figures, indent=1))
    assert rows <= MOST_ROWS
