"""What the tests of the feed share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from feed_lab import Lab, feed_lab


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Lab]:
    """A daemon's queue behind its API, served."""
    async with feed_lab(tmp_path) as lab:
        yield lab
