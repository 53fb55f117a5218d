"""The commands that talk to a daemon, against a real one; and how it starts and stops."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from arrtheaudio.cli import root
from arrtheaudio.cli.samples import Voice, matroska
from arrtheaudio.media import Context, Options, Rules, inspect

MKV = matroska("Film", [Voice("eng", default=True), Voice("jpn")]).content


class Serving:
    """A daemon in a process of its own, with a library."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.library = folder / "library"
        self.library.mkdir(exist_ok=True)
        self.config = folder / "config.yaml"
        self.config.write_text(
            f"media_roots: [{self.library}]\nlanguage_priority: [jpn]\n"
            "media: {settle_seconds: 0}\n"
        )
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "arrtheaudio", "--config", str(self.config),
                "--data-dir", str(folder / "data"), "serve", "--port", "0", "--json", *arguments,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.told = json.loads(line)

    def film(self, name: str, content: bytes = MKV) -> Path:
        path = self.library / name
        path.write_bytes(content)
        return path

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=60)
        return self.process.returncode


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    serving = Serving(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ARRTHEAUDIO_CONFIG", str(serving.config))
    monkeypatch.setenv("ARRTHEAUDIO_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("ARRTHEAUDIO_URL", serving.told["url"])
    monkeypatch.delenv("ARRTHEAUDIO_API_KEY", raising=False)
    yield serving
    if serving.process.poll() is None:
        serving.process.kill()
        serving.process.communicate()


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]):
    """Run a command with --json; its document."""

    def run(*arguments: str, code: int = 0):
        capsys.readouterr()
        assert root.run([*arguments, "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


def defaults(path: Path) -> list[str]:
    media = inspect(bytes(path), Rules(), Context(), Options()).media
    return [track.language for track in media.audio if track.default]


def test_a_daemon_on_a_free_port_is_found_by_its_data_folder(
    daemon: Serving, ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ARRTHEAUDIO_URL")
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
    assert "lifetime" in capsys.readouterr().out


def test_a_batch_is_followed_to_its_end_and_undone(daemon: Serving, ask, capsys) -> None:
    films = [daemon.film(f"Film{number}.mkv") for number in range(5)]
    capsys.readouterr()
    assert root.run(["batch", str(daemon.library), "--follow", "--json"]) == 0
    batch = json.loads(capsys.readouterr().out.splitlines()[-1])["batch"]
    assert (batch["status"], batch["results"]["track_changes"]) == ("completed", 5)
    assert ask("batches")["batches"][0]["batch_id"] == batch["batch_id"]
    assert root.run(["batches"]) == 0
    assert batch["batch_id"] in capsys.readouterr().out
    assert ask("undo", "--batch", batch["batch_id"])["job_ids_total"] == 5
    jobs = ask("jobs", "list", "--status", "queued", "--status", "running")
    while jobs["total"]:
        jobs = ask("jobs", "list", "--status", "queued", "--status", "running")
    assert [film.read_bytes() == MKV for film in films] == [True] * 5


def test_a_batch_is_undone_without_the_daemon_that_did_it(daemon: Serving, ask, capsys) -> None:
    films = [daemon.film(f"Film{number}.mkv") for number in range(3)]
    assert root.run(["batch", str(daemon.library), "--follow"]) == 0
    [batch] = ask("batches")["batches"]
    daemon.stop()
    films[0].write_bytes(films[0].read_bytes() + b"later")
    answer = ask("undo", "--batch", batch["batch_id"], code=1)
    assert answer == {"batch_id": batch["batch_id"], "job_ids_total": 3, "failed": 1}
    assert [film.read_bytes() == MKV for film in films] == [False, True, True]
    assert root.run(["undo", "--batch", batch["batch_id"]]) == 1
    assert "Film0.mkv" in capsys.readouterr().err


def test_scan_is_a_batch_of_the_daemon(daemon: Serving, capsys) -> None:
    daemon.film("Film.mkv")
    daemon.film("broken.mkv", MKV[:100])
    capsys.readouterr()
    assert root.run(["scan", str(daemon.library), "--json"]) == 1
    *files, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert {Path(file["file"]).name: file["status"] for file in files} == {
        "Film.mkv": "success",
        "broken.mkv": "failed",
    }
    assert (last["totals"]["files"], last["totals"]["changed"]) == (2, 1)


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


def test_a_hook_delivers_what_the_environment_says(
    daemon: Serving, ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = daemon.film("Episode.mkv")
    monkeypatch.setenv("sonarr_eventtype", "Download")
    monkeypatch.setenv("sonarr_series_originallanguage", "jpn")
    monkeypatch.setenv("sonarr_episodefile_path", str(film))
    answer = ask("hook")
    assert answer["file_count"] == 1
    [job] = ask("jobs", "list", "--webhook", answer["webhook_id"])["jobs"]
    assert (job["source"], job["file_path"]) == ("sonarr", str(film))
    monkeypatch.setenv("sonarr_eventtype", "Test")
    assert ask("hook")["status"] == "ok"


HOOKS = {
    "sonarr import": (
        {
            "sonarr_eventtype": "Download",
            "sonarr_series_path": "{library}",
            "sonarr_series_type": "Standard",
            "sonarr_series_originallanguage": "dan",
            "sonarr_isupgrade": "False",
            "sonarr_episodefile_path": "{library}/A.mkv",
            "sonarr_episodefile_relativepath": "A.mkv",
        },
        1,
    ),
    "sonarr import complete": (
        {
            "sonarr_eventtype": "Download",
            "sonarr_series_tags": "",
            "sonarr_episodefile_count": "2",
            "sonarr_episodefile_paths": "{library}/A.mkv|{library}/B.mkv",
        },
        2,
    ),
    "radarr": (
        {
            "radarr_eventtype": "Download",
            "radarr_movie_path": "{library}",
            "radarr_movie_originallanguage": "jpn",
            "radarr_moviefile_path": "{library}/A.mkv",
        },
        1,
    ),
    "sonarr test": ({"sonarr_eventtype": "Test", "sonarr_instancename": "Sonarr"}, None),
    "radarr test": ({"radarr_eventtype": "Test", "radarr_instancename": "Radarr"}, None),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_takes_every_sample_and_holds_up_no_import(
    daemon: Serving, ask, capsys, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    environ, files = HOOKS[name]
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value.format(library=daemon.library))
    assert ask("hook").get("file_count") == files
    capsys.readouterr()
    daemon.stop()
    code = root.run(["hook"])
    err = capsys.readouterr().err
    assert "No daemon answers" in err
    if files is None:  # the Test button shows it
        assert code == 3
        return
    assert code == 0
    missed = [word for word in environ.values() if word.endswith(".mkv") and "{library}" in word]
    for path in missed[0].format(library=daemon.library).split("|"):
        assert path in err.splitlines()[-1]


def test_a_refused_delivery_is_told_and_holds_up_no_import(
    daemon: Serving, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("radarr_eventtype", "Download")
    monkeypatch.setenv("radarr_moviefile_path", f"{daemon.library}/It's here.mkv")
    assert root.run(["hook", "--api-key", "wrong"]) == 0
    told = capsys.readouterr().err.splitlines()[-1]
    assert shlex.split(told)[-1] == f"{daemon.library}/It's here.mkv"
    monkeypatch.setenv("radarr_eventtype", "Test")
    assert root.run(["hook", "--api-key", "wrong"]) == 1


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


def test_a_hook_outside_sonarr_and_radarr_says_so(daemon: Serving, capsys) -> None:
    assert root.run(["hook"]) == 1
    assert "sonarr_eventtype" in capsys.readouterr().err


def test_a_wrong_key_is_told_in_a_line(daemon: Serving, capsys) -> None:
    assert root.run(["stats", "--api-key", "wrong"]) == 1
    assert len(capsys.readouterr().err.splitlines()) <= 2


def test_a_daemon_that_is_gone_is_3(daemon: Serving, capsys) -> None:
    daemon.stop()
    for command in (["stats"], ["jobs", "list"], ["queue", "pause"], ["batch", "/x"]):
        assert root.run(command) == 3
    assert capsys.readouterr().err.count("No daemon answers at") == 4
