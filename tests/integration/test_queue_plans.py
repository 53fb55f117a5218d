"""Query plans, pinned: no list, restart or cleanup walks through the history.

Left alone, the planner has chosen plans that take seconds over a million jobs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import apsw
import pytest

from arrtheaudio.jobs import edits, feed, history, moments, prospects, replay, retention, statistics
from arrtheaudio.jobs.facets import ENDED_FACETS
from arrtheaudio.jobs.history import EndedArm, LiveArm, PageQuery, page_sql
from arrtheaudio.jobs.moments import Span
from arrtheaudio.jobs.schema import connect_writer

HISTORY = ("journal", "finished")  # what grows with every job
# Reads every row by intent: verification, and the totals of a search in all paths.
WALKS_ALL = {"EVERYTHING"}
NAMED = re.compile(r"\?(\d)")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = connect_writer(tmp_path / "jobs.db")
    yield connection
    connection.close()


def plan(connection: apsw.Connection, sql: str, bindings: object = None) -> list[str]:
    numbered = len(set(NAMED.findall(sql)))
    values = bindings if bindings is not None else [None] * (numbered or sql.count("?"))
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


def scans_of_history(connection: apsw.Connection, steps: list[str]) -> list[str]:
    """Steps that look at every row of a table which grows with the history."""
    aliases = "|".join((*HISTORY, "j", "f", "g", "q"))
    return [step for step in steps if re.match(rf"SCAN ({aliases})\b", step)]


def queries(module: ModuleType) -> Iterator[tuple[str, str]]:
    for name, value in vars(module).items():
        if name.isupper() and isinstance(value, str) and value.lstrip().startswith("SELECT"):
            yield name, value


@pytest.mark.parametrize(
    "module", [replay, edits, history, moments, prospects, retention, feed, statistics]
)
def test_no_named_query_walks_through_the_history(
    connection: apsw.Connection, module: ModuleType
) -> None:
    named = [(name, sql) for name, sql in queries(module) if name not in WALKS_ALL]
    assert named
    walking = {
        name: steps
        for name, sql in named
        if (steps := scans_of_history(connection, plan(connection, sql)))
        and "USING INDEX finished_undone" not in steps[0]  # a partial index, as long as its subset
    }
    assert not walking


def test_restart_reads_the_journal_by_its_live_jobs_only(connection: apsw.Connection) -> None:
    assert plan(connection, replay.LIVE_QUEUED) == [
        "SCAN o",
        "SEARCH j USING INTEGER PRIMARY KEY (rowid=?)",
    ]
    assert plan(connection, replay.LIVE_LATER) == [
        "SCAN o",
        "SEARCH j USING INDEX journal_job (job=?)",
    ]
    assert plan(connection, replay.LIVE_BATCHES) == [
        "SCAN o",
        "SEARCH j USING INDEX journal_parent (parent=?)",
    ]


@pytest.mark.parametrize("order", ["job", "seq"])
def test_a_page_merges_index_ranges_and_sorts_no_ended_job(
    connection: apsw.Connection, order: history.Order
) -> None:
    query = PageQuery(LiveArm((0, 1), (), ()), EndedArm(tuple(ENDED_FACETS)), order)
    steps = plan(connection, *page_sql(query))
    ranges = [step for step in steps if "finished" in step]
    assert ranges == [
        f"SEARCH finished USING COVERING INDEX finished_facet_{order} (facet=?)"
    ] * len(ENDED_FACETS)
    assert "MERGE (UNION ALL)" in steps
    assert not any("TEMP B-TREE" in step for step in steps)


@pytest.mark.parametrize(
    ("ended", "index"),
    [
        (EndedArm((1, 9), parent=4), "finished_parent (parent=?)"),
        (EndedArm((1, 9), path=b"/m"), "finished_path (path=?)"),
        (EndedArm((1, 9), folder=b"/m"), "finished_path (path>? AND path<?)"),
        (
            EndedArm((1, 9), languages=("ja",), ended=Span(4, 9)),
            "finished_facet_seq (facet=? AND seq>? AND seq<?)",
        ),
        (EndedArm((1, 9), languages=("ja",)), "finished_language (language=? AND facet=?)"),
        (EndedArm((27, 225), problem=True), "finished_problem"),
    ],
)
def test_what_narrows_a_list_has_an_index_of_its_own(
    connection: apsw.Connection, ended: EndedArm, index: str
) -> None:
    steps = plan(connection, *page_sql(PageQuery(LiveArm(), ended)))
    assert any(step.endswith(index) for step in steps)
    walked = scans_of_history(connection, steps)
    assert not [step for step in walked if "finished_problem" not in step]  # as long as its subset


def test_an_ended_batch_is_paged_by_its_end_without_sorting(connection: apsw.Connection) -> None:
    assert plan(connection, history.ENDED_OF_PARENT) == [
        "SEARCH finished USING COVERING INDEX finished_parent (parent=?)"
    ]
