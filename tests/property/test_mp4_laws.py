"""Laws of MP4: any bytes end in a reading or in our own errors; any edit is safe at every step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from synth_mp4 import box, full_box, mp4, opened, patched, track, u32

from arrtheaudio.errors import CorruptFile, MediaError
from arrtheaudio.media import mp4 as container
from arrtheaudio.media import source
from arrtheaudio.media.mp4_boxes import Box, gather, walk
from arrtheaudio.media.mp4_plan import SECTOR_BYTES
from arrtheaudio.media.patch import reverse
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Edit, Media, Patch

CODECS = ["aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"]
LANGUAGES = ["eng", "fra", "deu", "jpn", "und"]

texts = st.text(max_size=12)
audio_tracks = st.builds(
    track,
    st.just("audio"),
    language=st.sampled_from(LANGUAGES),
    enabled=st.booleans(),
    name=st.none() | texts,
    codec=st.sampled_from(CODECS),
    channels=st.sampled_from([1, 2, 6]),
    alternate_group=st.sampled_from([0, 0, 0, 1, 7]),
)
other_tracks = st.builds(
    track,
    st.sampled_from(["video", "subtitles", "other"]),
    enabled=st.booleans(),
    alternate_group=st.sampled_from([0, 1, 2]),
)
track_lists = st.lists(audio_tracks | other_tracks, min_size=1, max_size=6).filter(
    lambda tracks: any(spec["type"] == "audio" for spec in tracks)
)
layouts = st.fixed_dictionaries(
    {
        "faststart": st.booleans(),
        "fragmented": st.booleans(),
        "version": st.sampled_from([0, 1]),
        "large_mdat": st.booleans(),
        "between": st.sampled_from([b"", box("free", bytes(7)), full_box("meta", bytes(4))]),
    }
)
films = st.builds(lambda tracks, layout: mp4(tracks, **layout), track_lists, layouts)
# Values at which sizes, counts and versions go wrong.
words = st.sampled_from([0, 1, 2, 7, 8, 9, 0x7FFFFFFF, 0xFFFFFFFF]) | st.integers(0, 300)


def probe(content: bytes) -> Media:
    with opened(content) as window:
        return container.probe(window)


@given(
    st.lists(
        st.sampled_from(
            [
                box("tkhd", bytes(9)),
                box("udta"),
                box("mdia", bytes(5000)),
                box("udta", b"twice"),
                box("mdia", b"large", large=True),
                b"\0\0\0\0",
                u32(0) + b"tkhd" + bytes(3),
                u32(5) + b"tkhd",
                u32(9999) + b"udta",
            ]
        ),
        max_size=6,
    )
)
def test_gathering_children_and_walking_over_them_agree(children: list[bytes]) -> None:
    content = box("trak", *children)
    tree = {b"tkhd": 4, b"udta": 900, b"mdia": {b"none": 4}, b"never": 4}

    def walked(window: Window, parent: Box) -> dict[bytes, tuple[Box, bytes]]:
        found: dict[bytes, tuple[Box, bytes]] = {}
        for child in walk(window, parent.body, parent.end):
            most = tree.get(child.kind)
            if most is not None:
                end = child.body + (most if isinstance(most, int) else 0)
                found.setdefault(child.kind, (child, content[child.body : min(end, child.end)]))
        return found

    results = []
    for look in (walked, lambda window, parent: gather(window, parent, tree)):
        with opened(content) as window:
            try:
                results.append(look(window, Box(b"trak", 0, 8, len(content))))
            except CorruptFile as error:
                results.append(error.what)
    assert results[0] == results[1]


def test_gathering_goes_down_and_up_again() -> None:
    inner = box("mdia", box("mdhd", b"first"), box("minf", box("stsd", b"deep"), b"junk"))
    content = box("trak", box("tkhd", b"head"), inner, box("mdia", b"\0" * 8), box("udta", b"user"))
    tree = {b"udta": 9, b"mdia": {b"mdhd": 3, b"minf": {b"stsd": 9}, b"elng": 9}}
    with opened(content) as window:
        found = gather(window, Box(b"trak", 0, 8, len(content)), tree)
    assert {kind: held for kind, (_, held) in found.items()} == {
        b"mdia": b"",
        b"mdhd": b"fir",
        b"minf": b"",
        b"stsd": b"deep",
        b"udta": b"user",
    }
    for kind, (place, _) in found.items():
        assert content[place.offset + 4 : place.body] == kind


def planned(content: bytes, media: Media, target: int, *, reorder: bool) -> Edit:
    with opened(content) as window:
        return container.plan_default(window, media, target, reorder=reorder)


def read_and_plan(content: bytes) -> None:
    """Everything that can be done with a file; only our own errors may come out."""
    try:
        media = probe(content)
        container.room(media)
        for wanted in media.audio:
            for reorder in (False, True):
                edit = planned(content, media, wanted.index, reorder=reorder)
                patched(content, edit.patches)
    except MediaError:
        pass


@given(st.binary(max_size=400))
@example(b"")
@example(b"\0\0\0\x08moov")
@example(b"\0\0\0\0moov")
@example(b"\0\0\0\0mdat")
@settings(max_examples=200)
def test_arbitrary_bytes_raise_only_our_errors(content: bytes) -> None:
    container.sniff(content)
    read_and_plan(content)
    read_and_plan(box("ftyp", b"isom", bytes(4)) + content)
    read_and_plan(box("ftyp", b"isom", bytes(4)) + box("moov", content))


KINDS = st.sampled_from(
    b"trak tkhd mdia mdhd hdlr elng minf stbl stsd udta name kind tref chap meta wave esds dec3"
    b" mp4a lpcm enca sinf frma moov cmov free".split()
)
nested = st.recursive(
    st.binary(max_size=60),
    lambda inner: st.lists(
        st.builds(box, KINDS, inner, large=st.booleans()) | st.builds(full_box, KINDS, inner),
        max_size=5,
    ).map(b"".join),
    max_leaves=25,
)


@given(nested)
@settings(max_examples=200)
def test_well_formed_boxes_in_any_order_raise_only_our_errors(content: bytes) -> None:
    read_and_plan(box("ftyp", b"qt  ", bytes(4)) + box("moov", content))
    read_and_plan(box("ftyp", b"isom", bytes(4)) + box("moov", box("trak", content)))


@given(films, st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_mutated_files_raise_only_our_errors(content: bytes, data: st.DataObject) -> None:
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 4))
        damaged[at : at + 4] = u32(data.draw(words))
    read_and_plan(bytes(damaged))


@given(films, st.data())
@settings(max_examples=60)
def test_files_cut_off_anywhere_raise_only_our_errors(content: bytes, data: st.DataObject) -> None:
    read_and_plan(content[: data.draw(st.integers(0, len(content)))])


FTYP = box("ftyp", b"isom")
MANY = 100_000
FORGED = {
    "boxes before moov": FTYP + box("free") * MANY,
    "tracks": FTYP + box("moov", box("trak") * MANY),
    "boxes in a track": FTYP + box("moov", box("trak", box("free") * MANY)),
}
PASSED_OVER = {
    "names": FTYP + box("moov", box("trak", box("udta", box("name") * MANY))),
    "references": FTYP + box("moov", box("trak", box("tref", bytes(1 << 20)))),
    "the film's user data": FTYP + box("moov", box("udta", bytes(1 << 20))),
}


@pytest.fixture
def tight_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BUDGET_BYTES", 1 << 18)


@pytest.mark.usefixtures("tight_budget")
@pytest.mark.parametrize("forged", FORGED)
def test_forged_counts_are_refused_before_they_cost_much(forged: str) -> None:
    with pytest.raises(CorruptFile, match="more than"):
        probe(FORGED[forged])


@pytest.mark.usefixtures("tight_budget")
@pytest.mark.parametrize("forged", PASSED_OVER)
def test_large_optional_content_is_passed_over(forged: str) -> None:
    assert probe(PASSED_OVER[forged]).audio == ()


@given(films, st.data())
@settings(max_examples=150)
def test_a_track_is_heard_after_every_step_and_undo_restores_every_byte(
    content: bytes, data: st.DataObject
) -> None:
    before = probe(content)
    wanted = data.draw(st.sampled_from(before.audio))
    heard_before = any(t.default for t in before.audio)
    edit = planned(content, before, wanted.index, reorder=False)
    assert not edit.fragile
    for done in range(len(edit.patches) + 1):
        state = probe(patched(content, edit.patches[:done]))
        assert [t.number for t in state.tracks] == [t.number for t in before.tracks]
        assert any(t.default for t in state.audio) or (done == 0 and not heard_before)
    after = patched(content, edit.patches)
    assert defaults(after) == [wanted.number]
    assert patched(after, edit.patches, undo=True) == content


def power_cuts(patches: Sequence[Patch]) -> Iterator[list[Patch]]:
    """What a disk may hold: all behind which a sync came, and of the rest any sectors."""
    durable: list[Patch] = []
    pending: list[Patch] = []
    for patch in patches:
        pending.append(patch)
        sectors = sorted({one.offset // SECTOR_BYTES for one in pending})
        for kept in product((False, True), repeat=len(sectors)):
            written = dict(zip(sectors, kept, strict=True))
            yield durable + [one for one in pending if written[one.offset // SECTOR_BYTES]]
        if patch.sync:
            durable += pending
            pending = []


@given(
    enabled=st.lists(st.booleans(), min_size=2, max_size=4).filter(any),
    spread=st.lists(st.sampled_from([9000, 3000, 600, 0]), min_size=4, max_size=4),
    data=st.data(),
)
@settings(max_examples=120)
def test_a_track_is_heard_after_every_power_cut(
    enabled: list[bool], spread: list[int], data: st.DataObject
) -> None:
    tracks = [
        track(enabled=on, extra=box("free", bytes(spread[at]))) for at, on in enumerate(enabled)
    ]
    content = mp4(tracks)
    before = probe(content)
    wanted = data.draw(st.sampled_from(before.audio))
    edit = planned(content, before, wanted.index, reorder=False)
    after = patched(content, edit.patches)
    for start, patches in ((content, edit.patches), (after, reverse(edit.patches))):
        for kept in power_cuts(patches):
            assert any(t.default for t in probe(patched(start, kept)).audio)


@given(films, st.data())
@settings(max_examples=100)
def test_reordering_makes_the_chosen_track_first_and_changes_nothing_else(
    content: bytes, data: st.DataObject
) -> None:
    before = probe(content)
    wanted = data.draw(st.sampled_from(before.audio))
    edit = planned(content, before, wanted.index, reorder=True)
    after = patched(content, edit.patches)
    media = probe(after)
    assert media.audio[0].number == wanted.number
    assert defaults(after) == [wanted.number]
    assert facts(media) == facts(before)
    others = [t.number for t in before.tracks if t.number != wanted.number]
    assert [t.number for t in media.tracks if t.number != wanted.number] == others
    assert patched(after, edit.patches, undo=True) == content


@given(films, st.data())
@settings(max_examples=60)
def test_a_plan_made_twice_is_empty_the_second_time(content: bytes, data: st.DataObject) -> None:
    reorder = data.draw(st.booleans())
    before = probe(content)
    wanted = data.draw(st.sampled_from(before.audio))
    after = patched(content, planned(content, before, wanted.index, reorder=reorder).patches)
    media = probe(after)
    (again,) = [t for t in media.audio if t.number == wanted.number]
    assert planned(after, media, again.index, reorder=reorder).patches == ()


def defaults(content: bytes) -> list[int]:
    return [t.number for t in probe(content).audio if t.default]


def facts(media: Media) -> dict[int, tuple[Any, ...]]:
    """What of each track must survive: all but its place, and for audio its default flag."""
    return {
        t.number: (
            t.type,
            t.codec,
            t.language_tag,
            t.title,
            t.channels,
            t.type == "audio" or t.default,
        )
        for t in media.tracks
    }
