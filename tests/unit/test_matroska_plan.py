"""Every way to change the default audio track of a Matroska file, one test each or more."""

from itertools import pairwise
from typing import Any

import pytest
import synth
from in_memory import BytesWindow, inverted, patched, states

from arrtheaudio.errors import CorruptFile, NoRoom
from arrtheaudio.media import matroska
from arrtheaudio.media.matroska_switch import SWITCH_BYTES
from arrtheaudio.media.tracks import Edit, Media

JPN, ENG, FRE = {"language": "jpn"}, {"language": "eng"}, {"language": "fre"}
VIDEO = {"type": "video"}


def probe(content: bytes) -> Media:
    return matroska.probe(BytesWindow(content))


def plan(content: bytes, target: int, *, reorder: bool = False) -> Edit:
    window = BytesWindow(content)
    return matroska.plan_default(window, matroska.probe(window), target, reorder=reorder)


def change(content: bytes, target: int, *, reorder: bool = False) -> tuple[bytes, Edit]:
    """The content behind the edit, after checking what holds for every edit."""
    before = probe(content)
    number = before.tracks[target].number
    edit = plan(content, target, reorder=reorder)
    steps = states(content, edit.patches)
    for step in steps:
        assert any(track.default for track in probe(step).audio)
        assert synth.wrong_crcs(step) == synth.wrong_crcs(content)
    after = steps[-1]
    assert [track.number for track in probe(after).audio if track.default] == [number]
    assert len(after) == len(content)
    ends = [(patch.offset, patch.offset + len(patch.new)) for patch in edit.patches]
    assert all(end <= start for (_, end), (start, _) in pairwise(sorted(ends)))
    assert states(after, inverted(edit.patches))[-1] == content
    return after, edit


def layout_offset(content: bytes, raw: bytes) -> int:
    assert content.count(raw) == 1
    return content.index(raw)


def changed_bytes(edit: Edit) -> list[tuple[bytes, bytes]]:
    return [(patch.old, patch.new) for patch in edit.patches]


def tight(*tracks: dict[str, Any], **keys: Any) -> bytes:
    return synth.mkv(tracks, style="tight", **keys)


# --- nothing to do, and way 1: the value byte --------------------------------


def test_a_file_that_is_right_needs_no_patch() -> None:
    content = tight(VIDEO, JPN, {**ENG, "default": False})
    assert plan(content, 1).patches == ()


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


# --- way 4: a new Tracks beside the old one ----------------------------------


def test_the_shadow_is_durable_before_the_switch() -> None:
    _, edit = change(synth.mkv(), 2)
    shadow, switch = edit.patches
    assert shadow.sync
    assert not edit.fragile
    assert switch.offset < shadow.offset
    assert set(shadow.old) == {0}, "the shadow is written into a Void"


def test_the_switch_moves_the_seek_head_along() -> None:
    content = synth.mkv()
    after, _ = change(content, 2)
    media = probe(after)
    at = after.index(b"\x53\xab\x84\x16\x54\xae\x6b") + 7 + 3
    seek = int.from_bytes(after[at : at + 8], "big")
    assert media.layout.segment + seek == media.layout.tracks
    assert media.layout.tracks > probe(content).layout.tracks


def test_behind_the_switch_every_audio_track_states_its_flag() -> None:
    after, _ = change(synth.mkv([VIDEO, JPN, ENG, FRE]), 2)
    _, edit = change(after, 3)
    assert changed_bytes(edit) == [(b"\x00", b"\x01"), (b"\x01", b"\x00")]


def test_linked_seek_heads_are_corrected_too() -> None:
    content = synth.mkv(seek="far", clusters=3)
    after, _ = change(content, 2)
    media = probe(after)
    position = media.layout.tracks - media.layout.segment
    assert after.count(synth.uint(0x53AC, position, 8)) == 1


