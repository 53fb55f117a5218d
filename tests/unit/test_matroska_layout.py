"""Where the parts of a Matroska header are found, and which bytes are not taken for them."""

from __future__ import annotations

import pytest
import synth
from in_memory import BytesWindow

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media.matroska_layout import Layout, all_seek_heads, locate

HEADER = synth.ebml_header()
SEGMENT = len(HEADER + synth.segment(b""))  # its payload starts here
TAGS = synth.element(0x1254C367, bytes(20))
INFO = synth.master(synth.INFO, synth.uint(0x2AD7B1, 1_000_000))
TRACKS = synth.master(synth.TRACKS, synth.track_entry(1, {"language": "jpn"}))
OTHER_TRACKS = synth.master(synth.TRACKS, synth.track_entry(1, {"language": "eng"}))
CLUSTERS = synth.cluster(0, [1]) * 3
CRC = synth.element(0xBF, bytes(4))


def layout(*pieces: bytes) -> Layout:
    """That of a file whose Segment holds these pieces."""
    return locate(BytesWindow(HEADER + synth.segment(b"".join(pieces))))


def test_an_ebml_header_need_not_state_what_is_usual() -> None:
    header = synth.element(0x1A45DFA3, synth.text(0x4282, "webm"))
    found = locate(BytesWindow(header + synth.segment(INFO + TRACKS)))
    assert (found.doc_type, found.blob) == ("webm", TRACKS)


def test_an_ebml_header_is_small() -> None:
    header = synth.element(0x1A45DFA3, synth.text(0x4282, "webm") + synth.void(5000))
    with pytest.raises(CorruptFile, match="EBML header's size"):
        locate(BytesWindow(header + synth.segment(INFO + TRACKS)))


def test_what_has_no_end_in_front_of_the_segment_is_corrupt() -> None:
    with pytest.raises(CorruptFile, match="no Segment"):
        locate(BytesWindow(HEADER + b"\xec\xff" + synth.segment(INFO + TRACKS)))


# --- in front of the clusters -------------------------------------------------


def test_broken_bytes_behind_tracks_do_not_hide_them() -> None:
    assert layout(TRACKS, bytes(9), CLUSTERS).blob == TRACKS


def test_the_first_tracks_and_the_first_info_count() -> None:
    assert layout(TRACKS, OTHER_TRACKS, CLUSTERS).blob == TRACKS
    found = layout(INFO, TAGS, INFO, TRACKS)
    assert found.info == (SEGMENT, SEGMENT + len(INFO))


def test_what_stands_behind_the_segment_is_not_part_of_it() -> None:
    with pytest.raises(CorruptFile, match="no Tracks"):
        locate(BytesWindow(HEADER + synth.segment(INFO) + TRACKS))
    found = locate(BytesWindow(HEADER + synth.segment(INFO + TRACKS) + synth.void(100)))
    assert found.void_after == 0


def test_a_void_that_was_cut_off_is_no_room() -> None:
    content = HEADER + synth.segment(INFO + TRACKS + synth.void(100))
    assert locate(BytesWindow(content)).void_after == 100
    assert locate(BytesWindow(content[:-1])).void_after == 0


@pytest.mark.parametrize(
    ("pieces", "stated"),
    [((CRC, INFO), True), ((INFO, CRC), False), ((TAGS, INFO), False), ((INFO, TAGS), False)],
    ids=["first", "later", "tags first", "none"],
)
def test_a_crc_of_the_segment_is_its_first_child(pieces: tuple[bytes, ...], stated: bool) -> None:
    assert layout(*pieces, TRACKS, CLUSTERS).segment_crc is stated


def test_seek_heads_behind_tracks_are_found_where_all_are_asked_for() -> None:
    head = synth.seek_head({synth.INFO: 0})
    content = HEADER + synth.segment(head + INFO + TRACKS + head + CLUSTERS)
    window = BytesWindow(content)
    found = locate(window)
    first = (SEGMENT, SEGMENT + len(head))
    assert found.seek_heads == (first,)
    assert all_seek_heads(window, found) == (first, (found.end, found.end + len(head)))


