"""What the dashboard asks beyond the REST contract: live server, real queue, documented answers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest
import synth
import trio
from feed_lab import CHANGED, RIGHT, Lab, events, feed_lab, heard, new_jobs, work
from jsonschema import Draft202012Validator
from queue_kit import run_next

from arrtheaudio.jobs.models import NewBatch, NewDelivery, NewJob
from arrtheaudio.jobs.verify import verify_file
from arrtheaudio.media import Decision, Explained, Outcome, Track

SKIPPED = Outcome("skipped", "no_matching_track", "No wished language inside")
DRY = Outcome("success", None, "Would set it")


@attrs.define
class Api:
    """A client whose every answer must fit the document."""

    lab: Lab
    document: dict[str, Any]

    async def ask(self, method: str, path: str, /, **more: Any) -> Any:
        """The answer's JSON and status, checked."""
        answer = await self.lab.live.client.request(method, path, **more)
        described = self.document["paths"][path][method.lower()]["responses"]
        content = described[str(answer.status_code)]["content"]
        schema = content[answer.headers["content-type"]]["schema"]
        whole = {**schema, "components": self.document["components"]}
        Draft202012Validator(whole).validate(answer.json())
        return answer.status_code, answer.json()

    async def get(self, path: str, /, **query: Any) -> Any:
        """``GET`` that must succeed."""
        status, body = await self.ask("GET", path, params=query)
        assert status == 200, body
        return body

    async def post(self, path: str, body: Any, status: int = 200) -> Any:
        """``POST`` that must be answered so."""
        found, answer = await self.ask("POST", path, json=body)
        assert found == status, answer
        return answer

    async def refused(self, path: str, /, **query: Any) -> Any:
        """``GET`` that is refused with 400."""
        status, body = await self.ask("GET", path, params=query)
        assert status == 400, body
        return [error["field"] for error in body.get("errors", [])]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with feed_lab(tmp_path) as lab:
        yield Api(lab, (await lab.live.client.get("/openapi.json")).json())
    assert verify_file(tmp_path / "jobs.db") == []  # the tables still say what the journal says


async def run(api: Api, outcomes: Sequence[Any], folder: str = "/media/tv") -> list[int]:
    """One job for each of these outcomes, done in order; their ids."""
    accepted = await api.lab.queue.submit(new_jobs(len(outcomes), folder))
    await finish(api, dict(zip(accepted.jobs, outcomes, strict=True)))
    return list(accepted.jobs)


async def finish(api: Api, outcomes: dict[int, Any]) -> None:
    """Work until nothing waits; what is not named is changed."""
    queue = api.lab.queue
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: work(queue, lambda claim: outcomes.get(claim.job, CHANGED)))
        while queue.state().queued or queue.state().running:
            await queue.wait_beyond(queue.head)
        nursery.cancel_scope.cancel()


async def change(api: Api, count: int, language: str = "ja", *, before: str = "en") -> list[int]:
    """Jobs that change the default from one language to another, by a plan; their ids."""
    old = Track(1, 1, "audio", "aac", before, default=True)
    new = Track(2, 2, "audio", "aac", language)
    explained = (Explained(old, False, ""), Explained(new, True, ""))
    decision = Decision((language,), "", new, None, explained, "")
    await api.lab.queue.submit(new_jobs(count))
    done = attrs.evolve(CHANGED, method="in_place", decision=decision)
    return [await run_next(api.lab.queue, done) for _ in range(count)]


async def undo(api: Api, jobs: Sequence[int]) -> None:
    """Put the old bytes of these jobs back."""
    for job in jobs:
        await api.lab.queue.undo(job)
        await run_next(api.lab.queue, CHANGED)


ALL = [CHANGED, CHANGED, RIGHT, SKIPPED, DRY, ("corrupt", "cut short"), ("not_writable", "no")]


# --- folders and files ------------------------------------------------------------


