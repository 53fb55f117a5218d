"""Which way a file is changed, or why it is not: hard links, free space, what is skipped.

Decisions that a run, an undo and an inspection share. Knows counts, sizes and
options; nothing of tracks or bytes. media.md "Hard links".
"""

from __future__ import annotations

import os
from typing import Final, Literal

from arrtheaudio.errors import HardLinked, NoSpace, SkippedFile
from arrtheaudio.media.host import Host
from arrtheaudio.media.tracks import Decision, Media, Method, Options, Outcome

Way = Literal["in_place", "reflink", "copy", "remux"]
METHODS: Final[dict[Way, Method]] = {
    "in_place": "in_place",
    "reflink": "copy",
    "copy": "copy",
    "remux": "remux",
}
REWRITE_SPACE_FACTOR: Final = 2  # media.md: a rewrite needs more than twice the file's size


def way_of(links: int, options: Options, *, remux: bool) -> Way:
    """How a file with so many hard links is changed. Raises HardLinked where it is not."""
    if links <= 1:
        return "remux" if remux else "in_place"
    match options.hardlinks:
        case "copy":
            return "remux" if remux else "copy"
        case "edit" if not remux:
            return "in_place"
        case "auto" if not remux:
            return "reflink"
    raise HardLinked(f"it has {links} hard links")


def no_shared_copy(links: int) -> HardLinked:
    """What is said where a copy would have to take the space of the whole file."""
    return HardLinked(
        f"it has {links} hard links, and its file system cannot copy it "
        "without copying all of its bytes"
    )


def need_space(path: bytes, size: int, host: Host) -> None:
    """Raises NoSpace unless a whole rewrite fits beside the file with room to spare."""
    needed = REWRITE_SPACE_FACTOR * size
    free = host.free_space(os.path.dirname(path) or b".")
    if free <= needed:
        raise NoSpace(
            f"rewriting it needs more than {needed} free bytes, there are {free}",
            path=path,
            needed=needed,
            free=free,
        )


def skipped_outcome(
    skipped: SkippedFile, media: Media | None = None, decision: Decision | None = None
) -> Outcome:
    """A file that is left as it is by design, with the reason and what to do about it."""
    return Outcome("skipped", skipped.reason, skipped.advice, media=media, decision=decision)
