"""Files that are only described, and the choice for them."""

from __future__ import annotations

from typing import Any

from arrtheaudio.media.choose import decide
from arrtheaudio.media.tracks import Context, Decision, Media, Rules, Track

PATH = b"/media/tv/Show/S01E01.mkv"


def audio(*tracks: str | tuple[str, dict[str, Any]]) -> Media:
    """A file with a video track and these audio tracks: a language, or one with more."""
    made = [Track(index=0, number=1, type="video", codec="h264")]
    for index, given in enumerate(tracks, start=1):
        language, more = given if isinstance(given, tuple) else (given, {})
        made.append(
            Track(
                index=index,
                number=index + 1,
                type="audio",
                language=language,
                **({"codec": "aac"} | more),
            )
        )
    return Media(container="mkv", size=1000, tracks=tuple(made))


def choose(
    media: Media,
    *wishes: str,
    original: str | None = None,
    path: bytes = PATH,
    context: Context | None = None,
    **rules: Any,
) -> Decision:
    if wishes:
        rules["language_priority"] = wishes
    return decide(media, Rules(**rules), context or Context(original_language=original), path)


def index(decision: Decision) -> int | None:
    return decision.chosen.index if decision.chosen else None


DEFAULT = {"default": True}
