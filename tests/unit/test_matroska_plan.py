"""Ways to change the default audio track of a Matroska file inside its Tracks."""

from itertools import pairwise

import pytest
import synth
from in_memory import patched
from matroska_lab import (
    ENG,
    FRE,
    JPN,
    VIDEO,
    change,
    changed_bytes,
    layout_offset,
    plan,
    probe,
    tight,
)

from arrtheaudio.errors import NoRoom
from arrtheaudio.media import ebml, matroska
from arrtheaudio.media.source import PAGE_BYTES

PRIVATE = synth.element(0x63A2, bytes(3000))  # Vorbis has as much

# --- nothing to do, and way 1: the value byte --------------------------------


@pytest.mark.parametrize("crc", [False, True])
def test_a_file_that_is_right_needs_no_patch(crc: bool) -> None:
    content = tight(VIDEO, JPN, {**ENG, "default": False}, crc=crc)
    assert plan(content, 1).patches == ()


def test_a_file_that_is_right_keeps_the_crc_over_its_segment() -> None:
    tracks = synth.element(synth.TRACKS, synth.track_entry(1, JPN))
    segment = synth.master(0x18538067, tracks + synth.cluster(0, [1]), crc=True)
    assert plan(synth.ebml_header() + segment, 0).patches == ()


def test_a_single_absent_flag_is_right_already() -> None:
    assert plan(tight(VIDEO, JPN), 1).patches == ()


def test_stated_flags_change_by_one_byte_each_the_new_default_first() -> None:
    content = tight({**JPN, "default": True}, {**ENG, "default": False}, {**FRE, "default": True})
    _, edit = change(content, 1)
    assert changed_bytes(edit) == [(b"\x00", b"\x01"), (b"\x01", b"\x00"), (b"\x01", b"\x00")]
    offsets = [patch.offset for patch in edit.patches]
    assert offsets[0] > offsets[1]
    assert offsets[0] < offsets[2]


def test_setting_is_free_when_the_flag_is_absent() -> None:
    _, edit = change(tight({**JPN, "default": True}, ENG), 1)
    assert changed_bytes(edit) == [(b"\x01", b"\x00")]


def test_longer_values_keep_their_length() -> None:
    stated = synth.uint(0x88, 1, 3)
    _, edit = change(tight({**JPN, "extra": stated}, ENG), 1)
    assert changed_bytes(edit) == [(b"\0\0\x01", b"\0\0\0")]


def test_a_flag_that_is_stated_twice_is_cleared_twice() -> None:
    twice = b"\x88\x81\x01\x88\x81\x01"
    _, edit = change(tight({**JPN, "extra": twice}, ENG), 1)
    assert len(edit.patches) == 2


def test_video_and_subtitles_keep_their_flags() -> None:
    content = tight(VIDEO, {"type": "subtitles"}, {**JPN, "default": True}, ENG)
    after, _ = change(content, 3)
    assert [t.default for t in probe(after).tracks] == [True, True, False, True]


def test_only_audio_tracks_can_be_chosen() -> None:
    for target in (0, 9):
        with pytest.raises(ValueError, match="no audio track"):
            plan(tight(VIDEO, JPN), target)


def test_pages_apart_the_new_default_is_durable_before_the_old_one_is_cleared() -> None:
    private = synth.element(0x63A2, bytes(9000))
    far = tight({**JPN, "default": True, "extra": private}, {**ENG, "default": False})
    near = tight({**JPN, "default": True}, {**ENG, "default": False})
    assert [patch.sync for patch in plan(far, 1).patches] == [True, False]
    assert [patch.sync for patch in plan(near, 1).patches] == [False, False]


