"""The benchmarks' own dependencies are not installed for tests; what they take from us is there."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"


@pytest.mark.parametrize("script", sorted(BENCH.glob("*.py")), ids=lambda script: script.stem)
def test_what_a_benchmark_imports_from_the_product_is_there(script: Path) -> None:
    wanted = [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(script.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("arrtheaudio")
        for alias in node.names
    ]
    for module, name in wanted:
        assert module is not None
        if not hasattr(importlib.import_module(module), name):
            importlib.import_module(f"{module}.{name}")  # else it must be a module
