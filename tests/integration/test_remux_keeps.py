"""What a rewrite keeps, by ffprobe's and mkvmerge's word; and what it refuses to lose."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import synth_mp4
from media_runs import ENGLISH, Journal, request

from arrtheaudio import errors, media
from arrtheaudio.media import matroska, remux
from arrtheaudio.media.containers import probe
from arrtheaudio.media.tracks import Options

pytestmark = pytest.mark.oracle

RELOCATE = Options(allow_relocate=True)
CHAPTERS = """;FFMETADATA1
title=The Film
artist=Somebody
[CHAPTER]
TIMEBASE=1/1000
START=0
END=500
title=Intro
[CHAPTER]
TIMEBASE=1/1000
START=500
END=1000
title=The = End
"""
SUBTITLES = "1\n00:00:00,000 --> 00:00:01,000\nHello\n"
NESTED = """<?xml version="1.0"?><Chapters><EditionEntry><ChapterAtom>
<ChapterTimeStart>00:00:00.000</ChapterTimeStart>
<ChapterDisplay><ChapterString>Part</ChapterString></ChapterDisplay><ChapterAtom>
<ChapterTimeStart>00:00:00.500</ChapterTimeStart>
<ChapterDisplay><ChapterString>Scene</ChapterString></ChapterDisplay>
</ChapterAtom></ChapterAtom></EditionEntry></Chapters>"""


def run(*command: str | Path) -> str:
    done = subprocess.run([*map(str, command)], check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def film(oracle, tmp_path):
    """A film with all there is: titles, subtitles, chapters, tags, and a cover in an MP4."""
    ffmpeg = oracle("ffmpeg")

    def make(name: str) -> Path:
        folder, file = tmp_path / "sources", tmp_path / name
        folder.mkdir()
        for part, content in (("chapters.txt", CHAPTERS), ("subtitles.srt", SUBTITLES)):
            (folder / part).write_text(content)
        run(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1",
            folder / "cover.jpg")  # fmt: skip
        mp4 = name.endswith(".mp4")
        sources = [
            *("-f", "lavfi", "-i", "testsrc=d=1:s=64x48"),
            *("-f", "lavfi", "-i", "sine=440:d=1", "-f", "lavfi", "-i", "sine=880:d=1"),
            *("-f", "lavfi", "-i", "sine=660:d=1"),
            *("-i", folder / "subtitles.srt", "-i", folder / "chapters.txt"),
            *(("-i", folder / "cover.jpg") if mp4 else ()),
        ]
        maps = [*("-map", "0", "-map", "1", "-map", "2", "-map", "3", "-map", "4:s")]
        maps += ["-map", "6"] if mp4 else []
        names = [
            *("-metadata:s:v:0", "title=Pictures", "-metadata:s:a:0", "title=Stereo"),
            *("-metadata:s:a:1", "title=Director's Commentary", "-metadata:s:a:2", "title=Main"),
            *("-metadata:s:s:0", "title=Full", "-metadata:s:s:0", "language=eng"),
            *("-metadata:s:a:0", "language=jpn", "-metadata:s:a:1", "language=eng"),
            *("-metadata:s:a:2", "language=eng"),
        ]
        flags = ["-disposition:a:0", "default", "-disposition:a:1", "0", "-disposition:a:2", "0"]
        codecs = ["-c:v", "mpeg4", "-c:a", "aac", "-c:s", "mov_text" if mp4 else "srt"]
        codecs += ["-c:v:1", "mjpeg", "-disposition:v:1", "attached_pic"] if mp4 else []
        run(ffmpeg, "-v", "error", *sources, "-map_metadata", "5", "-map_chapters", "5", *maps,
            *codecs, *names, *flags, file)  # fmt: skip
        if mp4:
            switch_subtitles_off(file)
        return file

    return make


def switch_subtitles_off(file: Path) -> None:
    """As HandBrake and Apple's programs do; ffmpeg enables one track of each type."""
    with open(file, "r+b") as open_file:
        layout = probe(open_file.fileno(), file.stat().st_size).layout
        header = layout.traks[4].header
        os.pwrite(open_file.fileno(), bytes([header.flags & ~1]), header.flags_offset)


def shown(file: Path) -> dict:
    """The tracks by our own eyes."""
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    return {
        (track.type, track.title): (track.language, track.default, track.forced)
        for track in looked.media.tracks
    }


def told(oracle, file: Path) -> dict:
    """Chapters, tags and covers by ffprobe."""
    command = [oracle("ffprobe"), "-v", "error", "-show_chapters", "-show_format", "-show_streams"]
    probed = json.loads(run(*command, "-of", "json", file))
    tags = probed["format"]["tags"]
    return {
        "chapters": [(one["start_time"], one["tags"]["title"]) for one in probed["chapters"]],
        "tags": {key.lower(): tags[key] for key in tags if key.lower() in ("title", "artist")},
        "covers": [s["codec_name"] for s in probed["streams"] if s["disposition"]["attached_pic"]],
    }


def crowd(monkeypatch) -> None:
    """No room in any header that still has to change."""
    really = matroska.plan_default

    def plan_default(window, probed, target, *, reorder):
        if [track.index for track in probed.audio if track.default] != [target]:
            raise errors.NoRoom
        return really(window, probed, target, reorder=reorder)

    monkeypatch.setattr(matroska, "plan_default", plan_default)


def only_ffmpeg(monkeypatch) -> None:
    really = remux.shutil.which
    monkeypatch.setattr(
        remux.shutil, "which", lambda name: None if name == "mkvmerge" else really(name)
    )