@pytest.mark.parametrize("spare", range(4000, 4096))
def test_a_barrier_stands_wherever_the_next_flag_is_on_another_page(spare: int) -> None:
    tracks = [{**JPN, "default": True}, {**FRE, "default": True}, {**ENG, "default": False}]
    edit = plan(tight(*tracks, spare=spare), 2)
    pages = [patch.offset // PAGE_BYTES for patch in edit.patches]
    assert len(pages) == 3
    assert [patch.sync for patch in edit.patches] == [
        *(page != following for page, following in pairwise(pages)),
        False,
    ]


# --- way 2: an element that can be spared ------------------------------------


@pytest.mark.parametrize(
    ("spare", "flag"),
    [
        (b"\x9c\x81\x00", b"\x88\x81\x00"),
        (b"\x9c\x81\x01", b"\x88\x81\x00"),
        (b"\xb9\x81\x01", b"\x88\x81\x00"),
        (b"\xaa\x81\x01", b"\x88\x81\x00"),
        (b"\x6d\xe7\x81\x00", b"\x88\x40\x01\x00"),
        (b"\x55\xee\x81\x00", b"\x88\x40\x01\x00"),
        (b"\x55\xaa\x81\x00", b"\x88\x40\x01\x00"),
        (b"\x9c\x82\x00\x00", b"\x88\x40\x01\x00"),
        (b"\x6d\xe7\x84\x00\x00\x00\x00", b"\x88\x08\x00\x00\x00\x01\x00"),
    ],
)
def test_an_element_that_states_its_default_gives_way(spare: bytes, flag: bytes) -> None:
    content = tight({**JPN, "extra": spare}, ENG)
    at = layout_offset(content, spare)
    after, edit = change(content, 1)
    assert [patch.offset for patch in edit.patches] == [at]
    assert after[at : at + len(flag)] == flag


@pytest.mark.parametrize(
    "kept",
    [
        b"\xb9\x81\x00",  # FlagEnabled 0
        b"\xaa\x81\x00",  # CodecDecodeAll 0
        b"\x6d\xe7\x81\x01",  # MinCache 1
        b"\x55\xee\x81\x01",  # MaxBlockAdditionID 1
        b"\x55\xaa\x81\x01",  # FlagForced 1
        b"\x22\xb5\x9c\x83eng",  # Language, its default
        b"\x9c\x80",  # too short
        b"\xec\x80",  # a Void that is too short
    ],
)
def test_an_element_that_says_more_does_not(kept: bytes) -> None:
    with pytest.raises(NoRoom):
        plan(tight({"extra": kept}, {}), 1)


def test_the_least_needed_element_goes_first() -> None:
    spare = b"\x55\xaa\x81\x00" + b"\xb9\x81\x01" + b"\x9c\x81\x00"
    after, _ = change(tight({**JPN, "extra": spare}, ENG), 1)
    assert b"\x55\xaa\x81\x00\xb9\x81\x01\x88\x81\x00" in after


def test_every_ffmpeg_file_has_room_in_place() -> None:
    content = synth.mkv([VIDEO, JPN, ENG, FRE], style="ffmpeg", crc=False)
    _, edit = change(content, 2)
    assert changed_bytes(edit) == [(b"\x9c", b"\x88"), (b"\x9c", b"\x88")] or [
        len(patch.new) for patch in edit.patches
    ] == [3, 3]


# --- way 3: a Void inside the TrackEntry -------------------------------------


@pytest.mark.parametrize("total", [3, 4, 5, 6, 60, 128, 129, 131, 132, 400])
def test_a_void_inside_gives_what_is_needed(total: int) -> None:
    content = tight({**JPN, "extra": synth.void(total)}, ENG)
    _, edit = change(content, 1)
    assert len(edit.patches) == 1
    assert len(edit.patches[0].new) <= 12


# --- way 5, the small part: longer size fields than needed -------------------


def test_a_long_size_field_of_the_track_entry_gives_three_bytes() -> None:
    entries = synth.element(0xAE, b"\xd7\x81\x01\x83\x81\x02", size_length=4) + synth.element(
        0xAE, b"\xd7\x81\x02\x83\x81\x02"
    )
    content = synth.ebml_header() + synth.segment(synth.element(synth.TRACKS, entries))
    after, edit = change(content, 1)
    assert b"\xae\x89\x88\x81\x00\xd7\x81\x01\x83\x81\x02" in after
    assert len(edit.patches) == 1


def test_a_long_size_field_of_a_child_gives_three_bytes() -> None:
    audio = synth.element(0xE1, synth.uint(0x9F, 6), size_length=8)
    entries = synth.element(0xAE, b"\xd7\x81\x01\x83\x81\x02" + audio) + synth.element(
        0xAE, b"\xd7\x81\x02\x83\x81\x02"
    )
    content = synth.ebml_header() + synth.segment(synth.element(synth.TRACKS, entries))
    after, edit = change(content, 1)
    assert b"\x88\x81\x00\xe1\x08\x00\x00\x00\x03\x9f\x81\x06" in after
    assert len(edit.patches) == 1
    assert probe(after).tracks[0].channels == 6


# --- CRC-32 ------------------------------------------------------------------


def test_a_flag_and_its_crc_are_one_write() -> None:
    content = synth.mkv([JPN, {**ENG, "default": False}], style="ffmpeg")
    assert synth.wrong_crcs(content) == []
    _, edit = change(content, 1)
    assert len(edit.patches) == 1


def test_the_crc_of_a_track_entry_is_recomputed_too() -> None:
    tracks = [{**JPN, "default": True, "crc": True}, ENG]
    change(synth.mkv(tracks, crc=True), 1)
    change(synth.mkv(tracks, crc=True), 1, reorder=True)
    change(synth.mkv([{**JPN, "crc": True}, ENG], crc=True), 1)


def test_a_crc_too_far_from_the_flag_becomes_a_void_first() -> None:
    private = synth.element(0x63A2, bytes(70_000))
    content = tight(
        {"type": "subtitles", "extra": private}, {**JPN, "default": True}, ENG, crc=True
    )
    _, edit = change(content, 2)
    assert changed_bytes(edit) == [(b"\xbf", b"\xec"), (b"\x01", b"\x00")]
    assert edit.patches[0].sync


def test_each_crc_that_becomes_a_void_does_so_durably_before_the_flag() -> None:
    private = synth.element(0x63A2, bytes(70_000))
    content = tight(
        {"type": "subtitles", "extra": private},
        {**JPN, "default": True, "crc": True},
        ENG,
        crc=True,
    )
    _, edit = change(content, 2)
    assert changed_bytes(edit) == [(b"\xbf", b"\xec"), (b"\xbf", b"\xec"), (b"\x01", b"\x00")]
    assert [patch.sync for patch in edit.patches] == [True, True, False]


def test_a_crc_over_the_whole_segment_becomes_a_void_first() -> None:
    tracks = synth.element(
        synth.TRACKS, synth.track_entry(1, {**JPN, "default": True}) + synth.track_entry(2, ENG)
    )
    content = synth.ebml_header() + synth.segment(b"")
    content = synth.ebml_header() + synth.master(
        0x18538067, tracks + synth.cluster(0, [1, 2]), crc=True
    )
    assert synth.wrong_crcs(content) == []
    _, edit = change(content, 1)
    assert changed_bytes(edit) == [(b"\xbf", b"\xec"), (b"\x01", b"\x00")]
    assert edit.patches[0].sync


# --- what identifies the file, and what is said of its room ------------------


def test_the_extents_cover_the_parsed_header_and_no_media() -> None:
    content = synth.mkv()
    layout = probe(content).layout
    extents = plan(content, 1).extents
    assert extents[0][0] == 0
    covered = {at for start, length in extents for at in range(start, start + length)}
    assert set(range(layout.tracks, layout.end)) <= covered
    assert set(range(*layout.info)) <= covered
    assert max(covered) < content.index(synth.cluster(0, [1, 2, 3]))
    assert sum(length for _, length in extents) == len(covered)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tight(VIDEO, JPN), "No room is needed"),
        (tight({**JPN, "default": True}, {**ENG, "default": False}), "one byte for each"),
        (synth.mkv([JPN, ENG], style="ffmpeg"), "a few bytes"),
        (synth.mkv([JPN, ENG]), "1,100 bytes of Void behind"),
        (tight(JPN, ENG, void_before=300), "right in front"),
        (tight(JPN, ENG, spare=300), "farther in front"),
        (tight(JPN, ENG, void_after=20), "rewritten where it stands"),
        (tight(JPN, ENG, crc=True), "rewritten where it stands"),
        (tight(JPN, ENG, void_after=6), "rewritten where it stands"),
        (tight(JPN, ENG), "None"),
    ],
)
def test_room_says_which_way_a_change_would_take(content: bytes, words: str) -> None:
    assert words in matroska.room(probe(content))


