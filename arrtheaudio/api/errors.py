"""Errors as answers: every failure becomes application/problem+json (RFC 9457).

Owns the table from our errors to status codes and the words for HTTP's own
errors. Knows no route. A problem never carries a traceback, a key, or what a
client sent beyond the name of a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NotRequired, TypedDict

import attrs
from werkzeug.exceptions import HTTPException

from arrtheaudio import errors
from arrtheaudio.api import bodies
from arrtheaudio.api.schema import BadRequest

CONTENT_TYPE: Final = "application/problem+json"

# Sonarr and Radarr do not send again, but scripts and proxies read Retry-After.
QUEUE_FULL_RETRY_SECONDS: Final = 30
SOON_SECONDS: Final = 5


class FieldError(TypedDict):
    """One bad field of a request."""

    field: str
    message: str


class ProblemView(TypedDict):
    """What went wrong, as RFC 9457 words it."""

    type: str
    title: str
    status: int
    detail: str
    errors: NotRequired[list[FieldError]]
    batch_id: NotRequired[str]
    final_status: NotRequired[str]


class Unauthorised(errors.ArrtheaudioError):
    """The API key is missing or wrong."""

    hint = "Send it as X-Api-Key, Authorization: Bearer, Basic's password or ?apikey=."


class WrongKey(Unauthorised):
    """This is not the API key."""

    hint = "It is api.api_key of the configuration, or else in the file api_key of the data folder."


class Forbidden(errors.ArrtheaudioError):
    """The request comes from a foreign page or host."""


class StorageSilent(errors.ArrtheaudioError):
    """The storage did not answer in time."""

    hint = "Look at the mount; a network share may be gone."


class BadPath(errors.ArrtheaudioError):
    """The path cannot be taken."""


class UpgradeRequired(errors.ArrtheaudioError):
    """This address is a websocket."""

    hint = "Connect with a websocket client; docs/feed.md shows how."


class MoreMatch(errors.ArrtheaudioError):
    """More jobs match than the user agreed to; nothing was done."""

    hint = "Look again, then say how many are expected."


class BodyTooLarge(errors.ArrtheaudioError):
    """The body is larger than this address takes."""


class Crowded(errors.ArrtheaudioError):
    """Too many bodies of strangers wait for the proof of their signature."""

    hint = "Send it again in a moment, or send the key itself, which needs no body to be read."


class BodyTooSlow(errors.ArrtheaudioError):
    """The body did not arrive in time."""


# What stands in ``title``, by the last word of ``type``.
TITLES: Final[Mapping[str, str]] = {
    "bad-request": "Invalid request",
    "bad-json": "Malformed JSON",
    "bad-pattern": "Unusable pattern",
    "bad-delivery": "Unusable delivery",
    "outside-media-roots": "Outside the media roots",
    "bad-path": "Unusable path",
    "unauthorised": "API key missing or wrong",
    "forbidden": "Forbidden",
    "unknown-id": "Unknown id",
    "file-not-found": "File not found",
    "body-too-slow": "Request body too slow",
    "already-ended": "Already ended",
    "not-ended": "Not ended yet",
    "nothing-to-undo": "Nothing to undo",
    "batch-exists": "Folder already in a batch",
    "more-match": "More jobs match than expected",
    "body-too-large": "Request body too large",
    "unreadable-file": "File could not be read",
    "upgrade-required": "WebSocket required",
    "queue-full": "Queue full",
    "workers-off": "Workers switched off",
    "journal-unavailable": "Journal unavailable",
    "crowded": "Too many requests at once",
    "storage-silent": "Storage does not answer",
    "internal-error": "Internal error",
}


@attrs.frozen
class Problem:
    """One error as it is answered."""

    status: int
    slug: str  # the last word of ``type``; "" is about:blank
    detail: str
    headers: Mapping[str, str] = attrs.field(factory=dict)
    extra: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def body(self) -> bytes:
        """The JSON document."""
        kind = f"urn:arrtheaudio:problem:{self.slug}" if self.slug else "about:blank"
        title = TITLES[self.slug] if self.slug else HTTPStatus(self.status).phrase
        view = {"type": kind, "title": title, "status": self.status, "detail": self.detail}
        return bodies.encode({**view, **self.extra})


_RETRY_QUEUE: Final = {"Retry-After": str(QUEUE_FULL_RETRY_SECONDS)}
_RETRY_SOON: Final = {"Retry-After": str(SOON_SECONDS)}
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="arrtheaudio"'}

# error class: (status, slug, headers); the first class that matches counts.
TABLE: Final[tuple[tuple[type[Exception], int, str, Mapping[str, str]], ...]] = (
    (BadRequest, 400, "bad-request", {}),
    (bodies.BadBody, 400, "bad-json", {}),
    (errors.BadPattern, 400, "bad-pattern", {}),
    (errors.BadDelivery, 400, "bad-delivery", {}),
    (errors.OutsideMediaRoots, 400, "outside-media-roots", {}),
    (BadPath, 400, "bad-path", {}),
    (Unauthorised, 401, "unauthorised", _CHALLENGE),
    (Forbidden, 403, "forbidden", {}),
    (errors.UnknownId, 404, "unknown-id", {}),
    (errors.FileNotFound, 404, "file-not-found", {}),
    (BodyTooSlow, 408, "body-too-slow", {}),
    (errors.AlreadyEnded, 409, "already-ended", {}),
    (errors.NotEnded, 409, "not-ended", {}),
    (errors.NothingToUndo, 409, "nothing-to-undo", {}),
    (errors.BatchExists, 409, "batch-exists", {}),
    (MoreMatch, 409, "more-match", {}),
    (BodyTooLarge, 413, "body-too-large", {}),
    (errors.MediaError, 422, "unreadable-file", {}),
    (UpgradeRequired, 426, "upgrade-required", {"Upgrade": "websocket"}),
    (errors.QueueFull, 503, "queue-full", _RETRY_QUEUE),
    (errors.WorkersOff, 503, "workers-off", _RETRY_QUEUE),
    (errors.JournalError, 503, "journal-unavailable", _RETRY_SOON),
    (Crowded, 503, "crowded", _RETRY_SOON),
    (StorageSilent, 503, "storage-silent", _RETRY_QUEUE),
)

INTERNAL: Final = Problem(
    500,
    "internal-error",
    "The daemon met an unexpected error; its log tells more under this request's id.",
)

_WORDS: Final = {
    404: "There is nothing at this address.",
    405: "This address does not know that method; Allow names those it knows.",
}


def problem(error: BaseException) -> Problem:
    """The answer for an error; what is not known is ``INTERNAL``."""
    if isinstance(error, HTTPException):
        return _http_problem(error)
    for kind, status, slug, headers in TABLE:
        if isinstance(error, kind):
            assert isinstance(error, errors.ArrtheaudioError)
            return Problem(status, slug, _sentence(error.advice), headers, _extra(error))
    return INTERNAL


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _extra(error: errors.ArrtheaudioError) -> dict[str, Any]:
    if isinstance(error, BadRequest):
        fields = [{"field": p.field, "message": p.message} for p in error.problems]
        return {"errors": fields}
    if isinstance(error, errors.AlreadyEnded) and error.status:
        return {"final_status": error.status}
    if isinstance(error, errors.BatchExists):
        return {"batch_id": f"batch_{error.batch:012x}"}
    return {}


def _http_problem(error: HTTPException) -> Problem:
    status = error.code or 500
    if status >= 500:
        return INTERNAL
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return plain(status, headers=kept)


def plain(status: int, detail: str = "", *, headers: Mapping[str, str] | None = None) -> Problem:
    """A problem that says no more than its HTTP status does."""
    words = detail or _WORDS.get(status, f"{HTTPStatus(status).phrase}.")
    return Problem(status, "", words, headers or {})
