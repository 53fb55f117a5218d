"""The demonstration's library: four films that start with the wrong voice, and their deliveries.

Pure values: which files there are, what Sonarr and Radarr would send for them,
and which track must be the default one afterwards.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from arrtheaudio.cli.samples import Sample, Voice, matroska, mp4

SERIES: Final = "Kaze no Eki (2024)"
MOVIE: Final = "Fyret ved Havet (2023)"


@attrs.frozen
class Film:
    """A file of the library, and the index of the track that must become the default."""

    path: str  # below the library
    sample: Sample
    wanted: int


@attrs.frozen
class Delivery:
    """What Sonarr or Radarr sends, to which address."""

    sender: str
    title: str
    language: str
    route: str
    films: tuple[Film, ...]


def season_pack() -> Delivery:
    """Three episodes of a Japanese series, each with another kind of header."""
    dub = Voice("eng", "English dub", default=True)
    original = Voice("jpn", "Japanese")
    commentary = Voice("jpn", "Director's commentary", commentary=True)
    episodes = (
        Film(_episode(1), matroska("The Platform", [dub, original]), wanted=2),
        Film(_episode(2), matroska("First Snow", [dub, original], like_ffmpeg=True), wanted=2),
        Film(_episode(3), matroska("Last Train", [dub, commentary, original]), wanted=3),
    )
    return Delivery("Sonarr", SERIES, "Japanese", "/webhook/sonarr", episodes)


def movie() -> Delivery:
    """A Danish movie in MP4."""
    voices = [Voice("eng", "English", default=True), Voice("dan", "Dansk")]
    path = f"movies/{MOVIE}/{MOVIE} [WEBDL-1080p].mp4"
    return Delivery("Radarr", MOVIE, "Danish", "/webhook/radarr", (Film(path, mp4(voices), 2),))


def _episode(number: int) -> str:
    return f"tv/{SERIES}/Season 01/{SERIES} - S01E{number:02} [WEBDL-1080p].mkv"


def body(delivery: Delivery, library: str) -> dict[str, Any]:
    """The webhook's JSON, for a library in this folder."""
    entries = [
        {"id": number, "path": f"{library}/{film.path}", "size": len(film.sample.content)}
        for number, film in enumerate(delivery.films, 1)
    ]
    shared: dict[str, Any] = {"eventType": "Download", "instanceName": delivery.sender}
    spoken = {"id": 1, "name": delivery.language}
    if delivery.sender == "Radarr":
        folder = f"{library}/movies/{MOVIE}"
        title = {"id": 1, "title": MOVIE, "folderPath": folder, "originalLanguage": spoken}
        return shared | {"movie": title, "movieFile": entries[0]}
    folder = f"{library}/tv/{SERIES}"
    series = {"id": 1, "title": SERIES, "path": folder, "type": "standard"}
    return shared | {
        "series": series | {"originalLanguage": spoken},
        "episodeFiles": entries,
    }
