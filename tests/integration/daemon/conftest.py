"""What the tests of real daemons share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_process import Household, alive, slow_ffmpeg, started


@pytest.fixture
def household(tmp_path: Path) -> Household:
    """A media folder, a data folder and a configuration."""
    return Household(tmp_path)


@pytest.fixture
def slow(household: Household) -> Iterator[Path]:
    """MP4 files are remuxed by an ffmpeg that never ends."""
    household.write_config(media={"mp4_method": "remux"})
    pids = slow_ffmpeg(household)
    yield pids
    assert alive(started(pids)) == [], "no process may outlive its daemon's stop"
