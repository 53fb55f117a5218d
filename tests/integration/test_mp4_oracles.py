"""ffprobe, ffmpeg and mkvmerge agree with our reading and our edits of MP4 and QuickTime."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from synth_mp4 import audio_entry, box, opened, patched, track
from synth_mp4 import mp4 as synthesise

from arrtheaudio.errors import MediaError
from arrtheaudio.media import mp4
from arrtheaudio.media.languages import normalise
from arrtheaudio.media.tracks import Edit, Media

Oracle = Callable[[str], str]

TYPES = {"video": "video", "audio": "audio", "subtitle": "subtitles"}
VIDEO = "-f lavfi -i testsrc=d=1:s=64x64"
SOUND = "-f lavfi -i anoisesrc=d=1:r=48000"
MANY = (
    f"{VIDEO} {SOUND} -map 0:v {'-map 1:a ' * 7} -c:v libx264"
    " -c:a:0 aac -ac:a:0 6 -c:a:1 ac3 -ac:a:1 6 -c:a:2 eac3 -ac:a:2 6 -c:a:3 flac -ac:a:3 2"
    " -c:a:4 libopus -ac:a:4 6 -c:a:5 alac -ac:a:5 6 -c:a:6 libmp3lame -ac:a:6 2"
    " -metadata:s:a:0 language=eng -metadata:s:a:1 language=fre -metadata:s:a:1 title=Français"
    " -metadata:s:a:2 language=ger -disposition:a:2 comment"
    " -disposition:a:3 visual_impaired+descriptions"
)
FILMS = {
    "moov at the end.mp4": MANY,
    "moov in front.mp4": f"{MANY} -movflags +faststart",
    "fragmented.mp4": f"{MANY} -movflags +frag_keyframe+delay_moov",
    "QuickTime.mov": (
        f"{VIDEO} {SOUND} -map 0:v {'-map 1:a ' * 10} -c:v mpeg4"
        " -c:a:0 aac -ac:a:0 6 -c:a:1 pcm_s16le -ac:a:1 6 -c:a:2 pcm_s24le -ac:a:2 2"
        " -c:a:3 pcm_s24be -c:a:4 pcm_f32le -c:a:5 alac -ac:a:5 6 -c:a:6 libmp3lame"
        " -c:a:7 pcm_s16be -c:a:8 adpcm_ima_qt -c:a:9 pcm_u8"
        " -metadata:s:a:0 language=eng -metadata:s:a:1 language=fra"
    ),
    "chapters and subtitles.mp4": (
        f"-f ffmetadata -i chapters.txt -i subtitles.srt {VIDEO} {SOUND}"
        " -map 2:v -map 3:a -map 3:a -map 1:s -map 1:s -c:v libx264 -c:a aac -c:s mov_text"
        " -metadata:s:a:0 language=jpn -metadata:s:a:1 language=por"
        " -metadata:s:s:0 language=eng -disposition:s:1 forced"
    ),
}
CHAPTERS = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=Intro\n"
SUBTITLES = "1\n00:00:00,000 --> 00:00:00,900\nhello\n"


@pytest.fixture(params=FILMS)
def film(request: pytest.FixtureRequest, tmp_path: Path, oracle: Oracle) -> Path:
    """A real file that ffmpeg wrote."""
    (tmp_path / "chapters.txt").write_text(CHAPTERS)
    (tmp_path / "subtitles.srt").write_text(SUBTITLES)
    command = [oracle("ffmpeg"), "-v", "error", *shlex.split(FILMS[request.param])]
    subprocess.run([*command, "-strict", "-2", request.param], cwd=tmp_path, check=True)
    return tmp_path / request.param


@pytest.fixture(params=[{}, {"faststart": False, "version": 1}, {"fragmented": True}])
def synthetic(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of our own making, by which other tests go."""
    tracks = [
        track("video"),
        track(language="eng", channels=6),
        track(codec="ac3", channels=6, language="fra", enabled=False),
        track(codec="eac3", channels=2, language="deu", enabled=False),
        track("subtitles", language="eng"),
    ]
    path = tmp_path / "synthetic.mp4"
    path.write_bytes(synthesise(tracks, **request.param))
    return path


def streams(ffprobe: str, path: Path) -> list[dict[str, Any]] | None:
    """ffprobe's streams; None where it cannot read the file."""
    command = [ffprobe, "-v", "quiet", "-show_streams", "-of", "json", str(path)]
    run = subprocess.run(command, capture_output=True, check=False)
    return json.loads(run.stdout)["streams"] if run.returncode == 0 else None


def probe(path: Path) -> Media:
    with opened(path.read_bytes()) as window:
        return mp4.probe(window)


