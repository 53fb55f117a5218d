"""What needs the user, and one action for many jobs: live server, real queue."""

from __future__ import annotations

from typing import Any

import pytest
from dashboard_lab import Dashboard
from feed_lab import CHANGED, RIGHT, events, heard, new_jobs

from arrtheaudio.jobs.models import NewBatch, NewJob


async def test_problems_are_grouped_and_list_exactly_their_rows(dashboard: Dashboard) -> None:
    bad = ("corrupt", "cut short")
    await dashboard.run([bad, bad, CHANGED, ("not_writable", "no")])
    await dashboard.run([bad], "/media/movies")
    problems = await dashboard.get("/problems")
    assert problems["total"] == 4
    groups = {(one["reason"], one["folder"]): one for one in problems["groups"]}
    assert {key: one["count"] for key, one in groups.items()} == {
        ("corrupt", "/media/tv"): 2, ("corrupt", "/media/movies"): 1,
        ("not_writable", "/media/tv"): 1,
    }  # fmt: skip
    assert groups["corrupt", "/media/tv"]["message"] == "cut short"
    for (reason, folder), one in groups.items():
        rows = await dashboard.get("/jobs", problem="true", reason=reason, path=folder)
        assert rows["total"] == one["count"]


async def test_dismissing_is_durable_told_and_can_be_taken_back(dashboard: Dashboard) -> None:
    jobs = await dashboard.run([("corrupt", "a"), ("corrupt", "b"), ("io_error", "c")])
    group = {"reason": "corrupt", "folder": "/media/tv"}
    async with dashboard.lab.listen() as feed:
        await feed.receive()
        assert await dashboard.post("/problems/dismiss", group) == {
            "status": "dismissed",
            "jobs": 2,
        }
        told = events(await heard(feed, dashboard.lab.queue.head))
    assert [(one["type"], one["job_id"]) for one in told] == [
        ("problem.dismissed", f"job_{seq:012x}") for seq in jobs[:2]
    ]
    assert all(one["status"] == "failed" for one in told)
    assert (await dashboard.get("/problems"))["total"] == 1
    assert (await dashboard.get("/jobs", status="failed"))["total"] == 3
    assert await dashboard.post("/problems/restore", group) == {"status": "restored", "jobs": 2}
    assert (await dashboard.get("/problems"))["total"] == 3
    assert await dashboard.post("/problems/restore", group) == {"status": "restored", "jobs": 0}
    await dashboard.post("/problems/dismiss", {"reason": "corrupt"}, 400)


async def test_a_failure_leaves_when_it_is_retried_and_when_its_file_succeeds(
    dashboard: Dashboard,
) -> None:
    first, second = await dashboard.run([("corrupt", "a"), ("corrupt", "b")])
    await dashboard.lab.queue.retry(first)
    assert (await dashboard.get("/problems"))["total"] == 1
    await dashboard.finish({})  # the retry succeeds
    again = await dashboard.lab.queue.submit([NewJob(b"/media/tv/00001.mkv")])
    await dashboard.finish({again.jobs[0]: RIGHT})
    assert second not in again.jobs
    assert (await dashboard.get("/problems"))["total"] == 0
    group = {"reason": "corrupt", "folder": "/media/tv"}
    assert (await dashboard.post("/problems/restore", group))["jobs"] == 0  # nobody dismissed them


async def test_a_file_that_fails_again_is_one_problem(dashboard: Dashboard) -> None:
    _, other = await dashboard.run([("corrupt", "a"), ("corrupt", "b")])
    await dashboard.run([("not_writable", "no")])  # the first file again
    groups = (await dashboard.get("/problems"))["groups"]
    assert [(one["reason"], one["count"]) for one in groups] == [
        ("not_writable", 1),
        ("corrupt", 1),
    ]
    assert groups[1]["job_id"] == f"job_{other:012x}"
    assert (await dashboard.get("/jobs", problem="true"))["total"] == 2
    assert (await dashboard.get("/jobs", status="failed"))["total"] == 3


async def test_what_a_later_result_settled_is_not_brought_back(dashboard: Dashboard) -> None:
    group = {"reason": "corrupt", "folder": "/media/tv"}
    await dashboard.run([("corrupt", "a"), ("corrupt", "b")])
    assert (await dashboard.post("/problems/dismiss", group))["jobs"] == 2
    await dashboard.run([RIGHT])  # the first file again
    assert (await dashboard.post("/problems/restore", group))["jobs"] == 1
    assert (await dashboard.get("/problems"))["total"] == 1


