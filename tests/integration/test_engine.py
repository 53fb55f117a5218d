"""The door from jobs to media: what it refuses, and what a dead file system cannot take from it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from queue_kit import plan_for

from arrtheaudio.errors import FileGone, FileNotFound, NothingToUndo, ShareAway
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import MediaEngine, Policy
from arrtheaudio.jobs.models import NewJob
from arrtheaudio.media import Options, Plan, Rules


async def never(plan: Plan) -> None:
    raise AssertionError("nothing is to be written")


async def test_an_undo_whose_plan_is_gone_is_no_ordinary_job(tmp_path: Path) -> None:
    file = tmp_path / "film.mkv"
    file.write_bytes(b"not looked at")
    path = os.fsencode(file)
    claim = Claim(7, NewJob(path), 1, 3, False, path, kind="undo")
    engine = MediaEngine(Policy(Rules(), Options(), roots=None))
    with pytest.raises(NothingToUndo):
        await engine.process(claim, heavy=False, before_write=never)


@pytest.mark.parametrize(
    ("root", "away"), [("missing", True), ("empty", True), ("full", False), ("a file", True)]
)
@pytest.mark.parametrize("undo", [False, True])
async def test_a_file_that_is_missing_with_its_whole_share_is_told_apart(
    tmp_path: Path, root: str, away: bool, undo: bool
) -> None:
    share = tmp_path / "share"
    match root:
        case "empty":
            share.mkdir()
        case "full":
            (share / "other").mkdir(parents=True)
        case "a file":
            share.write_bytes(b"")
    path = os.fsencode(share / "film.mkv")
    plan = plan_for(path) if undo else None
    claim = Claim(7, NewJob(path), 1, 3, False, path, undo_plan=plan)
    engine = MediaEngine(Policy(Rules(), Options(), roots=(os.fsencode(share),)))
    with pytest.raises((FileNotFound, FileGone)) as caught:
        await engine.process(claim, heavy=False, before_write=never)
    assert isinstance(caught.value, ShareAway) is away
