"""process, scan, undo and journal without a daemon: on the locked journal, undoable, honest."""

import errno
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from arrtheaudio.cli import root
from arrtheaudio.cli.looking import Looker
from arrtheaudio.cli.samples import Voice, matroska, mp4
from arrtheaudio.jobs.engine import Policy
from arrtheaudio.jobs.lock import exclusive_lock
from arrtheaudio.jobs.models import NewDelivery, NewJob
from arrtheaudio.jobs.queue import Settings, open_queue
from arrtheaudio.media import Context, Options, Plan, Request, Rules, inspect, run

VOICES = [Voice("eng", default=True), Voice("jpn")]
MKV = matroska("Film", VOICES).content
MP4 = mp4(VOICES).content
RIGHT_BUT_SECOND = matroska("Film", [Voice("eng"), Voice("jpn", default=True)]).content


def defaults(path: Path) -> list[str]:
    media = inspect(bytes(path), Rules(), Context(), Options()).media
    return [track.language for track in media.audio if track.default]


def documents(capsys: pytest.CaptureFixture[str]) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_process_edits_and_undo_gives_back_every_byte(library: Path, capsys) -> None:
    film = library / "Film.mp4"
    assert root.run(["process", "--language", "jpn", str(film), "--json"]) == 0
    [[result]] = documents(capsys)
    assert (result["file"], result["result"], result["method"]) == (
        str(film),
        "success",
        "in_place",
    )
    assert result["track_changed"]
    assert defaults(film) == ["ja"]
    assert root.run(["undo", str(film)]) == 0
    assert film.read_bytes() == MP4


@pytest.mark.parametrize("command", ["process", "scan", "inspect"])
def test_a_language_that_nobody_understands_is_wrong_usage(
    library: Path, capsys, command: str
) -> None:
    assert root.run([command, "--language", "zz99zz", str(library)]) == 2
    assert "expected a language code such as eng" in capsys.readouterr().err


def test_a_file_that_was_just_written_is_processed_at_once(library: Path) -> None:
    (library / "new.mkv").write_bytes(MKV)
    assert root.run(["process", "-l", "jpn", str(library / "new.mkv")]) == 0
    assert defaults(library / "new.mkv") == ["ja"]


def test_process_of_several_files_goes_on_behind_a_failure(library: Path, capsys) -> None:
    broken = library / "broken.mkv"
    broken.write_bytes(MKV[:100])
    files = [str(broken), str(library / "absent.mkv"), str(library / "Film.mp4")]
    assert root.run(["process", "-l", "jpn", "--json", *files]) == 1
    [results] = documents(capsys)
    assert [(r["result"], r["reason"]) for r in results] == [
        ("failed", "corrupt"),
        ("failed", "not_found"),
        ("success", None),
    ]


def test_a_dry_run_changes_no_byte_and_says_so(library: Path, capsys) -> None:
    film = library / "Film.mp4"
    assert root.run(["process", "-l", "jpn", "--dry-run", "--json", str(film)]) == 0
    [[result]] = documents(capsys)
    assert result["dry_run"]
    assert not result["track_changed"]
    assert result["message"].startswith("Would set")
    assert film.read_bytes() == MP4


