"""Rows of the journal as the feed and a job's history tell them.

Fields are named as in ``GET /jobs/{id}``, ids are written out. Pure; knows values of
the queue, and nothing of who listens.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Annotated, Any, Final

import attrs

from arrtheaudio.api import wire
from arrtheaudio.api.batch_views import batch_filters, batch_progress
from arrtheaudio.api.schema import Note
from arrtheaudio.jobs.models import BatchFilters, Event, IdKind, Priority, Progress

EventView = Annotated[
    dict[str, Any], Note("one row of the journal: seq, at, type, and what it tells")
]

# Keys of event bodies that hold the seq of a thing: (name in answers, kind of id).
_IDS: Final[Mapping[str, tuple[str, IdKind]]] = {
    "job": ("job_id", "job"),
    "webhook": ("webhook_id", "webhook"),
    "batch": ("batch_id", "batch"),
    "retry_of": ("retry_of", "job"),
    "undo_of": ("undo_of", "job"),
    "undone_by": ("undone_by", "job"),
}


def event_view(event: Event) -> dict[str, Any]:
    """One public row of the journal, its fields named as in ``GET /jobs/{id}``."""
    view: dict[str, Any] = {"seq": event.seq, "at": wire.time(event.at), "type": event.type}
    is_job = event.type.startswith("job.")
    for key, value in event.body.items():
        if key in _IDS:
            name, kind = _IDS[key]
            view[name] = wire.id_or_none(kind, value)
        elif key == "path":
            view["file_path" if is_job else "path"] = _plain(value)
        elif key.endswith("_at"):
            view[key] = wire.time_or_none(value)
        elif isinstance(value, Progress):
            view[key] = batch_progress(value, complete=event.type == "batch.completed")
        else:
            view[key] = _plain(value)
    return view


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return wire.text(value)
        case Priority():
            return value.word
        case enum.Enum():
            return value.value
        case BatchFilters():
            return batch_filters(value)
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case list() | tuple() | frozenset():
            return [_plain(item) for item in value]
        case _ if attrs.has(type(value)):
            return {key: _plain(item) for key, item in attrs.asdict(value, recurse=False).items()}
    return value
