"""Headers that answers carry, each its own.

The content policy is the dashboard's: no other host, no inline script or style.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

Headers = tuple[tuple[bytes, bytes], ...]

_OF_ALL: Final[Headers] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
SECURITY: Final[Headers] = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    *_OF_ALL,
)
_NO_DOCUMENTS: Final = (b"text/javascript", b"text/css")


def security(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """What an answer with these headers carries besides.

    Scripts and styles are never shown as documents: what only guards documents would be
    a quarter of what a small module weighs.
    """
    for name, value in headers:
        if name == b"content-type" and value.startswith(_NO_DOCUMENTS):
            return _OF_ALL
    return SECURITY
