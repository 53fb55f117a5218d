"""Side by side in one run: interleaved rounds, medians, and ratios to a reference.

The machine is noisy, so no figure stands alone: every round runs every case
once, in an order that changes from round to round, and a case is compared by
its median with the median of the reference of the same run.
"""

from __future__ import annotations

import gc
import json
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from arrtheaudio import _garbage

RESULTS = Path(__file__).parent / "results"


@attrs.frozen
class Sample:
    """What a case says that times itself: its preparation and cleaning up do not count.

    ``latencies`` are the seconds that each single operation made its caller wait.
    """

    seconds: float
    latencies: Sequence[float] = ()
    failed: str = ""  # why operations failed, if any did


@attrs.frozen
class Case:
    """One thing to measure.

    ``run`` does the work ``times`` times, and may give a ``Sample`` to say itself how
    long that took; ``prepare`` is called before it, outside the measured time.
    """

    name: str
    run: Callable[[], object]
    times: int = 1
    prepare: Callable[[], object] | None = None


@attrs.frozen
class Measured:
    """Seconds for one piece of work, one figure per round; latencies of all rounds, sorted."""

    name: str
    seconds: tuple[float, ...]
    latencies: tuple[float, ...] = ()
    failures: tuple[str, ...] = ()

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.seconds)

    def percentile(self, percent: float) -> float:
        """So many percent of the single operations took no longer."""
        return percentile(self.latencies, percent)


@contextmanager
def own_garbage_only() -> Iterator[None]:
    """Collect garbage as the daemon does; what exists already (payloads) is never looked at."""
    before = gc.get_threshold()
    gc.collect()
    _garbage.keep_what_is()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile of sorted figures."""
    rank = round(percent / 100 * len(ascending) + 0.5) - 1
    return ascending[min(max(rank, 0), len(ascending) - 1)]


def measure(cases: Sequence[Case], *, rounds: int, seed: int = 1) -> dict[str, Measured]:
    """Run all cases in every round and give the seconds per piece of work."""
    order = random.Random(seed)
    taken: dict[str, list[float]] = {case.name: [] for case in cases}
    latencies: dict[str, list[float]] = {case.name: [] for case in cases}
    failures: dict[str, list[str]] = {case.name: [] for case in cases}
    with Progress(transient=True) as progress:
        task = progress.add_task("measuring", total=rounds * len(cases))
        for _ in range(rounds):
            for case in order.sample(list(cases), len(cases)):
                progress.update(task, description=case.name)
                sample = _run(case)
                taken[case.name].append(sample.seconds / case.times)
                latencies[case.name] += sample.latencies
                failures[case.name] += [sample.failed] if sample.failed else []
                progress.advance(task)
    return {
        name: Measured(name, tuple(seconds), tuple(sorted(latencies[name])), tuple(failures[name]))
        for name, seconds in taken.items()
    }


def _run(case: Case) -> Sample:
    if case.prepare is not None:
        case.prepare()
    start = time.perf_counter()
    said = case.run()
    seconds = time.perf_counter() - start
    return said if isinstance(said, Sample) else Sample(seconds)


def duration(seconds: float) -> str:
    """Seconds in the unit that reads best."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def comparison(title: str, results: Sequence[Measured], reference: Measured) -> Table:
    """A table of medians, spreads and how many times faster than the reference each one is."""
    table = Table(title=title, title_justify="left")
    for column in ("what", "median", "fastest", "slowest", f"against {reference.name}"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for result in results:
        ratio = reference.median / result.median
        table.add_row(
            result.name,
            duration(result.median),
            duration(min(result.seconds)),
            duration(max(result.seconds)),
            "" if result is reference else f"{ratio:,.3g} ×",
        )
    return table


def save(name: str, figures: object) -> None:
    """Keep the figures of this run beside the script, for comparison with later ones."""
    RESULTS.mkdir(exist_ok=True)
    document = {
        "bench": name,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "figures": figures,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


console = Console()
