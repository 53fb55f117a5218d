"""Proof that the tables say what the journal says (invariant 3), and a backup that was proven.

Folds every row that is kept and compares it with the quick load and with the
derived tables. Lifetime tallies cannot be rebuilt behind a retention; they
must only not be smaller than what is kept.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import apsw
import attrs

from arrtheaudio.errors import JournalCorrupt, JournalError
from arrtheaudio.jobs.facets import FAILED, end_of
from arrtheaudio.jobs.replay import EVERYTHING, load, load_by_folding_everything, rows_of
from arrtheaudio.jobs.schema import connect_reader, schema_faults, sync_folder
from arrtheaudio.jobs.writer import Projection, project

DIFFERENCES_TOLD: Final = 20

OPEN_ROWS: Final = "SELECT job, facet, parent FROM open ORDER BY job"
FINISHED_ROWS: Final = """SELECT job, seq, facet, parent, ms, path, reason, language,
 undone, dismissed FROM finished ORDER BY job"""
# orphans: rows of jobs that are not kept
ORPHANS: Final = f"""SELECT j.seq, j.type, j.job FROM journal AS j INDEXED BY journal_job
 WHERE j.job <> j.seq AND NOT EXISTS (SELECT 1 FROM journal AS q WHERE q.seq = j.job)
 ORDER BY j.seq LIMIT {DIFFERENCES_TOLD}"""
KEPT_ROWS: Final = "SELECT facet, n, ran, ms FROM kept WHERE n > 0 ORDER BY facet"
TALLIED: Final = "SELECT facet, sum(n), sum(ran), sum(ms) FROM tally GROUP BY facet ORDER BY facet"


def verify(connection: apsw.Connection) -> list[str]:
    """Differences between the journal and what is derived from it; empty means proven."""
    (check,) = next(connection.execute("PRAGMA quick_check(1)"))
    if check != "ok":
        return [f"SQLite finds: {check}"]
    if faults := schema_faults(connection):
        return faults
    try:
        differences = [
            *_compare_states(connection),
            *_compare_tables(connection),
            *_orphans(connection),
        ]
    except JournalCorrupt as error:
        return [str(error)]
    return differences[:DIFFERENCES_TOLD]


def _compare_states(connection: apsw.Connection) -> Iterator[str]:
    quick, folded = load(connection), load_by_folding_everything(connection)
    for field in attrs.fields(type(quick)):
        one, other = getattr(quick, field.name), getattr(folded, field.name)
        if one != other:
            yield f"state.{field.name}: the tables give {_short(one)}, the fold {_short(other)}"


def _orphans(connection: apsw.Connection) -> Iterator[str]:
    for seq, kind, job in connection.execute(ORPHANS):
        yield f"row {seq}: {kind} of job {job}, which is not kept"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + "…"


def _compare_tables(connection: apsw.Connection) -> Iterator[str]:
    opened: dict[int, tuple[Any, ...]] = {}
    finished: dict[int, tuple[Any, ...]] = {}
    marks = _Marks()
    kept: dict[int, list[int]] = {}
    for row in rows_of(connection, EVERYTHING):
        projection = project([row])
        if projection.trimmed:
            continue  # its effect is that rows are missing
        opened.update((entry[0], entry) for entry in projection.opened)
        finished.update((entry[0], entry) for entry in projection.finished)
        marks.take(projection)
        for job in projection.closed:
            opened.pop(job, None)
        for facet, sums in projection.kept().items():
            of_facet = kept.setdefault(facet, [0, 0, 0])
            of_facet[:] = [a + b for a, b in zip(of_facet, sums, strict=True)]
    yield from _compare("open", connection.execute(OPEN_ROWS), opened.values())
    stored = list(connection.execute(FINISHED_ROWS))
    # What dismissed a failure (its retry, a later result) may be removed before it is.
    marks.dismissed |= {row[0] for row in stored if row[-1]}
    derived = (
        (*entry, int(job in marks.undone), int(job in marks.dismissed))
        for job, entry in finished.items()
    )
    yield from _compare("finished", stored, derived)
    sums_kept = [(facet, *sums) for facet, sums in kept.items()]
    yield from _compare("kept", connection.execute(KEPT_ROWS), sums_kept)
    tallied = {facet: sums for facet, *sums in connection.execute(TALLIED)}
    for facet, *sums in sums_kept:
        if any(a > b for a, b in zip(sums, tallied.get(facet, [0, 0, 0]), strict=True)):
            yield f"tally: facet {facet} has {tallied.get(facet)}, less than the kept {sums}"


class _Marks:
    """What became of ended jobs later, in the order of the journal."""

    def __init__(self) -> None:
        self.undone: set[int] = set()
        self.dismissed: set[int] = set()
        self._failed: dict[bytes, set[int]] = {}  # by path

    def take(self, projection: Projection) -> None:
        """The effect of one row."""
        for job, _, facet, _, _, path, *_ in projection.finished:
            if end_of(facet) == FAILED:
                self._failed.setdefault(path, set()).add(job)
        for mark, bindings in projection.marks:
            match mark, bindings:
                case "undone", (int(job),):
                    self.undone.add(job)
                case "dismissed", (int(job),):
                    self.dismissed.add(job)
                case "restored", (int(job),):
                    self.dismissed.discard(job)
                case "settled", (bytes(path), int(by)):
                    self.dismissed |= {job for job in self._failed.get(path, ()) if job < by}


def _compare(
    table: str, stored: Iterable[tuple[Any, ...]], derived: Iterable[tuple[Any, ...]]
) -> Iterator[str]:
    have, want = set(stored), set(derived)
    for row in sorted(have - want, key=repr):
        yield f"{table}: {_short(row)} does not follow from the journal"
    for row in sorted(want - have, key=repr):
        yield f"{table}: {_short(row)} is missing"


def verify_file(path: Path) -> list[str]:
    """``verify`` for a journal that may be in use. Raises: JournalError."""
    try:
        connection = connect_reader(path)
        try:
            connection.execute("BEGIN")  # one view of the tables, whatever is written meanwhile
            return verify(connection)
        finally:
            connection.close()
    except apsw.Error as error:
        raise JournalError(f"cannot be read ({error})", path=os.fsencode(path)) from error


def backup(source: apsw.Connection, target: Path) -> None:
    """Copy the journal as it stands now, prove the copy, then give it its name.

    The copy is one file in rollback mode; the writer goes on meanwhile.
    Raises: JournalError.
    """
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        copy = apsw.Connection(str(partial))
        try:
            with copy.backup("main", source, "main") as copying:
                copying.step(-1)  # all pages in one view
            copy.pragma("journal_mode", "delete")
            differences = verify(copy)
        finally:
            copy.close()
        if differences:
            raise JournalCorrupt(f"The copy differs: {differences[0]}", path=os.fsencode(partial))
        descriptor = os.open(partial, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(partial, target)
        sync_folder(target)
    except (apsw.Error, OSError) as error:
        raise JournalError(f"No backup was made ({error})", path=os.fsencode(target)) from error
    finally:
        partial.unlink(missing_ok=True)
