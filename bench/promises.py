"""What was promised at first, beside what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from rich.table import Table
from rounds import console, duration, save


@attrs.frozen
class Promise:
    """A figure in seconds and the most that it was to be; ``most`` None: nothing was promised."""

    what: str
    seconds: float
    most: float | None = None

    @property
    def kept(self) -> bool:
        """Whether it is no more than promised."""
        return self.most is None or self.seconds <= self.most


def report(name: str, promises: Sequence[Promise]) -> bool:
    """Print and keep the figures; whether every promise is kept."""
    table = Table(title=name, title_justify="left")
    for column in ("what", "measured", "promised", ""):
        table.add_column(column, justify="right" if column in ("measured", "promised") else "left")
    for promise in promises:
        most = "" if promise.most is None else f"≤ {duration(promise.most)}"
        verdict = "" if promise.most is None else "kept" if promise.kept else "[red]not kept"
        table.add_row(promise.what, duration(promise.seconds), most, verdict)
    console.print(table)
    save(name, [attrs.asdict(promise) for promise in promises])
    return all(promise.kept for promise in promises)
