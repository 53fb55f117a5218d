"""Matroska read and edited natively, with ffprobe, ffmpeg and mkvmerge as judges."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import synth
from in_memory import BytesWindow, inverted, states

from arrtheaudio.errors import CorruptFile, MediaError, NoRoom, UnsupportedContainer
from arrtheaudio.media import ebml, matroska
from arrtheaudio.media.languages import normalise
from arrtheaudio.media.matroska import TRACK_TYPE
from arrtheaudio.media.matroska_flags import TRACK_ENTRY
from arrtheaudio.media.tracks import Edit, Media

pytestmark = pytest.mark.oracle

Oracle = Callable[[str], str]
Facts = list[tuple[object, ...]]

SOURCE = [
    "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1",
    "-f", "lavfi", "-i", "sine=frequency=440:duration=1",
    "-f", "lavfi", "-i", "sine=frequency=880:duration=1",
    "-f", "lavfi", "-i", "sine=frequency=220:duration=1",
]  # fmt: skip
LANGUAGES = [
    "-metadata:s:a:0", "language=jpn", "-metadata:s:a:1", "language=eng",
    "-metadata:s:a:2", "language=ger", "-metadata:s:a:2", "title=Kommentar",
    "-disposition:a:0", "default", "-disposition:a:1", "default", "-disposition:a:2", "comment",
]  # fmt: skip
SUBTITLES = "1\n00:00:00,100 --> 00:00:00,900\nHello\n"
CHAPTERS = (
    ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=One\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=500\nEND=1000\ntitle=Two\n"
)
FFMPEG = {
    "ffmpeg": [],
    "ffmpeg without CRC": ["-write_crc32", "0"],
    "ffmpeg with Cues in front": ["-cues_to_front", "1"],
    "ffmpeg with reserved index": ["-reserve_index_space", "4096"],
    "ffmpeg live": ["-live", "1"],
}
MKVMERGE = {
    "mkvmerge": [],
    "mkvmerge without statistics": ["--disable-track-statistics-tags"],
    "mkvmerge without Cues": ["--no-cues", "--clusters-in-meta-seek"],
    "mkvmerge without lacing": ["--disable-lacing"],
}
# Files that are edited by other means first, and those made for a pipe.
OTHERS = ["ffmpeg to a pipe", "webm", "relocated by mkvpropedit", "large headers"]
# mkvpropedit put Tracks behind the clusters, and left not one spare byte there.
WITHOUT_ROOM = {"relocated by mkvpropedit"}


def run(*command: str | Path) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One film by every muxer and option; empty where the tools are not here."""
    tools = [shutil.which(tool) for tool in ("ffmpeg", "mkvmerge", "mkvpropedit")]
    if None in tools:
        return {}
    folder = tmp_path_factory.mktemp("films")
    (folder / "text.srt").write_text(SUBTITLES)
    (folder / "chapters.txt").write_text(CHAPTERS)
    (folder / "font.ttf").write_bytes(b"font" * 500)
    ffmpeg = ["ffmpeg", "-v", "error", "-y"]
    audio = ["-map", "1:a", "-map", "2:a", "-map", "3:a"]
    source = folder / "source.mkv"
    run(
        *ffmpeg, *SOURCE, "-i", folder / "text.srt", "-i", folder / "chapters.txt",
        "-map", "0:v", *audio, "-map", "4:s", "-map_chapters", "5", *LANGUAGES,
        "-c:v", "mpeg4", "-c:a", "ac3", "-c:a:1", "aac", "-disposition:s:0", "forced",
        "-metadata:s:s:0", "language=fre", source,
    )  # fmt: skip
    found = {}
    attached = ["-attach", folder / "font.ttf", "-metadata:s:t", "mimetype=font/ttf"]
    for number, (name, options) in enumerate(FFMPEG.items()):
        found[name] = folder / f"ffmpeg{number}.mkv"
        run(
            *ffmpeg, "-i", source, "-map", "0", *attached, "-c", "copy", *options, found[name]
        )  # fmt: skip
    for number, (name, options) in enumerate(MKVMERGE.items()):
        found[name] = folder / f"mkvmerge{number}.mkv"
        both = ["--default-track-flag", "1:1", "--default-track-flag", "2:1"]
        attach = ["--attach-file", folder / "font.ttf"]
        run("mkvmerge", "-q", "-o", found[name], *options, *attach, *both, source)
    found["ffmpeg to a pipe"] = folder / "pipe.mkv"
    found["ffmpeg to a pipe"].write_bytes(
        run(*ffmpeg, "-i", source, "-map", "0", "-c", "copy", "-f", "matroska", "-")
    )
    found["webm"] = folder / "film.webm"
    run(
        *ffmpeg, *SOURCE, "-map", "0:v", *audio, *LANGUAGES, "-c:v", "libvpx", "-c:a",
        "libvorbis", "-f", "webm", found["webm"],
    )  # fmt: skip
    found["large headers"] = folder / "large.mkv"
    run("mkvmerge", "-q", "-o", found["large headers"], found["webm"])
    found["relocated by mkvpropedit"] = relocated = folder / "relocated.mkv"
    shutil.copy(found["mkvmerge"], relocated)
    run("mkvpropedit", "-q", relocated, "--edit", "track:v1", "--set", "name=" + "x" * 3000)
    return found