def plan(path: Path, target: int, *, reorder: bool = False) -> Edit:
    with opened(path.read_bytes()) as window:
        return mp4.plan_default(window, mp4.probe(window), target, reorder=reorder)


def apply(path: Path, edit: Edit, *, undo: bool = False) -> None:
    path.write_bytes(patched(path.read_bytes(), edit.patches, undo=undo))


def shown(stream: dict[str, Any]) -> dict[str, Any]:
    """What both sides know, in our words, from ffprobe."""
    disposition = stream["disposition"]
    return {
        "index": stream["index"],
        "type": TYPES.get(stream.get("codec_type", ""), "other"),
        "codec": stream.get("codec_name", "unknown"),
        "number": int(stream["id"], 16),
        "language": normalise(stream.get("tags", {}).get("language", "und")),
        "channels": stream.get("channels"),
        "default": bool(disposition["default"]),
        "forced": bool(disposition["forced"]),
        "commentary": bool(disposition["comment"]),
        "visual_impaired": bool(disposition["visual_impaired"]),
        "hearing_impaired": bool(disposition["hearing_impaired"]),
    }


def read(media: Media) -> list[dict[str, Any]]:
    """The same from our probe; unknown flags are shown as unset, as ffprobe does."""
    flags = ("default", "forced", "commentary", "visual_impaired", "hearing_impaired")
    return [
        {"index": track.index, "type": track.type, "codec": track.codec, "number": track.number}
        | {"language": track.language, "channels": track.channels}
        | {flag: bool(getattr(track, flag)) for flag in flags}
        for track in media.tracks
    ]


def stream_hashes(ffmpeg: str, path: Path) -> list[str]:
    """Type and hash of every stream's packets, sorted: reordering changes the indexes only."""
    command = [ffmpeg, "-v", "error", "-i", str(path), "-map", "0", "-c", "copy", "-copy_unknown"]
    run = subprocess.run([*command, "-f", "streamhash", "-"], capture_output=True, check=True)
    return sorted(line.split(",", 1)[1] for line in run.stdout.decode().splitlines())


def enabled_audio(mkvmerge: str, path: Path) -> list[int]:
    """The track_IDs of the audio tracks that mkvmerge takes for enabled."""
    run = subprocess.run([mkvmerge, "-J", str(path)], capture_output=True, check=True)
    tracks = [t["properties"] for t in json.loads(run.stdout)["tracks"] if t["type"] == "audio"]
    return [properties["number"] for properties in tracks if properties["enabled_track"]]


@pytest.mark.oracle
def test_probe_reads_what_ffprobe_reads(film: Path, oracle: Oracle) -> None:
    found = streams(oracle("ffprobe"), film)
    assert found is not None
    assert read(probe(film)) == [shown(stream) for stream in found]


@pytest.mark.oracle
def test_synthesised_files_are_read_alike(synthetic: Path, oracle: Oracle) -> None:
    found = streams(oracle("ffprobe"), synthetic)
    assert found is not None
    assert read(probe(synthetic)) == [shown(stream) for stream in found]


# Sample entries that ffprobe names without the codec's own box.
ENTRIES = {
    "audio": [
        *b"mp4a ac-3 sac3 ec-3 dtsc dtsh dtsl dtse mlpa fLaC Opus .mp3 samr sawb mhm1".split(),
        *b"MAC3 MAC6 ima4 ulaw alaw agsm Qclp sqcp sevc spex".split(),
        *(b"DTS ", b"ms\0\x55", b"ms\0\x02", b"ms\0\x11"),
    ],
    "video": [
        *b"av01 vp08 vp09 mp4v s263 H263 h263 jpeg mjpa mjpb apch apcn apcs apco ap4h".split(),
        *b"ap4x AVdn AVdh SVQ1 SVQ3 cvid".split(),
        b"png ",
    ],
}


@pytest.mark.oracle
@pytest.mark.parametrize("type", ENTRIES)
def test_sample_entries_have_ffprobes_names(type: str, tmp_path: Path, oracle: Oracle) -> None:
    entry = audio_entry if type == "audio" else lambda kind: box(kind, bytes(7), b"\1", bytes(70))
    path = tmp_path / "entries.mp4"
    tracks = [track(type, codec="none", entry=entry(kind)) for kind in ENTRIES[type]]
    path.write_bytes(synthesise(tracks))
    found = streams(oracle("ffprobe"), path)
    assert found is not None
    assert [one.codec for one in probe(path).tracks] == [one["codec_name"] for one in found]


