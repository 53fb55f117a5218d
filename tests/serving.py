"""A daemon in a process of its own with a library, for the commands that talk to one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

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


def defaults(path: Path) -> list[str]:
    media = inspect(bytes(path), Rules(), Context(), Options()).media
    return [track.language for track in media.audio if track.default]
