"""What a delivery told of a title goes into later jobs of the same file, which nobody tells."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import apsw
import attrs
import pytest
from queue_kit import inline_queue, run_next

from arrtheaudio.jobs.models import Job, NewBatch, NewDelivery, NewJob, Status, Title
from arrtheaudio.jobs.queue import Queue
from arrtheaudio.jobs.titles import body_of, read_known, with_title

FILM = b"/m/\xff.mkv"  # no UTF-8
TOLD = NewJob(FILM, title="Film", original_language="ja", series_type="anime", tags=("dub",))
KNOWN = Title("Film", "ja", "anime", ("dub",))


def delivered(*jobs: NewJob) -> NewDelivery:
    return NewDelivery("sonarr", "Download", jobs)


def title_of(job: Job) -> Title:
    return Title(job.title, job.original_language, job.series_type, job.tags)


async def swept(queue: Queue, *files: bytes, folder: bytes = b"/m") -> list[Job]:
    """The jobs of a batch that finds these files."""
    batch = await queue.start_batch(NewBatch(folder))
    head = queue.head
    await queue.batch_discovered(batch, files, last=files[-1], complete=True)
    return [await queue.job(head + number) for number in range(1, len(files) + 1)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


async def test_a_sweep_and_a_file_by_hand_know_what_was_told(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        assert [title_of(job) for job in await swept(queue, FILM, folder=b"/")] == [Title()]
        await queue.deliver(delivered(TOLD, NewJob(b"/m/b.mkv")))
        assert [title_of(job) for job in await swept(queue, FILM, b"/m/b.mkv")] == [KNOWN, Title()]
        (job,) = (await queue.submit([NewJob(FILM, language_priority=("eng",))])).jobs
        found = await queue.job(job)
        assert (title_of(found), found.language_priority) == (KNOWN, ("eng",))


async def test_it_outlives_the_delivery_and_the_daemon(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivered(TOLD))
        job = await run_next(queue)
        assert await queue.cleanup(older_than_days=-1, statuses=[Status.COMPLETED]) == 1
    async with inline_queue(path) as queue:
        [found] = await swept(queue, FILM)
        assert (title_of(found), found.seq > job) == (KNOWN, True)


async def test_the_newest_delivery_that_tells_anything_counts(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivered(TOLD))
        await queue.deliver(delivered(attrs.evolve(TOLD, tags=(), original_language="ko")))
        await queue.deliver(delivered(NewJob(FILM, title="An older Sonarr")))
        [found] = await swept(queue, FILM)
        assert title_of(found) == Title("Film", "ko", "anime")


async def test_what_a_job_brings_itself_is_its_own_affair(path: Path, autojump_clock) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivered(TOLD))
        own = NewJob(FILM, original_language="fr")
        (job,) = (await queue.submit([own])).jobs
        assert title_of(await queue.job(job)) == Title(original_language="fr")
        [found] = await swept(queue, FILM)
        assert title_of(found) == KNOWN  # only Sonarr and Radarr are asked


@pytest.mark.parametrize("closed", [True, False])
async def test_it_can_be_read_beside_the_queue(path: Path, autojump_clock, closed: bool) -> None:
    async with inline_queue(path) as queue:
        await queue.deliver(delivered(TOLD))
        if not closed:
            assert read_known(path, [FILM, b"/m/b.mkv"]) == {FILM: KNOWN}
    before = sorted(os.listdir(path.parent))
    assert read_known(path, [FILM]) == {FILM: KNOWN}
    assert sorted(os.listdir(path.parent)) == before, "nothing is left beside the journal"


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_where_no_journal_can_be_read_nothing_is_known(path: Path, content, log: bool) -> None:
    if content is not None:
        path.write_bytes(content)
    if log:
        Path(f"{path}-wal").touch()
    before = sorted(os.listdir(path.parent))
    assert read_known(path, [FILM]) == {}
    assert sorted(os.listdir(path.parent)) == before


def test_a_journal_whose_path_cannot_be_looked_at_tells_nothing(tmp_path: Path) -> None:
    assert read_known(tmp_path / ("x" * 256), [FILM]) == {}


@pytest.mark.parametrize("body", [b"{\xff", b"[1]", b'{"tags":null}', b'{"of a newer version":1}'])
async def test_a_row_that_is_no_title_tells_nothing(
    path: Path, autojump_clock, body: bytes
) -> None:
    other = b"/m/b.mkv"
    async with inline_queue(path) as queue:
        await queue.deliver(delivered(TOLD, attrs.evolve(TOLD, path=other)))
    with closing(apsw.Connection(str(path))) as connection:
        connection.execute("UPDATE titles SET body = ? WHERE path = ?", (body, FILM))
    assert read_known(path, [FILM, other]) == {other: KNOWN}
    async with inline_queue(path) as queue:
        assert [title_of(job) for job in await swept(queue, FILM, other)] == [Title(), KNOWN]


@pytest.mark.parametrize(
    "own", [{"original_language": "fr"}, {"series_type": "standard"}, {"tags": ("mine",)}]
)
def test_a_job_that_brings_anything_of_its_title_takes_nothing_else(own: dict) -> None:
    new = NewJob(FILM, **own)
    assert with_title(new, KNOWN) == with_title(new, None) == new


def test_a_job_that_brings_nothing_of_its_title_takes_all_that_is_known() -> None:
    new = NewJob(FILM, language_priority=("eng",))
    assert with_title(new, None) == new
    assert with_title(new, KNOWN) == attrs.evolve(TOLD, language_priority=("eng",))


def test_what_is_told_again_is_written_alike_by_every_process() -> None:
    told = {"tags": ["dub"], "series_type": "anime", "path": "/m/a.mkv", "original_language": "ja"}
    assert body_of(told) == b'{"original_language":"ja","series_type":"anime","tags":["dub"]}'
