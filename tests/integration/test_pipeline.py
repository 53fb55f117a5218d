"""One file from path to outcome, on real files: what is written, and what never is."""

from __future__ import annotations

import os

import pytest
import synth
import trio
from media_runs import ENGLISH, FILES, MP4, Journal, defaults, request, write

from arrtheaudio import errors, media
from arrtheaudio.media.tracks import Options, Plan, Request, Rules

PLAIN = [{"language": "jpn"}, {"language": "eng"}]


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
