"""Who may ask: the API key in all its spellings, the browser's session, the same-origin rule.

Owns every comparison with a secret (all in constant time). Knows requests as
headers and bytes; nothing of routes, apart from being told whether one is open
and whether it changes state. The session cookie is not the key: it is a random
name with an end date, signed with a key derived from the API key, so it outlives
restarts and ends when the key changes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import attrs
import trio

from arrtheaudio.api import signed_out
from arrtheaudio.api.errors import Forbidden, Unauthorised

COOKIE: Final = "arrtheaudio_session"
SESSION_SECONDS: Final = 30 * 24 * 3600

Access = Literal["key", "session", "loopback"]

_SESSION: Final = re.compile(r"(\d{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})", re.ASCII)
_SIGNATURE: Final = re.compile(r"(sha256=)?[0-9a-f]{64}")
_LOOK_SECONDS: Final = 3600.0  # between looks at the clock, which may be set
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@attrs.frozen
class Credentials:
    """What a request shows of itself, as far as access depends on it."""

    headers: Mapping[str, str]  # lower-case names
    query_key: str | None = None
    cookie: str | None = None


@attrs.define
class Sessions:
    """Signed session cookies. Signing out is remembered, in ``_file`` if there is one."""

    _secret: bytes
    _clock: Callable[[], float] = time.time
    _file: Path | None = None
    _ended: dict[str, int] = attrs.field(factory=dict)  # name: end
    _keeping: trio.Lock = attrs.field(factory=trio.Lock)
    _signed_out: trio.Event = attrs.field(factory=trio.Event)  # set, and replaced, at each

    @classmethod
    def of(
        cls, api_key: str, clock: Callable[[], float] = time.time, file: Path | None = None
    ) -> Sessions:
        """Sessions of one API key; ``file`` holds what was signed out."""
        secret = hmac.digest(api_key.encode(), b"arrtheaudio session v1", "sha256")
        return cls(secret, clock, file, {} if file is None else signed_out.load(file))

    def begin(self) -> str:
        """A new cookie value."""
        end, name = int(self._clock()) + SESSION_SECONDS, secrets.token_hex(16)
        return f"{end}.{name}.{self._sign(end, name)}"

    async def end(self, cookie: str) -> None:
        """Sign out: this cookie is not accepted any more, also after a restart."""
        match = _SESSION.fullmatch(cookie)
        if match is not None and self.valid(cookie):
            now = self._clock()
            for name in [name for name, end in self._ended.items() if end < now]:
                del self._ended[name]
            self._ended[match[2]] = int(match[1])
            told, self._signed_out = self._signed_out, trio.Event()
            told.set()
            async with self._keeping:
                if self._file is not None:
                    await signed_out.keep(self._file, self._ended)

    async def over(self, cookie: str) -> None:
        """Return when this session has run out or was signed out."""
        while self.valid(cookie):
            left = int(cookie.partition(".")[0]) - self._clock()
            with trio.move_on_after(min(left, _LOOK_SECONDS)):
                await self._signed_out.wait()

    def valid(self, cookie: str) -> bool:
        """Whether this cookie was made by us, has not run out and was not signed out."""
        match = _SESSION.fullmatch(cookie)
        if match is None:
            return False
        end, name, signature = int(match[1]), match[2], match[3]
        genuine = hmac.compare_digest(self._sign(end, name).encode(), signature.encode())
        return genuine and end > self._clock() and name not in self._ended

    def _sign(self, end: int, name: str) -> str:
        return hmac.new(self._secret, f"{end}.{name}".encode(), hashlib.sha256).hexdigest()


@attrs.frozen
class Gate:
    """The rule for requests; ``api_key`` None means ``api.auth: none`` on loopback."""

    api_key: str | None
    sessions: Sessions | None

    @classmethod
    def of(
        cls,
        api_key: str | None,
        clock: Callable[[], float] = time.time,
        file: Path | None = None,
    ) -> Gate:
        """The gate for a key, or for nobody but this machine; ``file`` is the sessions'."""
        return cls(api_key, None if api_key is None else Sessions.of(api_key, clock, file))

    def admit(self, shown: Credentials, body: bytes, *, changes: bool) -> Access:
        """How this request proved itself.

        Raises: Unauthorised; Forbidden for a foreign page or host.
        """
        if self.api_key is None:
            self.check_loopback(shown)
            return "loopback"
        if self._shows_key(shown, body):
            return "key"
        if shown.cookie is not None and self._in_session(shown.cookie):
            if changes and not same_origin(shown.headers):
                raise Forbidden("A change by session cookie needs an Origin of this address.")
            return "session"
        raise Unauthorised

    def rests_on_body(self, shown: Credentials) -> bool:
        """Whether only the body can prove who asks: it is signed, and no key is shown."""
        signature = shown.headers.get("x-webhook-signature", "")
        return (
            self.api_key is not None
            and _SIGNATURE.fullmatch(signature) is not None
            and not any(self.accepts(key) for key in _keys(shown))
        )

    def check_loopback(self, shown: Credentials) -> None:
        """Without a key, only pages and programs of this machine may ask (no DNS rebinding)."""
        host = shown.headers.get("host", "")
        if host and not _is_loopback_name(host):
            raise Forbidden(
                f"Without a key, only loopback names are served, not {host[:80]!r}. "
                "Ask for 127.0.0.1, or set api.auth: key."
            )
        if "origin" in shown.headers and not same_origin(shown.headers):
            raise Forbidden("Without a key, pages of other origins are refused.")

    def accepts(self, key: str) -> bool:
        """Whether this is the API key, in constant time."""
        return self.api_key is not None and _same(key, self.api_key)

    def _in_session(self, cookie: str) -> bool:
        return self.sessions is not None and self.sessions.valid(cookie)

    def _shows_key(self, shown: Credentials, body: bytes) -> bool:
        if any(self.accepts(key) for key in _keys(shown)):
            return True
        signature = shown.headers.get("x-webhook-signature")
        return signature is not None and self._signed(signature, body)

    def _signed(self, signature: str, body: bytes) -> bool:
        assert self.api_key is not None
        expected = hmac.new(self.api_key.encode(), body, hashlib.sha256).hexdigest()
        return _same(signature.removeprefix("sha256="), expected)