async def test_browsing_begins_at_the_roots_and_stays_below_them(api: Api, tmp_path: Path) -> None:
    (tmp_path / "tv" / "Show").mkdir(parents=True)
    for left_out in (".hidden", "@eaDir", "lost+found"):
        (tmp_path / left_out).mkdir()
    (tmp_path / "film.mkv").write_bytes(b"")
    (tmp_path / "inside").symlink_to(tmp_path / "tv")
    (tmp_path / "outside").symlink_to("/etc")
    root = str(tmp_path)
    roots = await api.get("/browse")
    assert (roots["path"], roots["parent"]) == (None, None)
    assert roots["folders"] == [{"name": root, "path": root}]
    top = await api.get("/browse", path=root)
    assert (top["path"], top["parent"]) == (root, None)
    assert [one["name"] for one in top["folders"]] == ["inside", "tv"]
    inner = await api.get("/browse", path=f"{root}/tv")
    assert (inner["parent"], inner["folders"]) == (
        root,
        [{"name": "Show", "path": f"{root}/tv/Show"}],
    )
    for foreign in ("/etc", f"{root}/outside", f"{root}/../..", f"{root}/film.mkv", "relative"):
        await api.refused("/browse", path=foreign)


async def test_browsing_is_paged(api: Api, tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"s{number}").mkdir()
    page = await api.get("/browse", path=str(tmp_path), limit=3, offset=5)
    assert page["total"] == 7
    assert [one["name"] for one in page["folders"]] == ["s5", "s6"]
    assert await api.refused("/browse", limit=0, offset=-1) == ["limit", "offset"]


async def test_a_name_that_is_no_text_is_not_offered(api: Api, tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    assert (await api.get("/browse", path=str(tmp_path)))["folders"] == []


async def test_inspecting_shows_tracks_and_decision_and_changes_nothing(
    api: Api, tmp_path: Path
) -> None:
    film = tmp_path / "film.mkv"
    content = synth.mkv(
        [
            {"type": "audio", "language": "jpn", "default": True},
            {"type": "audio", "language": "eng", "default": False},
        ]
    )
    film.write_bytes(content)
    found = await api.get("/inspect", path=str(film), language="eng")
    assert found["container"] == "mkv"
    assert [track["default"] for track in found["tracks"]] == [True, False]
    assert found["decision"]["chosen"]["language"] == "en"
    assert film.read_bytes() == content


async def test_inspecting_says_what_is_wrong_with_a_file(api: Api, tmp_path: Path) -> None:
    (tmp_path / "noise.mkv").write_bytes(b"noise" * 100)
    for name, status in (("absent.mkv", 404), ("noise.mkv", 422)):
        found, body = await api.ask("GET", "/inspect", params={"path": str(tmp_path / name)})
        assert (found, body["status"]) == (status, status)
    assert await api.refused("/inspect", path="/etc/passwd") == []
    assert await api.refused("/inspect") == ["path"]


# --- figures ------------------------------------------------------------------------


async def test_the_day_counts_every_end_and_outlives_clean_up(api: Api) -> None:
    await run(api, ALL)
    waiting = await api.lab.queue.submit(new_jobs(1))
    await api.lab.queue.cancel(waiting.jobs[0])
    await api.post("/admin/cleanup", {"older_than_days": 0, "statuses": ["completed", "failed"]})
    *before, today = (await api.get("/stats/daily", days=3))["days"]
    counts = {name: n for name, n in today.items() if name not in ("day", "avg_ms")}
    assert counts == {
        "changed": 2, "already_correct": 1, "unchanged": 1, "skipped": 1, "failed": 2,
        "cancelled": 1,
    }  # fmt: skip
    assert [sum(n for n in day.values() if isinstance(n, int)) for day in before] == [0, 0]
    assert await api.refused("/stats/daily", days=0) == ["days"]


async def test_breakdowns_count_words(api: Api) -> None:
    await run(api, ALL)
    reasons = await api.get("/stats/breakdown", by="reason", days=1)
    assert {one["key"]: one["count"] for one in reasons["items"]} == {
        "corrupt": 1, "not_writable": 1, "no_matching_track": 1,
    }  # fmt: skip
    sources = await api.get("/stats/breakdown", by="source")
    assert sources["items"] == [{"key": "manual", "count": 7}]
    assert (await api.get("/stats/breakdown", by="language"))["items"] == []
    assert await api.refused("/stats/breakdown", by="colour") == ["by"]


# --- lists ----------------------------------------------------------------------------


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
    api: Api, base: dict[str, str]
) -> None:
    await run(api, ALL * 3)
    await run(api, [SKIPPED], "/media/movies")
    await undo(api, await change(api, 3))
    waiting = await api.lab.queue.submit(new_jobs(4))
    await api.lab.queue.cancel(waiting.jobs[0])
    facets = (await api.get("/jobs", facets="true", limit=1, **base))["facets"]
    for name, parameters in CHIPS:
        page = await api.get("/jobs", **{**base, **parameters})
        assert page["total"] == len(page["jobs"]) == facets[name], name
    assert facets["waiting"] == 3


