"""Fixtures of the tests without I/O beyond a temporary folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_sandbox import Sandbox


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    """Configurations are read here, and nowhere else."""
    return Sandbox(tmp_path)
