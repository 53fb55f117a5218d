"""What the tests of replaced files share."""

from __future__ import annotations

from pathlib import Path

import pytest
from linked_films import CONTENT, NAMES


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A film that a torrent client still holds by another name."""
    film, seed = (tmp_path / name for name in NAMES)
    film.write_bytes(CONTENT)
    seed.hardlink_to(film)
    return film
