"""From moments to row numbers: which rows were written in a span of time.

Numbers rise with time as long as nobody sets the clock, so a moment is found by
bisection. Where the clock was set (a wrong one until the network answered), rows may be
older than what stands before them: a sample over all rows tells, and then the numbers
are only the limits within which each row's own time decides.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import apsw
import attrs

SAMPLES: Final = 100

# first_row_from: the first row at or behind a number
FIRST_ROW_FROM: Final = "SELECT at FROM journal WHERE seq >= ? ORDER BY seq LIMIT 1"
LAST_SEQ: Final = "SELECT coalesce(max(seq), 0) FROM journal"

_Points = list[tuple[int, float]]  # number, and the time of the first row from there


@attrs.frozen
class Span:
    """Rows from ``first`` up to before ``behind``; with ``times``, of these who lie within them."""

    first: int
    behind: int
    times: tuple[float, float] | None = None  # at or after, before


def span(connection: apsw.Connection, since: float, until: float) -> Span:
    """The rows at or after ``since`` and before ``until``."""
    points = _sample(connection)
    jumped = any(later < earlier for (_, earlier), (_, later) in pairwise(points))
    first = _first_from(connection, points, since)
    return Span(first, _behind_older(connection, points, until), (since, until) if jumped else None)


def seq_before(connection: apsw.Connection, moment: float) -> int:
    """A number that no row older than ``moment`` reaches."""
    return _behind_older(connection, _sample(connection), moment)


def _sample(connection: apsw.Connection) -> _Points:
    """Rows at regular distances, the last one among them."""
    ((last,),) = connection.execute(LAST_SEQ)
    step = max(1, last // SAMPLES)
    wanted = {*range(1, last, step), last}
    return [
        (seq, at) for seq in sorted(wanted) for (at,) in connection.execute(FIRST_ROW_FROM, (seq,))
    ]


def _first_from(connection: apsw.Connection, points: _Points, moment: float) -> int:
    """The first number at or after the moment."""
    low = 1
    for seq, at in points:
        if at >= moment:
            return _bisect(connection, low, seq, moment)
        low = seq + 1
    return low


def _behind_older(connection: apsw.Connection, points: _Points, moment: float) -> int:
    """The number behind the last one before the moment."""
    high = points[-1][0] + 1 if points else 1
    for seq, at in reversed(points):
        if at < moment:
            return _bisect(connection, seq + 1, high, moment)
        high = seq
    return high


def _bisect(connection: apsw.Connection, low: int, high: int, moment: float) -> int:
    """The first number at or after the moment, which is ``high`` at the latest."""
    while low < high:
        middle = (low + high) // 2
        row = next(connection.execute(FIRST_ROW_FROM, (middle,)), None)
        if row is not None and row[0] < moment:
            low = middle + 1
        else:
            high = middle
    return low
