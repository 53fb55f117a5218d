"""The app: routes registered once, each request admitted, read, answered, logged.

Owns the way of a request through the house: request id, prefix, key, query, body,
handler, answer. Resource modules own what is said. Quart routes and keeps the
request; its redirects, cookies, templates and HTML errors are not used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

import attrs
import structlog
from quart import Response, request, websocket
from quart_trio import QuartTrio
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout
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
    sources,
    webhooks,
)
from arrtheaudio.api import metrics as prometheus
from arrtheaudio.api.auth import COOKIE, Access, Credentials, Gate
from arrtheaudio.api.envelope import ROUTE, Envelope
from arrtheaudio.api.errors import (
    CONTENT_TYPE,
    INTERNAL,
    BodyTooLarge,
    BodyTooSlow,
    Unauthorised,
    problem,
)
from arrtheaudio.api.feed_hub import Hub
from arrtheaudio.api.routes import Answer, Operation
from arrtheaudio.api.schema import BadRequest, FieldProblem, body_reader, query_reader
from arrtheaudio.api.services import Services
from arrtheaudio.api.storage import Storage

log = structlog.get_logger("arrtheaudio.http")

BODY_SECONDS: Final = 60  # for a whole body; slower is no sender
ANSWER_SECONDS: Final = 300  # for handing an answer to a slow reader
QUERY_PARAMETERS: Final = 200

_KEY_PARAMETER: Final = "apikey"
_SHOWN: Final = frozenset(
    {
        b"authorization",
        b"cookie",
        b"host",
        b"if-none-match",
        b"origin",
        b"sec-fetch-site",
        b"x-api-key",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-webhook-signature",
    }
)


class IdConverter(BaseConverter):
    """A path's part that looks like an id, so that /jobs/stats is never a job."""

    regex = r"[^/]*_[^/]*"


class App(QuartTrio):
    """Quart-Trio with our envelope around every request."""

    def __init__(self, url_base: str, metrics: prometheus.Metrics) -> None:
        super().__init__("arrtheaudio", static_folder=None)
        self.url_map.merge_slashes = False
        self.url_map.converters["id"] = IdConverter
        self.config["PROPAGATE_EXCEPTIONS"] = False
        self.background: list[
            Callable[[], Awaitable[None]]
        ] = []  # the server runs them, and ends them
        self._envelope = Envelope(super().asgi_app, url_base=url_base, note=metrics.request)

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request or websocket."""
        await self._envelope(scope, receive, send)

    def log_exception(self, exception_info: Any) -> None:
        """An unexpected exception, with our request id."""
        log.error("request failed", exc_info=exception_info)


def create_app(services: Services) -> App:
    """The app of a daemon."""
    config = services.config
    storage, gate = Storage(services), Gate.of(services.api_key)
    metrics = prometheus.Metrics(services)
    hub = Hub(services, health.Health(storage))
    heard = sources.Sources(hub.source_heard)
    app = App(config.api.url_base, metrics)
    app.config["MAX_CONTENT_LENGTH"] = config.api.max_body_bytes
    app.config["BODY_TIMEOUT"] = BODY_SECONDS
    app.config["RESPONSE_TIMEOUT"] = ANSWER_SECONDS
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
        app.add_url_rule(
            operation.rule,
            operation.name,
            _view(services, gate, operation),
            methods=[operation.method],
        )
    app.register_error_handler(Exception, _failed)


def _feed_view(listening: feed.Feed) -> Callable[[], Awaitable[None]]:
    """What Quart calls for a websocket; what is raised before it is accepted refuses it."""

    async def view() -> None:
        query = _parse_query(websocket.query_string)
        headers: Any = websocket.scope["headers"]
        shown = _credentials(headers, query.pop(_KEY_PARAMETER, None))
        await listening.serve(websocket, shown, query)

    return view


async def _failed(error: Exception) -> Response:
    answer = problem(error)
    if answer == INTERNAL:
        log.error("request failed", exc_info=error)
    return _response(Answer(answer.body, answer.status, CONTENT_TYPE, answer.headers))


def _response(answer: Answer) -> Response:
    response = Response(answer.body or b"", answer.status, content_type=answer.content_type)
    if answer.body is None:
        for name in ("Content-Type", "Content-Length"):
            response.headers.pop(name, None)
    for name, value in answer.headers.items():
        response.headers[name] = value
    return response


def _view(
    services: Services, gate: Gate, operation: Operation
) -> Callable[..., Awaitable[Response]]:
    """What Quart calls for an operation; all that can be decided beforehand is."""
    read_query = query_reader(operation.query or _NoQuery)
    read_body = body_reader(operation.body) if operation.body else None
    has_body = operation.free_body is not None or operation.body is not None

    async def serve(arguments: dict[str, Any]) -> Response:
        scope: Any = request.scope
        scope[ROUTE] = operation.path
        query = _parse_query(request.query_string)
        shown = _credentials(scope["headers"], query.pop(_KEY_PARAMETER, None))
        raw = await _read() if "x-webhook-signature" in shown.headers else None
        access = _admit(gate, operation, shown, raw or b"")
        if operation.query is not None:
            arguments["query"] = read_query(query)
        elif not operation.tolerant:
            read_query(query)
        if has_body:
            value = await bodies.decode(await _read() if raw is None else raw)
            arguments["body"] = value if read_body is None else read_body(value)
        if operation.open:
            arguments["access"] = access
        if operation.wants_request:
            arguments["request"] = shown
        return _response(await operation.handler(services, **arguments))

    async def view(**arguments: Any) -> Response:
        try:
            response = await serve(arguments)
        except Exception as error:
            if operation.witness is not None:
                operation.witness(arguments, problem(error).status)
            raise
        if operation.witness is not None:
            operation.witness(arguments, response.status_code)
        return response

    return view


@attrs.frozen
class _NoQuery:
    """No parameter at all."""


def _parse_query(raw: bytes) -> dict[str, list[str]]:
    if not raw:
        return {}
    try:
        return parse_qs(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise BadRequest([FieldProblem("query", "not UTF-8")]) from None
    except ValueError:
        message = f"more than {QUERY_PARAMETERS} parameters"
        raise BadRequest([FieldProblem("query", message)]) from None


def _credentials(headers: Sequence[tuple[bytes, bytes]], keys: list[str] | None) -> Credentials:
    found = {
        name.decode("ascii"): value.decode("latin-1") for name, value in headers if name in _SHOWN
    }
    return Credentials(found, keys[0] if keys else None, _session(found.get("cookie", "")))


def _session(cookies: str) -> str | None:
    for pair in cookies.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return None


def _admit(gate: Gate, operation: Operation, shown: Credentials, body: bytes) -> Access | None:
    try:
        return gate.admit(shown, body, changes=operation.changes and not operation.open)
    except Unauthorised:
        if operation.open:
            return None
        raise


async def _read() -> bytes:
    try:
        raw: bytes = await request.get_data(cache=True, as_text=False, parse_form_data=False)
    except RequestEntityTooLarge:
        limit = request.max_content_length
        raise BodyTooLarge(f"The body is larger than {limit} bytes.") from None
    except RequestTimeout:
        raise BodyTooSlow(f"The body did not arrive within {BODY_SECONDS} s.") from None
    return raw
