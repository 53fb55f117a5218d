"""Servers and clients that the tests of the API share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dashboard_lab import Dashboard
from documented import Documented
from feed_lab import feed_lab
from live_api import Live, configured, live_api
from raw_http import Faults

from arrtheaudio.jobs.verify import verify_file


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    """A server with a queue in memory."""
    async with live_api(configured(tmp_path)) as running:
        yield running


@pytest.fixture
async def rest(live: Live) -> Documented:
    """A client of ``live`` with the key; every answer is held against the document."""
    return await Documented.of(live.client)


@pytest.fixture
def media(tmp_path: Path) -> Path:
    """A folder below the media root with one file."""
    folder = tmp_path / "tv"
    folder.mkdir()
    (folder / "a.mkv").write_bytes(b"")
    return folder


@pytest.fixture
async def dashboard(tmp_path: Path) -> AsyncIterator[Dashboard]:
    """A server with a real queue; its tables must say at the end what the journal says."""
    async with feed_lab(tmp_path) as lab:
        yield Dashboard(lab, await Documented.of(lab.live.client))
    assert verify_file(tmp_path / "jobs.db") == []


@pytest.fixture
def faults() -> Faults:
    """The routes of ``faulty``."""
    return Faults()


@pytest.fixture
async def faulty(tmp_path: Path, faults: Faults) -> AsyncIterator[Live]:
    """A server that also has routes which crash, wait and flood."""
    async with live_api(configured(tmp_path), extend=faults.add_to) as running:
        yield running
