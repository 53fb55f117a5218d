"""The figures' queries go by index: none looks at all that ever ended, or at the whole journal."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from arrtheaudio.jobs import figures, history
from arrtheaudio.jobs.schema import connect_writer

QUERIES = {
    "problems": (figures.PROBLEMS, ()),
    "problem count": (figures.PROBLEM_COUNT, ()),
    "to dismiss": (figures.TO_DISMISS, ("corrupt",)),
    "to restore": (figures.TO_RESTORE, ("corrupt",)),
    "deliveries": (figures.DELIVERIES, (500,)),
    "bodies": (figures.BODIES, ("[1]",)),
    "undoable": (figures.UNDOABLE_AMONG, ("[1]", "[1]")),
    "days": (figures.DAYS_SUMS, (20260314,)),
    "words": (figures.DAYS_WORDS, (20260314, "reason")),
    "undone": (history.UNDONE_COUNTS, ()),
}


@pytest.fixture
def journal(tmp_path: Path) -> apsw.Connection:
    return connect_writer(tmp_path / "jobs.db")


@pytest.mark.parametrize("name", QUERIES)
def test_no_query_scans_a_whole_table(journal: apsw.Connection, name: str) -> None:
    sql, bindings = QUERIES[name]
    steps = [detail for *_, detail in journal.execute(f"EXPLAIN QUERY PLAN {sql}", bindings)]
    assert steps
    for step in steps:
        assert not step.startswith("SCAN") or "USING" in step or "json_each" in step or (
            "wanted VIRTUAL TABLE" in step
        ), steps  # fmt: skip
