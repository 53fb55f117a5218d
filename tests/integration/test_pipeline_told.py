"""What is told of a way that a change would take: by a look, and with the outcome."""

from __future__ import annotations

import os

import attrs
import pytest
import synth
import synth_mp4
from media_runs import ENGLISH, FILES, MP4, Journal, defaults, request, write

from arrtheaudio import media
from arrtheaudio.media import pipeline
from arrtheaudio.media.containers import header_of
from arrtheaudio.media.tracks import Options, Rules

PLAIN = [{"language": "jpn"}, {"language": "eng"}]
# In a tight header FlagLacing can give its place to the flag; a new Tracks would need three bytes.
SWAPPING = [{"language": name, "extra": b"\x9c\x81\x00"} for name in ("jpn", "eng")]

# Its last track reaches to the end of its parent.
LAST = MP4.rindex(b"trak") - 4
MP4_THAT_STAYS = MP4[:LAST] + bytes(4) + MP4[LAST + 4 :]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(), "one byte"),
        (Options(containers=frozenset({"mkv"})), "switched off"),
        (Options(mp4_method="remux"), "ffmpeg"),
        (Options(reorder=True), "moves to the front"),
    ],
)
def test_inspect_says_how_the_default_would_be_changed(tmp_path, options, says) -> None:
    file = write(tmp_path, MP4, "film.mp4")
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), options)
    assert says in looked.room
    assert looked.decision.chosen.language == "en"
    assert looked.links == 1


@pytest.mark.parametrize(
    ("content", "steps"),
    [
        (synth.mkv([*PLAIN, *[{"type": "subtitles"}] * 500], clusters=9), {4096, 65536}),
        (MP4 + synth_mp4.box("free", bytes(200_000)), {4096}),
    ],
    ids=["mkv", "mp4"],
)
def test_a_matroska_header_is_read_at_once_and_an_mp4_in_small_steps(
    tmp_path, monkeypatch, content, steps
) -> None:
    file, read, really = write(tmp_path, content), [], os.pread

    def pread(fd, length, offset):
        read.append(length)
        return really(fd, length, offset)

    monkeypatch.setattr(os, "pread", pread)
    media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    assert len(read) <= 3
    assert {length for length in read if length >= 4096} == steps


@pytest.mark.parametrize(
    ("style", "says"), [("mkvmerge", "Void behind it"), ("tight", "No room to move it")]
)
def test_inspect_says_whether_the_track_can_be_moved(tmp_path, style, says) -> None:
    file = write(tmp_path, synth.mkv(SWAPPING, style=style))
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options(reorder=True))
    assert says in looked.room
    stays = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    assert "a few bytes" in stays.room


async def test_a_move_alone_is_told_as_such(tmp_path) -> None:
    file, journal = write(tmp_path, MP4, "film.mp4"), Journal()
    await media.run(request(file), before_write=journal)
    asked = request(file, options=Options(reorder=True))
    would = await media.run(attrs.evolve(asked, dry_run=True), before_write=journal)
    done = await media.run(asked, before_write=journal)
    assert would.message.endswith("it would become the first one")
    assert done.message.endswith("it is the first one now")
    assert done.track_changed


async def test_a_move_for_which_there_is_no_room_is_told_and_the_default_is_set(tmp_path) -> None:
    file, journal = write(tmp_path, synth.mkv(SWAPPING, style="tight")), Journal()
    asked = request(file, options=Options(reorder=True))
    first = await media.run(asked, before_write=journal)
    assert defaults(file) == ["en"]
    assert first.message.endswith("no room to make it the first one")


async def test_a_default_track_that_cannot_be_moved_is_right_and_the_move_is_told(tmp_path) -> None:
    file, journal = write(tmp_path, MP4_THAT_STAYS, "film.mp4"), Journal()
    await media.run(request(file), before_write=journal)
    outcome = await media.run(request(file, options=Options(reorder=True)), before_write=journal)
    assert (outcome.result, outcome.reason) == ("skipped", "already_correct")
    assert outcome.message.endswith("no room to make it the first one")
    assert outcome.media.audio[1] == outcome.decision.chosen


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_of_a_track_that_stands_first_no_move_is_told(tmp_path, content) -> None:
    file, options = write(tmp_path, content), Options(reorder=True)
    await media.run(request(file), before_write=Journal())  # the second one is the default now
    japanese = request(file, rules=Rules(language_priority=("jpn",)), options=options)
    done = await media.run(japanese, before_write=Journal())
    assert done.message == "Set default audio track to 'jpn'"
    again = await media.run(japanese, before_write=Journal())
    assert again.message == "The default audio track is 'jpn' already"


