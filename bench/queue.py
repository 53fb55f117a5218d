"""The journal queue against other embedded queues, and against the disk itself.

    python bench/queue.py [--quick] [--rounds N] [--only SECTION] [--folder DIR]

Every job of every contestant is durable when its put returns. The floor is one
append and one fdatasync per job. Sections: ``fast`` (this disk: 1, 64 and 512
producers, bulk, claim and finish with 1 and 64 workers), ``slow`` (the same with
8 ms more per sync; needs cc), ``restart``, ``lists`` and ``memory`` (a million jobs).
Needs the extra ``bench``: huey, litequeue, persist-queue.
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and this file would hide the library's ``queue``.
sys.path.append(sys.path.pop(0))

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import attrs
from queue_large import (
    DEEPEST_OFFSET,
    LIVE,
    Resident,
    lists,
    make_history,
    memory,
    restart,
    some_filters,
)
from queue_own import Own, new_job, payload
from queue_rivals import BULK, RIVALS, Contestant, Floor
from rich.table import Table
from rounds import Case, Measured, Sample, console, duration, measure, percentile, save

SECTIONS = ("fast", "slow", "restart", "lists", "memory")
SLOW_MICROSECONDS = 8000
OWN, FLOOR = Own().name, Floor().name


@attrs.frozen
class Effort:
    """How much is done in one round."""

    rounds: int
    floor: int  # jobs
    own: int
    rival: int
    alone: int  # by one producer or worker
    bulk: int
    rival_bulk: int  # 0: not asked, because it would take minutes
    producers: tuple[int, ...] = (1, 64, 512)
    workers: tuple[int, ...] = (1, 64)


FULL = Effort(rounds=5, floor=3000, own=25_600, rival=1536, alone=500, bulk=20_000, rival_bulk=2000)
QUICK = Effort(rounds=2, floor=1000, own=6400, rival=512, alone=200, bulk=5000, rival_bulk=1000)
SLOW = Effort(
    rounds=3, floor=60, own=6400, rival=128, alone=30, bulk=20_000, rival_bulk=0, producers=(1, 64)
)


# --- contestants side by side --------------------------------------------------


def cases_of(contestant: Contestant, effort: Effort, folder: Path) -> list[Case]:
    """All questions for one contestant; each is answered in a folder of its own."""
    own = contestant.name == OWN
    many = effort.own if own else effort.rival
    asked: list[tuple[str, int, Callable[[Path, list[bytes]], Sample]]] = []
    for producers in effort.producers:
        times = effort.alone if producers == 1 else many
        asked.append((f"{producers} put", times, partial(contestant.put, producers=producers)))
    bulk = effort.bulk if own else effort.rival_bulk
    if bulk:
        asked.append(("bulk", bulk, contestant.put_bulk))
    for workers in effort.workers:
        times = effort.alone if workers == 1 else many // 2
        asked.append((f"{workers} work", times, partial(contestant.work, workers=workers)))
    return [
        Case(case_name(what, contestant.name), partial(in_own_folder, folder, ask, times), times)
        for what, times, ask in asked
    ]


def case_name(what: str, who: str) -> str:
    """As in the tables and the figures."""
    return f"{what}: {who}"


def in_own_folder(folder: Path, ask: Callable[[Path, list[bytes]], Sample], count: int) -> Sample:
    """Answer the question where nothing is yet."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        return ask(Path(own), [payload(new_job(number)) for number in range(count)])


def compete(effort: Effort, folder: Path) -> dict[str, Measured]:
    """Everybody's answers to everything, interleaved."""
    floor = partial(Floor().put, producers=1)
    cases = [Case(FLOOR, partial(in_own_folder, folder, floor, effort.floor), effort.floor)]
    for contestant in (Own(), *RIVALS):
        cases += cases_of(contestant, effort, folder)
    return measure(cases, rounds=effort.rounds)


TITLES = {
    "put": "{} at once, each waiting for its commit",
    "work": "claim, start, complete: {} at once",
    "bulk": f"requests of {BULK:,} jobs",
}


def question(result: Measured) -> str:
    """What was asked; nothing for the floor, which comes first."""
    return result.name.rpartition(": ")[0]


