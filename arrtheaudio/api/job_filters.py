"""Which jobs a list shows, or an action takes: one description for both.

Owns the names in requests and their way to the queue's JobFilter. Lists and actions
say the same words, so that "all that match" are exactly the rows that were counted.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal

import attrs

from arrtheaudio.api.fields import GivenBatchId, GivenWebhookId, PathText, Word
from arrtheaudio.api.schema import Check, Length, Note, Pattern, spelled
from arrtheaudio.jobs.models import JobFilter, JobKind, Source, Status, parse_id

_MOMENT: Final = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+-]\d\d:\d\d)"


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment.upper()).timestamp()


def _seconds_or_none(moment: str | None) -> float | None:
    return None if moment is None else _seconds(moment)


def _bytes_or_none(path: str | None) -> bytes | None:
    return None if path is None else path.encode("utf-8", "surrogateescape")


def _moment_fault(moment: str) -> str | None:
    try:
        _seconds(moment)
    except (ValueError, OverflowError, OSError):
        return "a time that exists"
    return None


Moment = Annotated[
    str,
    Pattern(_MOMENT, "a time with its offset (RFC 3339)"),
    Check(_moment_fault),
    Note("RFC 3339", "2026-03-14T21:07:45Z"),
]
Spoken = Annotated[str, Length(1, 64), Note("of the chosen track, as jobs show it", "ja")]


@attrs.frozen
class JobMatch:
    """Filters of jobs; all that are given must match, of a list any."""

    status: tuple[Status, ...] = ()
    result: tuple[Literal["success", "skipped", "failed"], ...] = ()
    reason: Annotated[tuple[Word, ...], Length(0, 50)] = ()
    webhook_id: GivenWebhookId | None = None
    batch_id: GivenBatchId | None = None
    source: tuple[Source, ...] = ()
    kind: tuple[JobKind, ...] = ()
    container: tuple[Literal["mkv", "mp4"], ...] = ()
    language: Annotated[tuple[Spoken, ...], Length(0, 50)] = ()
    path: Annotated[PathText, Note("this file, or all below this folder")] | None = None
    folder: Annotated[PathText, Note("files right in this folder, not below")] | None = None
    q: Annotated[str, Length(1, 500), Note("a part of the path")] | None = None
    track_changed: bool | None = None
    undone: bool | None = None
    problem: (
        Annotated[bool, Note("only failures that nobody dismissed, and what waits for space")]
        | None
    ) = None
    from_: Moment | None = attrs.field(default=None, metadata=spelled("from"))
    to: Moment | None = None
    completed_from: Moment | None = None
    completed_to: Moment | None = None

    def filter(self) -> JobFilter:
        """As the queue takes it."""
        return JobFilter(
            status=self.status,
            result=self.result,
            reason=self.reason,
            webhook=None if self.webhook_id is None else parse_id(self.webhook_id)[1],
            batch=None if self.batch_id is None else parse_id(self.batch_id)[1],
            source=self.source,
            kind=self.kind,
            language=self.language,
            container=self.container,
            path=_bytes_or_none(self.path),
            folder=_bytes_or_none(self.folder),
            q=self.q,
            track_changed=self.track_changed,
            undone=self.undone,
            problem=bool(self.problem),
            created_from=_seconds_or_none(self.from_),
            created_to=_seconds_or_none(self.to),
            completed_from=_seconds_or_none(self.completed_from),
            completed_to=_seconds_or_none(self.completed_to),
        )
