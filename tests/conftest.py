"""Fixtures that all tests share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
PAYLOADS = Path(__file__).resolve().parents[2] / "shared" / "payloads"


def absent(what: str) -> None:
    """Skip where an oracle is absent; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} must be present in CI")
    pytest.skip(f"{what} is not here")


@pytest.fixture
def oracle():
    """``oracle("ffprobe")`` gives the program's path, or skips (fails in CI)."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            absent(program)
        assert path is not None
        return path

    return find


@pytest.fixture
def corpus() -> Path:
    """The folder of real media files."""
    if not CORPUS.is_dir():
        absent("the corpus")
    return CORPUS


@pytest.fixture
def payloads() -> Path:
    """The folder of real webhook bodies."""
    if not PAYLOADS.is_dir():
        absent("the payloads")
    return PAYLOADS