def test_the_configured_dry_run_counts_without_a_daemon_too(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARRTHEAUDIO_EXECUTION__DRY_RUN", "true")
    assert root.run(["process", "-l", "jpn", str(library / "Film.mp4")]) == 0
    assert (library / "Film.mp4").read_bytes() == MP4


def test_undo_without_a_recorded_change_fails_with_a_message(library: Path, capsys) -> None:
    assert root.run(["undo", str(library / "Film.mp4")]) == 1
    assert "No change of this file is recorded" in capsys.readouterr().err


def test_undo_by_job_and_not_twice(library: Path, capsys) -> None:
    film = library / "Film.mp4"
    root.run(["process", "-l", "jpn", "--json", str(film)])
    [[result]] = documents(capsys)
    assert root.run(["undo", "--job", result["job_id"], "--json"]) == 0
    assert documents(capsys)[0]["undo_of"] == result["job_id"]
    assert film.read_bytes() == MP4
    assert root.run(["undo", "--job", result["job_id"]]) == 1


def deliver(library: Path, wanted: NewJob) -> None:
    """As a daemon takes it that is gone again; the command line has run before."""
    [journal] = (library.parent / "home").rglob("jobs.db")

    async def run_daemon() -> None:
        async with open_queue(journal, Settings()) as queue:
            await queue.deliver(NewDelivery("sonarr", "Download", (wanted,)))

    trio.run(run_daemon)


def test_undo_touches_nothing_else_that_waits_for_a_daemon(library: Path, capsys) -> None:
    film, waiting = library / "Film.mp4", library / "Show" / "Season 01" / "S01E01.mkv"
    root.run(["process", "-l", "jpn", str(film)])
    deliver(library, NewJob(bytes(waiting), language_priority=("jpn",)))
    capsys.readouterr()
    assert root.run(["undo", str(film)]) == 0
    assert film.read_bytes() == MP4
    assert waiting.read_bytes() == MKV
    capsys.readouterr()
    assert root.run(["journal", "show", "--json"]) == 0
    kinds = [row["type"] for row in documents(capsys) if str(waiting) in str(row["body"])]
    assert kinds == ["job.queued"]


def test_undo_is_refused_where_something_else_changed_the_file(library: Path, capsys) -> None:
    film = library / "Film.mp4"
    root.run(["process", "-l", "jpn", str(film)])
    film.write_bytes(film.read_bytes() + bytes(8))
    changed = film.read_bytes()
    assert root.run(["undo", str(film)]) == 1
    assert film.read_bytes() == changed


def test_undo_names_exactly_one_thing(library: Path, capsys) -> None:
    assert root.run(["undo"]) == 2
    assert root.run(["undo", str(library), "--job", "job_000000000001"]) == 2
    assert root.run(["undo", str(library)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_what_a_killed_command_left_waiting_is_nobodys_to_run(library: Path, capsys) -> None:
    film, other = library / "Film.mp4", library / "Show" / "Season 01" / "S01E01.mkv"
    root.run(["process", "-l", "jpn", str(film)])
    [journal] = (library.parent / "home").rglob("jobs.db")

    async def die() -> int:
        async with open_queue(journal, Settings(worker_count=0, max_queue_size=500)) as queue:
            jobs = [NewJob(bytes(other), language_priority=("jpn",))] * 200
            await queue.submit(jobs, direct=True)
            await queue.undo(2, direct=True)
            return queue.state().queued

    assert trio.run(die) == 201
    assert root.run(["undo", str(film)]) == 0, "no undo of it waits any more"
    assert film.read_bytes() == MP4
    assert other.read_bytes() == MKV

    async def left() -> tuple[int, int]:
        async with open_queue(journal, Settings()) as queue:
            return queue.state().queued, queue.state().used

    assert trio.run(left) == (0, 0)


def test_a_paused_queue_holds_no_work_that_somebody_waits_for(library: Path) -> None:
    film = library / "Film.mp4"
    root.run(["process", "-l", "jpn", str(film)])
    [journal] = (library.parent / "home").rglob("jobs.db")

    async def pause() -> None:
        async with open_queue(journal, Settings()) as queue:
            await queue.pause()

    trio.run(pause)
    assert root.run(["undo", str(film)]) == 0
    assert film.read_bytes() == MP4
    assert root.run(["scan", "-l", "jpn", str(library)]) == 0
    assert defaults(film) == ["ja"]


def test_scan_takes_the_whole_tree_and_says_what_became_of_it(library: Path, capsys) -> None:
    assert root.run(["scan", "-l", "jpn", "--json", str(library)]) == 0
    *files, last = documents(capsys)
    assert sorted(Path(file["file"]).name for file in files) == ["Film.mp4", "S01E01.mkv"]
    assert {file["status"] for file in files} == {"success"}
    assert last["totals"]["changed"] == 2
    assert root.run(["scan", "-l", "jpn", "--json", str(library)]) == 0
    assert documents(capsys)[-1]["totals"]["skipped"] == 2


def test_a_scan_that_only_looks_says_how_many_would_be_changed(
    library: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert root.run(["process", "-l", "jpn", str(library / "Film.mp4")]) == 0
    for arguments, told in (
        (["--dry-run"], "2 files, 1 would be changed, 1 left as they are, "),
        ([], "2 files, 0 changed, 1 would be changed, 1 left as they are, "),
    ):
        capsys.readouterr()
        monkeypatch.setenv("ARRTHEAUDIO_EXECUTION__DRY_RUN", str(not arguments).lower())
        assert root.run(["scan", "-l", "jpn", *arguments, str(library)]) == 0
        assert capsys.readouterr().out.startswith(told)


def journalled(capsys) -> list[str]:
    """The paths of all jobs that the journal holds, by their first rows."""
    capsys.readouterr()
    assert root.run(["journal", "show", "--json"]) == 0
    rows = documents(capsys)
    return [row["body"]["path"] for row in rows if row["type"] == "job.queued"]


def test_a_repeated_sweep_makes_a_job_only_for_what_needs_one(library: Path, capsys) -> None:
    assert root.run(["scan", "-l", "jpn", str(library)]) == 0
    first = journalled(capsys)
    new, broken = library / "New.mkv", library / "broken.mkv"
    new.write_bytes(MKV)
    broken.write_bytes(MKV[:100])
    assert root.run(["scan", "-l", "jpn", "--json", str(library)]) == 1
    *files, last = documents(capsys)
    told = {Path(file["file"]).name: file for file in files}
    assert {name: (file["status"], file["reason"]) for name, file in told.items()} == {
        "Film.mp4": ("skipped", "already_correct"),
        "S01E01.mkv": ("skipped", "already_correct"),
        "New.mkv": ("success", None),
        "broken.mkv": ("failed", "corrupt"),
    }
    assert {name for name, file in told.items() if file["job_id"]} == {"New.mkv", "broken.mkv"}
    assert told["Film.mp4"]["message"]
    totals = last["totals"]
    assert [totals[name] for name in ("files", "changed", "skipped", "failed")] == [4, 1, 2, 1]
    assert set(journalled(capsys)[len(first) :]) == {str(new), str(broken)}


def test_a_sweep_and_a_look_know_what_a_delivery_told(library: Path, capsys) -> None:
    film = library / "Film.mp4"
    root.run(["process", str(film)])
    assert defaults(film) == ["en"]
    deliver(library, NewJob(bytes(film), original_language="ja"))
    capsys.readouterr()
    assert root.run(["inspect", "--json", str(film)]) == 0
    [[shown]] = documents(capsys)
    assert shown["decision"]["chosen"]["language"] == "ja"
    for wanted in ("success", "skipped"):  # the second time a look is enough
        assert root.run(["scan", "--json", str(library)]) == 0
        told = {Path(file.get("file", "")).name: file for file in documents(capsys)}
        assert told["Film.mp4"]["status"] == wanted
        assert told["S01E01.mkv"]["reason"] == "already_correct"
        assert defaults(film) == ["ja"]
    assert told["Film.mp4"]["job_id"] is None


def test_a_sweep_does_not_look_where_a_link_leads_out_of_the_folder(
    library: Path, tmp_path: Path, capsys
) -> None:
    outside = tmp_path / "outside.mkv"
    outside.write_bytes(MKV)
    (library / "Link.mkv").symlink_to(outside)
    assert root.run(["scan", "-l", "eng", "--json", str(library)]) == 0
    *files, _ = documents(capsys)
    told = {Path(file["file"]).name: file["reason"] for file in files}
    assert told == {
        "Link.mkv": "outside_media_roots",
        "Film.mp4": "already_correct",
        "S01E01.mkv": "already_correct",
    }


RULED = {
    "as it is": ("jpn", {}),
    "right already": ("eng", {}),
    "no such language": ("fra", {}),
    "no mp4": ("eng", {"containers": frozenset({"mkv"})}),
    "to the front": ("jpn", {"reorder": True}),
    "in front": ("eng", {"reorder": True}),
    "a remux": ("jpn", {"mp4_method": "remux"}),
}


@pytest.mark.parametrize("name", RULED)
@pytest.mark.parametrize("content", [MKV, MP4, RIGHT_BUT_SECOND], ids=["mkv", "mp4", "second"])
async def test_a_look_leaves_alone_only_what_a_job_would_leave_alone_and_says_why(
    tmp_path: Path, name: str, content: bytes
) -> None:
    film = tmp_path / "film"
    await trio.Path(film).write_bytes(content)
    path = bytes(film)
    language, changed = RULED[name]
    context = Context(language_priority=(language,))
    options = Options(settle_seconds=0, **changed)
    looker = Looker(Policy(Rules(), options, (bytes(tmp_path),)), (language,))
    [left] = looker.look([path], {})
    request = Request(path, Rules(), context, options, dry_run=True, heavy=True)
    outcome = await run(request, before_write=refuse)
    if left is None:
        assert (outcome.result, outcome.reason) in (
            ("success", None),
            ("skipped", "container_disabled"),
        )
    else:
        said = (left.reason, left.message)
        assert (outcome.result, said) == ("skipped", (outcome.reason, outcome.message))


async def refuse(plan: Plan) -> None:
    raise AssertionError("nothing is written")


def test_scan_of_one_folder_and_of_a_pattern(library: Path, capsys) -> None:
    assert root.run(["scan", "-l", "jpn", "-R", "--json", str(library)]) == 0
    assert documents(capsys)[-1]["totals"]["files"] == 1
    assert root.run(["scan", "-l", "jpn", "-p", "**/*.mkv", "--json", str(library)]) == 0
    assert documents(capsys)[-1]["totals"]["files"] == 1


def test_scan_fails_where_a_file_failed_and_names_it(library: Path, capsys) -> None:
    (library / "broken.mkv").write_bytes(MKV[:100])
    assert root.run(["scan", "-l", "jpn", str(library)]) == 1
    printed = capsys.readouterr()
    assert "broken.mkv" in printed.err
    assert "3 files, 2 changed" in printed.out


def test_a_folder_that_cannot_be_read_is_named_and_the_rest_is_done(
    library: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = library / "Show"
    look = os.scandir

    def refuse(path: bytes):
        if os.fsencode(path).rstrip(b"/") == bytes(locked):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return look(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert root.run(["scan", "-l", "jpn", str(library)]) == 1
    printed = capsys.readouterr()
    assert str(locked) in printed.err
    assert "1 file, 1 changed" in printed.out
    assert "1 folder unreadable" in printed.out
    assert defaults(library / "Film.mp4") == ["ja"]


@pytest.mark.oracle
def test_a_repeated_sweep_opens_no_file_for_writing(library: Path, tmp_path: Path, oracle) -> None:
    assert root.run(["scan", "-l", "jpn", str(library)]) == 0
    before = {path: path.stat().st_mtime_ns for path in library.rglob("*.m*")}
    trace = tmp_path / "trace"
    calls = "trace=open,openat,creat,truncate,utimensat,rename,renameat,link,linkat"
    command = [sys.executable, "-m", "arrtheaudio", "scan", "-l", "jpn", str(library)]
    subprocess.run(
        [oracle("strace"), "-f", "-e", calls, "-o", str(trace), *command], check=True, timeout=60
    )
    of_media = [line for line in trace.read_text().splitlines() if re.search(r"\.m(kv|p4)\"", line)]
    assert len(of_media) == len(before) == 2
    assert all("O_RDONLY" in line for line in of_media)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_scan_of_what_is_no_folder_fails(library: Path, capsys) -> None:
    assert root.run(["scan", str(library / "absent")]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_where_somebody_holds_the_journal_the_daemon_is_asked(library: Path, capsys) -> None:
    data = library.parent / "data"
    data.mkdir()
    unreachable = ["--data-dir", str(data), "--config", "/dev/null"]
    film = library / "Film.mp4"
    with exclusive_lock(data / "jobs.db"):
        for command in (["process"], ["scan"], ["undo"]):
            target = str(library if command == ["scan"] else film)
            code = root.run([*unreachable, *command, "--api-key", "k", target])
            assert code == 3, command
    assert film.read_bytes() == MP4
    assert capsys.readouterr().err.count("No daemon answers") == 3
