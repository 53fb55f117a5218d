"""How long a batch still takes, by its recent rate."""

from __future__ import annotations

import math
from collections import deque
from typing import Final

RECENT_ENDS: Final = 50  # jobs that make the rate


class Pace:
    """When the last jobs of a batch ended, on the monotonic clock."""

    def __init__(self) -> None:
        self._ends: deque[float] = deque(maxlen=RECENT_ENDS)

    def ended(self, at: float) -> None:
        """One more."""
        self._ends.append(at)

    def eta_seconds(self, remaining: int, now: float) -> int | None:
        """Whole seconds until ``remaining`` more have ended; None until a rate is known."""
        if not remaining:
            return 0
        if len(self._ends) < 2:
            return None
        spent = now - self._ends[0]  # up to now, so that a standstill shows
        return math.ceil(remaining * spent / (len(self._ends) - 1)) if spent > 0 else 0
