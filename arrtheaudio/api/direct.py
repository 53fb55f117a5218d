"""The short way of a request to its operation, past Quart's request and response objects.

Quart routes; what matches an operation is served here: key, query, body, handler,
answer, in the connection's own task. Quart's way costs two more tasks, a channel, a
context and four sets of headers, together half of what a webhook costs; it is kept for
what no operation answers (404, 405, OPTIONS). Errors are problems either way.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import attrs
import structlog
import trio
from quart_trio.asgi import TrioASGIHTTPConnection
from werkzeug.exceptions import HTTPException

from arrtheaudio.api import bodies
from arrtheaudio.api.auth import Access, Credentials, Gate
from arrtheaudio.api.envelope import PROBLEM, ROUTE
from arrtheaudio.api.errors import CONTENT_TYPE, INTERNAL, Unauthorised, problem
from arrtheaudio.api.incoming import ClientGone, Incoming, credentials, parse_query
from arrtheaudio.api.routes import Answer, Operation, Witness
from arrtheaudio.api.schema import body_reader, query_reader
from arrtheaudio.api.services import Services

if TYPE_CHECKING:
    from arrtheaudio.api.app import App

log = structlog.get_logger("arrtheaudio.http")

ANSWER_SECONDS: Final = 300  # for handing an answer to a slow reader

# Called with the request and what the router took from its path; a view may add to it.
View = Callable[[Incoming, dict[str, Any]], Awaitable[Answer]]
Send = Callable[[Any], Awaitable[None]]


class DirectHTTP(TrioASGIHTTPConnection):
    """One request: to its operation if it has one, else Quart's way."""

    app: App

    async def __call__(self, receive: Any, send: Any) -> None:
        """Serve the request."""
        scope: Any = self.scope
        try:
            name, arguments = self.app.operations.match(scope["path"], scope["method"])
        except HTTPException:
            name, arguments = "", {}
        view = self.app.views.get(name)
        if view is None or scope["method"] == "OPTIONS":
            await super().__call__(receive, send)
            return
        app = self.app
        incoming = Incoming(scope, receive, app.most_body_bytes, app.strangers)
        try:
            answer = await view(incoming, dict(arguments))
        except ClientGone:
            return
        except Exception as error:
            answer = failed(error, scope)
        with trio.move_on_after(ANSWER_SECONDS):
            await _reply(incoming, answer, send)


async def _reply(incoming: Incoming, answer: Answer, send: Send) -> None:
    if incoming.ended:
        await _send(answer, send)
        return
    async with trio.open_nursery() as nursery:  # an early error: what still comes is dropped
        nursery.start_soon(incoming.drain)
        await _send(answer, send)
        nursery.cancel_scope.cancel()


async def _send(answer: Answer, send: Send) -> None:
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in answer.headers.items()
    ]
    if answer.body is not None:
        headers.append((b"content-type", answer.content_type.encode("latin-1")))
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body or b"", "more_body": False})


def failed(error: Exception, scope: Any) -> Answer:
    """The problem for an error, noted in the request's scope; one that nobody foresaw is logged."""
    found = problem(error)
    scope[PROBLEM] = found.detail
    if found == INTERNAL:
        log.error("request failed", exc_info=error)
    return Answer(found.body, found.status, CONTENT_TYPE, found.headers)


def view_of(services: Services, gate: Gate, operation: Operation) -> View:
    """What serves an operation; all that can be decided beforehand is."""
    read_query = query_reader(operation.query or _NoQuery)
    read_body = body_reader(operation.body) if operation.body else None
    has_body = operation.free_body is not None or operation.body is not None

    async def serve(incoming: Incoming, arguments: dict[str, Any]) -> Answer:
        scope = incoming.scope
        scope[ROUTE] = operation.path
        query = parse_query(scope["query_string"])
        shown = credentials(scope["headers"], query)
        access, raw = await _admit(gate, operation, shown, incoming)
        if operation.query is not None:
            arguments["query"] = read_query(query)
        elif query and not operation.tolerant:
            read_query(query)
        if has_body:
            if raw is None:
                raw = await incoming.body(operation.most_body_bytes)
            value = await bodies.decode(raw)
            arguments["body"] = value if read_body is None else read_body(value)
        if operation.open:
            arguments["access"] = access
        if operation.wants_request:
            arguments["request"] = shown
        return await operation.handler(services, **arguments)

    return serve if operation.witness is None else _witnessed(serve, operation.witness)


def _witnessed(serve: View, witness: Witness) -> View:
    """``serve``, with somebody who is told of each request and how it was answered."""

    async def view(incoming: Incoming, arguments: dict[str, Any]) -> Answer:
        try:
            answer = await serve(incoming, arguments)
        except ClientGone:
            raise  # it was not answered
        except Exception as error:
            witness(arguments, problem(error).status)
            raise
        witness(arguments, answer.status)
        return answer

    return view


@attrs.frozen
class _NoQuery:
    """No parameter at all."""


async def _admit(
    gate: Gate, operation: Operation, shown: Credentials, incoming: Incoming
) -> tuple[Access | None, bytes | None]:
    """How the request proved itself, and its body if that had to be read for it."""
    if operation.open:
        try:
            return gate.admit(shown, b"", changes=False), None
        except Unauthorised:
            return None, None
    raw = await incoming.unproven_body() if gate.rests_on_body(shown) else None
    return gate.admit(shown, raw or b"", changes=operation.changes), raw
