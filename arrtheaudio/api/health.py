"""Is it well: /ping for load balancers, /health for people and containers.

Every look at the disk runs on a thread and is waited for HEALTH_SECONDS only: a
dead share is a finding, not a hang. Failed: the daemon cannot do its work (503).
Warning: it works, but somebody should look.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Literal, NotRequired, TypedDict

import trio

from arrtheaudio import __version__
from arrtheaudio.api import wire
from arrtheaudio.api.auth import Access
from arrtheaudio.api.errors import StorageSilent
from arrtheaudio.api.queue_views import QueueNumbers, Workers, queue_numbers, workers
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.services import Services
from arrtheaudio.api.storage import Storage, is_folder
from arrtheaudio.config import Config
from arrtheaudio.jobs.overview import JournalHealth

HEALTH_SECONDS: Final = 2.0
LOW_SPACE_BYTES: Final = 1_000_000_000

Verdict = Literal["healthy", "degraded", "unhealthy"]
CheckStatus = Literal["ok", "warning", "failed"]


class JournalView(TypedDict):
    """How the journal fares."""

    sqlite_version: str
    seq: int
    size_bytes: int
    last_commit_ms: float | None


class CheckView(TypedDict):
    """One thing that must be right for the daemon to work."""

    name: str
    status: CheckStatus
    detail: str


class HealthView(TypedDict):
    """The short form is open; with the key it tells all."""

    status: Verdict
    version: str
    uptime_seconds: NotRequired[float]
    queue: NotRequired[QueueNumbers]
    workers: NotRequired[Workers]
    journal: NotRequired[JournalView]
    checks: NotRequired[list[CheckView]]


class Pong(TypedDict):
    """The daemon answers."""

    status: Literal["OK"]


class Health:
    """``GET /health`` of one app."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def show(self, services: Services, *, access: Access | None) -> Answer:
        """The verdict; with the key, what it rests on."""
        checks = await self.checks(services)
        status = verdict(checks)
        view: HealthView = {"status": status, "version": __version__}
        if access is not None:
            state = services.queue.state()
            view["uptime_seconds"] = round(max(0.0, time.time() - services.started_at), 3)
            view["queue"] = queue_numbers(state)
            view["workers"] = workers(state)
            view["journal"] = _journal_view(services.queue.health())
            view["checks"] = checks
        return reply(view, 503 if status == "unhealthy" else 200)

    async def checks(self, services: Services) -> list[CheckView]:
        """Look at everything that must be right."""
        data_dir = os.fsencode(services.data_dir)
        looks: list[tuple[str, bytes, Callable[[], CheckView]]] = [
            *((_root_name(root), root, partial(_media_root, root)) for root in self._storage.roots),
            ("disk_space", data_dir, partial(_space, data_dir)),
            ("ffmpeg", b"", partial(_ffmpeg, services.config)),
        ]
        found: dict[str, CheckView] = {}

        async def look(name: str, near: bytes, function: Callable[[], CheckView]) -> None:
            try:
                found[name] = await self._storage.look(function, near, HEALTH_SECONDS)
            except StorageSilent:
                detail = f"does not answer within {HEALTH_SECONDS:g} s; the share may be gone"
                found[name] = _check(name, "warning", detail)

        async with trio.open_nursery() as nursery:
            for one in looks:
                nursery.start_soon(look, *one)
        return [
            _journal(services),
            *([] if self._storage.roots else [_no_roots()]),
            *(found[name] for name, *_ in looks),
            _paused(services),
        ]


def verdict(checks: list[CheckView]) -> Verdict:
    """What the checks come to."""
    statuses = {check["status"] for check in checks}
    if "failed" in statuses:
        return "unhealthy"
    return "degraded" if "warning" in statuses else "healthy"


def _check(name: str, status: CheckStatus, detail: str) -> CheckView:
    return {"name": name, "status": status, "detail": detail}


def _journal_view(health: JournalHealth) -> JournalView:
    """How the journal fares."""
    return {
        "sqlite_version": health.sqlite_version,
        "seq": health.seq,
        "size_bytes": health.size_bytes,
        "last_commit_ms": health.last_commit_ms,
    }


def _journal(services: Services) -> CheckView:
    health = services.queue.health()
    if not health.writable:
        return _check("journal", "failed", health.detail or "cannot be written")
    return _check("journal", "warning" if health.detail else "ok", health.detail or "writable")


def _paused(services: Services) -> CheckView:
    if services.queue.state().paused:
        return _check("paused", "warning", "no job starts until POST /queue/resume")
    return _check("paused", "ok", "no")


def _no_roots() -> CheckView:
    return _check("media_root", "warning", "media_roots is empty, so every file is refused")


def _root_name(root: bytes) -> str:
    return f"media_root {wire.text(root)}"


def _media_root(root: bytes) -> CheckView:
    name = _root_name(root)
    if not is_folder(root):
        return _check(name, "warning", "is not there or not a folder")
    if not os.access(root, os.R_OK | os.X_OK):
        return _check(name, "warning", "cannot be read by the daemon's user")
    if not os.access(root, os.W_OK):
        return _check(name, "warning", "cannot be written by the daemon's user")
    return _check(name, "ok", "readable and writable")


def _space(folder: bytes) -> CheckView:
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return _check("disk_space", "warning", f"data folder: {error.strerror}")
    detail = f"{free / 1e9:.1f} GB free in the data folder"
    return _check("disk_space", "warning" if free < LOW_SPACE_BYTES else "ok", detail)


def _ffmpeg(config: Config) -> CheckView:
    found = shutil.which("ffmpeg")
    if found is not None:
        return _check("ffmpeg", "ok", found)
    needed = config.media.mp4_method == "remux" or config.media.allow_relocate
    detail = "not found; only remuxes need it"
    return _check("ffmpeg", "warning" if needed else "ok", detail)


async def ping(services: Services, *, access: Access | None) -> Answer:
    """The daemon answers."""
    view: Pong = {"status": "OK"}
    return reply(view)


def operations(storage: Storage) -> tuple[Operation, ...]:
    """The routes of this module."""
    return (
        Operation(
            "GET",
            "/health",
            Health(storage).show,
            "Is it well? With the key: why",
            "health",
            {200: HealthView, 503: HealthView},
            open=True,
        ),
        Operation("GET", "/ping", ping, "Does it answer?", "health", {200: Pong}, open=True),
    )
