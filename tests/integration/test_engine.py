"""The door from jobs to media: what it refuses, and what a dead file system cannot take from it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arrtheaudio.errors import NothingToUndo
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
