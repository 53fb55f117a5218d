"""A live HTTP server around the API, for tests: real sockets, a queue in memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import trio
from fake_queue import FakeQueue

from arrtheaudio.api.app import App, create_app
from arrtheaudio.api.server import serve_http
from arrtheaudio.api.services import Services
from arrtheaudio.config import ApiConfig, Config

KEY = "0123456789abcdef0123456789abcdef"


@attrs.frozen
class Live:
    """A running server with its queue and a client that shows the key."""

    port: int
    queue: FakeQueue
    client: httpx.AsyncClient
    stranger: httpx.AsyncClient  # shows nothing
    stop: trio.Event
    nursery: trio.Nursery
    config: Config

    async def connect(self) -> trio.SocketStream:
        """A raw connection."""
        return await trio.open_tcp_stream("127.0.0.1", self.port)


def configured(roots: Path | None, **api: Any) -> Config:
    """A configuration with one media root."""
    return Config(
        media_roots=() if roots is None else (str(roots),),
        api=attrs.evolve(ApiConfig(port=0), **api),
    )


@asynccontextmanager
async def live_api(
    config: Config,
    *,
    key: str | None = KEY,
    queue: FakeQueue | None = None,
    extend: Callable[[App], None] = lambda app: None,
    seconds: float = 60,
    data_dir: Path | None = None,
    stopping: trio.Event | None = None,
    **services: Any,
) -> AsyncIterator[Live]:
    """Serve on a free port until the block ends; the server must then end by itself."""
    queue = queue or FakeQueue()
    stop = trio.Event()
    given = Services(
        queue=queue,  # type: ignore[arg-type]
        config=config,
        data_dir=data_dir or Path(config.media_roots[0] if config.media_roots else "/"),
        started_at=time.time(),
        api_key=key,
        stopping=trio.Event() if stopping is None else stopping,
        **services,
    )
    app = create_app(given)
    extend(app)
    with trio.fail_after(seconds):
        async with trio.open_nursery() as nursery:

            async def serve(task_status: trio.TaskStatus[int]) -> None:
                await serve_http(app, config, stop=stop, task_status=task_status)

            port = await nursery.start(serve)
            base = f"http://127.0.0.1:{port}{config.api.url_base}"
            headers = {} if key is None else {"X-Api-Key": key}
            async with (
                httpx.AsyncClient(base_url=base, headers=headers, timeout=20) as client,
                httpx.AsyncClient(base_url=base, timeout=20) as stranger,
            ):
                yield Live(port, queue, client, stranger, stop, nursery, config)
            stop.set()


async def receive_all(stream: trio.SocketStream) -> bytes:
    """Everything until the server ends the connection."""
    received = bytearray()
    with contextlib.suppress(trio.BrokenResourceError):
        async for data in stream:
            received += data
    return bytes(received)
