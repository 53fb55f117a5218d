"""Folders and files for the dashboard: what can be browsed, and what one file is like."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import synth
from dashboard_lab import Dashboard
from live_api import configured, live_api

from arrtheaudio.jobs.models import NewDelivery, NewJob


async def test_browsing_begins_at_the_roots_and_stays_below_them(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    (tmp_path / "tv" / "Show").mkdir(parents=True)
    for left_out in (".hidden", "@eaDir", "lost+found"):
        (tmp_path / left_out).mkdir()
    (tmp_path / "film.mkv").write_bytes(b"")
    (tmp_path / "inside").symlink_to(tmp_path / "tv")
    (tmp_path / "outside").symlink_to("/etc")
    root = str(tmp_path)
    roots = await dashboard.get("/browse")
    assert (roots["path"], roots["parent"]) == (None, None)
    assert roots["folders"] == [{"name": root, "path": root}]
    top = await dashboard.get("/browse", path=root)
    assert (top["path"], top["parent"]) == (root, None)
    assert [one["name"] for one in top["folders"]] == ["inside", "tv"]
    inner = await dashboard.get("/browse", path=f"{root}/tv")
    assert (inner["parent"], inner["folders"]) == (
        root,
        [{"name": "Show", "path": f"{root}/tv/Show"}],
    )
    for foreign in ("/etc", f"{root}/outside", f"{root}/../..", f"{root}/film.mkv", "relative"):
        await dashboard.refused("/browse", path=foreign)


async def test_the_root_of_the_file_system_can_be_a_media_root(tmp_path: Path) -> None:
    config = attrs.evolve(configured(tmp_path), media_roots=("/",))
    async with live_api(config) as live:
        top = await live.client.get("/browse", params={"path": f"/{tmp_path.parts[1]}"})
        assert top.json()["parent"] == "/"


async def test_browsing_is_paged(dashboard: Dashboard, tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"s{number}").mkdir()
    page = await dashboard.get("/browse", path=str(tmp_path), limit=3, offset=5)
    assert page["total"] == 7
    assert [one["name"] for one in page["folders"]] == ["s5", "s6"]
    assert await dashboard.refused("/browse", limit=0, offset=-1) == ["limit", "offset"]


async def test_a_name_that_is_no_text_is_not_offered(dashboard: Dashboard, tmp_path: Path) -> None:
    os.mkdir(os.fsencode(tmp_path) + b"/caf\xe9")
    assert (await dashboard.get("/browse", path=str(tmp_path)))["folders"] == []


async def test_inspecting_shows_tracks_and_decision_and_changes_nothing(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    film = tmp_path / "film.mkv"
    content = synth.mkv(
        [
            {"type": "audio", "language": "jpn", "default": True},
            {"type": "audio", "language": "eng", "default": False},
        ]
    )
    film.write_bytes(content)
    found = await dashboard.get("/inspect", path=str(film), language="eng")
    assert found["container"] == "mkv"
    assert [track["default"] for track in found["tracks"]] == [True, False]
    assert found["decision"]["chosen"]["language"] == "en"
    assert film.read_bytes() == content


async def test_inspecting_knows_what_a_delivery_told(dashboard: Dashboard, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    film.write_bytes(synth.mkv([{"language": "eng"}, {"language": "jpn"}]))
    for wanted in ("en", "ja"):
        found = await dashboard.get("/inspect", path=str(film))
        assert found["decision"]["chosen"]["language"] == wanted
        told = NewJob(bytes(film), original_language="ja")
        await dashboard.lab.queue.deliver(NewDelivery("sonarr", "Download", (told,)))


async def test_inspecting_says_what_is_wrong_with_a_file(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    (tmp_path / "noise.mkv").write_bytes(b"noise" * 100)
    for name, status in (("absent.mkv", 404), ("noise.mkv", 422)):
        found, body = await dashboard.ask("GET", "/inspect", params={"path": str(tmp_path / name)})
        assert (found, body["status"]) == (status, status)
    assert await dashboard.refused("/inspect", path="/etc/passwd") == []
    assert await dashboard.refused("/inspect") == ["path"]
