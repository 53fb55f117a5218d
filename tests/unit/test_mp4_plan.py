"""Which bytes of an MP4 file change, and in which order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from synth_mp4 import box, mp4, opened, patched, track

from arrtheaudio.errors import CorruptFile, NoRoom
from arrtheaudio.media import mp4 as container
from arrtheaudio.media import mp4_plan, shuffle
from arrtheaudio.media.tracks import Edit, Media


def probe(content: bytes) -> Media:
    with opened(content) as window:
        return container.probe(window)


def plan(content: bytes, target: int, *, reorder: bool = False) -> Edit:
    with opened(content) as window:
        return container.plan_default(window, container.probe(window), target, reorder=reorder)


def film(*enabled: bool, **more: object) -> bytes:
    """A video track and one audio track per argument; each audio track is of another size."""
    names = ["English", "Français", "Deutsch", "日本語", ""]
    audio = [track(enabled=on, name=names[at], **more) for at, on in enumerate(enabled)]
    return mp4([track("video"), *audio])


def defaults(content: bytes) -> list[int]:
    return [t.index for t in probe(content).audio if t.default]


def groups(content: bytes) -> list[int]:
    return [t.header.group for t in probe(content).layout.traks]


def test_the_new_default_is_enabled_before_others_are_disabled() -> None:
    content = film(True, False, True, alternate_group=1)
    edit = plan(content, 2)
    assert [(p.old, p.new, p.sync) for p in edit.patches] == [
        (b"\x06", b"\x07", True),  # some 600 bytes apart: another sector
        (b"\x07", b"\x06", False),
        (b"\x07", b"\x06", False),
    ]
    assert not edit.fragile
    assert defaults(patched(content, edit.patches)) == [2]


def far_apart(*enabled: bool) -> bytes:
    """As ``film``, each track's header in sectors of its own."""
    return film(*enabled, extra=box("free", bytes(600)), alternate_group=1)


def test_in_another_sector_the_new_default_is_durable_before_others_are_disabled() -> None:
    assert [p.sync for p in plan(far_apart(True, False, True), 2).patches] == [True, False, False]


def test_an_enabled_track_stays_heard_without_a_sync() -> None:
    assert [p.sync for p in plan(far_apart(True, True, True), 2).patches] == [False, False]


def test_where_nothing_was_heard_nothing_waits() -> None:
    assert [p.sync for p in plan(far_apart(False, False), 2).patches] == [False]


def test_enabling_alone_needs_no_early_sync() -> None:
    (patch,) = plan(film(False), 1).patches
    assert not patch.sync


def test_what_is_right_already_is_not_touched() -> None:
    assert plan(film(False, True, False), 2).patches == ()
    assert plan(film(True), 1).patches == ()
    assert plan(film(True, False), 1, reorder=True).patches == ()


def test_a_second_enabled_track_is_disabled_even_if_the_first_is_right() -> None:
    content = film(True, True)
    assert defaults(patched(content, plan(content, 1).patches)) == [1]


def test_other_flags_of_the_track_header_are_kept() -> None:
    content = film(True, False)
    before = [t.header.flags for t in probe(content).layout.traks if t.header]
    after = [t.header.flags for t in probe(patched(content, plan(content, 2).patches)).layout.traks]
    assert [b & ~1 for b in before] == [a & ~1 for a in after]


@pytest.mark.parametrize("version", [0, 1])
def test_audio_tracks_without_a_group_get_one_that_is_unused(version: int) -> None:
    tracks = [track("video", alternate_group=1), track(), track(enabled=False)]
    tracks.append(track("subtitles", alternate_group=2))
    content = mp4(tracks, version=version)
    assert groups(patched(content, plan(content, 2).patches)) == [1, 3, 3, 2]


def test_groups_that_exist_are_left_alone() -> None:
    tracks = [track("video"), track(alternate_group=1), track(enabled=False), track(enabled=False)]
    content = mp4(tracks)
    assert groups(patched(content, plan(content, 3).patches)) == [0, 1, 0, 0]


def test_a_single_audio_track_and_video_are_never_grouped() -> None:
    content = mp4([track("video"), track(enabled=False)])
    assert groups(patched(content, plan(content, 1).patches)) == [0, 0]


def test_only_audio_tracks_are_changed() -> None:
    content = mp4([track("video", enabled=False), track(), track(), track("subtitles")])
    after = probe(patched(content, plan(content, 2).patches))
    assert [t.default for t in after.tracks] == [False, False, True, True]


def test_a_target_that_is_no_audio_track_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="not an audio track"):
        plan(film(True), 0)


# --- reordering -----------------------------------------------------------------


def test_reordering_puts_the_chosen_audio_track_first_and_keeps_the_rest_in_order() -> None:
    content = film(True, False, False, False)
    edit = plan(content, 3, reorder=True)
    after = patched(content, edit.patches)
    assert edit.fragile
    assert [t.number for t in probe(after).tracks] == [1, 4, 2, 3, 5]
    assert [t.number for t in probe(after).audio if t.default] == [4]
    assert groups(after) == [0, 1, 1, 1, 1]
    assert patched(after, edit.patches, undo=True) == content


def test_reordering_rewrites_only_from_the_first_audio_track_to_the_chosen_one() -> None:
    content = film(True, False, True)
    traks = probe(content).layout.traks
    move, *rest = plan(content, 2, reorder=True).patches
    assert (move.offset, move.offset + len(move.old)) == (traks[1].offset, traks[2].end)
    # What is behind the span is disabled only when the span is whole and durable.
    assert move.sync
    assert (rest[0].offset, rest[0].new) == (traks[3].header.flags_offset, b"\x06")


