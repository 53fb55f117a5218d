"""A library that was moved, with a link in its old place: within the roots it is followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from media_runs import ENGLISH, FILES, Journal, content_of, write

from arrtheaudio.errors import EditConflict
from arrtheaudio.jobs.claims import Claim
from arrtheaudio.jobs.engine import OUTSIDE, MediaEngine, Policy
from arrtheaudio.jobs.models import NewJob, Priority
from arrtheaudio.media import Options, Plan

FILM = FILES["mp4"]


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "root" / "show").mkdir(parents=True)
    return tmp_path / "root"


def engine(root: Path) -> MediaEngine:
    return MediaEngine(Policy(ENGLISH, Options(), (os.fsencode(root),)))


def claim(path: Path, **more) -> Claim:
    asked = NewJob(os.fsencode(path), expected_size=len(FILM))
    return Claim(1, asked, Priority.HIGH, "cli", 1, 1, True, None, **more)


async def edited(root: Path) -> Plan:
    """The plan of an edit that was made."""
    film = write(root / "show", FILM)
    done = await engine(root).process(claim(film), heavy=True, before_write=Journal())
    return done.plan


def move(root: Path, to: Path) -> Path:
    """The show stands elsewhere now; its film there."""
    (root / "show").rename(to)
    (root / "show").symlink_to(to)
    return to / "film.mkv"


async def test_undo_finds_a_film_that_was_moved_and_linked(root) -> None:
    plan = await edited(root)
    film = move(root, root / "moved")
    undo = claim(Path(os.fsdecode(plan.path)), undo_plan=plan)
    outcome = await engine(root).process(undo, heavy=True, before_write=Journal())
    assert outcome.track_changed
    assert outcome.plan.path == os.fsencode(film)
    assert film.read_bytes() == FILM


async def test_recovery_finds_a_film_that_was_moved_and_linked(root) -> None:
    plan = await edited(root)
    film = move(root, root / "moved")
    first = plan.patches[0]
    half = FILM[: first.offset] + first.new + FILM[first.offset + first.length :]
    write(film.parent, half)
    assert (await engine(root).recover(plan)).state == "completed"
    assert film.read_bytes() != half


async def test_neither_follows_a_link_out_of_the_roots(root, tmp_path) -> None:
    plan = await edited(root)
    film = move(root, tmp_path / "private")
    held = content_of(os.fsencode(film))
    undo = claim(Path(os.fsdecode(plan.path)), undo_plan=plan)
    outcome = await engine(root).process(undo, heavy=True, before_write=Journal())
    assert (outcome.result, outcome.reason) == ("skipped", OUTSIDE)
    with pytest.raises(EditConflict, match="link"):
        await engine(root).recover(plan)
    assert film.read_bytes() == held
