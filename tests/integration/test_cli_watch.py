"""watch and batch --follow against a real daemon: nothing missed, over restarts too."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from daemon_process import DaemonProcess, Household

from arrtheaudio.cli.samples import Voice, matroska

MKV = matroska("Film", [Voice("eng", default=True), Voice("jpn")]).content
FILES = 12


@attrs.define
class FixedPort(Household):
    """Its daemons listen where the configuration says, so that they are found again."""

    port: int = 0

    def start(self, **given: Any) -> subprocess.Popen[str]:
        return super().start(**given | {"port": self.port})


@pytest.fixture
def house(tmp_path: Path) -> Household:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    house = FixedPort(tmp_path, port=port)
    house.write_config(api={"port": port}, media={"settle_seconds": 0})
    house.config["language_priority"] = ["jpn"]
    for number in range(FILES):
        house.add(f"Show/E{number:02}.mkv", MKV)
    return house


class Watcher:
    """A command that prints one line after another."""

    def __init__(self, house: Household, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "arrtheaudio", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # under nohup, too
            env={
                **os.environ,
                "ARRTHEAUDIO_CONFIG": str(house.folder / "config.yaml"),
                "ARRTHEAUDIO_DATA": str(house.data),
            },
        )

    def lines(self) -> Iterator[str]:
        assert self.process.stdout is not None
        return iter(self.process.stdout.readline, "")

    def messages_until(self, kind: str) -> Iterator[dict[str, Any]]:
        for line in self.lines():
            message = json.loads(line)
            yield message
            if message["type"] == kind:
                return
        raise AssertionError(f"no {kind}: {self.process.communicate()}")

    def end(self, signum: int | None = None) -> tuple[int, str, str]:
        if signum is not None:
            self.process.send_signal(signum)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


def start_batch(daemon: DaemonProcess, house: Household) -> str:
    batch: str = daemon.post("/batch", {"path": str(house.media)})["batch_id"]
    return batch


def run(house: Household, *arguments: str) -> tuple[int, str, str]:
    return Watcher(house, *arguments).end()


def test_watch_shows_every_file_of_a_batch_once_and_ends_with_130(house: Household) -> None:
    with house.daemon() as daemon:
        watcher = Watcher(house, "watch", "--json")
        list(watcher.messages_until("hello"))
        batch = start_batch(daemon, house)
        messages = list(watcher.messages_until("batch.completed"))
        code, _, err = watcher.end(signal.SIGINT)
    done = [one["file_path"] for one in messages if one["type"] == "job.completed"]
    assert sorted(done) == [str(house.media / f"Show/E{n:02}.mkv") for n in range(FILES)]
    assert messages[-1]["batch_id"] == batch
    assert code == 130
    assert err == "\nInterrupted.\n"


def test_watch_goes_on_where_it_was_behind_a_restart_of_the_daemon(house: Household) -> None:
    with house.daemon() as daemon:
        watcher = Watcher(house, "watch", "--json")
        messages = list(watcher.messages_until("hello"))
        daemon.post("/queue/pause", status=200)
        start_batch(daemon, house)
        messages += watcher.messages_until("batch.discovered")
        daemon.kill()
    messages += watcher.messages_until("lost")
    with house.daemon() as daemon:
        daemon.post("/queue/resume", status=200)
        messages += watcher.messages_until("batch.completed")
        watcher.end(signal.SIGINT)
    numbers = [one["seq"] for one in messages if "seq" in one and one["type"] != "hello"]
    assert numbers == sorted(set(numbers))
    kinds = [one["type"] for one in messages]
    assert [kinds.count(kind) for kind in ("job.queued", "job.completed")] == [FILES, FILES]
    assert (kinds.count("hello"), kinds.count("lost")) == (2, 1)


def test_a_batch_is_watched_to_its_end_and_an_ended_one_is_only_summed_up(
    house: Household,
) -> None:
    house.add("broken.mkv", MKV[:100])
    with house.daemon() as daemon:
        daemon.post("/queue/pause", status=200)
        batch = start_batch(daemon, house)
        watcher = Watcher(house, "watch", "--batch", batch)
        first = next(watcher.lines())
        daemon.post("/queue/resume", status=200)
        code, out, err = watcher.end()
        assert code == 1
        assert err == ""
        again = run(house, "watch", "--batch", batch)
    lines = out.splitlines()
    assert "connected" in first
    assert sum(" success " in line for line in lines) == FILES
    assert [line.split()[1] for line in lines if "broken.mkv" in line] == ["failed"]
    assert (
        lines[-1] == f"completed: {FILES + 1} files, {FILES} changed, 0 left as they are, 1 failed"
    )
    assert again == (1, f"{lines[-1]}\n", "")


def test_a_followed_batch_tells_as_json_one_document_per_line(house: Household) -> None:
    with house.daemon():
        code, out, err = run(house, "batch", str(house.media), "--follow", "--json")
    assert (code, err) == (0, "")
    *messages, last = map(json.loads, out.splitlines())
    assert [one["type"] for one in messages if one["type"].endswith("queued")] == [
        "batch.queued",
        *["job.queued"] * FILES,
    ]
    assert messages[-1]["type"] == "batch.completed"
    assert last["batch"]["progress"]["success"] == FILES


def test_who_stops_following_leaves_the_batch_to_the_daemon(house: Household) -> None:
    with house.daemon() as daemon:
        daemon.post("/queue/pause", status=200)
        follower = Watcher(house, "batch", str(house.media), "--follow", "--json")
        list(follower.messages_until("batch.discovered"))
        code, _, err = follower.end(signal.SIGINT)
        [batch] = daemon.get("/batch")["batches"]
    assert code == 130
    assert f"arrtheaudio watch --batch {batch['batch_id']}" in err
    assert batch["progress"]["cancelled"] == 0


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP])
def test_a_scan_that_is_interrupted_cancels_its_batch_and_says_what_was_done(
    house: Household, signum: int
) -> None:
    with house.daemon() as daemon:
        daemon.post("/queue/pause", status=200)
        scan = Watcher(house, "scan", str(house.media))
        daemon.until(
            lambda: [one for one in daemon.get("/batch")["batches"] if one["discovery_complete"]],
            "the batch is there",
        )
        assert scan.process.stderr is not None
        warning = scan.process.stderr.readline()  # it follows its batch
        code, out, err = scan.end(signum)
        [batch] = daemon.get("/batch")["batches"]
    assert code == 130
    assert (batch["status"], batch["progress"]["cancelled"]) == ("cancelled", FILES)
    assert f"{FILES} cancelled" in out
    assert warning.startswith("The queue is paused")
    assert err.endswith("Interrupted.\n")


def test_nothing_to_watch_is_told(house: Household) -> None:
    code, _, err = run(house, "watch")
    assert code == 3
    assert "No daemon answers at" in err
    with house.daemon():
        assert run(house, "watch", "--batch", "batch_00000000ffff")[0] == 1
        assert run(house, "watch", "--batch", "nonsense")[0] == 2
        code, _, err = run(house, "watch", "--api-key", "wrong")
    assert code == 1
    assert "key" in err.lower()


def test_a_reader_that_goes_away_is_no_error(house: Household) -> None:
    with house.daemon() as daemon:
        watcher = Watcher(house, "watch")
        assert watcher.process.stdout is not None
        watcher.process.stdout.readline()
        watcher.process.stdout.close()
        watcher.process.stdout = None
        start_batch(daemon, house)
        code, _, err = watcher.end()
    assert code == 1
    assert err == ""
