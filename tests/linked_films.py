"""A film with two names, and what the file system beneath it can do."""

from __future__ import annotations

import os
from pathlib import Path

import synth
import trio
from media_runs import ENGLISH

from arrtheaudio.media import replace
from arrtheaudio.media.host import Host
from arrtheaudio.media.tracks import Options, Plan, Request

CONTENT = synth.mkv()
NAMES = ["film.mkv", "seed.mkv"]


def cloning(source: int, target: int) -> bool:
    """Stands for a file system that shares extents."""
    replace.copy_bytes(source, target, os.fstat(source).st_size, lambda: None)
    return True


REFLINK = Host(clone=cloning)


def asked(file: Path, mode: str, **more) -> Request:
    """A run on the film whose size was announced, with this treatment of hard links."""
    options = Options(hardlinks=mode, **more.pop("options", {}))
    named = {"heavy": True, "expected_size": len(CONTENT), **more}
    return Request(os.fsencode(file), ENGLISH, options=options, **named)


async def journalled(plan: Plan) -> None:
    """A journal that forgets."""
    await trio.lowlevel.checkpoint()


def names(folder: Path) -> list[str]:
    """What lies there."""
    return sorted(os.listdir(folder))
