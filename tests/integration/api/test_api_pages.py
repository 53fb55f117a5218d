"""Pages and what they load: compressed, cached, and at addresses that work under any prefix."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from live_api import Live, configured, live_api

from arrtheaudio.api import pages

MOST_BYTES = 60_000


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with live_api(configured(tmp_path)) as running:
        yield running


async def test_pages_are_cached_by_their_tag(live: Live) -> None:
    first = await live.stranger.get("/docs")
    assert first.headers["content-type"] == "text/html; charset=utf-8"
    again = await live.stranger.get("/docs", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = await live.stranger.get("/docs", headers={"If-None-Match": '"x"'})
    assert other.status_code == 200


def head_bytes(answer: httpx.Response) -> int:
    """The status line and the headers as they came over the wire."""
    status = len(f"HTTP/1.1 {answer.status_code} \r\n\r\n")
    return status + sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)


async def fetch(live: Live, path: str, **headers: str) -> tuple[httpx.Response, bytes]:
    """An answer with its body as it came over the wire."""
    async with live.stranger.stream("GET", path, headers=headers) as answer:
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


@pytest.mark.parametrize("accepted", ["gzip", "br, GZIP;q=0.5", "*", "deflate, gzip;q=1.0"])
async def test_pages_come_compressed_to_those_who_take_it(live: Live, accepted: str) -> None:
    plain, whole = await fetch(live, "/", **{"Accept-Encoding": "identity"})
    small, packed = await fetch(live, "/", **{"Accept-Encoding": accepted})
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed) == whole
    assert int(small.headers["Content-Length"]) == len(packed) < len(whole) / 2
    assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"
    assert plain.headers["ETag"] != small.headers["ETag"]


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "gzip; q=0.000, *", "*;q=0"])
async def test_pages_come_plain_to_those_who_take_nothing_else(live: Live, accepted: str) -> None:
    answer, body = await fetch(live, "/docs", **{"Accept-Encoding": accepted})
    assert "Content-Encoding" not in answer.headers
    assert body.startswith(b"<!doctype html>")


async def test_each_coding_of_a_page_has_a_tag_of_its_own(live: Live) -> None:
    packed = (await live.stranger.get("/")).headers["ETag"]
    plain = (await live.stranger.get("/", headers={"Accept-Encoding": ""})).headers["ETag"]
    for coding, tag, status in (
        ("gzip", packed, 304),
        ("gzip", f"{plain}, W/{packed}", 304),
        ("gzip", plain, 200),
        ("", plain, 304),
        ("", packed, 200),
    ):
        headers = {"Accept-Encoding": coding, "If-None-Match": tag}
        answer, body = await fetch(live, "/", **headers)
        assert answer.status_code == status
        assert answer.headers["ETag"] == (packed if coding else plain)
        assert bool(body) is (status == 200)
        assert ("Content-Encoding" in answer.headers) is (status == 200 and coding == "gzip")


async def test_the_head_of_a_page_is_that_of_its_coding(live: Live) -> None:
    got = await live.stranger.get("/", headers={"Accept-Encoding": "gzip"})
    head = await live.stranger.head("/", headers={"Accept-Encoding": "gzip"})
    assert head.content == b""
    for name in ("Content-Encoding", "Content-Length", "Content-Type", "ETag", "Vary"):
        assert head.headers[name] == got.headers[name]


async def test_what_a_page_loads_is_kept_for_good_and_named_after_its_content(live: Live) -> None:
    start = await live.stranger.get("/")
    assert start.headers["Cache-Control"] == "no-cache"
    named = re.findall(r'(?:src|href)="(assets/[^"]+)"', start.text)
    assert len({address.split("/")[1] for address in named}) == 1
    for address in named:
        answer = await live.stranger.get(f"/{address}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    older = named[0].replace(named[0].split("/")[1], "0" * 12)
    assert (await live.stranger.get(f"/{older}")).status_code == 404


async def test_the_first_load_weighs_at_most_60_kilobytes_on_the_wire(live: Live) -> None:
    start, body = await fetch(live, "/", **{"Accept-Encoding": "gzip"})
    page = gzip.decompress(body).decode()
    weight = len(body) + head_bytes(start)
    for address in set(re.findall(r'(?:src|href)="(assets/[^"]+)"', page)):
        answer, body = await fetch(live, f"/{address}", **{"Accept-Encoding": "gzip"})
        weight += len(body) + head_bytes(answer)
    assert weight <= MOST_BYTES


async def test_scripts_and_styles_carry_what_guards_them(live: Live) -> None:
    page = (await live.stranger.get("/")).text
    for address in re.findall(r'="(assets/[^"]+\.(?:js|css))"', page):
        answer = await live.stranger.get(f"/{address}")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_new_content_gets_a_new_address() -> None:
    files = {"index.html": b"{assets}", "docs.html": b"", "a.js": b"1"}
    before = pages.operations(files, url_base="")
    after = pages.operations({**files, "a.js": b"2"}, url_base="")
    assert {one.path for one in before} & {one.path for one in after} == {"/", "/docs"}


async def test_pages_name_no_other_host(live: Live) -> None:
    docs = await live.stranger.get("/docs")
    loaded = re.findall(r'(?:src|href)="(/assets/[^"]+)"', docs.text)
    assert len(loaded) == 5
    for path in ("/", "/docs", *loaded):
        answer = await live.stranger.get(path)
        assert answer.status_code == 200
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", answer.text)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("base", "asked", "to"),
    [
        ("/audio", "/audio", "/audio/"),
        ("/audio", "/audio/api/v1", "/audio/api/v1/"),
        ("/media/audio", "/media/audio", "/media/audio/"),
        ("", "/api/v1", "/api/v1/"),
    ],
)
async def test_a_browser_without_the_slash_is_sent_to_where_relative_addresses_work(
    tmp_path: Path, base: str, asked: str, to: str, method: str
) -> None:
    async with live_api(configured(tmp_path, url_base=base)) as live:
        root = f"http://127.0.0.1:{live.port}"
        sent = await live.stranger.request(method, root + asked)
        assert (sent.status_code, sent.content) == (307, b"")
        shown = await live.stranger.request(method, root + asked, follow_redirects=True)
        assert (shown.url.path, shown.status_code) == (to, 200)


async def test_nothing_but_the_page_is_redirected(tmp_path: Path) -> None:
    async with live_api(configured(tmp_path, url_base="/audio")) as live:
        root = f"http://127.0.0.1:{live.port}"
        assert (await live.client.post(f"{root}/audio", json={})).status_code == 405
        for path in ("/audio/queue", "/audio/docs", "/audio/webhook/sonarr", "/audio/"):
            assert not (await live.client.get(root + path)).is_redirect
