"""Real daemons in which a part fails or hangs: how they end, and that nothing is lost."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from daemon_process import Household
from synth import mkv

FAILING = """
import trio
from arrtheaudio import daemon
from arrtheaudio.cli import main

async def fail(self, *, task_status):
    task_status.started()
    while not self._queue.state().running:
        await trio.sleep(0.01)
    raise ZeroDivisionError("a fault of the program")

daemon.Discoveries.run = fail
main()
"""
HANGING = """
import threading, trio
from arrtheaudio import daemon, media
from arrtheaudio.cli import main

async def hang(request, **_):
    await trio.to_thread.run_sync(threading.Event().wait)

media.run = hang
daemon.HUNG_SECONDS = 0.5
main()
"""
READING = """
import threading, trio
from arrtheaudio import daemon, media
from arrtheaudio.cli import main

async def read(request, **_):
    await trio.to_thread.run_sync(threading.Event().wait, abandon_on_cancel=True)

media.run = read
"""


@pytest.fixture
def household(tmp_path: Path) -> Household:
    found = Household(tmp_path)
    found.write_config(processing={"shutdown_grace_seconds": 0})
    return found


def test_a_failing_service_ends_the_daemon_with_its_name_and_no_job_is_lost_or_blamed(
    household: Household,
) -> None:
    film = str(household.add("a.mkv", mkv()))
    program = ("-c", READING + FAILING)
    with household.daemon(program) as daemon:
        (job,) = daemon.post("/jobs", {"paths": [film]})["job_ids"]
        assert daemon.wait() == 1
    with household.daemon(program) as daemon:  # twice: it is not the file's fault
        assert daemon.wait() == 1
    log = household.log.read_text()
    message = "arrtheaudio: The discovery failed (ZeroDivisionError: a fault of the program)"
    assert log.count(message) == 2
    with household.daemon() as daemon:
        ended = daemon.ended(job)
        assert (ended["result"], ended["attempt"]) == ("success", 1)
        assert daemon.stop() == 0


def test_a_hung_file_operation_cannot_keep_the_daemon_from_ending(household: Household) -> None:
    film = str(household.add("a.mkv", mkv()))
    with household.daemon(("-c", HANGING)) as daemon:
        (job,) = daemon.post("/jobs", {"paths": [film]})["job_ids"]
        daemon.until_status(job, "running")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 1
    assert f"a file operation hangs: {film}" in household.log.read_text()
    with household.daemon() as daemon:
        ended = daemon.ended(job)
        assert (ended["result"], ended["attempt"]) == ("success", 1), "a clean stop, if a hard end"
        assert daemon.stop() == 0


def test_what_was_queued_stays_queued_untouched_over_a_rollback_by_reload(
    household: Household,
) -> None:
    films = [str(household.add(f"{n}.mkv", mkv())) for n in range(3)]
    with household.daemon() as daemon:
        daemon.post("/queue/pause", status=200)
        first, second = daemon.post("/jobs", {"paths": films[:2]})["job_ids"]
        household.write_config(processing={"worker_count": 0})
        daemon.signal(signal.SIGHUP)
        daemon.until(lambda: daemon.get("/queue")["workers"]["total"] == 0, "it is reloaded")
        daemon.post("/queue/resume", status=200)
        movie = {"eventType": "Download", "movie": {"title": "A"}, "movieFile": {"path": films[2]}}
        assert daemon.post("/webhook/radarr", movie, status=200)["status"] == "processed"
        found = daemon.job(first)
        assert (found["status"], found["attempt"], found["priority"]) == ("queued", 0, "normal")
        assert daemon.http.delete(f"/jobs/{second}").status_code == 200
        household.write_config(processing={"worker_count": 2})
        daemon.signal(signal.SIGHUP)
        ended = daemon.ended(first)
        assert (ended["result"], ended["attempt"]) == ("success", 1)
        assert daemon.job(second)["status"] == "cancelled"
        assert daemon.stop() == 0
    assert "changed=processing.worker_count" in household.log.read_text()