async def test_what_can_be_undone_is_counted_offered_and_listed_alike(api: Api) -> None:
    await change(api, 3)
    undoable = {"kind": ["process"], "track_changed": True, "undone": False}
    body = {"action": "undo", "filter": undoable, "expected": 3}
    told = await api.post("/jobs/actions", body, 202)
    assert (told["matched"], told["accepted"]) == (3, 3)
    waiting = await api.get("/jobs", facets="true")
    assert [job["kind"] for job in waiting["jobs"]] == ["undo"] * 3 + ["process"] * 3
    for _ in range(3):
        await run_next(api.lab.queue, CHANGED)
    facets = (await api.get("/jobs", facets="true"))["facets"]
    assert (facets["changed"], facets["undone"], facets["restored"]) == (0, 3, 3)
    told = await api.post("/jobs/actions", body, 202)
    assert (told["matched"], told["accepted"]) == (0, 0)
    today = (await api.get("/stats/daily", days=1))["days"][0]
    assert today["changed"] == 3, "an undo is no change of its own"


async def test_a_days_figures_are_the_rows_of_that_day(api: Api) -> None:
    await run(api, ALL)
    await undo(api, (await change(api, 2))[:1])
    await change(api, 1, "de")
    (first,) = (await api.get("/jobs", limit=1, order_by="updated_at", order="asc"))["jobs"]
    day = {"completed_from": first["completed_at"], "kind": "process"}
    spoken = await api.get("/stats/breakdown", by="language", days=1)
    assert spoken["items"] == [{"key": "ja", "count": 2}, {"key": "de", "count": 1}]
    for one in spoken["items"]:
        rows = await api.get("/jobs", **day, language=one["key"], track_changed="true")
        assert rows["total"] == one["count"]
    today = (await api.get("/stats/daily", days=1))["days"][0]
    rows = await api.get("/jobs", **day, track_changed="true")
    assert rows["total"] == today["changed"] == 5
    assert (await api.get("/jobs", language="en"))["total"] == 0
    (last, *_) = (await api.get("/jobs", limit=1, order_by="updated_at"))["jobs"]
    assert (await api.get("/jobs", completed_to=first["completed_at"]))["total"] == 0
    rows = await api.get("/jobs", completed_to=last["completed_at"], facets="true")
    assert 0 < rows["total"] == rows["facets"]["all"]
    wrong = await api.refused("/jobs", completed_from="noon", kind="redo")
    assert wrong == ["completed_from", "kind[0]"]


async def test_a_job_tells_which_language_was_the_default_before(api: Api) -> None:
    (changed,) = await change(api, 1)
    (unknown,) = await change(api, 1, before="und")
    (right,) = await run(api, [RIGHT])
    for seq, language in ((changed, "en"), (unknown, None), (right, None)):
        job = (await api.lab.live.client.get(f"/jobs/job_{seq:012x}")).json()
        assert job["previous_language"] == language
        (end,) = (event for event in job["events"] if event["type"] == "job.completed")
        assert end["previous_language"] == language
    listed = (await api.get("/jobs"))["jobs"]
    assert [job["previous_language"] for job in listed] == [None, None, "en"]


async def test_pages_before_a_number_stay_while_jobs_arrive(api: Api) -> None:
    first = await run(api, [CHANGED] * 10)
    seen: list[str] = []
    before: dict[str, int] = {}
    while True:
        page = (await api.get("/jobs", limit=3, **before))["jobs"]
        if not page:
            break
        seen += [job["job_id"] for job in page]
        before = {"before": int(seen[-1].removeprefix("job_"), 16)}
        await run(api, [CHANGED])
    assert seen == [f"job_{seq:012x}" for seq in reversed(first)]
    assert await api.refused("/jobs", before=5, order="asc") == ["before"]


