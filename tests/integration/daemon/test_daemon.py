"""Real daemons as processes: reloads, a second one on the same folder, the key, systemd."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest
from daemon_process import Household, season
from synth import mkv


def test_a_reload_changes_what_can_change_live_and_names_the_rest(household: Household) -> None:
    household.write_config(processing={"worker_count": 1})
    with household.daemon() as daemon:
        household.write_config(processing={"worker_count": 4}, logging={"format": "json"})
        daemon.signal(signal.SIGHUP)
        daemon.until(
            lambda: daemon.get("/queue")["workers"]["total"] == 4, "there are four workers"
        )
        daemon.until(
            lambda: "needs_restart=logging.format" in household.log.read_text(), "it is named"
        )
        (household.folder / "config.yaml").write_text("processing: {worker_count: many}\n")
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: "configuration_refused" in household.log.read_text(), "it is refused")
        assert daemon.get("/queue")["workers"]["total"] == 4
        assert daemon.stop() == 0


def test_what_needs_a_restart_is_told_though_only_warnings_are_logged(household: Household) -> None:
    household.write_config(logging={"level": "warning"})
    with household.daemon() as daemon:
        household.write_config(logging={"level": "warning", "format": "json"})
        daemon.signal(signal.SIGHUP)
        daemon.until(
            lambda: "needs_restart=logging.format" in household.log.read_text(), "it is named"
        )
        assert "changed=" not in household.log.read_text()
        (household.folder / "config.yaml").write_text('media_roots: ["/\\ud800"]\n')
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: "configuration_refused" in household.log.read_text(), "it is refused")
        assert daemon.stop() == 0


def test_a_reload_moves_the_media_roots(household: Household, tmp_path: Path) -> None:
    other = tmp_path / "other"
    household.write_config()
    file = other / "a.mkv"
    with household.daemon() as daemon:
        other.mkdir()
        file.write_bytes(mkv())
        os.utime(file, (1_700_000_000, 1_700_000_000))
        assert daemon.http.post("/jobs", json={"paths": [str(file)]}).status_code == 400
        household.config["media_roots"] = [str(other)]
        household.write_config()
        daemon.signal(signal.SIGHUP)
        job = daemon.until(
            lambda: daemon.http.post("/jobs", json={"paths": [str(file)]}).json().get("job_ids"),
            "the new root counts",
        )[0]
        assert daemon.ended(job)["result"] == "success"
        assert daemon.stop() == 0


def test_worker_count_0_processes_a_delivery_in_its_request(household: Household) -> None:
    household.write_config(processing={"worker_count": 0})
    _, body = season(household, 3)
    with household.daemon() as daemon:
        answer = daemon.post("/webhook/sonarr", body, status=200)
        assert answer["status"] == "processed"
        assert [job["result"] for job in answer["jobs"]] == ["success"] * 3
        assert daemon.http.post("/batch", json={"path": str(household.media)}).status_code == 503
        assert daemon.stop() == 0


def test_a_second_daemon_on_the_same_journal_refuses_to_start(household: Household) -> None:
    with household.daemon() as daemon:
        second = household.start()
        assert second.wait(60) == 1
        assert second.stdout is not None
        second.stdout.close()
        assert "is held by another arrtheaudio" in household.log.read_text()
        assert daemon.get("/ping")["status"] == "OK"
        assert daemon.stop() == 0


def test_a_port_in_use_is_said_and_ends_the_start(household: Household) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = household.start(port=taken.getsockname()[1])
        assert process.wait(60) == 1
    assert process.stdout is not None
    process.stdout.close()
    log = household.log.read_text()
    assert "Address already in use" in log
    assert "Traceback" not in log


def test_the_key_is_made_once_for_its_owner_only_and_never_logged(household: Household) -> None:
    household.write_config(logging={"level": "debug"})
    keys = []
    for _ in range(2):
        with household.daemon() as daemon:
            path = household.data / "api_key"
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            keys.append(path.read_text().strip())
            assert daemon.http.get("/stats", headers={"X-Api-Key": "wrong"}).status_code == 401
            daemon.http.get("/stats", params={"apikey": keys[0]})
            assert daemon.stop() == 0
    assert keys[0] == keys[1]
    assert keys[0] not in household.log.read_text()


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff\xfe"])
def test_a_key_file_without_a_key_is_refused(household: Household, content: bytes) -> None:
    household.data.mkdir()
    (household.data / "api_key").write_bytes(content)
    process = household.start()
    assert process.wait(60) == 2
    assert process.stdout is not None
    process.stdout.close()
    assert "holds no key" in household.log.read_text()


def test_systemd_hears_ready_alive_and_stopping(household: Household, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(60)
        household.environ |= {
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "3000000",
        }
        with household.daemon() as daemon:
            heard = {manager.recv(4096).decode().split("\n")[0] for _ in range(2)}
            assert daemon.stop() == 0
            while (word := manager.recv(4096).decode().split("\n")[0]) == "WATCHDOG=1":
                continue
    assert heard == {"READY=1", "WATCHDOG=1"}
    assert word == "STOPPING=1"
