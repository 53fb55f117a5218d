"""Nothing outside the media roots is touched, wherever a path leads when its job runs.

A path is looked at when it arrives, and again when its file is about to be opened: what
a link pointed at in between does not count.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from synth import mkv
from whole_api import TRACKS, Whole, film, mapped, season_pack, whole_api

from arrtheaudio.api import storage
from arrtheaudio.config import Config


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return mapped(tmp_path / "media")


@pytest.fixture
async def whole(config: Config, tmp_path: Path) -> AsyncIterator[Whole]:
    async with whole_api(config, tmp_path) as running:
        yield running


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A file that is none of our business, and would need a change."""
    path = tmp_path / "elsewhere" / "a.mkv"
    path.parent.mkdir()
    path.write_bytes(mkv(TRACKS))
    return path


async def delivered(whole: Whole, *names: str) -> list[str]:
    answer = await whole.live.client.post("/webhook/sonarr", json=season_pack(*names))
    assert answer.status_code == 202
    ids: list[str] = answer.json()["job_ids"]
    return ids


def content(path: Path) -> bytes:
    return path.read_bytes()


def copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def link(config: Config, name: str, target: Path) -> None:
    """A link in the media root."""
    Path(config.media_roots[0], name).symlink_to(target)


def assert_refused(job: dict[str, Any]) -> None:
    assert (job["status"], job["result"]) == ("completed", "skipped")
    assert job["reason"] == "outside_media_roots"
    assert job["track_changed"] is False


@pytest.mark.parametrize("swapped", ["file", "folder"])
async def test_a_link_out_that_comes_while_the_job_waits_is_not_followed(
    whole: Whole, config: Config, outside: Path, swapped: str
) -> None:
    inside, before = film(config, "show/a.mkv"), content(outside)
    await whole.live.client.post("/queue/pause")
    ids = await delivered(whole, "show/a.mkv")
    inside.unlink()
    if swapped == "file":
        inside.symlink_to(outside)
    else:
        inside.parent.rmdir()
        inside.parent.symlink_to(outside.parent)
    await whole.live.client.post("/queue/resume")
    (job,) = await whole.ended(*ids)
    assert_refused(job)
    assert content(outside) == before


async def test_what_silent_storage_let_in_by_its_name_is_looked_at_before_it_runs(
    whole: Whole, config: Config, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(outside)
    link(config, "out", outside.parent)
    film(config, "good.mkv")

    async def silent(self: storage.Storage, look: Any, near: bytes = b"") -> Any:
        raise storage.StorageSilent

    with monkeypatch.context() as patched:
        patched.setattr(storage.Storage, "look", silent)
        ids = await delivered(whole, "out/a.mkv", "good.mkv")
    led_out, good = await whole.ended(*ids)
    assert_refused(led_out)
    assert content(outside) == before
    assert (good["result"], good["track_changed"]) == ("success", True)


async def test_an_undo_does_not_follow_a_link_that_came_since(
    whole: Whole, config: Config, outside: Path
) -> None:
    """Not even to a file that holds the very bytes that the edit left."""
    inside = film(config, "show/a.mkv")
    (job,) = await whole.ended(*await delivered(whole, "show/a.mkv"))
    assert job["track_changed"] is True
    copy(inside, outside)
    before = content(outside)
    inside.unlink()
    inside.parent.rmdir()
    inside.parent.symlink_to(outside.parent)
    answer = await whole.live.client.post(f"/jobs/{job['job_id']}/undo")
    (undo,) = await whole.ended(answer.json()["job_id"])
    assert_refused(undo)
    assert content(outside) == before
