"""Pages and the document: the static files of ``arrtheaudio/web``, /docs and /openapi.json.

Everything is read and compressed once, at start, and answered from memory with an
ETag (RFC 9110, 8.8.3: one for each coding). No page holds data, and none asks another
host for anything.

What pages load lies below a folder named after the content of all files. Browsers keep
it for good: only the page itself is asked for again, and a new version names another
folder.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

import attrs

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

# Of a page: the browser asks each time and mostly hears 304, so a new version shows at once.
_ASKED_EACH_TIME: Final = "no-cache"
_KEPT: Final = "public, max-age=31536000, immutable"  # a year: the address changes with the content

Handler = Callable[..., Awaitable[Answer]]


@attrs.frozen
class _Variant:
    """One coding of a file, as 200 and as 304."""

    tag: str
    full: Answer
    unchanged: Answer

    @classmethod
    def of(
        cls, body: bytes, digest: str, content_type: str, headers: Mapping[str, str]
    ) -> _Variant:
        tag = f'"{digest}"'
        shown = {**headers, "ETag": tag}
        kept = {name: value for name, value in shown.items() if name != "Content-Encoding"}
        full = Answer(body, content_type=content_type, headers=shown)
        return cls(tag, full, Answer(None, 304, headers=kept))

    def answer(self, if_none_match: str) -> Answer:
        """304 where the browser has it (RFC 9110, 13.1.2: compared weakly)."""
        known = [one.strip().removeprefix("W/") for one in if_none_match.split(",")]
        return self.unchanged if self.tag in known or "*" in known else self.full


def page(body: bytes, content_type: str, *, cache: str = _ASKED_EACH_TIME) -> Handler:
    """A handler that answers with these bytes, compressed for who understands it, or 304."""
    digest = hashlib.sha256(body).hexdigest()[:32]
    headers = {"Cache-Control": cache, "Vary": "Accept-Encoding"}
    plain = _Variant.of(body, digest, content_type, headers)
    small = gzip.compress(body, 9, mtime=0)
    packed = plain
    if len(small) < len(body):
        coded = {**headers, "Content-Encoding": "gzip"}
        packed = _Variant.of(small, f"{digest}-gzip", content_type, coded)

    async def show(services: Services, *, access: Access | None, request: Credentials) -> Answer:
        shown = request.headers
        variant = packed if takes_gzip(shown.get("accept-encoding", "")) else plain
        return variant.answer(shown.get("if-none-match", ""))

    return show


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client that says this takes gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, bool] = {}
    for part in accept_encoding.lower().split(","):
        coding, _, weight = part.partition(";")
        # A weight of nothing but zeros means: never.
        weights[coding.strip()] = bool(weight.strip().removeprefix("q=").strip("0.")) or not weight
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", False)))


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


def operations(files: Mapping[str, bytes], *, url_base: str) -> tuple[Operation, ...]:
    """The pages at addresses of their own, and what they load.

    Pages may say ``{base}`` for the prefix that they are served under, and ``{assets}``
    for the folder of what they load.
    """
    folder = _folder(files)
    routes = {
        f"/{folder}/{name}": page(body, content_type(name), cache=_KEPT)
        for name, body in files.items()
        if name.isascii() and not name.endswith(".html")
    }
    types = {path: content_type(path) for path in routes}
    for path, name in (("/", START_PAGE), ("/docs", DOCS_PAGE)):
        body = files[name].replace(b"{base}", url_base.encode())
        types[path] = content_type(name)
        routes[path] = page(body.replace(b"{assets}", folder.encode()), types[path])
    return tuple(_shown(path, handler, types[path]) for path, handler in sorted(routes.items()))


def _folder(files: Mapping[str, bytes]) -> str:
    everything = hashlib.sha256()
    for name, body in sorted(files.items()):
        everything.update(b"%s\0%d\0%s" % (name.encode(), len(body), body))
    return f"assets/{everything.hexdigest()[:12]}"


def _shown(path: str, handler: Handler, content_type: str) -> Operation:
    return Operation(
        "GET",
        path,
        handler,
        "A page",
        "pages",
        {200: str, 304: None},
        open=True,
        wants_request=True,
        content_type=content_type,
        tolerant=True,
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
