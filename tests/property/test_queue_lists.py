"""Lists, totals and pages agree with a naive filter over everything, whatever is asked."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path

import attrs
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from queue_kit import claim_started, inline_queue, plan_for

from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.models import Job, JobFilter, NewBatch, NewDelivery, NewJob, Status
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.verify import verify_file
from arrtheaudio.media import Decision, Media, Outcome, Track

SOURCES = ("sonarr", "radarr", "manual")
FOLDERS = ("/m/Show", "/m/Show 2", "/m", "/M")

ends = st.sampled_from(
    ["queued", "changed", "undone", "skipped", "failed", "cancelled", "running", "space"]
)
LANGUAGES = {"changed": "ja", "undone": "de"}
jobs = st.tuples(
    st.sampled_from(SOURCES),
    st.sampled_from(FOLDERS),
    st.sampled_from(["a.mkv", "B.mp4", "c%.avi"]),
    ends,
)
filters = st.builds(
    JobFilter,
    status=st.sets(st.sampled_from(list(Status)), max_size=3).map(tuple),
    result=st.sets(st.sampled_from(["success", "skipped", "failed"]), max_size=2).map(tuple),
    source=st.sets(st.sampled_from(SOURCES), max_size=2).map(tuple),
    container=st.sets(st.sampled_from(["mkv", "mp4"]), max_size=2).map(tuple),
    path=st.sampled_from([None, None, b"/m", b"/m/Show", b"/m/Show/", b"/m/Show/a.mkv", b"/"]),
    folder=st.sampled_from([None, None, b"/m", b"/m/Show", b"/m/", b"/", b"/m/Show/a.mkv"]),
    q=st.sampled_from([None, None, "show", "%", "2/A"]),
    kind=st.sets(st.sampled_from(["process", "undo"]), max_size=1).map(tuple),
    language=st.sampled_from([(), (), ("ja",), ("de", "ja"), ("fr",)]),
    track_changed=st.sampled_from([None, None, True, False]),
    undone=st.sampled_from([None, None, True, False]),
    completed_from=st.sampled_from([None, None, 2]),  # seconds behind the first of all
    completed_to=st.sampled_from([None, None, 4]),
    limit=st.integers(1, 8),
    offset=st.integers(0, 6),
    order_by=st.sampled_from(["created_at", "updated_at"]),
    order=st.sampled_from(["asc", "desc"]),
)


async def fill(queue: Queue, wanted: list[tuple[str, str, str, str]]) -> None:
    """Jobs with these fates. All of a batch's are found first, then each meets its fate."""
    batch = await queue.start_batch(NewBatch(b"/m"))
    found = [
        f"{folder}/{name}".encode() for source, folder, name, _ in wanted if source == "manual"
    ]
    await queue.batch_discovered(batch, found, last=b"/m/z", complete=True)
    for source, folder, name, _ in wanted:
        if source == "manual":
            continue
        new = NewJob(f"{folder}/{name}".encode())
        await queue.deliver(NewDelivery(source, "Download", (new,)))
    fates = [end for source, _, _, end in wanted if source != "manual"]
    fates += [end for source, _, _, end in wanted if source == "manual"]
    to_undo = []
    for end in fates:
        if end == "queued":
            continue
        claim = await claim_started(queue)
        await meet(queue, claim, end)
        to_undo += [claim.job] if end == "undone" else []
        await trio.sleep(1)
    for job in to_undo:
        await queue.undo(job)
    for _ in to_undo:
        claim = await claim_started(queue)
        if claim.kind == "undo":
            await queue.planned(claim, plan_for(claim.path))
            await queue.completed(claim, Outcome("success", None, "", True, "in_place"))
        else:
            await queue.failed(claim, "corrupt", "bad")
        await trio.sleep(1)


async def meet(queue: Queue, claim: Claim, end: str) -> None:
    """What becomes of one job."""
    if end in LANGUAGES:
        await queue.planned(claim, plan_for(claim.path))
        media = Media("mkv", 5, ())  # whatever the name says
        chosen = Track(1, 1, "audio", "aac", LANGUAGES[end])
        decision = Decision((), "", chosen, None, (), "")
        done = Outcome("success", None, "", True, "in_place", media, decision)
        await queue.completed(claim, done)
    elif end == "skipped":
        await queue.completed(claim, Outcome("skipped", "already_correct", ""))
    elif end == "failed":
        await queue.failed(claim, "corrupt", "bad")
    elif end == "cancelled":
        await queue.cancelled(claim)
    elif end == "space":
        await queue.waiting_for_space(claim, 2, 1)


