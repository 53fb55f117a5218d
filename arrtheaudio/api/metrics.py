"""Numbers for Prometheus: ``GET /metrics``.

One registry per app, nothing global. What is true now (depths, sizes) is asked of
the queue while the answer is made; what has happened (durations) is read from the
journal's feed behind a cursor of our own, so jobs pay nothing for being measured
and no scrape misses one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import trio
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from arrtheaudio import __version__
from arrtheaudio.api.routes import Answer, Operation
from arrtheaudio.api.services import Services
from arrtheaudio.jobs.facets import container_by_name
from arrtheaudio.jobs.models import Event, JobFilter, Priority, Status
from arrtheaudio.jobs.overview import QueueState

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_HTTP_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
_JOB_BUCKETS: Final = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 1800.0)
# Whatever else a client makes up is one label, so that it costs no memory.
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CHUNK_EVENTS: Final = 1000
_OLDEST_WAITING: Final = JobFilter(
    status=(Status.QUEUED, Status.WAITING_FOR_SPACE), limit=1, order="asc"
)
_ENDS: Final = {"job.completed": "completed", "job.failed": "failed", "job.cancelled": "cancelled"}


class Metrics:
    """The instruments of one app."""

    def __init__(self, services: Services, listening: Callable[[], int] = lambda: 0) -> None:
        self.registry: Final = CollectorRegistry()
        self._services = services
        self._since = services.queue.head
        self._reading = trio.Lock()
        self._http = Histogram(
            "arrtheaudio_http_request_seconds",
            "Time from a request's head to the end of its answer.",
            ("method", "route", "status"),
            buckets=_HTTP_BUCKETS,
            registry=self.registry,
        )
        self._durations = Histogram(
            "arrtheaudio_job_seconds",
            "Time that ended jobs ran.",
            ("container", "method"),
            buckets=_JOB_BUCKETS,
            registry=self.registry,
        )
        self._ended = Counter(
            "arrtheaudio_jobs_ended",
            "Jobs ended since the daemon's start.",
            ("status", "reason"),
            registry=self.registry,
        )
        self._oldest = Gauge(
            "arrtheaudio_oldest_waiting_seconds",
            "Age of the oldest job that waits; 0 where none does.",
            registry=self.registry,
        )
        self.registry.register(_Now(services, listening))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one answered request."""
        known = method if method in _METHODS else "other"
        self._http.labels(known, route, str(status)).observe(seconds)

    async def show(self, services: Services) -> Answer:
        """All numbers as Prometheus' text."""
        async with self._reading:
            await self._catch_up()
        waiting = await services.queue.jobs(_OLDEST_WAITING)
        ages = [time.time() - job.created_at for job in waiting.jobs]
        self._oldest.set(max(0.0, *ages) if ages else 0.0)
        return Answer(generate_latest(self.registry), content_type=CONTENT_TYPE)

    async def _catch_up(self) -> None:
        while self._since < self._services.queue.head:
            chunk = await self._services.queue.events(self._since, limit=_CHUNK_EVENTS)
            for event in chunk.events:
                self._note(event)
            if chunk.next_since <= self._since:
                return
            self._since = chunk.next_since

    def _note(self, event: Event) -> None:
        status = _ENDS.get(event.type)
        if status is None:
            return
        body = event.body
        self._ended.labels(status, body.get("reason") or "").inc()
        duration = body.get("duration_ms")
        if duration is not None:
            container, method = (
                body.get("container") or container_by_name(body["path"]),
                body.get("method"),
            )
            self._durations.labels(container or "none", method or "none").observe(duration / 1000)


class _Now(Collector):
    """What is true at the moment of the scrape."""

    def __init__(self, services: Services, listening: Callable[[], int]) -> None:
        self._services = services
        self._listening = listening

    def describe(self) -> list[Metric]:
        """Nothing to compare at registration: the names are only ours."""
        return []

    def collect(self) -> Iterator[Metric]:
        state = self._services.queue.state()
        health = self._services.queue.health()
        yield _depth(state)
        for name, help_text, value in (
            ("queue_places", "Places of the queue.", state.limit),
            ("queue_places_used", "Places that are taken.", state.used),
            ("paused", "1 while starts are paused.", int(state.paused)),
            ("workers", "Jobs that can run at once.", state.workers),
            ("journal_bytes", "Size of the journal on disk.", health.size_bytes),
            ("journal_seq", "Number of the journal's last row.", health.seq),
            ("journal_writable", "1 while the journal takes rows.", int(health.writable)),
            ("feed_clients", "Clients that listen to the websocket feed.", self._listening()),
        ):
            yield GaugeMetricFamily(f"arrtheaudio_{name}", help_text, value=value)
        if health.last_commit_ms is not None:
            yield GaugeMetricFamily(
                "arrtheaudio_journal_last_commit_seconds",
                "Time of the last commit.",
                value=health.last_commit_ms / 1000,
            )
        for name, help_text, total in (
            ("commits", "Commits since the start.", health.commits),
            ("requests", "Requests that they made durable together.", health.committed),
            ("commit_seconds", "Time that they took together.", health.commit_seconds),
        ):
            yield CounterMetricFamily(f"arrtheaudio_journal_{name}", help_text, value=total)
        yield InfoMetricFamily(
            "arrtheaudio",
            "Versions.",
            value={"version": __version__, "sqlite": health.sqlite_version},
        )


def _depth(state: QueueState) -> GaugeMetricFamily:
    family = GaugeMetricFamily("arrtheaudio_jobs", "Live jobs.", labels=("status", "priority"))
    for status in (Status.QUEUED, Status.RUNNING, Status.WAITING_FOR_SPACE):
        for priority in Priority:
            count = state.depth.get((status, priority), 0)
            family.add_metric((status.value, priority.word), count)
    return family


def operation(metrics: Metrics) -> Operation:
    """The route of this module."""
    return Operation(
        "GET",
        "/metrics",
        metrics.show,
        "Numbers for Prometheus",
        "health",
        {200: str},
        content_type="text/plain",
    )
