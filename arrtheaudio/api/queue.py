"""The live queue and the statistics (api.md, Queue, statistics, administration)."""

from __future__ import annotations

from arrtheaudio.api.queue_views import (
    PausedView,
    QueueView,
    StatisticsView,
    queue_view,
    statistics_view,
)
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.services import Services


async def show(services: Services) -> Answer:
    """The live queue with its running and next jobs."""
    stats = await services.queue.stats()
    return reply(queue_view(services.queue.state(), stats))


async def pause(services: Services) -> Answer:
    """Pause starts; what runs goes on. Durable."""
    await services.queue.pause()
    return _paused(services)


async def resume(services: Services) -> Answer:
    """Start jobs again. Durable."""
    await services.queue.resume()
    return _paused(services)


def _paused(services: Services) -> Answer:
    paused = services.queue.state().paused
    view: PausedView = {"status": "paused" if paused else "running", "paused": paused}
    return reply(view)


async def statistics(services: Services) -> Answer:
    """Statistics at a glance."""
    stats = await services.queue.stats()
    return reply(statistics_view(services.queue.state(), stats))


OPERATIONS = (
    Operation(
        "GET",
        "/queue",
        show,
        "The live queue",
        "queue",
        {200: QueueView},
    ),
    Operation(
        "POST",
        "/queue/pause",
        pause,
        "Pause starts; what runs goes on",
        "queue",
        {200: PausedView},
    ),
    Operation(
        "POST",
        "/queue/resume",
        resume,
        "Start jobs again",
        "queue",
        {200: PausedView},
    ),
    Operation(
        "GET",
        "/stats",
        statistics,
        "Statistics at a glance",
        "queue",
        {200: StatisticsView},
    ),
)
