"""What a route is: one value that serves requests and describes itself.

Resource modules list Operations; ``app`` registers them, ``openapi`` documents
them. Handlers are plain async functions of Services and validated values; they
never see HTTP apart from the Answer they return.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import attrs

from arrtheaudio.api import bodies

Method = Literal["GET", "POST", "PUT", "DELETE"]

JSON: Final = "application/json"

_PARAMETER: Final = re.compile(r"\{(\w+)\}")


@attrs.frozen
class Answer:
    """Status, body and headers of a reply; ``body`` None sends none."""

    body: bytes | None
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = attrs.field(factory=dict)


def reply(view: Mapping[str, Any], status: int = 200) -> Answer:
    """A view as JSON."""
    return Answer(bodies.encode(view), status)


# Called with Services and, by name, path parameters and what the operation asks
# for: ``query``, ``body``, ``access``, ``request`` (see Operation).
Handler = Callable[..., Awaitable[Answer]]

# Called with what the handler got by name, and the answer's status, whatever it is.
Witness = Callable[[Mapping[str, Any], int], None]


@attrs.frozen
class Operation:
    """One method of one path.

    ``query`` and ``body`` are attrs classes that the request must fit; ``free_body``
    hands over any JSON value, and says how it is documented. ``open``: no key needed;
    the handler then gets ``access`` (None for strangers). ``wants_request``: the
    handler gets ``request``, the Credentials of the request.
    """

    method: Method
    path: str  # "/jobs/{job_id}"
    handler: Handler
    summary: str
    tag: str
    returns: Mapping[int, Any]  # status: TypedDict, or None for an empty body
    errors: tuple[int, ...] = ()  # beyond 400, 401, 403, 500, 503, and 408, 413 of a body
    query: type | None = None
    body: type | None = None
    free_body: Mapping[str, Any] | None = None
    most_body_bytes: int | None = None  # where less is enough than the configuration allows
    open: bool = False
    wants_request: bool = False
    content_type: str = JSON
    tolerant: bool = False  # unknown query parameters are ignored
    witness: Witness | None = None
    parameters: tuple[str, ...] = attrs.field(init=False)

    @parameters.default
    def _parameters(self) -> tuple[str, ...]:
        return tuple(_PARAMETER.findall(self.path))

    @property
    def rule(self) -> str:
        """The path as the router spells it; ``…_id`` takes what looks like an id only."""
        return _PARAMETER.sub(
            lambda match: f"<id:{match[1]}>" if match[1].endswith("_id") else f"<{match[1]}>",
            self.path,
        )

    @property
    def name(self) -> str:
        """The operation's name in the document."""
        words = [word for word in re.split(r"\W+", self.path) if word]
        return "_".join([self.method.lower(), *words])

    @property
    def changes(self) -> bool:
        """Whether it changes state: a cookie then needs an Origin."""
        return self.method != "GET"