@pytest.mark.parametrize("reorder", [False, True])
async def test_titles_flags_chapters_tags_and_cover_of_an_mp4_are_kept(
    film, oracle, reorder
) -> None:
    file = film("film.mp4")
    before, also = shown(file), told(oracle, file)
    assert before["subtitles", "Full"] == ("en", False, False)
    assert also["covers"] == ["mjpeg"]
    assert len(also["chapters"]) == 2
    options = Options(mp4_method="remux", reorder=reorder)
    outcome = await media.run(request(file, options=options), before_write=Journal())
    assert outcome.method == "remux"
    wanted = dict(before)
    wanted["audio", "Stereo"] = ("ja", False, False)
    wanted["audio", "Main"] = ("en", True, False)
    assert shown(file) == wanted
    assert told(oracle, file) == also
    first = media.inspect(os.fsencode(file), ENGLISH, media.Context(), options).media.audio[0]
    assert first.title == ("Main" if reorder else "Stereo")


async def test_a_commentary_is_still_one_after_two_rewrites(film) -> None:
    file = film("film.mp4")
    options = Options(mp4_method="remux")
    for wish in ("eng", "jpn", "eng"):
        rules = media.Rules(language_priority=(wish,))
        await media.run(request(file, options=options, rules=rules), before_write=Journal())
    assert shown(file)["audio", "Main"][1]


async def test_what_ffmpeg_cannot_keep_is_named_and_the_file_stays(oracle, tmp_path) -> None:
    oracle("ffmpeg")
    tags = synth_mp4.box("udta", synth_mp4.box("Xtra", b"of a Windows program"))
    content = synth_mp4.mp4(
        [
            synth_mp4.track(language="jpn"),
            synth_mp4.track(language="eng", enabled=False, extra=synth_mp4.box("udta")),
        ]
    )
    at = content.index(b"moov") - 4
    size = int.from_bytes(content[at : at + 4], "big")
    # Behind the media, so that no offset changes.
    body = content[at : at + size] + tags
    moov = (size + len(tags)).to_bytes(4, "big") + body[4:]
    file = tmp_path / "film.mp4"
    padding = synth_mp4.box("free", bytes(size - 8))
    file.write_bytes(content[:at] + padding + content[at + size :] + moov)
    before = file.read_bytes()
    with pytest.raises(errors.WouldLose, match=r"would lose: user data Xtra$") as caught:
        await media.run(request(file, options=Options(mp4_method="remux")), before_write=Journal())
    assert "in_place" in caught.value.advice
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["film.mp4"]


@pytest.mark.parametrize("program", ["mkvmerge", "ffmpeg"])
@pytest.mark.parametrize("reorder", [False, True])
async def test_titles_chapters_tags_and_attachments_of_matroska_are_kept(
    film, oracle, monkeypatch, program, reorder
) -> None:
    mkvmerge = oracle("mkvmerge")
    plain = film("plain.mkv")
    file = plain.with_name("film.mkv")
    font = ("--attachment-mime-type", "font/ttf", "--attach-file", __file__)
    run(mkvmerge, "-q", "-o", file, *font, plain)
    crowd(monkeypatch)
    if program == "ffmpeg":
        only_ffmpeg(monkeypatch)
    before, also = shown(file), told(oracle, file)
    options = Options(allow_relocate=True, reorder=reorder)
    outcome = await media.run(request(file, options=options), before_write=Journal())
    assert outcome.method == "remux"
    wanted = dict(before)
    wanted["audio", "Stereo"] = ("ja", False, False)
    wanted["audio", "Main"] = ("en", True, False)
    assert shown(file) == wanted
    assert told(oracle, file) == also
    attached = json.loads(run(mkvmerge, "-J", file))["attachments"]
    assert [one["file_name"] for one in attached] == [Path(__file__).name]


@pytest.mark.parametrize("reorder", [False, True])
async def test_mkvmerge_keeps_a_cover_and_ffmpeg_alone_is_not_let_near_it(
    film, oracle, monkeypatch, reorder
) -> None:
    mkvmerge = oracle("mkvmerge")
    plain = film("plain.mkv")
    file = plain.with_name("film.mkv")
    run(mkvmerge, "-q", "-o", file, "--attach-file", plain.parent / "sources/cover.jpg", plain)
    crowd(monkeypatch)
    before = file.read_bytes()
    options = Options(allow_relocate=True, reorder=reorder)
    with monkeypatch.context() as patched:
        only_ffmpeg(patched)
        with pytest.raises(errors.WouldLose, match=r"attachment 'cover\.jpg'") as caught:
            await media.run(request(file, options=options), before_write=Journal())
        assert "mkvmerge" in caught.value.advice
    assert file.read_bytes() == before
    await media.run(request(file, options=options), before_write=Journal())
    assert told(oracle, file)["covers"] == ["mjpeg"]


async def test_chapters_in_chapters_are_lost_to_ffmpeg_and_kept_by_mkvmerge(
    film, oracle, monkeypatch
) -> None:
    mkvmerge = oracle("mkvmerge")
    plain = film("plain.mkv")
    nested = plain.with_name("nested.xml")
    nested.write_text(NESTED)
    file = plain.with_name("film.mkv")
    run(mkvmerge, "-q", "-o", file, "--chapters", nested, "--no-chapters", plain)
    crowd(monkeypatch)
    with monkeypatch.context() as patched:
        only_ffmpeg(patched)
        with pytest.raises(errors.WouldLose, match=r"would lose: chapter 'Scene'$"):
            await media.run(request(file, options=RELOCATE), before_write=Journal())
    outcome = await media.run(request(file, options=RELOCATE), before_write=Journal())
    assert outcome.track_changed
