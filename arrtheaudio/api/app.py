"""The app: every route of the daemon registered once, behind one envelope.

Quart routes and keeps the websockets; requests that match an operation go straight to
it (``direct``). Resource modules own what is said. Quart's redirects, cookies,
templates and HTML errors are not used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog
from quart import Response, has_request_context, request, websocket
from quart_trio import QuartTrio
from quart_trio.wrappers import TrioResponse
from werkzeug.routing import BaseConverter

from arrtheaudio.api import (
    actions,
    admin,
    batches,
    bodies,
    browse,
    feed,
    figures,
    health,
    inspection,
    jobs,
    openapi,
    pages,
    problems,
    queue,
    sessions,
    signed_out,
    sources,
    webhooks,
)
from arrtheaudio.api import metrics as prometheus
from arrtheaudio.api.auth import Gate
from arrtheaudio.api.direct import DirectHTTP, View, failed, view_of
from arrtheaudio.api.envelope import Envelope
from arrtheaudio.api.feed_hub import Hub
from arrtheaudio.api.incoming import Room, credentials, parse_query
from arrtheaudio.api.routes import Operation
from arrtheaudio.api.services import Services
from arrtheaudio.api.storage import Storage
from arrtheaudio.config import ApiConfig

log = structlog.get_logger("arrtheaudio.http")


class IdConverter(BaseConverter):
    """A path's part that looks like an id, so that /jobs/stats is never a job."""

    regex = r"[^/]*_[^/]*"


class _Plain(TrioResponse):
    """Quart's own answers (to OPTIONS) are no HTML."""

    default_mimetype = "text/plain"


class App(QuartTrio):
    """Quart-Trio with our envelope around every request."""

    asgi_http_class = DirectHTTP
    response_class = _Plain

    def __init__(self, api: ApiConfig, metrics: prometheus.Metrics) -> None:
        super().__init__("arrtheaudio", static_folder=None)
        self.url_map.merge_slashes = False
        self.url_map.converters["id"] = IdConverter
        self.config["PROPAGATE_EXCEPTIONS"] = False
        self.views: dict[str, View] = {}  # of the operations, by name
        self.operations = self.url_map.bind("")  # the server's name decides nothing
        self.most_body_bytes = api.max_body_bytes
        self.strangers = Room(api.max_body_bytes)
        # The server runs them, and ends them.
        self.background: list[Callable[[], Awaitable[None]]] = []
        self._envelope = Envelope(super().asgi_app, url_base=api.url_base, note=metrics.request)

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request or websocket."""
        await self._envelope(scope, receive, send)

    def log_exception(self, exception_info: Any) -> None:
        """An unexpected exception, with our request id."""
        log.error("request failed", exc_info=exception_info)


def create_app(services: Services) -> App:
    """The app of a daemon."""
    config = services.config
    storage = Storage(services)
    gate = Gate.of(services.api_key, file=services.data_dir / signed_out.FILE)
    hub = Hub(services, health.Health(storage))
    metrics = prometheus.Metrics(services, lambda: hub.clients)
    heard = sources.Sources(hub.source_heard)
    app = App(config.api, metrics)
    api: tuple[Operation, ...] = (
        *webhooks.operations(storage, heard.witness),
        *sources.operations(heard),
        *actions.OPERATIONS,
        *jobs.operations(storage),
        *batches.operations(storage),
        *queue.OPERATIONS,
        *figures.OPERATIONS,
        *problems.OPERATIONS,
        *browse.operations(storage),
        *inspection.operations(storage),
        *admin.OPERATIONS,
        *health.operations(storage),
        prometheus.operation(metrics),
        *feed.OPERATIONS,
        *sessions.operations(gate, config.api.url_base),
    )
    base, guarded = config.api.url_base, gate.api_key is not None
    document = bodies.encode(openapi.document(api, url_base=base, guarded=guarded))
    static = pages.operations(pages.web_files(), url_base=base)
    _register(app, services, gate, [*api, *static, pages.document_operation(document)])
    app.background.append(hub.run)
    app.add_websocket("/ws", "feed", _feed_view(feed.Feed(hub, gate)))
    return app


def _register(app: App, services: Services, gate: Gate, operations: Sequence[Operation]) -> None:
    for operation in operations:
        app.add_url_rule(operation.rule, operation.name, methods=[operation.method])
        app.views[operation.name] = view_of(services, gate, operation)
    app.register_error_handler(Exception, _failed)


def _feed_view(listening: feed.Feed) -> Callable[[], Awaitable[None]]:
    """What Quart calls for a websocket; what is raised before it is accepted refuses it."""

    async def view() -> None:
        query = parse_query(websocket.query_string)
        headers: Any = websocket.scope["headers"]
        shown = credentials(headers, query)
        await listening.serve(websocket, shown, query)

    return view


async def _failed(error: Exception) -> Response:
    answer = failed(error, request.scope if has_request_context() else websocket.scope)
    response = Response(answer.body or b"", answer.status, content_type=answer.content_type)
    response.headers.extend(answer.headers)
    return response
