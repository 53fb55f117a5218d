"""A library of 10,000 files, webhooks beside it, and kill -9 in discovery and in processing."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import attrs
import httpx
from daemon_process import DaemonProcess, Household
from synth import mkv
from synth_mp4 import mp4, track

FILES = 10_000
CHUNKS_BEFORE_THE_KILL = 7
WORKERS = 2
ENGLISH_SECOND = (
    {"type": "video"},
    {"type": "audio", "language": "jpn", "default": True},
    {"type": "audio", "language": "eng", "default": False},
    {"type": "subtitles", "language": "eng"},
)
ENGLISH_DEFAULT = (
    {"type": "video"},
    {"type": "audio", "language": "jpn", "default": False},
    {"type": "audio", "language": "eng", "default": True},
)


@attrs.frozen
class Kind:
    """A kind of file, how many of 100 are of it, and how its job ends."""

    ending: str
    content: bytes
    share: int
    result: str


KINDS = (
    Kind("mkv", mkv(ENGLISH_SECOND, style="mkvmerge"), 40, "success"),
    Kind("mkv", mkv(ENGLISH_SECOND, style="ffmpeg"), 30, "success"),
    Kind("mkv", mkv(ENGLISH_SECOND, style="tight"), 10, "success"),
    Kind("mp4", mp4([track("video"), track(language="jpn"), track(language="eng", enabled=False)]),
         5, "success"),
    Kind("mkv", mkv(ENGLISH_DEFAULT, style="mkvmerge"), 13, "skipped"),
    Kind("mkv", mkv(ENGLISH_DEFAULT, style="mkvmerge")[:200], 2, "failed"),  # cut off
)  # fmt: skip


@attrs.define
class Library:
    """10,000 files as they lie on a disk: shows, seasons, and what is not to be found."""

    household: Household
    files: dict[Path, Kind] = attrs.field(factory=dict)

    @property
    def folder(self) -> Path:
        return self.household.media / "tv"

    def plant(self) -> None:
        kinds = [kind for kind in KINDS for _ in range(kind.share)]
        for number in range(FILES):
            kind = kinds[number * 37 % 100]
            show, season, episode = number // 200, number // 20 % 10, number % 20
            title = f"Shōw {show:02} (2010)"
            name = f"{title} - S{season:02}E{episode:02} - Tïtle WEBDL-1080p.{kind.ending}"
            path = self.folder / title / f"Season {season:02}" / name
            self.files[path] = kind
            self.household.add(str(path.relative_to(self.household.media)), kind.content)
            if episode == 0:
                for beside in ("poster.jpg", "subs.eng.srt", ".hidden.mkv", "x.mkv.part"):
                    (path.parent / beside).touch()

    def results(self) -> Counter[str]:
        return Counter(kind.result for kind in self.files.values())

    def contents(self) -> dict[Kind, set[bytes]]:
        """What the files of each kind hold."""
        found: dict[Kind, set[bytes]] = {}
        for path, kind in self.files.items():
            found.setdefault(kind, set()).add(path.read_bytes())
        return found


@contextmanager
def journal(household: Household) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(household.data / "jobs.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        yield connection
    finally:
        connection.close()


def rows(household: Household, sql: str, *bindings: object) -> list[tuple[Any, ...]]:
    with journal(household) as connection:
        return list(connection.execute(sql, bindings))


def deliver(household: Household, daemon: DaemonProcess, show: str) -> tuple[str, list[str]]:
    """A season pack of ten new files."""
    paths = [
        household.add(f"new/{show}/S01E{n:02}.mkv", mkv(ENGLISH_SECOND, style="mkvmerge"))
        for n in range(10)
    ]
    body = {
        "eventType": "Download",
        "series": {"title": show, "path": str(household.media / "new" / show)},
        "episodeFiles": [{"path": str(path)} for path in paths],
    }
    answer = daemon.post("/webhook/sonarr", body)
    return answer["webhook_id"], answer["job_ids"]


def progress(daemon: DaemonProcess, batch: str) -> dict[str, Any]:
    """The totals, which add up at every moment."""
    found: dict[str, Any] = daemon.get(f"/batch/{batch}", limit=1)["progress"]
    assert found["processed"] == found["success"] + found["skipped"] + found["failed"]
    assert found["remaining"] == found["queued"] + found["running"]
    assert found["total_files"] == found["processed"] + found["cancelled"] + found["remaining"]
    return found


def assert_overtaken(household: Household, webhook: str, jobs: list[str], batch: str) -> None:
    """Behind the webhook's row, only jobs that had been claimed before it start earlier."""
    received = int(webhook.removeprefix("webhook_"), 16)
    last = max(
        seq
        for job in jobs
        for (seq,) in rows(
            household,
            "SELECT seq FROM journal WHERE job = ? AND type = 'job.started'",
            int(job.removeprefix("job_"), 16),
        )
    )
    started_between = rows(
        household,
        "SELECT count(*) FROM journal WHERE type = 'job.started' AND parent = ?"
        " AND seq BETWEEN ? AND ?",
        int(batch.removeprefix("batch_"), 16), received, last,
    )  # fmt: skip
    assert started_between[0][0] <= WORKERS


