"""The documents are true: each curl command gets the status it says, and no route is left out."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import attrs
import pytest
from fake_queue import FakeQueue
from live_api import KEY, configured, live_api

from arrtheaudio.config import PathMappingConfig
from arrtheaudio.jobs.models import (
    Batch,
    BatchFilters,
    BatchStatus,
    Delivery,
    Job,
    Priority,
    Progress,
    Status,
)

DOCUMENTS = Path(__file__).resolve().parents[3] / "docs"
COMPLETE = "api.md"  # shows every route


@attrs.frozen
class Example:
    """One command of the document."""

    method: str
    url: str
    headers: dict[str, str]
    body: str | None
    auth: tuple[str, str] | None
    status: int


def examples(document: str, url: str) -> list[Example]:
    """Every curl command, in order, with its promised status."""
    blocks = re.findall(r"```sh\n(.*?)```", (DOCUMENTS / document).read_text(), re.DOTALL)
    commands = re.findall(r"^(curl .*?)# → (\d+)$", "\n".join(blocks), re.DOTALL | re.MULTILINE)
    return [parse(text, int(status), url) for text, status in commands]


def parse(text: str, status: int, url: str) -> Example:
    """As a shell and curl would."""
    words = shlex.split(text.replace("$URL", url).replace("$KEY", KEY).replace("\\\n", " "))[1:]
    method, target, headers, data, auth, get = "", "", {}, [], None, False
    arguments = iter(words)
    for word in arguments:
        if word == "-X":
            method = next(arguments)
        elif word == "-H":
            name, _, value = next(arguments).partition(": ")
            headers[name] = value
        elif word in ("-d", "--data-urlencode"):
            data.append(next(arguments))
        elif word == "-u":
            user, _, password = next(arguments).partition(":")
            auth = (user, password)
        elif word == "-G":
            get = True
        else:
            assert word.startswith(url), word
            target = word
    if get:
        target += "?" + urlencode([tuple(item.split("=", 1)) for item in data])
        data = []
    body = "&".join(data) or None
    return Example(method or "GET", target, headers, body, auth, status)


@pytest.fixture
def queue() -> FakeQueue:
    """What the document's ids stand for."""
    queue = FakeQueue()
    now = time.time()
    for seq, status in ((0x2A, Status.COMPLETED), (0x2B, Status.RUNNING)):
        queue.jobs_kept[seq] = Job(
            seq, status, b"/media/a.mkv", Priority.HIGH, "sonarr", now, now, webhook=0x29
        )
    queue.deliveries[0x29] = Delivery(0x29, "sonarr", None, "Download", "Harbour", now, ())
    queue.batches_kept[0x2C] = Batch(
        0x2C, BatchStatus.RUNNING, b"/media/movies", True, None, False, Priority.NORMAL,
        BatchFilters(), now, now, Progress(),
    )  # fmt: skip
    return queue


@pytest.mark.parametrize("name", [COMPLETE, "batches.md", "troubleshooting.md"])
async def test_every_command_gets_its_status_and_every_route_is_shown(
    tmp_path: Path, queue: FakeQueue, name: str
) -> None:
    (tmp_path / "media" / "tv").mkdir(parents=True)
    mapping = PathMappingConfig(remote="/media", local=str(tmp_path / "media"))
    config = attrs.evolve(configured(tmp_path), path_mappings=(mapping,))
    async with live_api(config, queue=queue) as live:
        shown = set()
        url = f"http://127.0.0.1:{live.port}"
        document = (await live.stranger.get("/openapi.json")).json()
        for example in examples(name, url):
            answer = await live.stranger.request(
                example.method,
                example.url,
                headers=example.headers,
                content=example.body,
                auth=example.auth,
            )
            assert answer.status_code == example.status, (example, answer.text)
            live.stranger.cookies.clear()
            shown.add((example.method, route_of(urlsplit(example.url).path)))
        described = {
            (method.upper(), path)
            for path, methods in document["paths"].items()
            for method in methods
        }
        assert shown
        assert described <= shown or name != COMPLETE


def route_of(path: str) -> str:
    """The document's spelling of a path."""
    path = re.sub(r"/(job|batch|webhook)_[0-9a-f]{12}", r"/{\1_id}", path)
    return re.sub(r"^(/webhook/(?:sonarr|radarr))/[^/]+$", r"\1/{instance}", path)
