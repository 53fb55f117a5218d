"""What was signed out stays so over a restart, whatever becomes of the file that says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from arrtheaudio.api.auth import SESSION_SECONDS, Sessions

KEY = "0123456789abcdef0123456789abcdef"


def sessions(file: Path, now: float = 1_700_000_000.0) -> Sessions:
    return Sessions.of(KEY, lambda: now, file)


async def test_a_session_that_was_signed_out_is_not_accepted_after_a_restart(
    tmp_path: Path,
) -> None:
    file = tmp_path / "signed-out.json"
    before = sessions(file)
    mine, other = before.begin(), before.begin()
    await before.end(mine)
    after = sessions(file)
    assert not after.valid(mine)
    assert after.valid(other)


async def test_what_has_run_out_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "signed-out.json"
    old = sessions(file)
    await old.end(old.begin())
    later = sessions(file, 1_700_000_000.0 + SESSION_SECONDS + 1)
    cookie = later.begin()
    await later.end(cookie)
    assert content(file).count(":") == 1
    assert cookie.split(".")[1] in content(file)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"a": "b"}', "null"])
def test_a_damaged_file_is_none(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "signed-out.json"
    file.write_text(damage)
    read = sessions(file)
    assert read.valid(read.begin())


async def test_a_folder_that_cannot_be_written_still_signs_out(tmp_path: Path) -> None:
    unable = sessions(tmp_path / "nowhere" / "signed-out.json")
    cookie = unable.begin()
    await unable.end(cookie)
    assert not unable.valid(cookie)


def content(file: Path) -> str:
    return file.read_text()
