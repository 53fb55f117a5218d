"""The key in all its spellings, the session cookie, the same-origin and the loopback rule."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from arrtheaudio.api.auth import SESSION_SECONDS, Credentials, Gate, Sessions, same_origin
from arrtheaudio.api.errors import Forbidden, Unauthorised

KEY = "s3cret-key"
BODY = b'{"eventType": "Test"}'
DIGEST = hmac.new(KEY.encode(), BODY, hashlib.sha256).hexdigest()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


SPELLINGS = [
    {"x-api-key": KEY},
    {"authorization": f"Bearer {KEY}"},
    {"authorization": f"bearer  {KEY}"},
    {"authorization": basic("anybody", KEY)},
    {"authorization": basic("", KEY)},
    {"x-webhook-signature": KEY},
    {"x-webhook-signature": DIGEST},
    {"x-webhook-signature": f"sha256={DIGEST}"},
]
WRONG = [
    {},
    {"x-api-key": ""},
    {"x-api-key": KEY + "x"},
    {"x-api-key": KEY.upper()},
    {"x-api-key": "ké\udcff"},
    {"authorization": KEY},
    {"authorization": f"Basic {KEY}"},
    {"authorization": "Basic !!!"},
    {"authorization": "Basic /w=="},
    {"authorization": basic(KEY, "")},
    {"authorization": "Bearer"},
    {"x-webhook-signature": DIGEST.upper()},
    {"x-webhook-signature": f"sha1={DIGEST}"},
    {"x-webhook-signature": hmac.new(b"other", BODY, hashlib.sha256).hexdigest()},
]


@pytest.mark.parametrize("headers", SPELLINGS)
def test_every_spelling_of_the_key_is_taken(headers: dict[str, str]) -> None:
    assert Gate.of(KEY).admit(Credentials(headers), BODY, changes=True) == "key"


def test_the_key_may_stand_in_the_query() -> None:
    assert Gate.of(KEY).admit(Credentials({}, query_key=KEY), b"", changes=True) == "key"


@pytest.mark.parametrize("headers", WRONG)
def test_anything_else_is_unauthorised(headers: dict[str, str]) -> None:
    with pytest.raises(Unauthorised):
        Gate.of(KEY).admit(Credentials(headers), BODY, changes=False)


def test_a_signature_is_for_its_body_only() -> None:
    with pytest.raises(Unauthorised):
        Gate.of(KEY).admit(Credentials({"x-webhook-signature": DIGEST}), BODY + b" ", changes=True)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_cookie_is_not_the_key_and_outlives_a_restart() -> None:
    cookie = Sessions.of(KEY).begin()
    assert KEY not in cookie
    assert Sessions.of(KEY).valid(cookie)
    assert not Sessions.of("another key").valid(cookie)


def test_a_cookie_ends_after_thirty_days() -> None:
    clock = Clock()
    sessions = Sessions.of(KEY, clock)
    cookie = sessions.begin()
    clock.now += SESSION_SECONDS - 1
    assert sessions.valid(cookie)
    clock.now += 1
    assert not sessions.valid(cookie)


def test_a_cookie_cannot_be_lengthened() -> None:
    end, name, signature = Sessions.of(KEY).begin().split(".")
    assert not Sessions.of(KEY).valid(f"{int(end) + 1}.{name}.{signature}")


@pytest.mark.parametrize("cookie", ["", "x", "1.2.3", "9" * 99, "١." + "a" * 32 + "." + "a" * 64])
def test_a_cookie_of_another_shape_is_refused(cookie: str) -> None:
    assert not Sessions.of(KEY).valid(cookie)


async def test_signing_out_ends_this_session_only() -> None:
    sessions = Sessions.of(KEY)
    mine, other = sessions.begin(), sessions.begin()
    await sessions.end(mine)
    assert not sessions.valid(mine)
    assert sessions.valid(other)


def test_a_change_by_cookie_needs_an_origin_of_this_address() -> None:
    gate = Gate.of(KEY)
    assert gate.sessions is not None
    cookie = gate.sessions.begin()
    own = {"host": "nas:9393", "origin": "http://nas:9393"}
    assert gate.admit(Credentials(own, cookie=cookie), b"", changes=True) == "session"
    assert gate.admit(Credentials({"host": "nas"}, cookie=cookie), b"", changes=False) == "session"
    for headers in ({"host": "nas"}, {**own, "origin": "http://evil"}):
        with pytest.raises(Forbidden):
            gate.admit(Credentials(headers, cookie=cookie), b"", changes=True)


@pytest.mark.parametrize(
    ("headers", "same"),
    [
        ({"host": "nas:9393", "origin": "http://nas:9393"}, True),
        ({"host": "nas", "origin": "http://nas"}, True),
        ({"host": "nas", "origin": "https://NAS:443"}, True),
        ({"host": "nas:443", "origin": "https://nas"}, True),
        ({"host": "inner:9393", "origin": "https://a.de", "x-forwarded-host": "a.de"}, True),
        ({"host": "inner", "origin": "https://a.de", "sec-fetch-site": "same-origin"}, True),
        ({"host": "[::1]:9393", "origin": "http://[::1]:9393"}, True),
        ({"host": "nas:9393"}, False),
        ({"host": "nas:9393", "origin": "null"}, False),
        ({"host": "nas:9393", "origin": "http://nas:9000"}, False),
        ({"host": "nas", "origin": "https://nas.evil"}, False),
        ({"host": "nas", "origin": "http://[::1"}, False),
        ({"host": "nas:x", "origin": "http://nas"}, False),
        ({"host": "nas", "origin": "file://nas"}, False),
        ({"host": "nas", "origin": "http://b", "sec-fetch-site": "same-site"}, False),
    ],
)
def test_same_origin_is_what_the_browser_calls_so(headers: dict[str, str], same: bool) -> None:
    assert same_origin(headers) is same


@pytest.mark.parametrize("host", ["127.0.0.1:9393", "localhost", "a.localhost:1", "[::1]:9393", ""])
def test_without_a_key_this_machine_is_served(host: str) -> None:
    headers = {"host": host} if host else {}
    assert Gate.of(None).admit(Credentials(headers), b"", changes=True) == "loopback"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "192.168.1.2:9393"},
        {"host": "[::1"},
        {"host": "localhost.evil.example"},
        {"host": "localhost:9393", "origin": "http://evil.example"},
        {"host": "localhost:9393", "origin": "null"},
    ],
)
def test_without_a_key_foreign_pages_and_names_are_refused(headers: dict[str, str]) -> None:
    with pytest.raises(Forbidden):
        Gate.of(None).admit(Credentials(headers), b"", changes=False)


@pytest.mark.parametrize(
    ("headers", "rests"),
    [
        ({"x-webhook-signature": DIGEST}, True),
        ({"x-webhook-signature": f"sha256={'0' * 64}"}, True),
        ({"x-webhook-signature": DIGEST, "x-api-key": KEY}, False),
        ({"x-webhook-signature": KEY}, False),
        ({"x-webhook-signature": DIGEST.upper()}, False),
        ({"x-webhook-signature": "guess"}, False),
        ({"x-api-key": "guess"}, False),
        ({}, False),
    ],
)
def test_a_body_is_read_for_its_signature_only_where_nothing_else_can_prove(
    headers: dict[str, str], rests: bool
) -> None:
    assert Gate.of(KEY).rests_on_body(Credentials(headers)) is rests
    assert not Gate.of(None).rests_on_body(Credentials(headers))
