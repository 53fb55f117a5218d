"""Servers as processes of their own, started for one measurement: the daemon, and its rival."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs
import httpx
import yaml

STOP_SECONDS = 60


@attrs.frozen
class Daemon:
    """A running daemon; ``started_seconds``: from its exec to its first good answer."""

    process: subprocess.Popen[str]
    port: int
    key: str
    started_seconds: float

    def client(self) -> httpx.Client:
        """A client that shows the key."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers={"X-Api-Key": self.key}, timeout=60
        )


@contextlib.contextmanager
def daemon(folder: Path, media: Path, config: Mapping[str, Any]) -> Iterator[Daemon]:
    """``arrtheaudio serve`` with its data in ``folder``; killed at the end if it still runs."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "config.yaml"
    written.write_text(yaml.safe_dump({"media_roots": [str(media)], **config}))
    command = [sys.executable, "-P", "-m", "arrtheaudio", "serve", "--json", "--port", "0"]
    command += ["--config", str(written), "--data-dir", str(folder)]
    began = time.perf_counter()
    with (folder / "log").open("a") as log, process(command, stderr=log) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        if not line:
            raise RuntimeError((folder / "log").read_text())
        said = json.loads(line)
        httpx.get(f"http://127.0.0.1:{said['port']}/ping").raise_for_status()
        seconds = time.perf_counter() - began
        key = Path(said["key_path"]).read_text().strip()
        yield Daemon(running, said["port"], key, seconds)


@contextlib.contextmanager
def process(command: list[str], **how: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **how)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        assert running.stdout is not None
        running.stdout.close()


@contextlib.contextmanager
def rival(folder: Path, key: str) -> Iterator[int]:
    """FastAPI, uvicorn and huey; gives the port."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).with_name("http_rival.py"))]
    environ = {**os.environ, "RIVAL_FOLDER": str(folder), "RIVAL_KEY": key}
    with (folder / "log").open("a") as log, process(command, stderr=log, env=environ) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        if not line:
            raise RuntimeError((folder / "log").read_text())
        yield int(line)