def test_10_000_files_with_webhooks_over_two_kills_are_each_right_and_the_totals_exact(
    tmp_path: Path,
) -> None:
    household = Household(tmp_path)
    household.write_config(processing={"worker_count": WORKERS}, logging={"level": "warning"})
    library = Library(household)
    library.plant()

    batch = die_in_the_middle_of_discovery(household, library)

    with household.daemon() as daemon:
        deliveries = [deliver(household, daemon, "First")]
        daemon.until(lambda: progress(daemon, batch)["processed"] >= 1000, "1,000 are processed")
        deliveries.append(deliver(household, daemon, "Second"))
        for job in deliveries[1][1]:
            assert daemon.ended(job)["result"] == "success"
        seen = progress(daemon, batch)
        assert seen["remaining"] > 0, "the webhook's jobs went first"
        daemon.kill()

    with household.daemon() as daemon:
        daemon.until(
            lambda: daemon.get(f"/batch/{batch}", limit=1)["status"] == "completed", "its end"
        )
        end = progress(daemon, batch)
        stats = daemon.get("/jobs/stats")
        results = daemon.get(f"/batch/{batch}", limit=1)["results"]
        assert daemon.stop() == 0

    expected = library.results()
    assert end["total_files"] == end["processed"] == FILES
    assert {name: end[name] for name in expected} == expected
    assert results["track_changes"] == expected["success"]
    assert stats["total_jobs"] == FILES + 20
    for webhook, jobs in deliveries:
        assert_overtaken(household, webhook, jobs, batch)
    assert_each_file_has_one_job(household, library, batch)
    for kind, contents in library.contents().items():
        assert len(contents) == 1, "every file of a kind became the same"
        assert (contents == {kind.content}) == (kind.result != "success")
    assert list(household.media.rglob("._*")) == []


def die_in_the_middle_of_discovery(household: Household, library: Library) -> str:
    program = (str(Path(__file__).with_name("dying_daemon.py")), str(CHUNKS_BEFORE_THE_KILL))
    with household.daemon(program) as daemon:
        with suppress(httpx.TransportError):  # it dies before its answer, or soon behind it
            daemon.post("/batch", {"path": str(library.folder)})
        assert daemon.wait() == -signal.SIGKILL
    ((batch,),) = rows(household, "SELECT seq FROM journal WHERE type = 'batch.queued'")
    chunks = rows(household, "SELECT body ->> 'found', body ->> 'complete' FROM journal"
                  " WHERE type = 'batch.discovered'")  # fmt: skip
    assert len(chunks) >= CHUNKS_BEFORE_THE_KILL
    assert 0 < sum(found for found, _ in chunks) < FILES
    assert not any(complete for _, complete in chunks)
    return f"batch_{batch:012x}"


def assert_each_file_has_one_job(household: Household, library: Library, batch: str) -> None:
    found = rows(
        household,
        "SELECT path FROM finished WHERE parent = ?",
        int(batch.removeprefix("batch_"), 16),
    )
    paths = Counter(path for (path,) in found)
    assert paths == Counter(os.fsencode(path) for path in library.files)
