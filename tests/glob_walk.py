"""A glob asked about one path, folder by folder, as the walker asks it."""

from __future__ import annotations

from arrtheaudio.jobs.globs import Glob


def takes(pattern: str, path: str) -> bool:
    """Whether a batch with this pattern finds this file."""
    glob = Glob(pattern)
    *folders, name = path.encode().split(b"/")
    level = glob.start
    for folder in folders:
        inside = glob.enter(level, folder)
        if inside is None:
            return False
        level = inside
    return level.files is not None and level.files.match(name)
