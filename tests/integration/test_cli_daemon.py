"""The commands that talk to a daemon, against a real one; and how it starts and stops."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from serving import MKV, Serving, defaults

from arrtheaudio.cli import root


def test_a_daemon_on_a_free_port_is_found_by_its_data_folder(daemon: Serving, ask) -> None:
    assert ask("queue")["workers"]["total"] == 2


def test_a_refusal_is_told_once(
    daemon: Serving, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside.mkv"
    outside.write_bytes(MKV)
    assert root.run(["process", str(outside)]) == 1
    assert capsys.readouterr().err.count("not below media_roots") == 1


def test_serve_tells_where_it_is_and_stops_cleanly(daemon: Serving) -> None:
    assert set(daemon.told) == {"url", "port", "key_path", "pid"}
    assert daemon.told["pid"] == daemon.process.pid
    key = Path(daemon.told["key_path"])
    assert key.stat().st_mode & 0o777 == 0o600
    assert daemon.stop() == 0


def test_a_second_daemon_on_the_same_data_is_refused(daemon: Serving, capsys) -> None:
    assert root.run(["serve", "--port", "0"]) == 1
    assert "another arrtheaudio" in capsys.readouterr().err


def test_serve_with_a_wrong_configuration_is_2(tmp_path: Path, capsys) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("api: {auth: none, host: 0.0.0.0}")
    assert root.run(["serve", "--config", str(path), "--data-dir", str(tmp_path)]) == 2
    assert "api.auth" in capsys.readouterr().err


def test_serve_prints_the_keys_file_but_never_the_key(tmp_path: Path) -> None:
    arguments = ["--data-dir", str(tmp_path), "serve", "--port", "0", "--media-root", str(tmp_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "arrtheaudio", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        first = [process.stdout.readline() for _ in range(2)]
        key = (tmp_path / "api_key").read_text().strip()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert first[0].startswith("Dashboard: http://127.0.0.1:")
    assert first[1].strip() == f"API key:   in {tmp_path / 'api_key'}"
    assert process.returncode == 0
    assert key not in "".join(first) + out + err


def test_process_is_handed_to_the_daemon_with_the_same_output(daemon: Serving, ask) -> None:
    film = daemon.film("Film.mkv")
    [result] = ask("process", str(film))
    assert (result["file"], result["result"], result["method"]) == (
        str(film),
        "success",
        "in_place",
    )
    assert defaults(film) == ["ja"]
    [again] = ask("process", "--language", "eng", "--dry-run", str(film))
    assert again["message"].startswith("Would set")
    assert defaults(film) == ["ja"]


def test_the_daemon_confines_what_is_handed_to_it(daemon: Serving, tmp_path: Path, capsys) -> None:
    outside = tmp_path / "outside.mkv"
    outside.write_bytes(MKV)
    assert root.run(["process", str(outside)]) == 1
    assert "media_roots" in capsys.readouterr().err
    assert outside.read_bytes() == MKV


def test_undo_at_the_daemon_gives_back_every_byte(daemon: Serving, ask) -> None:
    film = daemon.film("Film.mkv")
    ask("process", str(film))
    job = ask("undo", str(film))
    assert job["kind"] == "undo"
    assert film.read_bytes() == MKV
    assert root.run(["undo", str(film)]) == 1


def test_jobs_are_listed_shown_and_refuse_what_is_over(daemon: Serving, ask, capsys) -> None:
    [good] = ask("process", str(daemon.film("Film.mkv")))
    [bad] = ask("process", str(daemon.film("broken.mkv", MKV[:100])), code=1)
    assert ask("jobs", "list")["total"] == 2
    assert ask("jobs", "list", "--status", "failed")["jobs"][0]["job_id"] == bad["job_id"]
    assert ask("jobs", "list", "-q", "Film")["total"] == 1
    assert ask("jobs", "show", good["job_id"])["tracks"][1]["chosen"]
    retried = ask("jobs", "retry", bad["job_id"])
    assert retried["retry_of"] == bad["job_id"]
    assert root.run(["jobs", "cancel", good["job_id"]]) == 1
    assert root.run(["jobs", "show", "job_ffffffffffff"]) == 1
    capsys.readouterr()
    assert root.run(["jobs", "list"]) == 0
    assert root.run(["jobs", "show", good["job_id"]]) == 0
    shown = capsys.readouterr().out
    assert "Film.mkv" in shown
    assert "1–3 of 3" in shown
    assert "job.completed" in shown


def test_a_waiting_job_is_cancelled(daemon: Serving, ask) -> None:
    ask("queue", "pause")
    film = daemon.film("Film.mkv")
    with subprocess.Popen(
        [sys.executable, "-m", "arrtheaudio", "process", str(film), "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as waiting:
        jobs = ask("jobs", "list", "--status", "queued")["jobs"]
        while not jobs:
            jobs = ask("jobs", "list", "--status", "queued")["jobs"]
        assert ask("jobs", "cancel", jobs[0]["job_id"])["status"] == "cancelled"
        out, _ = waiting.communicate(timeout=60)
    assert json.loads(out)[0]["status"] == "cancelled"
    assert waiting.returncode == 1
    assert film.read_bytes() == MKV


def test_queue_and_statistics(daemon: Serving, ask, capsys) -> None:
    ask("process", str(daemon.film("Film.mkv")))
    assert ask("queue")["completed_today"] == 1
    assert ask("queue", "pause")["paused"]
    assert root.run(["queue"]) == 0
    assert "queue is paused" in capsys.readouterr().out
    assert not ask("queue", "resume")["paused"]
    assert ask("stats")["containers"]["mkv_processed"] == 1
    assert root.run(["stats"]) == 0
    shown = capsys.readouterr().out
    assert "lifetime" in shown
    assert not re.search(r"\d\.\d{3}", shown)  # no raw floats
    assert re.search(r"average duration +[0-9.]+ m?s$", shown, re.MULTILINE)
    assert re.search(r"success rate +100 %$", shown, re.MULTILINE)


def test_cleanup_forgets_what_is_old(daemon: Serving, ask) -> None:
    ask("process", str(daemon.film("Film.mkv")))
    assert ask("admin", "cleanup", "--older-than", "30d")["deleted_jobs"] == 0


def test_the_journal_of_a_living_daemon_verifies_and_is_copied(
    daemon: Serving, ask, tmp_path: Path
) -> None:
    ask("process", str(daemon.film("Film.mkv")))
    assert ask("journal", "verify")["differences"] == []
    assert ask("admin", "backup", str(tmp_path / "copy.db"))["size_bytes"] > 0


def test_doctor_is_content_with_a_daemon_that_runs(daemon: Serving, ask) -> None:
    daemon.film("Film.mkv")
    found = {finding["name"]: finding["status"] for finding in ask("doctor")}
    assert found["daemon"] == "ok"
    assert found["configuration"] == "ok"


def test_doctor_takes_the_media_roots_of_the_daemon_that_runs(daemon: Serving, ask) -> None:
    """Those of its command line, or of a file that has changed since, stand nowhere else."""
    film = daemon.film("Film.mkv")
    daemon.config.write_text("{}")
    found = {finding["name"]: finding["status"] for finding in ask("doctor")}
    assert found[f"media root {daemon.library}"] == "ok"
    assert "media roots" not in found
    missed, proposed = ask("doctor", "/data/tv/Film.mkv", code=1)
    assert missed["status"] == "failed"
    assert proposed["advice"] == f"- {{remote: '/data/tv', local: '{daemon.library}'}}"
    assert ask("doctor", str(film))[0]["status"] == "ok"


def test_doctor_leaves_a_media_root_that_only_the_daemon_sees_to_the_daemon(
    daemon: Serving, ask
) -> None:
    daemon.library.rename(daemon.library.with_name("elsewhere"))
    found = {finding["name"]: finding for finding in ask("doctor")}
    assert found[f"media root {daemon.library}"]["status"] == "warning"
    assert found[f"daemon: media_root {daemon.library}"]["status"] == "warning"


def test_ping_tells_whether_the_daemon_answers(daemon: Serving, ask) -> None:
    assert ask("ping") == {"status": "OK", "url": daemon.told["url"]}
    daemon.stop()
    assert root.run(["ping"]) == 3


def test_a_name_that_is_not_utf_8_is_told_where_the_daemon_cannot_take_it(
    daemon: Serving, capsys
) -> None:
    film = os.fsencode(daemon.library) + b"/caf\xe9.mkv"
    Path(os.fsdecode(film)).write_bytes(MKV)
    for command in (["process"], ["undo"]):
        assert root.run([*command, os.fsdecode(film)]) == 1
        assert "not UTF-8" in capsys.readouterr().err
    assert root.run(["scan", str(daemon.library)]) == 0
    assert defaults(Path(os.fsdecode(film))) == ["ja"]


def test_a_wrong_key_is_told_in_a_line(daemon: Serving, capsys) -> None:
    for command in (["stats"], ["watch"]):
        assert root.run([*command, "--api-key", "wrong"]) == 1
        first, second = capsys.readouterr().err.splitlines()
        assert first == "arrtheaudio: The daemon does not take this key."
        assert "--api-key" in second


def test_jobs_of_a_folder_are_found_by_its_name_from_here(
    daemon: Serving, ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask("process", str(daemon.film("Film.mkv")))
    monkeypatch.chdir(daemon.library.parent)
    assert ask("jobs", "list", "--path", "library")["total"] == 1
    assert ask("jobs", "list", "--path", "elsewhere")["total"] == 0


def test_a_daemon_that_is_gone_is_3(daemon: Serving, capsys) -> None:
    daemon.stop()
    for command in (["stats"], ["jobs", "list"], ["queue", "pause"], ["batch", "/x"]):
        assert root.run(command) == 3
    assert capsys.readouterr().err.count("No daemon answers at") == 4
