"""How the API writes what all its answers hold: ids, times, paths, priorities.

Ids get their written form, times are RFC 3339 in UTC, paths become text (undecodable
bytes U+FFFD), durations are in the unit that their name ends with. Knows single
values; what they stand in is the business of the ``…_views`` modules.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal, cast

from arrtheaudio.api.schema import Note
from arrtheaudio.errors import UnknownId
from arrtheaudio.jobs.models import IdKind, Priority, format_id, parse_id

Time = Annotated[str, Note("RFC 3339, UTC", "2026-03-14T21:07:45.193Z")]
JobId = Annotated[str, Note("a job's id", "job_00000000002a")]
BatchId = Annotated[str, Note("a batch's id", "batch_00000000002a")]
WebhookId = Annotated[str, Note("a delivery's id", "webhook_000000000029")]
PriorityWord = Literal["high", "normal", "low"]

_NAMES: dict[IdKind, str] = {"job": "a job", "batch": "a batch", "webhook": "a delivery"}


def time(at: float) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def time_or_none(at: float | None) -> str | None:
    """As ``time``; None stays None."""
    return None if at is None else time(at)


def text(path: bytes) -> str:
    """A path for people: what is not UTF-8 becomes U+FFFD."""
    return path.decode("utf-8", "replace")


def id_or_none(kind: IdKind, seq: int | None) -> str | None:
    """An id as it is written; None stays None."""
    return None if seq is None else format_id(kind, seq)


def seq_of(kind: IdKind, written: str) -> int:
    """The number in the id of a job, a batch or a delivery.

    Raises: UnknownId, also for an id of another kind.
    """
    found, seq = parse_id(written)
    if found != kind:
        raise UnknownId(f"{written} is not {_NAMES[kind]}")
    return seq


def priority(value: Priority) -> PriorityWord:
    """As requests and answers spell it."""
    return cast(PriorityWord, value.word)


def words(given: tuple[str, ...] | None) -> list[str] | None:
    """A list of words; None stays None."""
    return None if given is None else list(given)
