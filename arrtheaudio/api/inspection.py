"""One file looked at: its tracks, what would be chosen, and how (dashboard.md: Endpoints, 9).

Changes nothing, whatever the file's state. The names are those of ``arrtheaudio inspect``.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Final, TypedDict

import attrs

from arrtheaudio import media
from arrtheaudio.api import wire
from arrtheaudio.api.errors import BadPath
from arrtheaudio.api.fields import Language, PathText
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import Length
from arrtheaudio.api.services import Services
from arrtheaudio.api.storage import Storage
from arrtheaudio.jobs.engine import context_of

INSPECT_SECONDS: Final = 20.0  # a sleeping disk may have to spin up


@attrs.frozen
class InspectQuery:
    """Which file."""

    path: PathText
    language: Annotated[tuple[Language, ...], Length(0, 20)] = ()


class ExplainedView(TypedDict):
    """Why one audio track was chosen or not."""

    index: int
    chosen: bool
    why: str


class DecisionView(TypedDict):
    """What would be chosen. ``reason``: why nothing would be changed."""

    chosen: dict[str, Any] | None
    wishes: list[str]
    source: str
    reason: str | None
    message: str
    tracks: list[ExplainedView]


class InspectionView(TypedDict):
    """One file, as it is. ``room``: how its default could be changed in place."""

    file: str
    container: str
    size_bytes: int
    duration_ms: int | None
    hard_links: int
    room: str
    tracks: list[dict[str, Any]]
    decision: DecisionView


class Inspections:
    """``GET /inspect`` of one app."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def show(self, services: Services, *, query: InspectQuery) -> Answer:
        """Look at one file."""
        (place,) = await self._storage.places([query.path])
        if place.refused is not None:
            raise place.refused
        config = services.config
        known = await services.queue.titles([place.path])
        context = context_of(known.get(place.path), query.language or None)
        look = partial(_look, place.path, config.rules(), context, config.options())
        return reply(_view(await self._storage.look(look, place.path, INSPECT_SECONDS)))


def _look(
    path: bytes, rules: media.Rules, context: media.Context, options: media.Options
) -> media.Inspection:
    try:
        return media.inspect(path, rules, context, options)
    except OSError as error:
        raise BadPath(f"cannot be read ({error.strerror})", path=path) from error


def _view(found: media.Inspection) -> InspectionView:
    decision = found.decision
    return {
        "file": wire.text(found.path),
        "container": found.media.container,
        "size_bytes": found.media.size,
        "duration_ms": found.media.duration_ms,
        "hard_links": found.links,
        "room": found.room,
        "tracks": [attrs.asdict(track) for track in found.media.tracks],
        "decision": {
            "chosen": attrs.asdict(decision.chosen) if decision.chosen else None,
            "wishes": list(decision.wishes),
            "source": decision.source,
            "reason": decision.reason,
            "message": decision.message,
            "tracks": [
                {"index": one.track.index, "chosen": one.chosen, "why": one.why}
                for one in decision.tracks
            ],
        },
    }


def operations(storage: Storage) -> tuple[Operation, ...]:
    """The routes of this module."""
    return (
        Operation(
            "GET",
            "/inspect",
            Inspections(storage).show,
            "One file's tracks and what would be chosen",
            "files",
            {200: InspectionView},
            errors=(404, 422),
            query=InspectQuery,
        ),
    )
