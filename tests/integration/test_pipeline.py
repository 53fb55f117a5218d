"""One file from path to outcome, on real files: what is written, and what never is."""

from __future__ import annotations

import os

import attrs
import pytest
import synth
import synth_mp4
import trio
from media_runs import ENGLISH, FILES, MP4, Journal, defaults, request, write

from arrtheaudio import errors, media
from arrtheaudio.media import pipeline
from arrtheaudio.media.containers import header_of
from arrtheaudio.media.tracks import Options, Plan, Request, Rules

PLAIN = [{"language": "jpn"}, {"language": "eng"}]
# In a tight header FlagLacing can give its place to the flag; a new Tracks would need three bytes.
SWAPPING = [{"language": name, "extra": b"\x9c\x81\x00"} for name in ("jpn", "eng")]

# Its last track reaches to the end of its parent.
LAST = MP4.rindex(b"trak") - 4
MP4_THAT_STAYS = MP4[:LAST] + bytes(4) + MP4[LAST + 4 :]


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_the_wished_language_becomes_the_only_default(tmp_path, content) -> None:
    file, journal = write(tmp_path, content), Journal()
    outcome = await media.run(request(file), before_write=journal)
    assert (outcome.result, outcome.track_changed, outcome.method) == ("success", True, "in_place")
    assert defaults(file) == ["en"]
    assert len(file.read_bytes()) == len(content)
    assert outcome.mtime_ns == file.stat().st_mtime_ns
    assert outcome.plan == journal.plans[0]


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_the_plan_is_handed_over_once_before_the_first_byte(tmp_path, content) -> None:
    file, journal = write(tmp_path, content), Journal()
    await media.run(request(file), before_write=journal)
    assert journal.held == [content]


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
@pytest.mark.parametrize("reorder", [False, True])
async def test_undo_is_byte_identical(tmp_path, content, reorder) -> None:
    file, journal = write(tmp_path, content), Journal()
    done = await media.run(request(file, options=Options(reorder=reorder)), before_write=journal)
    assert file.read_bytes() != content
    undone = await media.undo(done.plan, before_write=journal)
    assert file.read_bytes() == content
    assert (undone.result, undone.track_changed, undone.method) == ("success", True, "in_place")
    assert undone.mtime_ns == file.stat().st_mtime_ns
    assert len(journal.plans) == 2
    assert media.recover(undone.plan).state == "completed"


@pytest.mark.parametrize("mode", ["edit", "copy"])
async def test_every_thread_of_a_run_and_an_undo_counts_against_the_limit(
    tmp_path, monkeypatch, mode
) -> None:
    file, counted, really = write(tmp_path, MP4), [], trio.to_thread.run_sync

    async def run_sync(*arguments, limiter=None, **named):
        counted.append(limiter)
        return await really(*arguments, limiter=limiter, **named)

    monkeypatch.setattr(trio.to_thread, "run_sync", run_sync)
    limit, options = trio.CapacityLimiter(1), Options(hardlinks=mode)
    if mode == "copy":
        (tmp_path / "seed").hardlink_to(file)
    done = await media.run(request(file, options=options), before_write=Journal(), limiter=limit)
    if mode == "copy":
        (tmp_path / "seed 2").hardlink_to(file)
    await media.undo(done.plan, before_write=Journal(), options=options, limiter=limit)
    assert len(counted) >= 4
    assert {id(limiter) for limiter in counted} == {id(limit)}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_reordering_makes_the_chosen_track_the_first_audio_track(tmp_path, content) -> None:
    file, journal = write(tmp_path, content), Journal()
    options = Options(reorder=True)
    await media.run(request(file, options=options), before_write=journal)
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), options)
    assert [track.language for track in looked.media.audio] == ["en", "ja"]
    again = await media.run(request(file, options=options), before_write=journal)
    assert (again.result, again.reason) == ("skipped", "already_correct")