def window_of(content: bytes) -> tuple[BytesWindow, Media]:
    window = BytesWindow(content)
    return window, matroska.probe(window)


def ours(media: Media) -> Facts:
    return [
        (t.type, t.codec, t.language, t.default, t.forced, bool(t.commentary), t.channels)
        for t in media.tracks
    ]


def ffprobe(path: Path) -> Facts:
    raw = run("ffprobe", "-v", "error", "-show_streams", "-of", "json", path)
    facts: Facts = []
    for stream in json.loads(raw).get("streams", []):
        if stream["codec_type"] not in ("video", "audio", "subtitle"):
            continue  # attachments
        if stream["disposition"]["attached_pic"]:
            continue  # attached pictures
        kind = {"subtitle": "subtitles"}.get(stream["codec_type"], stream["codec_type"])
        flags = [bool(stream["disposition"][name]) for name in ("default", "forced", "comment")]
        language = normalise(stream.get("tags", {}).get("language", ""))
        facts.append((kind, stream.get("codec_name"), language, *flags, stream.get("channels")))
    return facts


def mkvmerge_defaults(path: Path) -> list[tuple[int, bool]]:
    tracks = json.loads(run("mkvmerge", "-J", path))["tracks"]
    return [
        (track["properties"]["number"], track["properties"]["default_track"])
        for track in tracks
        if track["type"] == "audio"
    ]


def stream_hashes(path: Path) -> list[str]:
    """A hash of each stream's packets, whatever the stream's place."""
    raw = run(
        "ffmpeg", "-v", "error", "-i", path, "-map", "0", "-c", "copy", "-f", "streamhash", "-"
    )
    return sorted(line.partition(",")[2] for line in raw.decode().splitlines())


@pytest.fixture
def tools(oracle: Oracle) -> None:
    for tool in ("ffmpeg", "ffprobe", "mkvmerge", "mkvpropedit"):
        oracle(tool)


def planned(content: bytes, target: int, *, reorder: bool = False) -> Edit:
    window, media = window_of(content)
    return matroska.plan_default(window, media, target, reorder=reorder)


@pytest.mark.parametrize("name", [*FFMPEG, *MKVMERGE, *OTHERS])
@pytest.mark.usefixtures("tools")
def test_probe_agrees_with_ffprobe_and_mkvmerge(name: str, films: dict[str, Path]) -> None:
    path = films[name]
    _, media = window_of(path.read_bytes())
    assert len(media.audio) == 3
    assert ours(media) == ffprobe(path)
    assert [(t.number, t.default) for t in media.audio] == mkvmerge_defaults(path)


@pytest.mark.parametrize("reorder", [False, True], ids=["in place", "reordered"])
@pytest.mark.parametrize("name", [*FFMPEG, *MKVMERGE, *OTHERS])
@pytest.mark.usefixtures("tools")
def test_every_state_of_every_edit_reads_well_everywhere(
    name: str, reorder: bool, films: dict[str, Path], tmp_path: Path
) -> None:
    content = films[name].read_bytes()
    _, before = window_of(content)
    hashes = stream_hashes(films[name])
    path = tmp_path / f"film{films[name].suffix}"
    for target in before.audio:
        try:
            edit = planned(content, target.index, reorder=reorder)
        except NoRoom:
            assert name in WITHOUT_ROOM
            continue
        steps = states(content, edit.patches)
        for step in steps[1:-1]:
            path.write_bytes(step)
            assert any(fact[3] for fact in ffprobe(path) if fact[0] == "audio")
            assert any(default for _, default in mkvmerge_defaults(path))
        path.write_bytes(steps[-1])
        _, after = window_of(steps[-1])
        assert ours(after) == ffprobe(path)
        wanted = [(t.number, t.number == target.number) for t in after.audio]
        assert mkvmerge_defaults(path) == wanted
        assert [(t.number, t.default) for t in after.audio] == wanted
        assert stream_hashes(path) == hashes
        assert synth.wrong_crcs(steps[-1]) == []
        assert states(steps[-1], inverted(edit.patches))[-1] == content
        if reorder:
            assert after.audio[0].number == target.number


@pytest.mark.usefixtures("tools")
def test_a_switch_torn_by_a_power_cut_leaves_a_file_that_reads_well(
    films: dict[str, Path], tmp_path: Path
) -> None:
    """SeekHead and Tracks lie in two pages of a mkvmerge file: either may reach the disk alone."""
    content = films["mkvmerge"].read_bytes()
    _, media = window_of(content)
    shadow, switch = planned(content, 2, reorder=True).patches
    shadowed = states(content, [shadow])[-1]
    page = media.layout.tracks - switch.offset
    assert 0 < page < len(switch.new)
    path = tmp_path / "torn.mkv"
    for torn in (
        switch.new[:page] + switch.old[page:],
        switch.old[:page] + switch.new[page:],
    ):
        end = switch.offset + len(torn)
        path.write_bytes(shadowed[: switch.offset] + torn + shadowed[end:])
        facts = ffprobe(path)
        assert sum(fact[0] == "audio" for fact in facts) == 3
        assert any(fact[3] for fact in facts if fact[0] == "audio")
        defaults = mkvmerge_defaults(path)
        assert len(defaults) == 3
        assert any(default for _, default in defaults)


