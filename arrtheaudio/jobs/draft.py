"""Rows being put together for one transaction, with the numbers they will have."""

from __future__ import annotations

from typing import Any

from arrtheaudio.jobs import events as ev

_new = tuple.__new__  # what a NamedTuple's own constructor does, in half the time


class Draft:
    """Rows from ``first`` on. Must be submitted before anything else is."""

    def __init__(self, first: int, at: float) -> None:
        self._next = first
        self._at = at
        self.rows: list[ev.Row] = []
        self.places = 0  # that the rows will take (queue.md, Admission)

    def _add(self, kind: str, job: int | None, parent: int | None, body: dict[str, Any]) -> int:
        seq = self._next
        self.rows.append(_new(ev.Row, (seq, self._at, kind, job, parent, body)))
        self._next = seq + 1
        return seq

    def queued(
        self, body: dict[str, Any], parent: int | None = None, *, takes_place: bool = True
    ) -> int:
        """A new job; its id."""
        seq = self._next
        self.places += takes_place
        self.rows.append(_new(ev.Row, (seq, self._at, ev.JOB_QUEUED, seq, parent, body)))
        self._next = seq + 1
        return seq

    def job(
        self, kind: str, job: int, parent: int | None, body: dict[str, Any] | None = None
    ) -> int:
        """An event of a job."""
        return self._add(kind, job, parent, body or {})

    def begin(self, kind: str, body: dict[str, Any]) -> int:
        """The first row of a batch or of a webhook, which is its own parent; its id."""
        return self._add(kind, None, self._next, body)

    def parent(self, kind: str, parent: int, body: dict[str, Any] | None = None) -> int:
        """A later event of a batch."""
        return self._add(kind, None, parent, body or {})

    def control(self, kind: str, body: dict[str, Any] | None = None) -> int:
        """An event of the queue itself."""
        return self._add(kind, None, None, body or {})
