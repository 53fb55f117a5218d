"""Rewriting for tests: what is asked for, and programs that are not what they seem."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from arrtheaudio import media
from arrtheaudio.media import remux
from arrtheaudio.media.tracks import Options, Request, Rules

ENGLISH = Rules(language_priority=("eng",))
REMUX = Options(mp4_method="remux")
RELOCATE = Options(allow_relocate=True)


def request(file: Path, options: Options = REMUX, **more) -> Request:
    size = file.stat().st_size
    named = {"heavy": True, "expected_size": size, **more}
    return Request(os.fsencode(file), ENGLISH, options=options, **named)


def audio(file: Path) -> list[tuple[str, bool]]:
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    return [(track.language, track.default) for track in looked.media.audio]


# As if a program had written that file.
COPYING = 'for one in "$@"; do case "$one" in file:*._*) cp {} "${{one#file:}}";; esac; done'


def without(monkeypatch, *missing: str) -> None:
    really = shutil.which
    monkeypatch.setattr(
        remux.shutil, "which", lambda name: None if name in missing else really(name)
    )


def pretend(monkeypatch, folder: Path, script: str) -> None:
    """An ffmpeg of the test's own."""
    program = folder / "bin" / "ffmpeg"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(remux.shutil, "which", lambda name: str(program))