async def test_what_waits_for_space_is_a_problem_with_its_figures(dashboard: Dashboard) -> None:
    queue = dashboard.lab.queue
    await queue.submit([NewJob(b"/media/movies/big.mkv")])
    while (claim := queue.claim(light=True, heavy=True)) is None:
        await queue.work_changed()
    queue.started(claim, 1)
    await queue.waiting_for_space(claim, needed=9000, free=4000)
    queue.release(claim)
    (group,) = (await dashboard.get("/problems"))["groups"]
    assert group["reason"] == "waiting_for_space"
    assert (group["needed_bytes"], group["free_bytes"]) == (9000, 4000)
    assert (await dashboard.get("/jobs", problem="true"))["total"] == 1


# --- actions ---


async def test_retrying_all_that_match_makes_new_jobs(dashboard: Dashboard) -> None:
    await dashboard.run([("corrupt", "a")] * 5 + [CHANGED])
    body = {"action": "retry", "filter": {"status": ["failed"], "problem": True}, "expected": 5}
    answer = await dashboard.post("/jobs/actions", body, 202)
    assert (answer["matched"], answer["accepted"]) == (5, 5)
    assert dashboard.lab.queue.state().queued == 5
    assert (await dashboard.get("/problems"))["total"] == 0


async def test_what_an_action_would_do_is_counted_without_doing_it(dashboard: Dashboard) -> None:
    queue = dashboard.lab.queue
    bad = ("corrupt", "a")
    (undone,) = await dashboard.change(1)
    undo = await queue.undo(undone)
    await dashboard.finish({undo: bad})
    await dashboard.run([bad, bad, CHANGED])
    waiting = (await queue.submit(new_jobs(3, "/media/movies"))).jobs
    await queue.cancel(waiting[0])
    head = queue.head
    for action, filter, matched, accepted in (
        ("retry", {"status": ["failed", "cancelled"]}, 4, 4),
        ("retry", {}, 8, 4),
        ("cancel", {}, 8, 2),
        ("undo", {}, 8, 1),
    ):
        body = {"action": action, "filter": filter, "dry_run": True}
        told = await dashboard.post("/jobs/actions", body)
        assert (told["matched"], told["accepted"]) == (matched, accepted), action
    assert queue.head == head
    for action, accepted in (("cancel", 2), ("retry", 6)):  # the cancelled ones, too
        body = {"action": action, "filter": {}}
        assert (await dashboard.post("/jobs/actions", body, 202))["accepted"] == accepted
    told = await dashboard.post("/jobs/actions", {"action": "undo", "filter": {}, "dry_run": True})
    assert told["accepted"] == 0, "its undo was retried, and waits"


async def test_nothing_is_done_if_more_match_than_expected(dashboard: Dashboard) -> None:
    await dashboard.run([("corrupt", "a")] * 3)
    body = {"action": "retry", "filter": {"status": ["failed"]}, "expected": 2}
    refused = await dashboard.post("/jobs/actions", body, 409)
    assert refused["type"].endswith("more-match")
    assert dashboard.lab.queue.state().queued == 0


async def test_cancelling_all_that_waits_ends_a_batch(dashboard: Dashboard) -> None:
    queue = dashboard.lab.queue
    batch = await queue.start_batch(NewBatch(b"/media/tv"))
    files = [new.path for new in new_jobs(1200)]
    await queue.batch_discovered(batch, files, last=files[-1], complete=True)
    await queue.submit(new_jobs(2, "/media/movies"))
    chosen = {"status": ["queued"], "batch_id": f"batch_{batch:012x}"}
    body = {"action": "cancel", "filter": chosen, "expected": 1200}
    answer = await dashboard.post("/jobs/actions", body, 202)
    assert (answer["matched"], answer["accepted"]) == (1200, 1200)
    assert queue.state().queued == 2
    while queue.live_batches():
        await queue.wait_beyond(queue.head)
    assert (await queue.batch(batch)).progress.cancelled == 1200


async def test_an_action_on_named_jobs_counts_what_there_was_to_do(dashboard: Dashboard) -> None:
    done, failed = await dashboard.run([CHANGED, ("corrupt", "a")])
    ids = [f"job_{seq:012x}" for seq in (done, failed)]
    answer = await dashboard.post("/jobs/actions", {"action": "retry", "job_ids": ids}, 202)
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
    dashboard: Dashboard, body: dict[str, Any]
) -> None:
    refused = await dashboard.post("/jobs/actions", body, 400)
    assert refused["errors"]


async def test_a_bad_filter_is_named_by_its_place_in_the_body(dashboard: Dashboard) -> None:
    body = {"action": "retry", "filter": {"from": "2026-02-30T00:00:00Z", "status": ["done"]}}
    refused = await dashboard.post("/jobs/actions", body, 400)
    assert {error["field"] for error in refused["errors"]} == {"filter.from", "filter.status[0]"}
