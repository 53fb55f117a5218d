"""Lists, their facets and the figures of days say the same: live server, real queue."""

from __future__ import annotations

from typing import Any

import pytest
from dashboard_lab import ALL, SKIPPED, Dashboard
from feed_lab import CHANGED, RIGHT, new_jobs
from queue_kit import run_next

from arrtheaudio.jobs.models import NewBatch, NewJob


async def test_the_day_counts_every_end_and_outlives_clean_up(dashboard: Dashboard) -> None:
    await dashboard.run(ALL)
    waiting = await dashboard.lab.queue.submit(new_jobs(1))
    await dashboard.lab.queue.cancel(waiting.jobs[0])
    await dashboard.post(
        "/admin/cleanup", {"older_than_days": 0, "statuses": ["completed", "failed"]}
    )
    *before, today = (await dashboard.get("/stats/daily", days=3))["days"]
    counts = {name: n for name, n in today.items() if name not in ("day", "avg_ms")}
    assert counts == {
        "changed": 2, "already_correct": 1, "unchanged": 1, "skipped": 1, "failed": 2,
        "cancelled": 1,
    }  # fmt: skip
    assert [sum(n for n in day.values() if isinstance(n, int)) for day in before] == [0, 0]
    assert await dashboard.refused("/stats/daily", days=0) == ["days"]


async def test_breakdowns_count_words(dashboard: Dashboard) -> None:
    await dashboard.run(ALL)
    reasons = await dashboard.get("/stats/breakdown", by="reason", days=1)
    assert {one["key"]: one["count"] for one in reasons["items"]} == {
        "corrupt": 1, "not_writable": 1, "no_matching_track": 1,
    }  # fmt: skip
    sources = await dashboard.get("/stats/breakdown", by="source")
    assert sources["items"] == [{"key": "manual", "count": 7}]
    assert (await dashboard.get("/stats/breakdown", by="language"))["items"] == []
    assert await dashboard.refused("/stats/breakdown", by="colour") == ["by"]


CHIPS: list[tuple[str, dict[str, Any]]] = [
    ("all", {}),
    ("waiting", {"status": ["queued", "waiting_for_space"]}),
    ("changed", {"kind": "process", "track_changed": "true", "undone": "false"}),
    ("undone", {"undone": "true"}),
    ("restored", {"kind": "undo", "track_changed": "true"}),
    ("already_correct", {"reason": "already_correct"}),
    ("skipped", {"result": "skipped", "reason": "no_matching_track"}),
    ("failed", {"status": "failed"}),
    ("cancelled", {"status": "cancelled"}),
]


@pytest.mark.parametrize("base", [{}, {"q": "tv"}, {"path": "/media/tv"}, {"source": "manual"},
                                  {"from": "2020-01-01T00:00:00Z"}])  # fmt: skip
async def test_every_facet_counts_exactly_the_rows_of_its_filter(
    dashboard: Dashboard, base: dict[str, str]
) -> None:
    await dashboard.run(ALL * 3)
    await dashboard.run([SKIPPED], "/media/movies")
    await dashboard.undo(await dashboard.change(3))
    waiting = await dashboard.lab.queue.submit(new_jobs(4))
    await dashboard.lab.queue.cancel(waiting.jobs[0])
    facets = (await dashboard.get("/jobs", facets="true", limit=1, **base))["facets"]
    for name, parameters in CHIPS:
        page = await dashboard.get("/jobs", **{**base, **parameters})
        assert page["total"] == len(page["jobs"]) == facets[name], name
    assert facets["waiting"] == 3


async def test_what_can_be_undone_is_counted_offered_and_listed_alike(dashboard: Dashboard) -> None:
    await dashboard.change(3)
    undoable = {"kind": ["process"], "track_changed": True, "undone": False}
    body = {"action": "undo", "filter": undoable, "expected": 3}
    told = await dashboard.post("/jobs/actions", body, 202)
    assert (told["matched"], told["accepted"]) == (3, 3)
    waiting = await dashboard.get("/jobs", facets="true")
    assert [job["kind"] for job in waiting["jobs"]] == ["undo"] * 3 + ["process"] * 3
    for _ in range(3):
        await run_next(dashboard.lab.queue, CHANGED)
    facets = (await dashboard.get("/jobs", facets="true"))["facets"]
    assert (facets["changed"], facets["undone"], facets["restored"]) == (0, 3, 3)
    told = await dashboard.post("/jobs/actions", body, 202)
    assert (told["matched"], told["accepted"]) == (0, 0)
    today = (await dashboard.get("/stats/daily", days=1))["days"][0]
    assert today["changed"] == 3, "an undo is no change of its own"


async def test_only_what_an_undo_would_take_is_counted_as_undoable(dashboard: Dashboard) -> None:
    """Not a remux, not what is undone or being undone, not what has no plan."""
    undone, waiting, *_ = await dashboard.change(5)
    await dashboard.change(2, method="remux")
    await dashboard.run([CHANGED, RIGHT])
    await dashboard.undo([undone])
    await dashboard.lab.queue.undo(waiting)
    changes = {"kind": ["process"], "track_changed": True, "undone": False}
    asked = {"kind": "process", "track_changed": "true", "facets": "true"}
    facets = (await dashboard.get("/jobs", **asked, undone="false"))["facets"]
    assert (facets["changed"], facets["undoable"]) == (7, 3)
    assert (await dashboard.get("/jobs", **asked))["facets"]["undoable"] == 3
    assert (await dashboard.get("/jobs", facets="true"))["facets"]["undoable"] is None
    body = {"action": "undo", "filter": changes}
    told = await dashboard.post("/jobs/actions", body | {"dry_run": True})
    assert (told["status"], told["matched"], told["accepted"]) == ("counted", 7, 3)
    assert (await dashboard.post("/jobs/actions", body, 202))["accepted"] == 3
    told = await dashboard.post("/jobs/actions", body | {"dry_run": True})
    assert told["accepted"] == 0


