"""Fixtures of the tests that type commands at a daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Serving

from arrtheaudio.cli import root


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
