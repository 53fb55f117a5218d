"""Who talks to the daemon: the last delivery of each instance, also a refused one.

Accepted deliveries are found in the journal; what was refused or had nothing to
process since the start is remembered here, for a bounded number of instances.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypedDict
from urllib.parse import quote

import attrs

from arrtheaudio.api import wire
from arrtheaudio.api.routes import Answer, Operation, Witness, reply
from arrtheaudio.api.services import Services

INSTANCES: Final = 64  # remembered; a stranger can make names up
NAME_CHARACTERS: Final = 64

App = Literal["sonarr", "radarr"]
APPS: Final[tuple[App, ...]] = ("sonarr", "radarr")


class SourceView(TypedDict):
    """One instance; ``path`` is the address to paste, below the daemon's own."""

    source: App
    instance: str | None
    path: str
    last_at: wire.Time | None
    last_status: int | None
    last_event: str | None


class SourcesView(TypedDict):
    """Sonarr and Radarr, heard or not, and every further instance that was heard."""

    sources: list[SourceView]


@attrs.frozen
class Attempt:
    """One delivery as it was answered."""

    at: float
    status: int
    event: str | None = None


class Sources:
    """What was heard since the start."""

    def __init__(self, tell: Callable[[App, str | None, int], None]) -> None:
        self._tell = tell
        self._attempts: dict[tuple[App, str | None], Attempt] = {}  # oldest first

    def heard(self, app: App, instance: str | None, status: int, event: str | None) -> None:
        """A delivery was answered with this HTTP status."""
        key = (app, None if instance is None else instance[:NAME_CHARACTERS])
        self._attempts.pop(key, None)
        if len(self._attempts) >= INSTANCES:
            del self._attempts[next(iter(self._attempts))]
        self._attempts[key] = Attempt(time.time(), status, event)
        self._tell(*key, status)

    def witness(self, app: App) -> Witness:
        """What an operation for deliveries of this program is told by."""

        def told(arguments: Mapping[str, Any], status: int) -> None:
            body = arguments.get("body")
            event = body.get("eventType") if isinstance(body, dict) else None
            shown = event[:NAME_CHARACTERS] if isinstance(event, str) else None
            self.heard(app, arguments.get("instance"), status, shown)

        return told

    async def index(self, services: Services) -> Answer:
        """Every instance, and when it was heard last."""
        last: dict[tuple[App, str | None], Attempt | None] = {(app, None): None for app in APPS}
        for delivery in await services.queue.last_deliveries():
            if delivery.source != "manual":
                key = (delivery.source, delivery.instance)
                last[key] = Attempt(delivery.at, 202, delivery.event)
        for key, attempt in self._attempts.items():
            known = last.get(key)
            if known is None or attempt.at >= known.at:
                last[key] = attempt
        ordered = sorted(last, key=lambda key: (APPS.index(key[0]), key[1] or ""))
        view: SourcesView = {"sources": [_view(*key, last[key]) for key in ordered]}
        return reply(view)


def _view(app: App, instance: str | None, attempt: Attempt | None) -> SourceView:
    suffix = "" if instance is None else f"/{quote(instance, safe='')}"
    return {
        "source": app,
        "instance": instance,
        "path": f"/webhook/{app}{suffix}",
        "last_at": None if attempt is None else wire.time(attempt.at),
        "last_status": None if attempt is None else attempt.status,
        "last_event": None if attempt is None else attempt.event,
    }


def operations(sources: Sources) -> tuple[Operation, ...]:
    """The routes of this module."""
    return (
        Operation(
            "GET",
            "/sources",
            sources.index,
            "Who was heard last, and the addresses to paste",
            "webhooks",
            {200: SourcesView},
        ),
    )