@pytest.mark.parametrize("content", [MP4, synth_mp4.mp4(tracks=[synth_mp4.track("video")])])
def test_inspect_tells_of_no_move_where_nothing_is_chosen(tmp_path, content) -> None:
    file, french = write(tmp_path, content, "film.mp4"), Rules(language_priority=("fra",))
    looked = media.inspect(os.fsencode(file), french, media.Context(), Options(reorder=True))
    assert looked.decision.chosen is None
    assert "to the front" not in looked.room


def test_how_mp4_files_are_changed_is_not_said_of_matroska(tmp_path) -> None:
    file, remux = write(tmp_path, FILES["mkvmerge"]), Options(mp4_method="remux")
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), remux)
    assert "ffmpeg" not in looked.room


def test_the_header_of_a_rewritten_file_tells_its_default_from_another(tmp_path) -> None:
    """Of a header without room, too: nothing in it has to change."""
    held = set()
    for default in ("jpn", "eng"):
        tracks = [
            {"language": name, **({} if name == default else {"default": False})}
            for name in ("jpn", "eng")
        ]
        with write(tmp_path, synth.mkv(tracks, style="tight")).open("rb") as file:
            extents = header_of(file.fileno())
            held.add(tuple(os.pread(file.fileno(), *reversed(extent)) for extent in extents))
    assert len(held) == 2


async def test_the_header_of_a_rewritten_file_need_not_allow_a_move(tmp_path) -> None:
    file = write(tmp_path, MP4_THAT_STAYS)
    await media.run(request(file), before_write=Journal())
    with file.open("rb") as edited:
        assert header_of(edited.fileno())


async def test_what_is_asked_of_mp4_files_is_not_done_to_matroska(tmp_path) -> None:
    file, remux = write(tmp_path, FILES["mkvmerge"]), Options(mp4_method="remux")
    outcome = await media.run(request(file, options=remux), before_write=Journal())
    assert outcome.method == "in_place"


@pytest.mark.parametrize("content", [synth.mkv(SWAPPING, style="tight"), MP4_THAT_STAYS])
async def test_where_no_rewrite_can_move_a_track_it_becomes_the_default(
    tmp_path, monkeypatch, content
) -> None:
    """Without ffmpeg there is none for Matroska; of an MP4 file it is asked in another way."""
    monkeypatch.setattr(pipeline, "ffmpeg", lambda: "ffmpeg" if content is MP4_THAT_STAYS else None)
    file = write(tmp_path, content)
    options = Options(reorder=True, allow_relocate=True)
    outcome = await media.run(request(file, options=options), before_write=Journal())
    assert outcome.method == "in_place"
    assert outcome.message.endswith("no room to make it the first one")
    assert defaults(file) == ["en"]


async def test_ffmpeg_is_asked_for_only_where_it_would_be_used(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "ffmpeg", lambda: None)
    file = write(tmp_path, synth.mkv(PLAIN, style="tight"))
    for relocate in (False, True):
        asked = request(file, options=Options(allow_relocate=relocate))
        outcome = await media.run(asked, before_write=Journal())
        assert outcome.reason == "no_room"
        assert ("ffmpeg" in outcome.message.lower()) is relocate


@pytest.mark.parametrize(
    ("mode", "says"), [("auto", "sharing"), ("copy", "full"), ("wait", "left")]
)
def test_inspect_tells_of_hard_links(tmp_path, mode, says) -> None:
    file = write(tmp_path, MP4, "film.mp4")
    (tmp_path / "seed.mp4").hardlink_to(file)
    options = Options(hardlinks=mode)
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), options)
    assert looked.links == 2
    assert says in looked.room
