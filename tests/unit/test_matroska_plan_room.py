"""Ways that need room: a new Tracks beside the old one, or the old one written anew."""

from typing import Any

import pytest
import synth
from in_memory import BytesWindow, patched
from matroska_lab import ENG, FRE, JPN, VIDEO, change, changed_bytes, plan, probe, tight

from arrtheaudio.errors import CorruptFile, NoRoom
from arrtheaudio.media import matroska
from arrtheaudio.media.matroska_switch import SWITCH_BYTES
from arrtheaudio.media.source import PAGE_BYTES

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


def test_the_new_tracks_has_a_crc_where_the_old_one_had() -> None:
    tracks = [VIDEO, {**JPN, "crc": True}, ENG]
    after, _ = change(synth.mkv(tracks, crc=True), 2)
    layout = probe(after).layout
    assert layout.tracks > probe(synth.mkv(tracks, crc=True)).layout.tracks
    assert layout.blob.startswith(b"\xbf\x84", layout.body)
    assert layout.blob.count(b"\xbf\x84") == 2


def test_behind_the_switch_every_audio_track_states_its_flag() -> None:
    after, _ = change(synth.mkv([VIDEO, JPN, ENG, FRE]), 2)
    _, edit = change(after, 3)
    assert changed_bytes(edit) == [(b"\x00", b"\x01"), (b"\x01", b"\x00")]


def test_a_void_in_front_of_the_seek_head_takes_the_new_tracks() -> None:
    # EBML header, Void, SeekHead, Info, Tracks, and no other room.
    content = synth.mkv(style="tight")
    start = probe(content).layout.segment
    head = synth.seek_head(dict.fromkeys((synth.INFO, synth.TRACKS), 0))
    rest = content[start + len(head) :]
    tracks = rest.index(synth.TRACKS.to_bytes(4, "big"))
    places = {synth.INFO: 600 + len(head), synth.TRACKS: 600 + len(head) + tracks}
    moved = synth.ebml_header() + synth.segment(synth.void(600) + synth.seek_head(places) + rest)
    assert "farther in front" in matroska.room(probe(moved))
    for reorder in (False, True):
        after, edit = change(moved, 2, reorder=reorder)
        assert len(edit.patches) == 1
        media = probe(after)
        position = media.layout.tracks - media.layout.segment
        assert position == 0
        assert after.count(synth.uint(0x53AC, position, 8)) == 1


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


@pytest.mark.parametrize("roomy", [True, False])
def test_what_else_stands_in_tracks_is_kept_but_its_voids_give_room(roomy: bool) -> None:
    other = synth.element(0x4DEF, b"of a later version")
    first, second = synth.track_entry(1, JPN), synth.track_entry(2, ENG)
    tracks = synth.element(synth.TRACKS, first + synth.void(40) + other + second)
    beside = synth.void(1100) if roomy else b""
    content = synth.ebml_header() + synth.segment(tracks + beside + synth.cluster(0, [1, 2]))
    for reorder in (False, True):
        after, _ = change(content, 1, reorder=reorder)
        blob = probe(after).layout.blob
        assert blob.count(other) == 1
        assert (synth.void(40) in blob) is roomy


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


def test_a_rewrite_is_fragile_from_the_first_byte_on_another_page() -> None:
    seen = set()
    for length in range(3600, 4000):
        private = {"type": "subtitles", "extra": synth.element(0x63A2, bytes(length))}
        edit = plan(tight(private, JPN, ENG, void_after=20), 2)
        (patch,) = edit.patches
        last = patch.offset + len(patch.new) - 1
        assert edit.fragile == (patch.offset // PAGE_BYTES != last // PAGE_BYTES)
        seen.add((edit.fragile, last % PAGE_BYTES))
    assert {(False, PAGE_BYTES - 1), (True, 0)} <= seen


def test_no_room_is_said() -> None:
    with pytest.raises(NoRoom, match="no room"):
        plan(tight(JPN, ENG), 1)


def test_a_flag_of_no_bytes_is_written_anew() -> None:
    content = synth.mkv([{**JPN, "extra": b"\x88\x80"}, ENG])
    after, _ = change(content, 1)
    assert b"\x88\x80" not in probe(after).layout.blob


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


def test_a_full_header_takes_the_room_of_the_flag_that_is_set() -> None:
    content = tight(VIDEO, JPN, {**ENG, "default": False})
    assert "rewritten where it stands" in matroska.room(probe(content))
    for reorder in (False, True):
        after, _ = change(content, 2, reorder=reorder)
        back = next(track.index for track in probe(after).audio if not track.default)
        change(after, back, reorder=reorder)


def test_a_full_header_says_so_where_no_flag_gives_room() -> None:
    content = tight(VIDEO, JPN, ENG)
    assert matroska.room(probe(content)).startswith("None")


def test_a_seek_head_may_list_every_cluster() -> None:
    head = b"".join(
        synth.element(0x4DBB, synth.element(0x53AB, b"\x1f\x43\xb6\x75") + synth.uint(0x53AC, n, 4))
        for n in range(15_000)
    )
    content = synth.mkv([VIDEO, JPN, ENG], seek="none")
    at = probe(content).layout.end
    body = content[probe(content).layout.segment :]
    cut = at - probe(content).layout.segment
    start = content.index(b"\x18\x53\x80\x67")
    whole = body[:cut] + synth.void(1100) + synth.element(0x114D9B74, head) + body[cut:]
    change(content[:start] + synth.segment(whole), 2)


def test_a_new_default_without_a_value_is_default_for_libebml_too() -> None:
    # 88 80 reads as 1 by RFC 8794 and as 0 by libebml: where Tracks is written anew it goes.
    content = tight(VIDEO, JPN, {**ENG, "extra": b"\x88\x80"}, void_after=3)
    after, _ = change(content, 2)
    assert b"\x88\x80" not in probe(after).layout.blob