def _keys(shown: Credentials) -> Iterator[str]:
    for name in ("x-api-key", "x-webhook-signature"):
        if name in shown.headers:
            yield shown.headers[name]
    if shown.query_key is not None:
        yield shown.query_key
    scheme, _, value = shown.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield value.strip()
    elif scheme.lower() == "basic":
        password = _basic_password(value)
        if password is not None:
            yield password


def _basic_password(value: str) -> str | None:
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    _, colon, password = decoded.partition(":")
    return password if colon else None


def _same(given: str, expected: str) -> bool:
    # Digests have one length, so not even the length of the secret shows.
    digests = (
        hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, expected)
    )
    return hmac.compare_digest(*digests)


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that this request comes from a page of this very address.

    A proxy may rewrite Host: X-Forwarded-Host (which no foreign page can set) and
    the browser's own Sec-Fetch-Site count too.
    """
    origin = headers.get("origin")
    if origin is None:
        return False
    if headers.get("sec-fetch-site") == "same-origin":
        return True
    own = (headers.get("host"), headers.get("x-forwarded-host"))
    try:
        parts = urlsplit(origin)
        wanted = (parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme))
        return parts.scheme in _DEFAULT_PORTS and any(
            wanted == _host_and_port(host, parts.scheme) for host in own if host
        )
    except ValueError:
        return False


def _host_and_port(host: str, scheme: str) -> tuple[str | None, int | None]:
    parts = urlsplit(f"//{host}")
    return parts.hostname, parts.port or _DEFAULT_PORTS[scheme]


def _is_loopback_name(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