def test_a_forged_seek_head_inside_the_void_is_corrupt() -> None:
    content = bytearray(synth.mkv(seek="far"))
    layout = probe(bytes(content)).layout
    inside = layout.end + 60
    front = content.index(b"\x53\xab\x84\x11\x4d\x9b\x74") + 7 + 3
    content[front : front + 8] = (inside - layout.segment).to_bytes(8, "big")
    forged = synth.seek_head({synth.TRACKS: layout.tracks - layout.segment})
    content[inside : inside + len(forged)] = forged
    with pytest.raises(CorruptFile, match="overlap"):
        plan(bytes(content), 2)


def test_a_far_seek_head_is_corrected_behind_the_switch() -> None:
    clusters = SWITCH_BYTES // 100
    after, edit = change(synth.mkv(seek="far", clusters=clusters), 2)
    assert [patch.sync for patch in edit.patches] == [True, True, True]
    assert edit.patches[2].offset > len(after) - 200


def test_behind_the_clusters_the_seek_head_comes_first() -> None:
    clusters = SWITCH_BYTES // 100
    content = synth.mkv(tracks_last=True, clusters=clusters)
    _, edit = change(content, 2)
    shadow, seek, switch = edit.patches
    assert seek.offset < switch.offset < shadow.offset
    assert seek.sync
    middle = patched(patched(content, shadow), seek)
    assert [t.default for t in probe(middle).audio] == [False, True]


def test_a_position_too_wide_for_its_entry_becomes_a_void() -> None:
    # A SeekPosition of one byte, and a new position above 255.
    points = synth.element(0x53AB, b"\x16\x54\xae\x6b") + b"\x53\xac\x81"
    entry = synth.element(0x4DBB, points + b"\x13")
    head = synth.element(synth.SEEK_HEAD, entry)
    assert len(head) == 0x13
    entries = b"".join(synth.track_entry(n, JPN) for n in range(1, 9))
    tracks = synth.element(synth.TRACKS, entries) + synth.void(2000)
    content = synth.ebml_header() + synth.segment(head + tracks + synth.cluster(0, range(1, 9)))
    assert matroska.probe(BytesWindow(content)).layout.tracks == content.index(tracks)
    after, _ = change(content, 2)
    at = content.index(entry)
    assert after[at : at + len(entry)] == b"\xec\x8c" + entry[2:]
    assert len(probe(after).tracks) == 8


@pytest.mark.parametrize("void_after", range(440, 460))
def test_what_remains_of_the_void_is_a_void_or_nothing(void_after: int) -> None:
    content = synth.mkv([VIDEO, JPN, ENG], style="tight", void_after=void_after)
    change(content, 2)


def test_the_new_tracks_may_also_go_in_front() -> None:
    content = synth.mkv([VIDEO, JPN, ENG], style="tight", void_before=300)
    after, edit = change(content, 2)
    assert [patch.sync for patch in edit.patches] == [True, False]
    assert not edit.fragile
    assert probe(after).layout.tracks == probe(content).layout.tracks - 300


@pytest.mark.parametrize("slack", [0, 2, 3, 5, 200, 3000])
def test_a_void_farther_in_front_takes_the_new_tracks_in_one_write(slack: int) -> None:
    tracks = [VIDEO, JPN, ENG]
    length = len(probe(tight(*tracks)).layout.blob) + 2 * len(b"\x88\x81\x00")
    content = tight(*tracks, spare=length + slack)
    old = probe(content).layout
    after, edit = change(content, 2)
    assert len(edit.patches) == 1
    assert probe(after).layout.tracks < old.info[0]
    assert after[old.tracks : old.tracks + 1] == b"\xec"


def test_a_void_farther_in_front_may_not_leave_one_byte() -> None:
    tracks = [VIDEO, JPN, ENG]
    length = len(probe(tight(*tracks)).layout.blob) + 2 * len(b"\x88\x81\x00")
    with pytest.raises(NoRoom):
        plan(tight(*tracks, spare=length + 1), 2)


def test_one_write_over_a_page_boundary_is_fragile() -> None:
    content = synth.mkv([VIDEO, JPN, ENG], style="tight", spare=4000)
    assert plan(content, 2).fragile


