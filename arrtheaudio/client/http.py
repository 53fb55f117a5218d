"""Requests to a daemon's REST API, and its answers as plain JSON values.

Owns connections and the translation of failures into our errors: no answer is
DaemonUnreachable, a problem document is DaemonRefused with its own words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
import httpx
import orjson

from arrtheaudio import __version__
from arrtheaudio.errors import DaemonRefused, DaemonUnreachable

# A request may wait for a commit on a slow disk, or 90 s for files at worker_count 0.
ANSWER_SECONDS: Final = 100.0
CONNECT_SECONDS: Final = 5.0
PAGE: Final = 1000  # entries of a list that the API gives in one answer

Query = Mapping[str, str | int | bool | list[str] | None]


@attrs.frozen
class Address:
    """Where a daemon is, with its url_base, and the key it takes."""

    url: str
    api_key: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class Daemon:
    """A daemon's REST API; paths are those of the API, without url_base."""

    address: Address
    _http: httpx.AsyncClient

    async def get(self, path: str, query: Query | None = None) -> Any:
        """The answer's JSON. Raises DaemonRefused and DaemonUnreachable, as all methods here."""
        return await self.request("GET", path, query=query)

    async def post(self, path: str, body: object = None) -> Any:
        """Send JSON and give the answer's."""
        return await self.request("POST", path, body=body)

    async def delete(self, path: str, query: Query | None = None) -> Any:
        """Delete or cancel."""
        return await self.request("DELETE", path, query=query)

    async def request(
        self, method: str, path: str, *, query: Query | None = None, body: object = None
    ) -> Any:
        """Any request; gives the answer's JSON, None where there is none."""
        params = {name: value for name, value in (query or {}).items() if value is not None}
        try:
            response = await self._http.request(
                method, path, params=params, json=body if body is not None else None
            )
        except (httpx.RequestError, httpx.InvalidURL) as fault:
            raise DaemonUnreachable(f"No daemon answers at {self.address.url} ({fault}).") from None
        return _answer(response)

    async def jobs(self, query: Query) -> AsyncIterator[dict[str, Any]]:
        """All jobs that match, newest first; the list stands still while jobs arrive."""
        before: int | None = None
        while True:
            page = await self.get("/jobs", {**query, "limit": PAGE, "before": before})
            for job in page["jobs"]:
                yield job
            if len(page["jobs"]) < PAGE:
                return
            before = int(page["jobs"][-1]["job_id"].removeprefix("job_"), 16)

    async def answers(self) -> bool:
        """Whether an arrtheaudio listens at the address."""
        try:
            pong = await self.get("/ping")
        except (DaemonUnreachable, DaemonRefused):
            return False
        return isinstance(pong, dict) and pong.get("status") == "OK"


@asynccontextmanager
async def connect(address: Address) -> AsyncIterator[Daemon]:
    """Connections to one daemon, closed at the end; the first request opens one."""
    headers = {"User-Agent": f"arrtheaudio/{__version__}"}
    if address.api_key is not None:
        headers["X-Api-Key"] = address.api_key
    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    try:
        client = httpx.AsyncClient(
            # A proxy of the environment would be asked for addresses of the home network.
            base_url=address.url,
            headers=headers,
            timeout=timeout,
            trust_env=False,
        )
    except (httpx.InvalidURL, UnicodeEncodeError) as fault:
        raise DaemonUnreachable(f"{address.url!r} is no address ({fault}).") from None
    async with client:
        yield Daemon(address, client)


def _answer(response: httpx.Response) -> Any:
    if not response.is_success:
        raise refusal(response.status_code, response.content)
    if not response.content:
        return None
    try:
        return response.json()
    except ValueError:
        raise DaemonUnreachable(f"What answers at {response.url} is no daemon.") from None


def refusal(status: int, body: bytes | None) -> DaemonRefused:
    """What an answer that is none says, in the daemon's words where they are its own."""
    try:
        problem = orjson.loads(body or b"")
    except orjson.JSONDecodeError:
        problem = None
    if not isinstance(problem, dict):  # a proxy between us answers in HTML
        phrase = httpx.codes.get_reason_phrase(status)
        return DaemonRefused(f"HTTP {status} {phrase}".rstrip(), status=status)
    detail = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
    return DaemonRefused(detail, status=status, problem=problem)