async def test_times_choose_by_the_moment_of_acceptance(api: Api) -> None:
    await run(api, [CHANGED, SKIPPED])
    (job, *_) = (await api.get("/jobs"))["jobs"]
    assert (await api.get("/jobs", **{"from": job["created_at"]}))["total"] == 2
    assert (await api.get("/jobs", to="2020-01-01T00:00:00+01:00"))["total"] == 0
    for wrong in ("yesterday", "2026-02-30T00:00:00Z", "2026-03-14T00:00:00"):
        assert await api.refused("/jobs", **{"from": wrong}) == ["from"]


# --- problems -------------------------------------------------------------------------


async def test_problems_are_grouped_and_list_exactly_their_rows(api: Api) -> None:
    bad = ("corrupt", "cut short")
    await run(api, [bad, bad, CHANGED, ("not_writable", "no")])
    await run(api, [bad], "/media/movies")
    problems = await api.get("/problems")
    assert problems["total"] == 4
    groups = {(one["reason"], one["folder"]): one for one in problems["groups"]}
    assert {key: one["count"] for key, one in groups.items()} == {
        ("corrupt", "/media/tv"): 2, ("corrupt", "/media/movies"): 1,
        ("not_writable", "/media/tv"): 1,
    }  # fmt: skip
    assert groups["corrupt", "/media/tv"]["message"] == "cut short"
    for (reason, folder), one in groups.items():
        rows = await api.get("/jobs", problem="true", reason=reason, path=folder)
        assert rows["total"] == one["count"]


async def test_dismissing_is_durable_told_and_can_be_taken_back(api: Api) -> None:
    jobs = await run(api, [("corrupt", "a"), ("corrupt", "b"), ("io_error", "c")])
    group = {"reason": "corrupt", "folder": "/media/tv"}
    async with api.lab.listen() as feed:
        await feed.receive()
        assert await api.post("/problems/dismiss", group) == {"status": "dismissed", "jobs": 2}
        told = events(await heard(feed, api.lab.queue.head))
    assert [(one["type"], one["job_id"]) for one in told] == [
        ("problem.dismissed", f"job_{seq:012x}") for seq in jobs[:2]
    ]
    assert all(one["status"] == "failed" for one in told)
    assert (await api.get("/problems"))["total"] == 1
    assert (await api.get("/jobs", status="failed"))["total"] == 3
    assert await api.post("/problems/restore", group) == {"status": "restored", "jobs": 2}
    assert (await api.get("/problems"))["total"] == 3
    assert await api.post("/problems/restore", group) == {"status": "restored", "jobs": 0}
    await api.post("/problems/dismiss", {"reason": "corrupt"}, 400)


async def test_a_failure_leaves_when_it_is_retried_and_when_its_file_succeeds(api: Api) -> None:
    first, second = await run(api, [("corrupt", "a"), ("corrupt", "b")])
    await api.lab.queue.retry(first)
    assert (await api.get("/problems"))["total"] == 1
    await finish(api, {})  # the retry succeeds
    again = await api.lab.queue.submit([NewJob(b"/media/tv/00001.mkv")])
    await finish(api, {again.jobs[0]: RIGHT})
    assert second not in again.jobs
    assert (await api.get("/problems"))["total"] == 0
    group = {"reason": "corrupt", "folder": "/media/tv"}
    assert (await api.post("/problems/restore", group))["jobs"] == 0  # nobody dismissed them


async def test_what_waits_for_space_is_a_problem_with_its_figures(api: Api) -> None:
    queue = api.lab.queue
    await queue.submit([NewJob(b"/media/movies/big.mkv")])
    while (claim := queue.claim(light=True, heavy=True)) is None:
        await queue.work_changed()
    queue.started(claim, 1)
    await queue.waiting_for_space(claim, needed=9000, free=4000)
    queue.release(claim)
    (group,) = (await api.get("/problems"))["groups"]
    assert group["reason"] == "waiting_for_space"
    assert (group["needed_bytes"], group["free_bytes"]) == (9000, 4000)
    assert (await api.get("/jobs", problem="true"))["total"] == 1


# --- actions --------------------------------------------------------------------------


async def test_retrying_all_that_match_makes_new_jobs(api: Api) -> None:
    await run(api, [("corrupt", "a")] * 5 + [CHANGED])
    body = {"action": "retry", "filter": {"status": ["failed"], "problem": True}, "expected": 5}
    answer = await api.post("/jobs/actions", body, 202)
    assert (answer["matched"], answer["accepted"]) == (5, 5)
    assert api.lab.queue.state().queued == 5
    assert (await api.get("/problems"))["total"] == 0