def test_seek_heads_are_followed_to_the_last_where_all_are_asked_for() -> None:
    empty = synth.seek_head({synth.TRACKS: 0, synth.INFO: 0, synth.SEEK_HEAD: 0})
    tracks = len(empty) + len(INFO)
    second = tracks + len(TRACKS) + len(CLUSTERS)
    third = second + len(synth.seek_head({synth.SEEK_HEAD: 0}))
    targets = {synth.INFO: len(empty), synth.TRACKS: tracks, synth.SEEK_HEAD: second}
    heads = [synth.seek_head(targets), *[synth.seek_head({synth.SEEK_HEAD: third})] * 2]
    content = synth.segment(heads[0] + INFO + TRACKS + CLUSTERS + heads[1] + heads[2])
    window = BytesWindow(HEADER + content)
    found = all_seek_heads(window, locate(window))
    assert [start - SEGMENT for start, _ in found] == [0, second, third]


# --- by SeekHead --------------------------------------------------------------


def test_info_at_the_end_is_found_by_seek_head() -> None:
    front = len(synth.seek_head({synth.TRACKS: 0, synth.INFO: 0}))
    place = front + len(CLUSTERS)
    head = synth.seek_head({synth.TRACKS: place, synth.INFO: place + len(TRACKS)})
    found = layout(head, CLUSTERS, TRACKS, INFO)
    assert found.info == (found.end, found.end + len(INFO))
    assert found.behind_clusters


@pytest.mark.parametrize(
    "other",
    [CRC, synth.void(6), synth.uint(0x53AC, 1, 9)],
    ids=["crc", "void", "longer than eight bytes"],
)
def test_what_is_no_seek_position_leads_nowhere(other: bytes) -> None:
    """RFC 9559, 5.1.1.1; a CRC-32 or a Void may stand in every master (RFC 8794, 11.3)."""
    ident = synth.element(0x53AB, synth.TRACKS.to_bytes(4, "big"))
    clusters = CLUSTERS * 4000
    front = len(synth.element(synth.SEEK_HEAD, seek(ident, synth.uint(0x53AC, 0, 8), other)))
    place = synth.uint(0x53AC, front + len(clusters), 8)
    head = synth.element(synth.SEEK_HEAD, seek(ident, place, other))
    window = BytesWindow(HEADER + synth.segment(head + clusters + TRACKS))
    assert locate(window).blob == TRACKS
    assert len(window.reads) < 9, "it was found without a walk"


def seek(*children: bytes) -> bytes:
    return synth.element(0x4DBB, b"".join(children))


def test_seek_heads_that_lead_in_a_circle_end() -> None:
    front = len(synth.seek_head({synth.SEEK_HEAD: 0}))
    head = synth.seek_head({synth.SEEK_HEAD: front + len(CLUSTERS)})
    with pytest.raises(CorruptFile, match="no Tracks"):
        layout(head, CLUSTERS, head)  # the second one leads to itself


def test_a_broken_seek_head_costs_a_walk_only() -> None:
    assert layout(synth.element(synth.SEEK_HEAD, bytes(20)), CLUSTERS, TRACKS).blob == TRACKS


def test_a_seek_head_larger_than_any_real_one_is_not_read() -> None:
    huge = synth.element(synth.SEEK_HEAD, synth.void(1 << 20))
    window = BytesWindow(HEADER + synth.segment(huge + CLUSTERS + TRACKS))
    assert locate(window).blob == TRACKS
    assert sum(length for _, length in window.reads) < 1 << 20


def test_a_seek_head_that_leads_to_another_element_is_not_believed() -> None:
    assert layout(synth.seek_head({synth.TRACKS: 0}), CLUSTERS, TRACKS).blob == TRACKS


def test_tracks_without_an_end_are_corrupt_wherever_they_are_found() -> None:
    front = len(synth.seek_head({synth.TRACKS: 0}))
    head = synth.seek_head({synth.TRACKS: front + len(CLUSTERS)})
    with pytest.raises(CorruptFile, match="must have a known size"):
        layout(head, CLUSTERS, synth.TRACKS.to_bytes(4, "big") + b"\xff")
