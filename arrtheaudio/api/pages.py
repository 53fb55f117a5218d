"""Pages and the document: the static files of ``arrtheaudio/web``, /docs and /openapi.json.

Everything is read once, at start, and answered from memory with an ETag. No page
holds data, and none asks another host for anything.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from arrtheaudio.api.auth import Access, Credentials
from arrtheaudio.api.routes import Answer, Operation
from arrtheaudio.api.services import Services

START_PAGE: Final = "index.html"
DOCS_PAGE: Final = "docs.html"

# What mimetypes does not know on every system.
_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_TEXT: Final = ("text/", "image/svg", "application/json", "application/manifest")

# The browser asks each time and mostly hears 304: a new version shows at once.
_CACHE: Final = "no-cache"

Handler = Callable[..., Awaitable[Answer]]


def page(body: bytes, content_type: str) -> Handler:
    """A handler that answers with these bytes, or 304 where the browser has them."""
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": _CACHE}
    full = Answer(body, content_type=content_type, headers=headers)
    unchanged = Answer(None, 304, headers=headers)

    async def show(services: Services, *, access: Access | None, request: Credentials) -> Answer:
        known = request.headers.get("if-none-match", "")
        tags = [one.strip().removeprefix("W/") for one in known.split(",")]
        return unchanged if tag in tags or known.strip() == "*" else full

    return show


def content_type(name: str) -> str:
    """The media type of a file, by its name."""
    suffix = name[name.rfind(".") :] if "." in name else ""
    known = _TYPES.get(suffix) or mimetypes.types_map.get(suffix) or "application/octet-stream"
    return f"{known}; charset=utf-8" if known.startswith(_TEXT) else known


def web_files() -> dict[str, bytes]:
    """All static files by their path below ``arrtheaudio/web``."""
    return dict(_walk(resources.files("arrtheaudio") / "web", ""))


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.startswith((".", "__")):
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield prefix + entry.name, entry.read_bytes()


def operations(files: dict[str, bytes], *, url_base: str) -> tuple[Operation, ...]:
    """One route per file, and the two pages with addresses of their own.

    Pages may say ``{base}`` for the prefix that they are served under.
    """
    bodies = {
        name: body.replace(b"{base}", url_base.encode()) if name.endswith(".html") else body
        for name, body in files.items()
    }
    routes = {f"/{name}": name for name in bodies if name.isascii()}
    routes["/"] = START_PAGE
    routes["/docs"] = DOCS_PAGE
    return tuple(
        Operation(
            "GET",
            path,
            page(bodies[name], content_type(name)),
            "A page",
            "pages",
            {200: str, 304: None},
            open=True,
            wants_request=True,
            content_type=content_type(name),
            tolerant=True,
        )
        for path, name in sorted(routes.items())
    )


def document_operation(document: bytes) -> Operation:
    """``GET /openapi.json``."""
    return Operation(
        "GET",
        "/openapi.json",
        page(document, "application/json"),
        "This document",
        "pages",
        {200: str},
        open=True,
        wants_request=True,
        tolerant=True,
    )
