"""What a user would write instead: FastAPI and uvicorn take the webhook, huey keeps the jobs.

The same promise as ours: the key is checked, the body validated, and the answer comes
when every file is a job that survives a power cut (SqliteHuey with fsync). One job per
file, because huey knows no transaction of several. With uvloop and httptools, without
an access log, without a consumer beside it: all that is in its favour. Prints its port.
"""

from __future__ import annotations

import sys

# Run as a script, this folder is first, and its queue.py and http.py would hide the library's.
sys.path.append(sys.path.pop(0))

import asyncio
import hmac
import os
import socket
import uuid
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from huey import SqliteHuey
from pydantic import BaseModel

KEY = os.environ["RIVAL_KEY"]
LOCK_SECONDS = 600  # how long a thread may wait for the database

huey = SqliteHuey(
    "rival",
    filename=str(Path(os.environ["RIVAL_FOLDER"]) / "huey.db"),
    fsync=True,
    timeout=LOCK_SECONDS,
)
app = FastAPI()


class Language(BaseModel):
    """Of the title."""

    name: str | None = None


class Series(BaseModel):
    """The title."""

    title: str
    path: str | None = None
    type: str | None = None
    tags: list[str] = []
    originalLanguage: Language | None = None  # noqa: N815  # as Sonarr spells it


class EpisodeFile(BaseModel):
    """One file."""

    path: str
    size: int | None = None


class Delivery(BaseModel):
    """A Download of Sonarr."""

    eventType: str  # noqa: N815
    series: Series
    episodeFiles: list[EpisodeFile]  # noqa: N815


@huey.task(retries=2, retry_delay=60)
def process(path: str, size: int | None, series: dict[str, object]) -> None:
    """Never run here: only taking deliveries is measured."""


@app.post("/webhook/sonarr", status_code=202)
def webhook(delivery: Delivery, x_api_key: str = Header()) -> dict[str, object]:
    """On a thread of the pool, as FastAPI has it for what blocks."""
    if not hmac.compare_digest(x_api_key.encode(), KEY.encode()):
        raise HTTPException(401)
    series = delivery.series.model_dump()
    jobs = [process(file.path, file.size, series).id for file in delivery.episodeFiles]
    return {
        "status": "accepted",
        "webhook_id": uuid.uuid4().hex,
        "job_ids": jobs,
        "file_count": len(jobs),
    }


async def main() -> None:
    """Serve on a free port until SIGTERM."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    config = uvicorn.Config(app, log_level="warning", access_log=False)
    print(listener.getsockname()[1], flush=True)
    await uvicorn.Server(config).serve([listener])


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvicorn.Config(app).get_loop_factory()) as runner:
        runner.run(main())