def test_boxes_between_tracks_move_along() -> None:
    tracks = [track(), track("video"), track(enabled=False, name="chosen")]
    content = mp4(tracks, between=box("free", b"between"))
    after = patched(content, plan(content, 2, reorder=True).patches)
    assert [t.number for t in probe(after).tracks] == [3, 1, 2]
    assert after.count(b"between") == 3


def test_a_default_that_is_not_the_first_track_is_moved() -> None:
    content = film(False, True, alternate_group=1)
    (move,) = plan(content, 2, reorder=True).patches
    assert [t.number for t in probe(patched(content, [move])).tracks] == [1, 3, 2]


def test_a_move_tells_how_either_side_follows_from_the_other() -> None:
    move, *_ = plan(film(True, True, False, True), 3, reorder=True).patches
    assert shuffle.new_of(move.shuffle, move.old) == move.new
    assert shuffle.old_of(move.shuffle, move.new) == move.old
    assert len(move.shuffle.runs) == 2


def test_headers_with_absolute_offsets_are_not_moved() -> None:
    # Nothing of the length changes: a sample table gives its place to saio.
    content = bytearray(film(True, False))
    table = content.rindex(b"stco")
    content[table : table + 4] = b"saio"
    assert defaults(patched(bytes(content), plan(bytes(content), 2).patches)) == [2]
    with pytest.raises(NoRoom, match="absolute offsets"):
        plan(bytes(content), 2, reorder=True)


def test_a_header_without_a_size_of_its_own_is_changed_but_not_moved() -> None:
    # The last trak reaches to the end of moov; in front it would swallow its neighbours.
    content = bytearray(film(True, False))
    last = content.rindex(b"trak") - 4
    content[last : last + 4] = bytes(4)
    assert defaults(patched(bytes(content), plan(bytes(content), 2).patches)) == [2]
    with pytest.raises(NoRoom, match="no size"):
        plan(bytes(content), 2, reorder=True)


def test_absolute_offsets_in_the_first_moved_header_count_and_those_beside_do_not() -> None:
    content = film(True, False, True)
    first, moved, behind = (content.index(b"stco", at.offset) for at in traks_of(content)[1:])
    video = content.index(b"stco")
    for places, movable in (([video, behind], True), ([first], False), ([moved], False)):
        changed = bytearray(content)
        for at in places:
            changed[at : at + 4] = b"saio"
        if movable:
            assert plan(bytes(changed), 2, reorder=True).fragile
        else:
            with pytest.raises(NoRoom, match="absolute offsets"):
                plan(bytes(changed), 2, reorder=True)


def traks_of(content: bytes) -> tuple[mp4_plan.TrakLayout, ...]:
    return probe(content).layout.traks


def test_headers_too_large_to_move_stay_wherever_they_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    content = mp4([track("video"), track(), track(enabled=False)], faststart=False, padding=9000)
    _, first, chosen = traks_of(content)
    assert first.offset > chosen.end - first.offset
    monkeypatch.setattr(mp4_plan, "LARGEST_MOVE", chosen.end - first.offset)
    assert plan(content, 2, reorder=True).fragile
    monkeypatch.setattr(mp4_plan, "LARGEST_MOVE", chosen.end - first.offset - 1)
    with pytest.raises(NoRoom, match="large"):
        plan(content, 2, reorder=True)


def test_a_track_without_a_header_is_left_aside_and_cannot_be_chosen() -> None:
    content = bytearray(film(True, False, True))
    last = content.rindex(b"tkhd")
    content[last : last + 4] = b"free"
    without = bytes(content)
    after = patched(without, plan(without, 2).patches)
    assert groups(after[:last] + b"tkhd" + after[last + 4 :])[1:] == [1, 1, 0]
    with pytest.raises(CorruptFile, match="tkhd"):
        plan(without, 3)


def test_a_track_without_tables_is_moved_like_others() -> None:
    content = bytearray(film(True, False))
    table = content.index(b"stbl", traks_of(bytes(content))[1].offset)
    content[table : table + 4] = b"free"
    assert [t.number for t in probe(bytes(content)).tracks] == [1, 2, 3]
    after = patched(bytes(content), plan(bytes(content), 2, reorder=True).patches)
    assert [t.number for t in probe(after).tracks] == [1, 3, 2]


# --- what identifies the file ---------------------------------------------------


@pytest.mark.parametrize("reorder", [False, True])
def test_extents_cover_the_headers_and_are_bounded(reorder: bool) -> None:
    content = film(True, False)
    extents = plan(content, 2, reorder=reorder).extents
    seen = b"".join(content[start : start + length] for start, length in extents)
    assert [seen.count(kind) for kind in (b"ftyp", b"mvhd", b"tkhd", b"stsd", b"stsz")] == [
        1,
        1,
        3,
        3,
        3,
    ]
    assert all(
        offset + length <= following for (offset, length), (following, _) in pairwise(extents)
    )


def test_extents_of_a_huge_header_stay_small() -> None:
    tracks = [track(extra=box("free", bytes(1 << 20))), track(enabled=False)]
    content = mp4(tracks)
    assert sum(length for _, length in plan(content, 1).extents) < 16384


def test_two_films_that_differ_only_in_the_sizes_of_their_samples_are_told_apart() -> None:
    one = film(True, False)
    at = one.index(b"stsz") + len("stsz") + 12  # version and flags, common size, count
    other = one[:at] + b"\0\0\0\x63" + one[at + 4 :]
    extents = plan(one, 2).extents
    assert plan(other, 2).extents == extents
    assert any(
        one[start : start + length] != other[start : start + length] for start, length in extents
    )