@pytest.mark.parametrize("style", ["mkvmerge", "ffmpeg", "tight"])
@pytest.mark.parametrize("unknown_sizes", [False, True])
@pytest.mark.parametrize("tracks_last", [False, True])
@pytest.mark.usefixtures("tools")
def test_the_oracles_can_read_what_the_fixtures_make(
    style: Any, unknown_sizes: bool, tracks_last: bool, tmp_path: Path
) -> None:
    pcm = {"codec": "A_PCM/INT/LIT"}
    tracks = [{"type": "video"}, {**pcm, "language": "jpn"}, {**pcm, "default": False}]
    content = synth.mkv(tracks, style=style, unknown_sizes=unknown_sizes, tracks_last=tracks_last)
    path = tmp_path / "synth.mkv"
    path.write_bytes(content)
    _, media = window_of(content)
    assert ours(media) == ffprobe(path)
    assert [(t.number, t.default) for t in media.audio] == mkvmerge_defaults(path)


# --- real files --------------------------------------------------------------

# What probe refuses although ffprobe goes on, and why.
REFUSED = {
    "corrupt.mkv": CorruptFile,  # the EBML header itself is zeros behind the magic
    "example-live+junk.mkv": CorruptFile,  # 500 bytes of junk where the first element should be
    # DocType "0000": ffprobe reads every DocType, we only those that we may edit. No audio.
    "invalid_vp9_bitstream-bug_1416.webm": UnsupportedContainer,
    "invalid_vp9_bitstream-bug_1417.webm": UnsupportedContainer,
}
# Chapters run over their end; looking for the next element, ffprobe meets Tracks once more.
READ_TWICE_BY_FFPROBE = {"chapters_truncated_chapter_string_2.mkv"}

# None of these has more than one audio track of its own.
WITHOUT_A_SPARE_BYTE = {
    "no_cluster_position.mkv",  # Tracks stands behind the clusters, at the end of the file
    "accurate_cluster_duration_two_tracks.webm",  # libwebm: a Void of 63 bytes, Tracks has 67
    "tracks.webm",  # libwebm without a Void
}


def matroska_files(corpus: Path) -> list[Path]:
    found = []
    for path in sorted(corpus.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if matroska.sniff(file.read(16)):
                    found.append(path)
    assert len(found) > 60
    return found


def test_the_corpus_reads_as_ffprobe_reads_it(corpus: Path, oracle: Oracle) -> None:
    oracle("ffprobe")
    refused = {}
    compared = 0
    for path in matroska_files(corpus):
        try:
            _, media = window_of(path.read_bytes())
        except MediaError as error:
            refused[path.name] = type(error)
            continue
        try:
            theirs = ffprobe(path)
        except subprocess.CalledProcessError:
            continue  # ffprobe cannot read it
        found = ours(media)
        if path.name in READ_TWICE_BY_FFPROBE:
            found *= 2
        audio = [fact for fact in found if fact[0] == "audio"]
        if theirs:
            assert audio == [fact for fact in theirs if fact[0] == "audio"], path.name
            assert len(found) == len(theirs), path.name
            compared += 1
    assert refused == REFUSED
    assert compared > 50


def test_the_corpus_flips_there_and_back(corpus: Path) -> None:
    """Few of these files have two audio tracks: so all their tracks are made audio tracks."""
    flipped = set()
    no_room = set()
    for path in matroska_files(corpus):
        try:
            content = all_audio(path.read_bytes())
            _, media = window_of(content)
        except MediaError:
            continue
        damaged = synth.wrong_crcs(content)
        for target in media.audio:
            try:
                edit = planned(content, target.index)
            except NoRoom:
                no_room.add(path.name)
                continue
            steps = states(content, edit.patches)
            for step in steps:
                shown = [t.default for t in window_of(step)[1].audio]
                assert any(shown) or not any(t.default for t in media.audio), path.name
            _, after = window_of(steps[-1])
            assert [t.number for t in after.audio if t.default] == [target.number], path.name
            assert set(synth.wrong_crcs(steps[-1])) <= set(damaged), path.name
            assert states(steps[-1], inverted(edit.patches))[-1] == content, path.name
            if edit.patches:
                flipped.add(path.name)
    assert no_room == WITHOUT_A_SPARE_BYTE
    assert len(flipped) > 15


def all_audio(content: bytes) -> bytes:
    """The file with every TrackType turned into audio."""
    _, media = window_of(content)
    changed = bytearray(content)
    layout = media.layout
    for entry in ebml.elements(layout.blob, layout.body, len(layout.blob)):
        if entry[0] == TRACK_ENTRY:
            for ident, _, body, end in ebml.elements(layout.blob, entry[2], entry[3]):
                if ident == TRACK_TYPE and end - body == 1:
                    changed[layout.tracks + body] = 2
    return bytes(changed)