def show(results: dict[str, Measured], disk: str) -> None:
    """One table; every figure is compared with the floor of the same run."""
    floor = results[FLOOR]
    table = Table(title=f"{disk}: {1 / floor.median:,.0f} appends a second", title_justify="left")
    for column in ("what", "jobs a second", "× floor", "p50", "p99"):
        table.add_column(column, justify="left" if column == "what" else "right")
    last = ""
    asked = [question(result) for result in results.values()]
    for result in sorted(results.values(), key=lambda one: asked.index(question(one))):
        what, who = question(result), result.name.rpartition(": ")[2]
        if what != last:
            table.add_section()
            count, _, kind = what.rpartition(" ")
            table.add_row(f"[bold]{TITLES[kind].format(count)}[/bold]")
            last = what
        table.add_row(
            f"  {who}" + (" [red]✗[/red]" if result.failures else ""),
            f"{1 / result.median:,.0f}",
            f"{floor.median / result.median:,.2f}",
            duration(result.percentile(50)),
            duration(result.percentile(99)),
        )
    console.print(table)
    for result in results.values():
        for failure in set(result.failures):
            console.print(f"[red]✗ {result.name}: {failure}[/red]")


# --- verdicts -------------------------------------------------------------------


@attrs.frozen
class Verdict:
    """A target of the design, and whether this run meets it."""

    what: str
    value: float
    target: float
    unit: str
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Within the bound."""
        return self.value <= self.target if self.at_most else self.value >= self.target

    def show(self) -> None:
        """One line, green or red."""
        colour, word = ("green", "met") if self.met else ("red", "MISSED")
        bound = "at most" if self.at_most else "at least"
        console.print(
            f"[{colour}]{word:6}[/{colour}] {self.what}: {self.value:,.3g} {self.unit}"
            f" (wanted: {bound} {self.target:,g})"
        )


def fast_verdicts(results: dict[str, Measured]) -> list[Verdict]:
    """What the design wants of this disk."""
    floor = results[FLOOR]

    def speed(what: str, who: str) -> float:
        return floor.median / results[case_name(what, who)].median

    best = max(speed("64 put", rival.name) for rival in RIVALS)
    own = speed("64 put", OWN)
    waits = results[case_name("64 put", OWN)].percentile(99) / floor.percentile(50)
    return [
        Verdict("64 producers", own, 5, "× floor"),
        Verdict("64 producers", own / best, 8, "× the best rival"),
        Verdict("p99 of 64 producers", waits, 20, "× one append and sync", at_most=True),
        Verdict("bulk", speed("bulk", OWN), 20, "× floor"),
        Verdict("claim and finish, 64 workers", speed("64 work", OWN), 3.5, "× floor"),
    ]


def slow_verdicts(results: dict[str, Measured]) -> list[Verdict]:
    """What the design wants of a disk with 8 ms per sync."""
    own = results[FLOOR].median / results[case_name("64 put", OWN)].median
    return [Verdict("64 producers, 8 ms per sync", own, 45, "× floor")]


# --- processes of their own ------------------------------------------------------


def apart(what: str, arguments: list[str], environment: dict[str, str]) -> list[object]:
    """Run a part of this script in a fresh process; what it found."""
    with tempfile.NamedTemporaryFile("r", suffix=".json") as found:
        command = [sys.executable, __file__, *arguments, "--apart", what, "--to", found.name]
        subprocess.run(command, check=True, env=os.environ | environment)
        figures: list[object] = json.load(found)
        return figures


def slow_disk(folder: Path, arguments: list[str]) -> dict[str, Measured]:
    """The competition, with every sync delayed."""
    library = folder / "slowsync.so"
    source = Path(__file__).with_name("slowsync.c")
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    environment = {"LD_PRELOAD": str(library), "SLOWSYNC_US": str(SLOW_MICROSECONDS)}
    measured = [Measured(**figures) for figures in apart("slow", arguments, environment)]
    return {result.name: result for result in measured}


# --- sections ----------------------------------------------------------------------


def run_fast(chosen: argparse.Namespace, folder: Path) -> list[Verdict]:
    """This disk as it is."""
    results = compete(effort_of(chosen), folder)
    show(results, "This disk")
    return fast_verdicts(results)


def run_slow(chosen: argparse.Namespace, folder: Path) -> list[Verdict]:
    """A disk with 8 ms per sync."""
    results = slow_disk(folder, passed_on(chosen, folder))
    show(results, f"A disk with {SLOW_MICROSECONDS / 1000:g} ms per sync")
    return slow_verdicts(results)


def run_restart(chosen: argparse.Namespace, folder: Path) -> list[Verdict]:
    """From opening a journal with a long history to the first claim."""
    path = history(chosen, folder)
    case = Case("restart", partial(restart, path))
    result = measure([case], rounds=2 * effort_of(chosen).rounds)["restart"]
    console.print(
        f"Start with {large(chosen):,} ended and {LIVE:,} live jobs:"
        f" {duration(result.median)} to the first claim (slowest {duration(max(result.seconds))})"
    )
    return [Verdict("start to the first claim", max(result.seconds), 0.3, "s", at_most=True)]


def run_lists(chosen: argparse.Namespace, folder: Path) -> list[Verdict]:
    """Random filters, orders and offsets over a long history, totals included."""
    sample = lists(history(chosen, folder), some_filters(300 if chosen.quick else 2000))
    taken = sorted(sample.latencies)
    p99 = percentile(taken, 99)
    p50, slowest = duration(percentile(taken, 50)), duration(taken[-1])
    console.print(
        f"{len(taken):,} lists of {large(chosen):,} ended jobs, offsets to {DEEPEST_OFFSET:,}:"
        f" p50 {p50}, p99 {duration(p99)}, slowest {slowest}"
    )
    return [Verdict("p99 of lists", p99 * 1000, 20, "ms", at_most=True)]


def run_memory(chosen: argparse.Namespace, folder: Path) -> list[Verdict]:
    """Memory per queued job, in a process of its own."""
    found = apart("memory", passed_on(chosen, folder), {})
    first, *later = [Resident(**figures) for figures in found]
    each = [(point.size - first.size) / (point.jobs - first.jobs) for point in later]
    console.print(
        "Memory of a queued job: "
        + ", ".join(
            f"{size:.0f} bytes with {point.jobs:,}" for size, point in zip(each, later, strict=True)
        )
    )
    return [Verdict("memory of a queued job", max(each), 600, "bytes", at_most=True)]


RUN = {
    "fast": run_fast,
    "slow": run_slow,
    "restart": run_restart,
    "lists": run_lists,
    "memory": run_memory,
}


def effort_of(chosen: argparse.Namespace) -> Effort:
    """What the options ask for."""
    effort = SLOW if chosen.apart == "slow" else QUICK if chosen.quick else FULL
    return attrs.evolve(effort, rounds=chosen.rounds or effort.rounds)


def large(chosen: argparse.Namespace) -> int:
    """Jobs in a large journal."""
    return 100_000 if chosen.quick else 1_000_000


def history(chosen: argparse.Namespace, folder: Path) -> Path:
    """The large journal, made once for a run."""
    path = folder / f"history-{large(chosen)}" / "jobs.db"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        make_history(path, large(chosen))
    return path


def passed_on(chosen: argparse.Namespace, folder: Path) -> list[str]:
    """The options for a process of our own."""
    options = ["--folder", str(folder)]
    options += ["--quick"] if chosen.quick else []
    return options + (["--rounds", str(chosen.rounds)] if chosen.rounds else [])


def run_apart(chosen: argparse.Namespace, folder: Path) -> None:
    """The child's side of ``apart``."""
    if chosen.apart == "slow":
        figures = [attrs.asdict(result) for result in compete(effort_of(chosen), folder).values()]
    else:
        path = folder / "memory.db"
        figures = [attrs.asdict(point) for point in memory(path, large(chosen))]
    chosen.to.write_text(json.dumps(figures))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller journals")
    parser.add_argument("--rounds", type=int, help="how often everything is measured")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="may be repeated")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    parser.add_argument("--apart", choices=("slow", "memory"), help=argparse.SUPPRESS)
    parser.add_argument("--to", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="bench-queue-") as folder:
        if chosen.apart:
            return run_apart(chosen, Path(folder))
        verdicts = [
            verdict
            for section in SECTIONS
            if section in (chosen.only or SECTIONS)
            for verdict in RUN[section](chosen, Path(folder))
        ]
    for verdict in verdicts:
        verdict.show()
    save("queue", [attrs.asdict(verdict) | {"met": verdict.met} for verdict in verdicts])
    return None


if __name__ == "__main__":
    main()
