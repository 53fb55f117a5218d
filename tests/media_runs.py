"""Runs of the media engine on real files: the films, the wish, and a journal that remembers."""

from __future__ import annotations

import os
from pathlib import Path

import synth
import synth_mp4
import trio

from arrtheaudio import media
from arrtheaudio.media.tracks import Options, Plan, Request, Rules

ENGLISH = Rules(language_priority=("eng",))
MP4 = synth_mp4.mp4(
    tracks=[
        synth_mp4.track("video"),
        synth_mp4.track(language="jpn"),
        synth_mp4.track(language="eng", enabled=False),
    ]
)
FILES = {
    "mkvmerge": synth.mkv(),
    "ffmpeg": synth.mkv(style="ffmpeg"),
    "mp4": MP4,
}


class Journal:
    """Keeps the plans, and what the file held when each was handed over."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.held: list[bytes] = []

    async def __call__(self, plan: Plan) -> None:
        await trio.lowlevel.checkpoint()
        self.plans.append(plan)
        self.held.append(content_of(plan.path))


def content_of(path: bytes) -> bytes:
    """What a file holds."""
    with open(path, "rb") as file:
        return file.read()


def write(folder: Path, content: bytes, name: str = "film.mkv") -> Path:
    """A file with this content."""
    file = folder / name
    file.write_bytes(content)
    return file


def request(file: Path, **more) -> Request:
    """A run that need not wait: the file has the size that was announced."""
    options = more.pop("options", Options())
    size = file.stat().st_size if file.is_file() else None
    asked = {"heavy": True, "expected_size": size, **more}
    return Request(os.fsencode(file), asked.pop("rules", ENGLISH), options=options, **asked)


def defaults(file: Path) -> list[str]:
    """The languages of the default audio tracks."""
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    return [track.language for track in looked.media.audio if track.default]