@pytest.mark.oracle
@pytest.mark.parametrize("reorder", [False, True], ids=["in place", "reordered"])
def test_after_the_edit_all_programs_see_one_default_and_the_same_media(
    film: Path, reorder: bool, oracle: Oracle
) -> None:
    ffprobe, ffmpeg, mkvmerge = oracle("ffprobe"), oracle("ffmpeg"), oracle("mkvmerge")
    before, hashes = film.read_bytes(), stream_hashes(ffmpeg, film)
    chosen = probe(film).audio[-1]
    edit = plan(film, chosen.index, reorder=reorder)
    apply(film, edit)

    found = streams(ffprobe, film)
    assert found is not None
    media = probe(film)
    assert read(media) == [shown(stream) for stream in found]
    assert [track.number for track in media.audio if track.default] == [chosen.number]
    assert (media.audio[0].number == chosen.number) is reorder
    assert enabled_audio(mkvmerge, film) == [chosen.number]
    assert stream_hashes(ffmpeg, film) == hashes

    apply(film, edit, undo=True)
    assert film.read_bytes() == before


# --- real files of many writers -------------------------------------------------

SUFFIXES = {".mp4", ".m4v", ".m4b", ".mov", ".3gp", ".cmfv"}
COMPARED = ("codec", "channels", "default", "forced", "commentary", "language")
# Where both sides are right, or ours is: (file, our value, ffprobe's), each with its reason.
EXPLAINED = {
    # elng says en-US, mdhd eng; ffprobe before 7.1 does not know elng.
    "Mr. Pickles S02E07 My Dear Boy.mp4": {("language", "en-US", "en")},
    # Immersive Audio: known to ffprobe from 7.0 on.
    "iamf.mp4": {("codec", "iamf", "unknown"), ("channels", None, 0)},
}


@pytest.fixture
def real_files(corpus: Path) -> list[Path]:
    return sorted(path for path in corpus.rglob("*") if path.suffix in SUFFIXES)


@pytest.mark.oracle
def test_real_files_are_read_as_ffprobe_reads_them(real_files: list[Path], oracle: Oracle) -> None:
    differing: dict[str, set[tuple[str, Any, Any]]] = {}
    compared = 0
    for path in real_files:
        found = streams(oracle("ffprobe"), path)
        if found is None:
            continue  # a segment without its header, or cut off: see below
        theirs = [shown(stream) for stream in found if stream["codec_type"] == "audio"]
        ours = [track for track in read(probe(path)) if track["type"] == "audio"]
        assert [t["number"] for t in ours] == [t["number"] for t in theirs], path.name
        for our, their in zip(ours, theirs, strict=True):
            compared += 1
            for key in COMPARED:
                if our[key] != their[key]:
                    differing.setdefault(path.name, set()).add((key, our[key], their[key]))
    assert compared > 50
    assert {name: found - EXPLAINED.get(name, set()) for name, found in differing.items()} == {
        name: set() for name in differing
    }


# What ffprobe refuses, and what we say of it; the other two differ in media that we never read.
REFUSED = {
    "2xSencNoMdat.mp4": "unsupported_container",
    "multi_vttc.mp4": "unsupported_container",
    "seg_cenc_no_seig.m4v": "unsupported_container",
    "fixture-isom.mp4": "corrupt",
    "fixture-moov.mov": "corrupt",
}
MEDIA_DAMAGED = {"issue-2672.m4b", "clear_with_enc_boxes.mp4"}


@pytest.mark.oracle
def test_what_ffprobe_refuses_is_refused_unless_only_the_media_are_damaged(
    real_files: list[Path], oracle: Oracle
) -> None:
    said = {}
    for path in real_files:
        if streams(oracle("ffprobe"), path) is None:
            try:
                probe(path)
            except MediaError as error:
                said[path.name] = error.reason
            else:
                assert path.name in MEDIA_DAMAGED
    assert said == REFUSED


def test_real_files_flip_and_flip_back_byte_for_byte(real_files: list[Path]) -> None:
    flipped = 0
    for path in real_files:
        content = path.read_bytes()
        try:
            tracks = probe(path).audio
        except MediaError:
            continue
        for wanted in tracks:
            # Start from silence, so that a single enabled track is a change as well.
            silent = bytearray(content)
            with opened(content) as window:
                layout = mp4.probe(window).layout
            for trak in layout.traks:
                if trak.audio:
                    silent[trak.header.flags_offset] &= ~1
            for start in (content, bytes(silent)):
                with opened(start) as window:
                    edit = mp4.plan_default(window, mp4.probe(window), wanted.index)
                after = patched(start, edit.patches)
                with opened(after) as window:
                    media = mp4.probe(window)
                assert [t.index for t in media.audio if t.default] == [wanted.index]
                assert patched(after, edit.patches, undo=True) == start
                flipped += bool(edit.patches)
    assert flipped > 50
