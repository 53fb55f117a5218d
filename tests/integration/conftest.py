"""Fixtures of the tests that type commands, at a daemon or without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import MKV, Serving

from arrtheaudio.cli import root
from arrtheaudio.cli.samples import Voice, mp4

VOICES = [Voice("eng", default=True), Voice("jpn")]


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    serving = Serving(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ARRTHEAUDIO_CONFIG", str(serving.config))
    monkeypatch.setenv("ARRTHEAUDIO_DATA", str(tmp_path / "data"))
    for name in ("ARRTHEAUDIO_URL", "ARRTHEAUDIO_API_KEY"):  # it is found by its data folder
        monkeypatch.delenv(name, raising=False)
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


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("CONFIG", "DATA", "URL", "API_KEY"):
        monkeypatch.delenv(f"ARRTHEAUDIO_{name}", raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "library"
    (folder / "Show" / "Season 01").mkdir(parents=True)
    (folder / "Show" / "Season 01" / "S01E01.mkv").write_bytes(MKV)
    (folder / "Film.mp4").write_bytes(mp4(VOICES).content)
    return folder