def matches(job: Job, wanted: JobFilter) -> bool:
    folder = None if wanted.path is None else wanted.path.rstrip(b"/")
    return (
        (not wanted.status or job.status in wanted.status)
        and (not wanted.result or job.result in wanted.result)
        and (wanted.webhook is None or job.webhook == wanted.webhook)
        and (wanted.batch is None or job.batch == wanted.batch)
        and (not wanted.source or job.source in wanted.source)
        and (not wanted.container or job.container in wanted.container)
        and (not wanted.kind or job.kind in wanted.kind)
        and (
            not wanted.language
            or (job.selected_track is not None and job.selected_track.language in wanted.language)
        )
        and (
            wanted.track_changed is None
            or (job.completed_at is None and not wanted.track_changed)
            or (job.completed_at is not None and job.track_changed is wanted.track_changed)
        )
        and (wanted.undone is None or job.undone is wanted.undone)
        and (
            (wanted.completed_from, wanted.completed_to) == (None, None)
            or (
                job.completed_at is not None
                and (wanted.completed_from or 0) <= job.completed_at
                and job.completed_at < (wanted.completed_to or math.inf)
            )
        )
        and (folder is None or job.path == folder or job.path.startswith(folder + b"/"))
        and (
            wanted.folder is None
            or os.path.dirname(job.path) == (wanted.folder.rstrip(b"/") or b"/")
        )
        and (wanted.q is None or wanted.q.lower() in job.path.decode().lower())
    )


def last_change(job: Job) -> int:
    return job.events[-1].seq


@settings(max_examples=25, deadline=None)
@given(
    wanted=st.lists(jobs, min_size=1, max_size=10),
    asked=st.lists(filters, min_size=5, max_size=5),
    parent=st.sampled_from([None, "batch", "webhook"]),
)
def test_a_page_is_what_a_naive_filter_gives(wanted, asked, parent) -> None:  # type: ignore[no-untyped-def]
    async def check() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with inline_queue(
                Path(folder) / "jobs.db", identify=lambda _: object(), worker_count=8
            ) as queue:
                await fill(queue, wanted)
                for one in asked:
                    all_jobs = await everything(queue)
                    await compare(queue, with_times(with_parent(one, parent, all_jobs), all_jobs))
            assert verify_file(Path(folder) / "jobs.db") == []

    trio.run(check, clock=trio.testing.MockClock(autojump_threshold=0))


async def everything(queue: Queue) -> list[Job]:
    page = await queue.jobs(JobFilter(limit=1000))
    return [await queue.job(job.seq) for job in page.jobs]


def with_parent(asked: JobFilter, parent: str | None, all_jobs: list[Job]) -> JobFilter:

    if parent is None:
        return asked
    parents = [getattr(job, parent) for job in all_jobs if getattr(job, parent) is not None]
    return attrs.evolve(asked, **{parent: parents[0] if parents else 9_999})


def with_times(asked: JobFilter, all_jobs: list[Job]) -> JobFilter:
    first = min(job.created_at for job in all_jobs)
    ends = ("completed_from", "completed_to")
    moments = {name: at for name in ends if (at := getattr(asked, name)) is not None}
    return attrs.evolve(asked, **{name: first + at for name, at in moments.items()})


async def compare(queue: Queue, asked: JobFilter) -> None:
    key = last_change if asked.order_by == "updated_at" else lambda job: job.seq
    matching = sorted(
        (job for job in await everything(queue) if matches(job, asked)),
        key=key,
        reverse=asked.order == "desc",
    )
    page = await queue.jobs(asked)
    assert page.total == len(matching)
    expected = matching[asked.offset : asked.offset + asked.limit]
    assert [job.seq for job in page.jobs] == [job.seq for job in expected]


async def test_a_filter_by_two_parents_matches_nothing(tmp_path: Path, autojump_clock) -> None:
    async with inline_queue(tmp_path / "jobs.db") as queue:
        await queue.deliver(NewDelivery("sonarr", "Download", (NewJob(b"/m/a.mkv"),)))
        assert (await queue.jobs(JobFilter(webhook=2, batch=2))).total == 0
