"""What the tests compare with: other programs, and real files beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
CORPUS = SHARED / "corpus"
PAYLOADS = SHARED / "payloads"


def absent(what: str) -> NoReturn:
    """Skip where an oracle is absent; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} must be present in CI")
    pytest.skip(f"{what} is not here")