# --- what a power cut may leave ----------------------------------------------


def test_a_power_cut_between_pages_under_a_crc_leaves_a_default_track() -> None:
    tracks = [VIDEO, {**JPN, "extra": PRIVATE}, {**ENG, "default": False, "extra": PRIVATE},
              {**ENG, "default": False}]  # fmt: skip
    content = synth.mkv(tracks, style="ffmpeg")
    after, edit = change(content, 3)
    state = content
    for patch in edit.patches:
        cut = (patch.offset // PAGE_BYTES + 1) * PAGE_BYTES - patch.offset
        for torn in (patch.new[:cut] + patch.old[cut:], patch.old[:cut] + patch.new[cut:]):
            shown = state[: patch.offset] + torn + state[patch.offset + len(torn) :]
            assert any(track.default for track in probe(shown).audio)
        state = patched(state, patch)
    assert state == after


def test_only_clearing_keeps_the_crc_over_pages() -> None:
    tracks = [VIDEO, {**JPN, "extra": PRIVATE}, {**ENG, "extra": PRIVATE}, ENG]
    after, edit = change(synth.mkv(tracks, style="ffmpeg"), 1)
    assert len(edit.patches) == 1
    assert after[probe(after).layout.tracks + 12] == ebml.CRC32


def test_a_flag_over_the_end_of_a_page_is_durable_before_another_is_cleared() -> None:
    wide = synth.uint(0x88, 0, 2)
    for spare in range(3600, 3900):
        tracks = [JPN | {"default": True}, {**ENG, "extra": wide}]
        content = synth.mkv(tracks, style="tight", spare=spare)
        edit = plan(content, 1)
        if edit.patches[0].offset % PAGE_BYTES == PAGE_BYTES - 1:
            assert edit.patches[0].sync
            return
    raise AssertionError("no flag lies over the end of a page")


def test_a_flag_without_a_value_is_default_for_every_reader() -> None:
    content = synth.mkv([VIDEO, {**JPN, "default": True}, {**ENG, "extra": b"\x88\x80"}])
    after, _ = change(content, 2)
    assert b"\x88\x80" not in after[: probe(after).layout.end]
