"""The OpenAPI 3.1 document, from the operations that serve and the models that validate."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from arrtheaudio import __version__
from arrtheaudio.api import errors
from arrtheaudio.api.auth import COOKIE
from arrtheaudio.api.document import Json, Schemas
from arrtheaudio.api.routes import Operation

_DESCRIPTION: Final = (
    "Makes the right audio track the default one in every file Sonarr and Radarr import. "
    "Every path is also served under /api/v1, with and without a trailing slash. "
    "Every error is application/problem+json (RFC 9457)."
)
_EVERYWHERE: Final = (400, 500)  # what any operation can answer
_GUARDED: Final = (401, 403)
_WITH_BODY: Final = (408, 413)
_WITH_QUEUE: Final = (503,)  # a journal that cannot be read or written
_KEYS: Final = {
    "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "apikey"},
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic", "description": "the key as password"},
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Webhook-Signature",
        "description": "the key, or the HMAC-SHA256 of the body in hex, sha256= before it or not",
    },
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
}


def document(operations: Sequence[Operation], *, url_base: str, guarded: bool) -> Json:
    """The whole document; ``guarded``: a key is needed."""
    schemas = Schemas()
    paths: dict[str, Json] = {}
    for operation in operations:
        item = paths.setdefault(operation.path, {})
        item[operation.method.lower()] = _operation(operation, schemas, guarded=guarded)
    components: Json = {"schemas": dict(sorted(schemas.components.items()))}
    if guarded:
        components["securitySchemes"] = _KEYS
    return {
        "openapi": "3.1.0",
        "info": {"title": "arrtheaudio", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": url_base or "/"}],
        "paths": paths,
        "components": components,
        **({"security": [{name: []} for name in _KEYS]} if guarded else {}),
    }


def _operation(operation: Operation, schemas: Schemas, *, guarded: bool) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, schemas)],
        "responses": _responses(operation, schemas, guarded=guarded),
    }
    schema = schemas.of(operation.body) if operation.body is not None else operation.free_body
    if schema is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schema}},
        }
    if operation.open:
        described["security"] = []
    return described


def _path_parameters(operation: Operation) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in operation.parameters
    ]


def _query_parameters(operation: Operation, schemas: Schemas) -> list[Json]:
    if operation.query is None:
        return []
    properties, required = schemas.properties(operation.query)
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _not_null(schema)}
        for name, schema in properties.items()
    ]


def _not_null(schema: Json) -> Json:
    """A parameter's schema without null, which a query cannot say."""
    if "anyOf" in schema:
        rest = [one for one in schema["anyOf"] if one != {"type": "null"}]
        return rest[0] if len(rest) == 1 else {**schema, "anyOf": rest}
    return schema


def _responses(operation: Operation, schemas: Schemas, *, guarded: bool) -> Json:
    responses: dict[str, Json] = {}
    for status, shape in sorted(operation.returns.items()):
        response: Json = {"description": HTTPStatus(status).phrase}
        if shape is not None:
            content = {"schema": schemas.of(shape)} if shape is not str else {}
            response["content"] = {operation.content_type: content}
        responses[str(status)] = response
    access = () if operation.open and not guarded else _GUARDED
    body = () if operation.body is None and operation.free_body is None else _WITH_BODY
    queue = () if operation.open else _WITH_QUEUE
    for status in sorted({*_EVERYWHERE, *access, *body, *queue, *operation.errors}):
        problem = {errors.CONTENT_TYPE: {"schema": schemas.of(errors.ProblemView)}}
        known: dict[str, Any] = responses.setdefault(
            str(status), {"description": HTTPStatus(status).phrase, "content": {}}
        )
        known["content"].update(problem)
    return responses