async def test_a_default_track_that_is_not_the_first_is_moved_when_asked(tmp_path) -> None:
    file, journal = write(tmp_path, MP4, "film.mp4"), Journal()
    await media.run(request(file), before_write=journal)
    moved = await media.run(request(file, options=Options(reorder=True)), before_write=journal)
    assert moved.track_changed
    looked = media.inspect(os.fsencode(file), ENGLISH, media.Context(), Options())
    assert looked.media.audio[0].language == "en"


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_a_file_that_is_right_is_never_opened_for_writing(
    tmp_path, content, monkeypatch
) -> None:
    file, journal = write(tmp_path, content), Journal()
    await media.run(request(file), before_write=journal)
    before = file.stat()
    opened = []
    really_open = os.open

    def watched(path, flags, *more, **named):
        opened.append(flags & os.O_ACCMODE)
        return really_open(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", watched)
    outcome = await media.run(request(file), before_write=journal)
    assert (outcome.result, outcome.reason) == ("skipped", "already_correct")
    assert opened == [os.O_RDONLY]
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert len(journal.plans) == 1


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tmp_path, content) -> None:
    file, journal = write(tmp_path, content), Journal()
    before = file.stat()
    outcome = await media.run(request(file, dry_run=True, expected_size=None), before_write=journal)
    assert outcome.result == "success"
    assert outcome.message.startswith("Would set")
    assert outcome.method == "in_place"
    assert not outcome.track_changed
    assert journal.plans == []
    assert file.read_bytes() == content
    assert file.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("content", "rules", "options", "reason"),
    [
        (FILES["mkvmerge"], Rules(language_priority=("fra",)), Options(), "no_matching_track"),
        (synth.mkv([{"type": "video"}]), ENGLISH, Options(), "no_audio_tracks"),
        (b"RIFF....AVI " + bytes(100), ENGLISH, Options(), "unsupported_container"),
        (MP4, ENGLISH, Options(containers=frozenset({"mkv"})), "container_disabled"),
        (
            synth.mkv(PLAIN, style="tight"),
            ENGLISH,
            Options(),
            "no_room",
        ),
    ],
    ids=["no match", "silent", "avi", "switched off", "no room"],
)
async def test_what_is_left_alone_has_a_reason(tmp_path, content, rules, options, reason) -> None:
    file, journal = write(tmp_path, content), Journal()
    outcome = await media.run(request(file, rules=rules, options=options), before_write=journal)
    assert (outcome.result, outcome.reason) == ("skipped", reason)
    assert outcome.message
    assert file.read_bytes() == content
    assert journal.plans == []


async def test_what_was_found_is_told_before_the_plan_is_handed_over(tmp_path) -> None:
    file, order = write(tmp_path, FILES["mkvmerge"]), []

    async def before_write(plan: Plan) -> None:
        order.append("plan")

    outcome = await media.run(
        request(file),
        before_write=before_write,
        on_probed=lambda probed, decision: order.append(decision.chosen.language),
    )
    assert order == ["en", "plan"]
    assert outcome.decision.chosen.language == "en"


@pytest.mark.parametrize(
    ("content", "asked", "reason"),
    [
        (MP4, {}, None),
        (MP4, {"dry_run": True}, None),
        (MP4, {"rules": Rules(language_priority=("jpn",))}, "already_correct"),
        (MP4, {"rules": Rules(language_priority=("fra",))}, "no_matching_track"),
        (synth.mkv(PLAIN, style="tight"), {}, "no_room"),
    ],
    ids=["changed", "dry run", "right", "no match", "no room"],
)
async def test_every_outcome_tells_what_was_found(tmp_path, content, asked, reason) -> None:
    file, told = write(tmp_path, content), []
    outcome = await media.run(
        request(file, **asked),
        before_write=Journal(),
        on_probed=lambda *found: told.append(found),
    )
    assert outcome.reason == reason
    assert told == [(outcome.media, outcome.decision)]
    assert outcome.media.audio[0].language in ("ja", "en")
    assert len(outcome.decision.tracks) == 2


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_file_that_is_right_is_not_rewritten_for_its_method(tmp_path, dry_run) -> None:
    file, journal = write(tmp_path, MP4, "film.mp4"), Journal()
    japanese, remux = Rules(language_priority=("jpn",)), Options(mp4_method="remux")
    asked = request(file, rules=japanese, options=remux, dry_run=dry_run)
    outcome = await media.run(asked, before_write=journal)
    assert (outcome.result, outcome.reason) == ("skipped", "already_correct")
    assert journal.plans == []


async def test_an_mp4_waits_for_the_heavy_lane_whatever_its_name(tmp_path) -> None:
    file, journal = write(tmp_path, MP4), Journal()
    with pytest.raises(errors.NeedsHeavyLane):
        await media.run(request(file, heavy=False), before_write=journal)
    assert file.read_bytes() == MP4
    assert journal.plans == []


# --- times, names -------------------------------------------------------------


async def test_the_mtime_changes_unless_it_shall_be_kept(tmp_path) -> None:
    file = write(tmp_path, FILES["mkvmerge"])
    old = 1_000_000_000_123_456_789
    os.utime(file, ns=(old, old))
    kept = Options(preserve_mtime=True)
    outcome = await media.run(request(file, options=kept), before_write=Journal())
    assert file.stat().st_mtime_ns == outcome.mtime_ns == old
    undone = await media.undo(outcome.plan, before_write=Journal())
    assert undone.mtime_ns == file.stat().st_mtime_ns != old


async def test_a_name_need_not_be_text(tmp_path) -> None:
    path = os.fsencode(tmp_path) + b"/-\xff\n'.mkv"
    write(tmp_path, FILES["ffmpeg"], os.fsdecode(os.path.basename(path)))
    outcome = await media.run(
        Request(path, ENGLISH, expected_size=len(FILES["ffmpeg"])), before_write=Journal()
    )
    assert outcome.track_changed


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
