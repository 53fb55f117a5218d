"""Crash tests count the system calls of their children: nothing else may run in these."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def children_without_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage's own writes would be counted, and killed, among the product's."""
    for name in [name for name in os.environ if name.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)
