"""A client whose every answer must fit the OpenAPI document of its server."""

from __future__ import annotations

from typing import Any

import httpx
from jsonschema import Draft202012Validator


class Documented:
    """Asks, and holds each answer, good or bad, against the document."""

    def __init__(self, client: httpx.AsyncClient, document: dict[str, Any]) -> None:
        self._client = client
        self._document = document

    @classmethod
    async def of(cls, client: httpx.AsyncClient) -> Documented:
        """With the document that this client's server shows."""
        return cls(client, (await client.get("/openapi.json")).json())

    async def ask(self, method: str, path: str, route: str = "", /, **more: Any) -> httpx.Response:
        """Send a request; ``route`` is the document's spelling of its path, where it differs."""
        answer = await self._client.request(method, path, **more)
        operation = self._document["paths"][route or path][method.lower()]
        described = operation["responses"][str(answer.status_code)]
        media_type = answer.headers.get("content-type")
        if media_type is None:
            assert "content" not in described
            return answer
        schema = described["content"][media_type]["schema"]
        whole = {**schema, "components": self._document["components"]}
        Draft202012Validator(whole).validate(answer.json())
        return answer