async def test_nothing_is_done_if_more_match_than_expected(api: Api) -> None:
    await run(api, [("corrupt", "a")] * 3)
    body = {"action": "retry", "filter": {"status": ["failed"]}, "expected": 2}
    refused = await api.post("/jobs/actions", body, 409)
    assert refused["type"].endswith("more-match")
    assert api.lab.queue.state().queued == 0


async def test_cancelling_all_that_waits_ends_a_batch(api: Api) -> None:
    queue = api.lab.queue
    batch = await queue.start_batch(NewBatch(b"/media/tv"))
    files = [new.path for new in new_jobs(1200)]
    await queue.batch_discovered(batch, files, last=files[-1], complete=True)
    await queue.submit(new_jobs(2, "/media/movies"))
    chosen = {"status": ["queued"], "batch_id": f"batch_{batch:012x}"}
    body = {"action": "cancel", "filter": chosen, "expected": 1200}
    answer = await api.post("/jobs/actions", body, 202)
    assert (answer["matched"], answer["accepted"]) == (1200, 1200)
    assert queue.state().queued == 2
    while queue.live_batches():
        await queue.wait_beyond(queue.head)
    assert (await queue.batch(batch)).progress.cancelled == 1200


async def test_an_action_on_named_jobs_counts_what_there_was_to_do(api: Api) -> None:
    done, failed = await run(api, [CHANGED, ("corrupt", "a")])
    ids = [f"job_{seq:012x}" for seq in (done, failed)]
    answer = await api.post("/jobs/actions", {"action": "retry", "job_ids": ids}, 202)
    assert (answer["matched"], answer["accepted"]) == (2, 1)


@pytest.mark.parametrize(
    "body",
    [
        {"action": "retry"},
        {"action": "retry", "filter": {}, "job_ids": ["job_000000000002"]},
        {"action": "delete", "filter": {}},
        {"action": "retry", "filter": {"colour": "red"}},
        {"action": "retry", "filter": {"status": "failed"}},
        {"action": "retry", "job_ids": ["batch_000000000002"]},
        {"action": "retry", "job_ids": []},
        {"action": "retry", "filter": {}, "expected": -1},
    ],
)
async def test_an_action_that_says_too_little_or_too_much_is_refused(
    api: Api, body: dict[str, Any]
) -> None:
    refused = await api.post("/jobs/actions", body, 400)
    assert refused["errors"]


# --- sources and configuration --------------------------------------------------------


async def test_sources_tell_who_was_heard_last_and_who_was_refused(api: Api) -> None:
    fresh = (await api.get("/sources"))["sources"]
    assert [(one["source"], one["path"], one["last_at"]) for one in fresh] == [
        ("sonarr", "/webhook/sonarr", None), ("radarr", "/webhook/radarr", None),
    ]  # fmt: skip
    await api.lab.queue.deliver(
        NewDelivery("sonarr", "Download", (NewJob(b"/media/a.mkv"),), "kids")
    )
    live = api.lab.live
    await live.client.post("/webhook/sonarr", json={"eventType": "Test"})
    await live.stranger.post("/webhook/radarr/4k", json={"eventType": "Grab"})
    found = (await api.get("/sources"))["sources"]
    told = {
        (one["source"], one["instance"]): (one["last_status"], one["last_event"]) for one in found
    }
    assert told == {
        ("sonarr", None): (200, "Test"), ("sonarr", "kids"): (202, "Download"),
        ("radarr", None): (None, None), ("radarr", "4k"): (401, None),
    }  # fmt: skip


async def test_the_configuration_is_shown_without_the_key(tmp_path: Path) -> None:
    async with feed_lab(tmp_path, api_key="0123456789abcdef") as lab:
        shown = await lab.live.client.get("/config")
        assert shown.json()["processing"]["job_history_days"] == 30
        assert shown.json()["api"]["api_key"] == "(hidden)"
        assert "0123456789abcdef" not in shown.text
        assert (await lab.live.stranger.get("/config")).status_code == 401


@pytest.mark.parametrize(
    "path", ["/browse", "/inspect", "/problems", "/sources", "/config", "/stats/daily",
             "/stats/breakdown"]
)  # fmt: skip
async def test_every_new_address_needs_the_key(api: Api, path: str) -> None:
    assert (await api.lab.live.stranger.get(path)).status_code == 401
