"""Signing in and out of the dashboard, and its key (api.md, Authentication).

The cookie is HttpOnly and SameSite=Strict, and Secure where a proxy says that the
browser speaks https. A foreign page can neither sign in nor out, nor read the key.
"""

from __future__ import annotations

from typing import Annotated, Final, TypedDict

import attrs

from arrtheaudio.api.auth import COOKIE, SESSION_SECONDS, Access, Credentials, Gate, same_origin
from arrtheaudio.api.errors import Forbidden, WrongKey
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import Length
from arrtheaudio.api.services import Services

_KEY_CHARACTERS: Final = 1000
SIGN_IN_BYTES: Final = 16 * 1024  # anybody may send them


@attrs.frozen
class SignIn:
    """The API key, once."""

    api_key: Annotated[str, Length(1, _KEY_CHARACTERS)]


class Key(TypedDict):
    """What Sonarr and Radarr need; None where no key is asked for (``api.auth: none``)."""

    api_key: str | None


class Door:
    """``/session`` of one app."""

    def __init__(self, gate: Gate, url_base: str) -> None:
        self._gate = gate
        self._path = url_base or "/"

    async def sign_in(
        self, services: Services, *, access: Access | None, request: Credentials, body: SignIn
    ) -> Answer:
        """A session cookie for the right key."""
        _refuse_foreign(request)
        if self._gate.sessions is None:
            return Answer(None, 204)  # no key is needed, so there is nothing to sign in to
        if not self._gate.accepts(body.api_key):
            raise WrongKey
        cookie = self._cookie(self._gate.sessions.begin(), SESSION_SECONDS, request)
        return Answer(None, 204, headers={"Set-Cookie": cookie})

    async def sign_out(
        self, services: Services, *, access: Access | None, request: Credentials
    ) -> Answer:
        """The end of this session."""
        _refuse_foreign(request)
        if self._gate.sessions is not None and request.cookie is not None:
            await self._gate.sessions.end(request.cookie)
        return Answer(None, 204, headers={"Set-Cookie": self._cookie("", 0, request)})

    async def key(self, services: Services, *, request: Credentials) -> Answer:
        """The API key, for the page that tells how to connect Sonarr and Radarr.

        A POST, so that a cookie does only with this page's own ``Origin``, and no
        history or prefetch holds it. A signed body does not: who overheard a delivery
        could send it here, and would have the key that signs all others.
        """
        if self._gate.rests_on_body(request):
            raise Forbidden("A signature is not enough to be told the key.")
        view: Key = {"api_key": self._gate.api_key}
        return reply(view)

    def _cookie(self, value: str, seconds: int, request: Credentials) -> str:
        secure = "; Secure" if request.headers.get("x-forwarded-proto") == "https" else ""
        return (
            f"{COOKIE}={value}; Path={self._path}; Max-Age={seconds}; "
            f"HttpOnly; SameSite=Strict{secure}"
        )


def _refuse_foreign(request: Credentials) -> None:
    if "origin" in request.headers and not same_origin(request.headers):
        raise Forbidden("Pages of other origins cannot sign in or out.")


def operations(gate: Gate, url_base: str) -> tuple[Operation, ...]:
    """The routes of this module."""
    door = Door(gate, url_base)
    return (
        Operation(
            "POST",
            "/session",
            door.sign_in,
            "Sign in: the key for a cookie",
            "session",
            {204: None},
            body=SignIn,
            most_body_bytes=SIGN_IN_BYTES,
            open=True,
            wants_request=True,
        ),
        Operation(
            "DELETE",
            "/session",
            door.sign_out,
            "Sign out",
            "session",
            {204: None},
            open=True,
            wants_request=True,
        ),
        Operation(
            "POST",
            "/session/key",
            door.key,
            "The API key, to be pasted into Sonarr and Radarr",
            "session",
            {200: Key},
            wants_request=True,
        ),
    )