def test_reordering_goes_back_and_forth_for_ever() -> None:
    content = synth.mkv([VIDEO, JPN, ENG])
    for _ in range(6):
        content, edit = change(content, 2, reorder=True)
        assert len(edit.patches) == 2
        assert not edit.fragile


# --- way 5, the large part: Tracks rewritten where it stands -----------------


def test_a_small_void_behind_lets_tracks_grow() -> None:
    content = tight(JPN, ENG, void_after=20)
    after, edit = change(content, 1)
    assert len(edit.patches) == 1
    assert probe(after).layout.tracks == probe(content).layout.tracks


@pytest.mark.parametrize("spare", [3, 4, 5, 6, 7, 8, 9])
def test_tracks_grows_to_the_last_byte(spare: int) -> None:
    change(tight(JPN, ENG, void_after=spare), 1)


def test_two_bytes_behind_are_not_enough() -> None:
    with pytest.raises(NoRoom):
        plan(tight(JPN, ENG, void_after=2), 1)


def test_the_size_field_of_tracks_gives_room_and_the_crc_stays() -> None:
    entries = synth.track_entry(1, JPN) + synth.track_entry(2, ENG)
    tracks = synth.master(synth.TRACKS, entries, crc=True, size_length=8)
    content = synth.ebml_header() + synth.segment(tracks + synth.cluster(0, [1, 2]))
    after, edit = change(content, 1)
    assert b"\xbf\x84" in edit.patches[0].new
    assert after.count(b"\xbf\x84") == 1


def test_the_crc_gives_room_when_nothing_else_does() -> None:
    content = tight(JPN, ENG, crc=True)
    after, edit = change(content, 1)
    assert len(edit.patches) == 1
    tracks = probe(after).layout.blob
    assert b"\xbf\x84" not in tracks


def test_a_rewrite_over_a_page_boundary_is_fragile() -> None:
    private = synth.element(0x63A2, bytes(range(256)) * 40)
    small = tight(JPN, {**ENG, "name": "x"}, FRE, void_after=20)
    large = tight(JPN, {**ENG, "extra": private}, FRE, void_after=20)
    assert not plan(small, 1).fragile
    assert plan(large, 2).fragile
    change(large, 2)


def test_no_room_is_said() -> None:
    with pytest.raises(NoRoom, match="no room"):
        plan(tight(JPN, ENG), 1)


def test_a_flag_of_no_bytes_is_written_anew() -> None:
    content = synth.mkv([{**JPN, "extra": b"\x88\x80"}, ENG])
    after, _ = change(content, 1)
    assert b"\x88\x80" not in probe(after).layout.blob


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


# --- order of tracks ---------------------------------------------------------


@pytest.mark.parametrize("style", ["mkvmerge", "ffmpeg"])
def test_the_chosen_track_becomes_the_first_audio_track(style: Any) -> None:
    subtitles = {"type": "subtitles"}
    content = synth.mkv([VIDEO, JPN, subtitles, ENG, FRE], style=style)
    after, _ = change(content, 4, reorder=True)
    assert [t.number for t in probe(after).tracks] == [1, 5, 3, 2, 4]
    assert [t.language for t in probe(after).audio] == ["fr", "ja", "en"]


def test_the_first_track_needs_no_reordering() -> None:
    content = tight({**JPN, "default": False}, {**ENG, "default": True})
    _, edit = change(content, 0, reorder=True)
    assert changed_bytes(edit) == [(b"\x00", b"\x01"), (b"\x01", b"\x00")]


def test_reordering_without_any_room_is_one_write_in_place() -> None:
    content = tight({**JPN, "default": True}, {**ENG, "default": False, "name": "longer"})
    after, edit = change(content, 1, reorder=True)
    assert len(edit.patches) == 1
    assert [t.language for t in probe(after).tracks] == ["en", "ja"]


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
        (tight(JPN, ENG), "None"),
    ],
)
def test_room_says_which_way_a_change_would_take(content: bytes, words: str) -> None:
    assert words in matroska.room(probe(content))
