"""Who may ask what: strangers, sessions, and no key at all."""

from __future__ import annotations

import hashlib
import hmac
from functools import partial
from pathlib import Path

from live_api import KEY, Live, configured, live_api


async def test_without_the_key_only_what_is_open(live: Live) -> None:
    document = (await live.stranger.get("/openapi.json")).json()
    opened = set()
    for path, methods in document["paths"].items():
        for method in methods:
            answer = await live.stranger.request(method, path.replace("{", "").replace("}", ""))
            if answer.status_code != 401:
                opened.add(f"{method.upper()} {path}")
            else:
                assert answer.headers["WWW-Authenticate"]
    assert opened == {"GET /ping", "GET /health", "POST /session", "DELETE /session"}


async def test_a_session_opens_the_api_for_its_own_pages(live: Live) -> None:
    own = {"Origin": f"http://127.0.0.1:{live.port}"}
    wrong = await live.stranger.post("/session", json={"api_key": "x"}, headers=own)
    assert wrong.status_code == 401
    assert "data folder" in wrong.json()["detail"], "where the key is found"
    foreign = {"Origin": "http://evil.example"}
    refused = await live.stranger.post("/session", json={"api_key": KEY}, headers=foreign)
    assert refused.status_code == 403
    signed_in = await live.stranger.post("/session", json={"api_key": KEY}, headers=own)
    assert signed_in.status_code == 204
    cookie = signed_in.headers["Set-Cookie"]
    assert KEY not in cookie
    assert {"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"} <= set(cookie.split("; "))
    assert (await live.stranger.get("/queue")).status_code == 200
    assert (await live.stranger.post("/queue/pause")).status_code == 403
    assert (await live.stranger.post("/queue/pause", headers=foreign)).status_code == 403
    assert (await live.stranger.post("/queue/pause", headers=own)).status_code == 200
    assert (await live.stranger.post("/session/key")).status_code == 403
    assert (await live.stranger.post("/session/key", headers=foreign)).status_code == 403
    key = await live.stranger.post("/session/key", headers=own)
    assert key.json() == {"api_key": KEY}
    assert key.headers["Cache-Control"] == "no-store"
    kept = live.stranger.cookies["arrtheaudio_session"]
    assert (await live.stranger.delete("/session", headers=own)).status_code == 204
    stolen = await live.stranger.get("/queue", headers={"Cookie": f"arrtheaudio_session={kept}"})
    assert stolen.status_code == 401


async def test_a_signed_body_does_not_give_the_key_away(live: Live) -> None:
    overheard = b'{"eventType": "Test"}'
    signature = hmac.new(KEY.encode(), overheard, hashlib.sha256).hexdigest()
    for spelled in (signature, f"sha256={signature}"):
        signed = {"X-Webhook-Signature": spelled}
        ask = partial(live.stranger.post, content=overheard, headers=signed)
        assert (await ask("/webhook/sonarr")).status_code == 200
        refused = await ask("/session/key")
        assert refused.status_code == 403
        assert KEY not in refused.text


async def test_without_a_key_only_this_machine_is_served(tmp_path: Path) -> None:
    async with live_api(configured(tmp_path, auth="none"), key=None) as live:
        assert (await live.stranger.get("/queue")).status_code == 200
        assert (await live.stranger.post("/session/key")).json() == {"api_key": None}
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            for path in ("/queue", "/health", "/ping"):
                assert (await live.stranger.get(path, headers=headers)).status_code == 403
