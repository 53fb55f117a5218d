"""process at a daemon: as many requests as the API's limit asks for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from arrtheaudio.cli import asking, process, root

FILES = 2500
LIMIT = 1000  # paths that POST /jobs takes


class FakeDaemon:
    """Ends every job at once."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        assert path == "/jobs"
        self.asked.append(body["paths"])
        return {"job_ids": body["paths"]}

    async def get(self, path: str) -> dict[str, Any]:
        if path == "/queue":
            return {"paused": False}
        job = dict.fromkeys(process.FIELDS) | {"status": "completed", "result": "success"}
        return job | {"file_path": path.removeprefix("/jobs/")}


def test_any_number_of_files_is_handed_over(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    daemon = FakeDaemon()

    def ask(invocation: object, question: Callable[[Any], Awaitable[None]]) -> None:
        trio.run(question, daemon)

    monkeypatch.setattr(asking, "ask", ask)
    names = [f"/media/{number}.mkv" for number in range(FILES)]
    assert root.run(["process", "--url", "http://nas:1", "--api-key", "k", *names]) == 0
    assert [len(paths) for paths in daemon.asked] == [LIMIT, LIMIT, FILES - 2 * LIMIT]
    assert [path for paths in daemon.asked for path in paths] == names
    assert len(capsys.readouterr().out.splitlines()) == FILES
