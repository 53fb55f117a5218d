"""A live server on all real parts: journal, workers, discovery, files, sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio
from live_api import Live, configured, live_api
from synth import mkv

from arrtheaudio._derived import settings_of
from arrtheaudio.config import Config, PathMappingConfig, Processing
from arrtheaudio.jobs.discovery import Discoveries, ThreadWalker
from arrtheaudio.jobs.engine import MediaEngine, Policy
from arrtheaudio.jobs.models import parse_id
from arrtheaudio.jobs.queue import Queue, open_queue
from arrtheaudio.jobs.workers import Workers

TRACKS = [
    {"type": "video", "codec": "V_MPEG4/ISO/AVC"},
    {"type": "audio", "codec": "A_AAC", "language": "ger", "default": True},
    {"type": "audio", "codec": "A_AAC", "language": "eng", "default": False},
]


@attrs.frozen
class Whole:
    """A live server on a live queue."""

    live: Live
    queue: Queue

    async def ended(self, *ids: str) -> list[dict[str, Any]]:
        """The jobs, once all have ended."""
        waiting = {parse_id(written)[1] for written in ids}
        since = 0
        while waiting:
            chunk = await self.queue.events(since)
            for event in chunk.events:
                if event.type in ("job.completed", "job.failed", "job.cancelled"):
                    waiting.discard(event.body["job"])
            since = chunk.next_since
            if waiting:
                await self.queue.wait_beyond(since)
        return [(await self.get(f"/jobs/{written}")) for written in ids]

    async def completed(self, batch_id: str) -> None:
        """Return once the batch has its last row."""
        batch, since = parse_id(batch_id)[1], 0
        while True:
            chunk = await self.queue.events(since)
            for event in chunk.events:
                if event.type == "batch.completed" and event.body["batch"] == batch:
                    return
            since = chunk.next_since
            await self.queue.wait_beyond(since)

    async def get(self, path: str) -> dict[str, Any]:
        """A good answer."""
        answer = await self.live.client.get(path)
        assert answer.status_code == 200, answer.text
        view: dict[str, Any] = answer.json()
        return view


def mapped(root: Path, **processing: Any) -> Config:
    """Sonarr calls the media root /tv; nothing is waited for."""
    root.mkdir()
    return attrs.evolve(
        configured(root),
        language_priority=("eng",),
        path_mappings=(PathMappingConfig(remote="/tv", local=str(root)),),
        media=attrs.evolve(configured(root).media, settle_seconds=0),
        processing=Processing(retry_delay_seconds=0, **processing),
    )


@asynccontextmanager
async def whole_api(config: Config, folder: Path) -> AsyncIterator[Whole]:
    """Serve until the block ends; the journal lies in ``folder``."""
    async with open_queue(folder / "jobs.db", settings_of(config)) as queue:
        roots = tuple(root.encode() for root in config.media_roots)
        policy = Policy(rules=config.rules(), options=config.options(), roots=roots, dry_run=False)
        workers = Workers(queue, MediaEngine(policy))
        async with trio.open_nursery() as nursery:
            await nursery.start(workers.run)
            await nursery.start(Discoveries(queue, ThreadWalker(roots)).run)
            async with live_api(config, queue=queue, run_here=workers.run_here) as live:  # type: ignore[arg-type]
                yield Whole(live, queue)
            nursery.cancel_scope.cancel()


def film(config: Config, name: str) -> Path:
    """A file whose German track is the default."""
    path = Path(config.media_roots[0], name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mkv(TRACKS))
    return path


def season_pack(*names: str) -> dict[str, Any]:
    return {
        "eventType": "Download",
        "series": {"title": "Harbour", "path": "/tv", "type": "standard", "tags": ["dub"],
                   "originalLanguage": {"id": 1, "name": "English"}},
        "episodeFiles": [{"path": f"/tv/{name}"} for name in names],
    }  # fmt: skip
