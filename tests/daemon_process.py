"""A real daemon as a process of its own, for tests that kill it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import yaml
from media_runs import MP4
from synth import mkv

PATIENCE_SECONDS = 60
GRANDCHILD = "sleep 86399"  # what the slow ffmpeg starts and does not wait for


@attrs.define
class DaemonProcess:
    """One running daemon."""

    process: subprocess.Popen[str]
    http: httpx.Client
    log: Path

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        answer = self.http.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object = None, *, status: int = 202) -> dict[str, Any]:
        answer = self.http.post(path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def until(self, wanted: Callable[[], Any], what: str) -> Any:
        """Ask until the answer is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            found = wanted()
            if found:
                return found
            time.sleep(0.02)  # between two questions to another process
        raise AssertionError(f"never: {what}\n{self.log.read_text()}")

    def job(self, job: str) -> dict[str, Any]:
        return self.get(f"/jobs/{job}")

    def ended(self, job: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            answer = self.job(job)
            return answer if answer["completed_at"] else None

        return self.until(found, f"{job} ends")

    def until_status(self, job: str, status: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            answer = self.job(job)
            return answer if answer["status"] == status else None

        return self.until(found, f"{job} is {status}")

    def signal(self, signum: int) -> None:
        self.process.send_signal(signum)

    def wait(self) -> int:
        return self.process.wait(PATIENCE_SECONDS)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()


@attrs.define
class Household:
    """A media folder, a data folder and a configuration; daemons come and go."""

    folder: Path
    config: dict[str, Any] = attrs.field(factory=dict)
    environ: dict[str, str] = attrs.field(factory=dict)

    @property
    def media(self) -> Path:
        return self.folder / "media"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def write_config(self, **sections: Mapping[str, Any]) -> Path:
        self.media.mkdir(exist_ok=True)
        for name, section in sections.items():
            self.config[name] = {**self.config.get(name, {}), **section}
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump({"media_roots": [str(self.media)], **self.config}))
        return path

    def add(self, name: str, content: bytes) -> Path:
        path = self.media / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (1_700_000_000, 1_700_000_000))  # settled long ago
        return path

    def start(
        self, *, port: int = 0, program: Sequence[str] = ("-m", "arrtheaudio")
    ) -> subprocess.Popen[str]:
        config = self.write_config()
        command = [sys.executable, *program, "serve", "--json", "--port", str(port)]
        command += ["--config", str(config), "--data-dir", str(self.data)]
        with self.log.open("a") as log:
            return subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **self.environ},
            )

    @contextmanager
    def daemon(self, program: Sequence[str] = ("-m", "arrtheaudio")) -> Iterator[DaemonProcess]:
        """A daemon that serves; killed at the end if it still runs."""
        process = self.start(program=program)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, self.log.read_text()
            running = json.loads(line)
            file = running["key_path"]  # None with api.auth: none
            headers = {} if file is None else {"X-Api-Key": Path(file).read_text().strip()}
            with httpx.Client(
                base_url=running["url"], headers=headers, timeout=PATIENCE_SECONDS
            ) as http:
                yield DaemonProcess(process, http, self.log)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(PATIENCE_SECONDS)
            process.stdout.close()


def season(household: Household, count: int) -> tuple[list[Path], dict[str, Any]]:
    """Files that need an edit, and their delivery."""
    paths = [household.add(f"tv/Show/S01E{n:02}.mkv", mkv()) for n in range(count)]
    body = {
        "eventType": "Download",
        "series": {"title": "Show", "path": str(household.media / "tv/Show")},
        "episodeFiles": [{"path": str(path)} for path in paths],
    }
    return paths, body


def leftovers(household: Household) -> list[str]:
    """Temporary files that somebody left in the library."""
    return [path.name for path in household.media.rglob("._*")]


def remuxing(daemon: DaemonProcess, household: Household, pids: Path) -> str:
    """A job in the middle of its slow remux."""
    movie = household.add("movie.mp4", MP4)
    before = len(started(pids))
    (job,) = daemon.post("/jobs", {"paths": [str(movie)]})["job_ids"]
    daemon.until(lambda: len(started(pids)) > before, "ffmpeg starts")
    daemon.until(lambda: daemon.job(job)["status"] == "running", "its start is durable")
    return str(job)


def slow_ffmpeg(household: Household) -> Path:
    """An ffmpeg on PATH that never ends and starts a grandchild; the log of its process ids."""
    folder = household.folder / "bin"
    folder.mkdir()
    pids = household.folder / "ffmpeg-pids"
    program = folder / "ffmpeg"
    program.write_text(f"#!/bin/sh\ntrap '' TERM\n{GRANDCHILD} &\necho $$ $! >> {pids}\nwait\n")
    program.chmod(0o755)
    household.environ["PATH"] = f"{folder}:{os.environ['PATH']}"
    return pids


def started(pids: Path) -> list[int]:
    """The process ids that the slow ffmpeg has written."""
    return [int(word) for word in pids.read_text().split()] if pids.exists() else []


def alive(pids: list[int]) -> list[int]:
    """Those that still run (a zombie does not)."""
    found = []
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            continue
        if state != "Z":
            found.append(pid)
    return found


def end_orphans(pids: Path) -> None:
    """What kill -9 of a daemon leaves behind is nobody's to reap but ours."""
    for pid in alive(started(pids)):
        os.kill(pid, signal.SIGKILL)
