"""The demonstration's films: our probe and the usual tools read them alike."""

import json
import subprocess
from pathlib import Path

import pytest

from arrtheaudio.cli.demo_library import movie, season_pack
from arrtheaudio.cli.samples import SECONDS, Voice, matroska, mp4
from arrtheaudio.media import Context, Options, Rules, inspect

VOICES = [
    Voice("eng", "English", default=True),
    Voice("jpn"),
    Voice("jpn", "Director's commentary", commentary=True),
]
FILMS = {
    "mkvmerge.mkv": matroska("Film", VOICES),
    "ffmpeg.mkv": matroska("Film", VOICES, like_ffmpeg=True),
    "film.mp4": mp4(VOICES[:2]),
}


@pytest.fixture(params=FILMS)
def film(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    path.write_bytes(FILMS[request.param].content)
    return path


def test_a_sample_holds_what_was_asked_for(film: Path) -> None:
    media = inspect(bytes(film), Rules(), Context(), Options()).media
    assert [track.language for track in media.audio][:2] == ["en", "ja"]
    assert [track.default for track in media.audio][:2] == [True, False]
    assert media.duration_ms == SECONDS * 1000
    assert {track.codec for track in media.audio} == {"pcm_s16le"}


@pytest.mark.oracle
def test_ffmpeg_decodes_a_sample_without_complaint(film: Path, oracle) -> None:
    decoded = subprocess.run(
        [oracle("ffmpeg"), "-v", "error", "-xerror", "-i", film, "-map", "0", "-f", "null", "-"],
        capture_output=True,
        text=True,
    )
    assert (decoded.returncode, decoded.stderr) == (0, "")


@pytest.mark.oracle
def test_ffprobe_sees_the_same_tracks(film: Path, oracle) -> None:
    command = [oracle("ffprobe"), "-v", "error", "-show_streams", "-of", "json", film]
    streams = json.loads(subprocess.check_output(command))["streams"]
    ours = inspect(bytes(film), Rules(), Context(), Options()).media.tracks
    assert [stream["codec_type"] for stream in streams] == [track.type for track in ours]
    assert [stream["codec_name"] for stream in streams] == [track.codec for track in ours]
    assert [bool(stream["disposition"]["default"]) for stream in streams] == [
        track.default for track in ours
    ]


@pytest.mark.oracle
def test_mkvmerge_reads_a_sample_without_a_warning(film: Path, oracle) -> None:
    read = json.loads(subprocess.check_output([oracle("mkvmerge"), "-J", film]))
    assert (read["errors"], read["warnings"]) == ([], [])
    assert read["container"]["recognized"]


def test_the_library_starts_with_the_wrong_default_everywhere(tmp_path: Path) -> None:
    tags = {"Japanese": "ja", "Danish": "da"}
    for delivery in (season_pack(), movie()):
        for number, film in enumerate(delivery.films):
            path = tmp_path / f"{delivery.sender}{number}"
            path.write_bytes(film.sample.content)
            context = Context(original_language=tags[delivery.language])
            found = inspect(bytes(path), Rules(), context, Options())
            assert found.decision.chosen is not None
            assert found.decision.chosen.index == film.wanted
            assert not found.decision.chosen.default
            media = film.sample.content[film.sample.media]
            assert len(media) > len(film.sample.content) // 2
