"""Sweeps of whole folders by a daemon, and taking them back, from the command line."""

import json
import sys
from pathlib import Path
from subprocess import PIPE, Popen

from serving import MKV, Serving

from arrtheaudio.cli import root


def test_a_batch_is_followed_to_its_end_and_undone(daemon: Serving, ask, capsys) -> None:
    films = [daemon.film(f"Film{number}.mkv") for number in range(5)]
    capsys.readouterr()
    assert root.run(["batch", str(daemon.library), "--follow", "--json"]) == 0
    batch = json.loads(capsys.readouterr().out.splitlines()[-1])["batch"]
    assert (batch["status"], batch["results"]["track_changes"]) == ("completed", 5)
    assert ask("batches")["batches"][0]["batch_id"] == batch["batch_id"]
    assert root.run(["batches"]) == 0
    assert batch["batch_id"] in capsys.readouterr().out
    assert ask("undo", "--batch", batch["batch_id"]) == {
        "batch_id": batch["batch_id"],
        "job_ids_total": 5,
        "failed": 0,
    }
    assert [film.read_bytes() == MKV for film in films] == [True] * 5


def changed_batch(daemon: Serving, ask, files: int) -> tuple[str, list[Path]]:
    films = [daemon.film(f"Film{number}.mkv") for number in range(files)]
    assert root.run(["batch", str(daemon.library), "--follow"]) == 0
    [batch] = ask("batches")["batches"]
    return batch["batch_id"], films


def test_an_undone_batch_names_each_file_that_stays_once(daemon: Serving, ask, capsys) -> None:
    batch, films = changed_batch(daemon, ask, 3)
    films[1].write_bytes(films[1].read_bytes() + b"later")
    assert root.run(["undo", "--batch", batch]) == 1
    out, err = capsys.readouterr()
    assert out == f"{batch}: 2 files put back.\n"
    assert err.count("Film1.mkv") == 1
    assert err.startswith(f"failed {films[1]}: ")
    assert [film.read_bytes() == MKV for film in films] == [True, False, True]


def test_who_does_not_follow_an_undone_batch_hears_that_it_is_accepted(
    daemon: Serving, ask
) -> None:
    batch, films = changed_batch(daemon, ask, 2)
    ask("queue", "pause")
    answer = ask("undo", "--batch", batch, "--no-follow")
    assert answer == {"batch_id": batch, "job_ids_total": 2}
    assert not any(film.read_bytes() == MKV for film in films)
    assert ask("queue")["queued"] == 2


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
    assert {key for file in files for key in file} == FIELDS
    assert {file["reason"] for file in files} == {None, "corrupt"}


FIELDS = {"job_id", "file", "status", "reason", "message", "duration_ms"}


def test_a_scan_tells_of_a_file_in_the_same_words_with_a_daemon_and_without(
    daemon: Serving, capsys
) -> None:
    for name, content in {"Film.mkv": MKV, "broken.mkv": MKV[:100]}.items():
        daemon.film(name, content)
    told = []
    for _ in range(2):  # at the daemon, then behind its end
        capsys.readouterr()
        assert root.run(["scan", "--dry-run", "--json", str(daemon.library)]) == 1
        *files, last = map(json.loads, capsys.readouterr().out.splitlines())
        for file in files:
            del file["job_id"], file["duration_ms"]
        del last["totals"]["files_per_second"]
        told.append((sorted(files, key=lambda file: file["file"]), last))
        if daemon.process.poll() is None:
            daemon.stop()
    assert told[0] == told[1]


def test_a_dry_run_says_how_many_would_be_changed(daemon: Serving, capsys) -> None:
    films = [daemon.film(f"Film{number}.mkv") for number in range(2)]
    assert root.run(["scan", "--dry-run", str(daemon.library)]) == 0
    assert capsys.readouterr().out.startswith("2 files, 2 would be changed, 0 left as they are,")
    assert root.run(["process", str(films[0])]) == 0
    capsys.readouterr()
    assert root.run(["batch", "--dry-run", "--follow", str(daemon.library)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "completed: 2 files, 1 would be changed, 1 left as they are, 0 failed"
    assert root.run(["jobs", "list", "--result", "success", "-q", "Film1"]) == 0
    assert "dry run: Would set default audio track to 'jpn'" in capsys.readouterr().out
    assert films[1].read_bytes() == MKV


def test_a_scan_at_a_daemon_names_a_failed_file_once(daemon: Serving, capsys) -> None:
    broken = daemon.film("broken.mkv", MKV[:100])
    assert root.run(["scan", str(daemon.library)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"failed {broken}: ")
    assert err.count("broken.mkv") == 1


def test_who_waits_at_a_paused_queue_is_told_so(daemon: Serving, ask, capsys) -> None:
    batch, _ = changed_batch(daemon, ask, 1)
    ask("queue", "pause")
    undo = Popen([sys.executable, "-m", "arrtheaudio", "undo", "--batch", batch], stderr=PIPE)
    with undo:
        assert undo.stderr is not None
        assert b"The queue is paused" in undo.stderr.readline()
        assert ask("queue", "resume")["paused"] is False
    assert undo.returncode == 0