async def test_the_languages_of_a_request_stand_in_its_jobs_and_its_batch(
    dashboard: Dashboard,
) -> None:
    queue = dashboard.lab.queue
    await queue.submit([NewJob(b"/media/tv/a.mkv", language_priority=("jpn", "eng"))])
    batch = await queue.start_batch(NewBatch(b"/media/tv", language_priority=("deu",)))
    await queue.batch_discovered(batch, [b"/media/tv/b.mkv"], last=b"/media/tv/b", complete=True)
    shown = f"/batch/batch_{batch:012x}"
    for finish in (True, False):  # a live one and an ended one
        told = (await dashboard.rest.ask("GET", shown, "/batch/{batch_id}")).json()
        assert told["language_priority"] == ["deu"]
        if finish:
            await dashboard.finish({})
    jobs = (await dashboard.get("/jobs"))["jobs"]
    assert [job["language_priority"] for job in jobs] == [["deu"], ["jpn", "eng"]]
    await dashboard.run([RIGHT])
    assert (await dashboard.get("/jobs"))["jobs"][0]["language_priority"] is None


async def test_a_folders_own_files_are_listed_without_those_below(dashboard: Dashboard) -> None:
    await dashboard.run([CHANGED, RIGHT])
    await dashboard.run([RIGHT], "/media/tv/Show")
    await dashboard.lab.queue.submit(new_jobs(3))
    assert (await dashboard.get("/jobs", path="/media/tv"))["total"] == 6
    for folder in ("/media/tv", "/media/tv/"):
        assert (await dashboard.get("/jobs", folder=folder))["total"] == 5
    facets = (await dashboard.get("/jobs", folder="/media/tv", facets="true"))["facets"]
    assert (facets["all"], facets["waiting"]) == (5, 3)
    assert (await dashboard.get("/jobs", folder="/media"))["total"] == 0


async def test_a_days_figures_are_the_rows_of_that_day(dashboard: Dashboard) -> None:
    await dashboard.run(ALL)
    await dashboard.undo((await dashboard.change(2))[:1])
    await dashboard.change(1, "de")
    (first,) = (await dashboard.get("/jobs", limit=1, order_by="updated_at", order="asc"))["jobs"]
    day = {"completed_from": first["completed_at"], "kind": "process"}
    spoken = await dashboard.get("/stats/breakdown", by="language", days=1)
    assert spoken["items"] == [{"key": "ja", "count": 2}, {"key": "de", "count": 1}]
    for one in spoken["items"]:
        rows = await dashboard.get("/jobs", **day, language=one["key"], track_changed="true")
        assert rows["total"] == one["count"]
    today = (await dashboard.get("/stats/daily", days=1))["days"][0]
    rows = await dashboard.get("/jobs", **day, track_changed="true")
    assert rows["total"] == today["changed"] == 5
    assert (await dashboard.get("/jobs", language="en"))["total"] == 0
    (last, *_) = (await dashboard.get("/jobs", limit=1, order_by="updated_at"))["jobs"]
    assert (await dashboard.get("/jobs", completed_to=first["completed_at"]))["total"] == 0
    rows = await dashboard.get("/jobs", completed_to=last["completed_at"], facets="true")
    assert 0 < rows["total"] == rows["facets"]["all"]
    wrong = await dashboard.refused("/jobs", completed_from="noon", kind="redo")
    assert wrong == ["completed_from", "kind[0]"]


async def test_a_job_tells_which_language_was_the_default_before(dashboard: Dashboard) -> None:
    (changed,) = await dashboard.change(1)
    (unknown,) = await dashboard.change(1, before="und")
    (right,) = await dashboard.run([RIGHT])
    for seq, language in ((changed, "en"), (unknown, None), (right, None)):
        job = (await dashboard.lab.live.client.get(f"/jobs/job_{seq:012x}")).json()
        assert job["previous_language"] == language
        (end,) = (event for event in job["events"] if event["type"] == "job.completed")
        assert end["previous_language"] == language
    listed = (await dashboard.get("/jobs"))["jobs"]
    assert [job["previous_language"] for job in listed] == [None, None, "en"]


async def test_pages_before_a_number_stay_while_jobs_arrive(dashboard: Dashboard) -> None:
    first = await dashboard.run([CHANGED] * 10)
    seen: list[str] = []
    before: dict[str, int] = {}
    while True:
        page = (await dashboard.get("/jobs", limit=3, **before))["jobs"]
        if not page:
            break
        seen += [job["job_id"] for job in page]
        before = {"before": int(seen[-1].removeprefix("job_"), 16)}
        await dashboard.run([CHANGED])
    assert seen == [f"job_{seq:012x}" for seq in reversed(first)]
    assert await dashboard.refused("/jobs", before=5, order="asc") == ["before"]


async def test_times_choose_by_the_moment_of_acceptance(dashboard: Dashboard) -> None:
    await dashboard.run([CHANGED, SKIPPED])
    (job, *_) = (await dashboard.get("/jobs"))["jobs"]
    assert (await dashboard.get("/jobs", **{"from": job["created_at"]}))["total"] == 2
    assert (await dashboard.get("/jobs", to="2020-01-01T00:00:00+01:00"))["total"] == 0
    for wrong in ("yesterday", "2026-02-30T00:00:00Z", "2026-03-14T00:00:00"):
        assert await dashboard.refused("/jobs", **{"from": wrong}) == ["from"]
