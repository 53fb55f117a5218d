"""Laws of the Matroska engine over generated, mutated and arbitrary files."""

from __future__ import annotations

import pytest
import synth
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from in_memory import BytesWindow, inverted, states
from matroska_lab import plan, probe

from arrtheaudio.errors import CorruptFile, MediaError, NoRoom
from arrtheaudio.media import ebml, matroska
from arrtheaudio.media.tracks import Edit, Media, Track

SPARE = [
    b"",
    b"\x9c\x81\x00",
    b"\x9c\x81\x01",
    b"\x55\xee\x81\x00",
    b"\xec\x80",
    b"\xec\x81\x00",
    b"\x88\x80",
    synth.void(40),
    synth.void(200),
    synth.element(0x63A2, bytes(30), size_length=4),
    synth.element(0x63A2, bytes(5000)),
]

tracks = st.fixed_dictionaries(
    {"type": st.sampled_from(["audio", "audio", "audio", "video", "subtitles"])},
    optional={
        "default": st.sampled_from([None, True, False]),
        "forced": st.booleans(),
        "language": st.sampled_from(["jpn", "eng", "und", "ger\0"]),
        "name": st.text(max_size=20),
        "crc": st.booleans(),
        "extra": st.lists(st.sampled_from(SPARE), max_size=3).map(b"".join),
    },
)
films = st.builds(
    synth.mkv,
    st.lists(tracks, min_size=1, max_size=5),
    style=st.sampled_from(["mkvmerge", "ffmpeg", "tight"]),
    crc=st.sampled_from([None, True, False]),
    void_before=st.sampled_from([0, 2, 9, 130, 400, 2000]),
    spare=st.sampled_from([None, 0, 100, 250, 700]),
    void_after=st.one_of(st.none(), st.integers(2, 30), st.integers(100, 700)),
    unknown_sizes=st.booleans(),
    tracks_last=st.booleans(),
    seek=st.sampled_from(["front", "far", "none"]),
)


def defaults(media: Media) -> list[int]:
    return [track.number for track in media.audio if track.default]


def essence(media: Media) -> list[tuple[object, ...]]:
    """All that an edit must leave alone, by track number."""
    return sorted(
        (t.number, t.type, t.codec, t.language_tag, t.title, t.channels, t.forced,
         t.default or t.type == "audio", t.original, t.commentary)
        for t in media.tracks
    )  # fmt: skip


def draw_edit(data: st.DataObject, content: bytes, reorder: bool) -> tuple[Media, Track, Edit]:
    """A file as it is seen, one of its audio tracks, and how that would become the default."""
    before = probe(content)
    assume(before.audio)
    target = data.draw(st.sampled_from(before.audio))
    try:
        return before, target, plan(content, target.index, reorder=reorder)
    except NoRoom:
        reject()


def media_places(content: bytes, count: int) -> list[int]:
    """Where the blocks of the clusters stand, which synth made for that many tracks."""
    blocks = [synth.cluster(1000 * n, range(1, count + 1))[12:] for n in range(2)]
    return [content.index(block) for block in blocks]


@given(st.data(), films, st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_prefix_of_every_plan_is_a_good_file(
    data: st.DataObject, content: bytes, reorder: bool
) -> None:
    before, target, edit = draw_edit(data, content, reorder)
    steps = states(content, edit.patches)
    for step in steps[1:]:
        media = probe(step)
        assert defaults(media) or not defaults(before)
        assert essence(media) == essence(before)
        assert synth.wrong_crcs(step) == []
    after = probe(steps[-1])
    assert defaults(after) == [target.number]
    count = len(before.tracks)
    assert media_places(steps[-1], count) == media_places(content, count)
    if reorder:
        assert after.audio[0].number == target.number
        others = [t.number for t in after.audio[1:]]
        assert others == [t.number for t in before.audio if t.number != target.number]
    else:
        assert [t.number for t in after.tracks] == [t.number for t in before.tracks]
    if after.audio[0].number == target.number or not reorder:
        position = next(t.index for t in after.audio if t.number == target.number)
        assert plan(steps[-1], position, reorder=reorder).patches == ()


@given(st.data(), films, st.booleans())
@settings(max_examples=150, deadline=None)
def test_undo_passes_through_good_files_to_the_first_byte(
    data: st.DataObject, content: bytes, reorder: bool
) -> None:
    before, _, edit = draw_edit(data, content, reorder)
    after = states(content, edit.patches)[-1]
    back = states(after, inverted(edit.patches))
    assert back[-1] == content
    for step in back:
        assert essence(probe(step)) == essence(before)


@given(st.data(), films)
@settings(max_examples=100, deadline=None)
def test_changing_back_and_forth_needs_no_more_room_than_the_first_change(
    data: st.DataObject, content: bytes
) -> None:
    assume(len(probe(content).audio) >= 2)
    for _ in range(4):
        target = data.draw(st.sampled_from(probe(content).audio))
        try:
            edit = plan(content, target.index)
        except NoRoom:
            assume(False)
        content = states(content, edit.patches)[-1]
        assert defaults(probe(content)) == [target.number]
    assert synth.wrong_crcs(content) == []


@given(st.binary(max_size=400), st.booleans())
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_raise_only_our_errors(content: bytes, in_segment: bool) -> None:
    prefix = synth.ebml_header() + synth.segment(b"", unknown=True) if in_segment else b""
    survive(prefix + content)


@given(
    films,
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8),
    st.one_of(st.none(), st.floats(0, 1)),
)
@settings(max_examples=400, deadline=None)
def test_mutated_files_raise_only_our_errors(
    content: bytes, flips: list[tuple[float, int]], cut: float | None
) -> None:
    mutated = bytearray(content)
    header = min(len(content), 900)  # the part that is parsed
    for place, value in flips:
        mutated[int(place * (header - 1))] = value
    survive(bytes(mutated) if cut is None else bytes(mutated[: int(cut * len(mutated))]))


def survive(content: bytes) -> None:
    """Whatever is not refused must be edited without loss, or refused for lack of room."""
    window = BytesWindow(content)
    try:
        media = matroska.probe(window)
    except MediaError:
        return
    matroska.room(media)
    numbers = [track.number for track in media.audio]
    for track in media.audio[:2]:
        try:
            edit = matroska.plan_default(window, media, track.index)
        except MediaError:
            continue
        after = states(content, edit.patches)
        for step in after[1:]:
            assert [t.number for t in probe(step).audio] == numbers
        assert [t.index for t in probe(after[-1]).audio if t.default] == [track.index]
        assert states(after[-1], inverted(edit.patches))[-1] == content


@given(
    st.one_of(
        st.binary(max_size=64),
        st.lists(
            st.tuples(
                st.sampled_from((0x88, 0x83, 0x55AA, 0x22B59C, 0x1654AE6B, 0xEC)),
                st.binary(max_size=300),
                st.sampled_from((None, 2, 8)),
            ),
            max_size=6,
        ).map(lambda parts: b"".join(ebml.element(*part) for part in parts)),
    ),
    st.integers(0, 3),
)
def test_the_fast_reading_of_children_agrees_with_the_full_one(source: bytes, cut: int) -> None:
    end = max(0, len(source) - cut)
    try:
        expected = {ident: (body, stop) for ident, _, body, stop in ebml.elements(source, 0, end)}
    except CorruptFile:
        with pytest.raises(CorruptFile):
            ebml.spans(source, 0, end)
    else:
        assert ebml.spans(source, 0, end) == expected
