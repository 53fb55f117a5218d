"""Fixtures that all tests share."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from oracles import CORPUS, PAYLOADS, absent


@pytest.fixture(autouse=True)
def logs_of_nobody() -> Iterator[None]:
    """What a test made of the logs (a command in this process sets them up) ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def oracle():
    """``oracle("ffprobe")`` gives the program's path, or skips (fails in CI)."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            absent(program)
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the full sizes out, but in CI."""
    if os.environ.get("CI") or os.environ.get("RUN_SLOW"):
        return
    for item in items:
        if item.get_closest_marker("slow") is not None:
            item.add_marker(pytest.mark.skip(reason="full size: only in CI, or with RUN_SLOW=1"))
