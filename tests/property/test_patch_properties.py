"""Laws of edits: whatever a crash leaves is settled, undo is exact, prefixes are valid files."""

from __future__ import annotations

import os
import random
from itertools import compress, product
from pathlib import Path

import attrs
import pytest
import synth
import synth_mp4
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from arrtheaudio import errors, media
from arrtheaudio.jobs.encoding import decode_plan, encode_plan
from arrtheaudio.media import before_image, patch, shuffle
from arrtheaudio.media.containers import probe
from arrtheaudio.media.source import PAGE_BYTES
from arrtheaudio.media.tracks import Options, Patch, Plan, Request, Rules

ENGLISH = Rules(language_priority=("eng",))
THREE = (
    {"type": "video"},
    {"type": "audio", "language": "jpn"},
    {"type": "audio", "language": "eng", "default": False},
    {"type": "audio", "language": "fra"},
    {"type": "subtitles", "language": "eng"},
)


def film(*, spare: int = 0) -> bytes:
    """An MP4; ``spare`` bytes of tables make its tracks as large as a real film's."""
    tables = b"".join(number.to_bytes(4, "big") for number in range(spare // 4))
    return synth_mp4.mp4(
        tracks=[
            synth_mp4.track("video"),
            synth_mp4.track(language="jpn", extra=synth_mp4.box("free", tables)),
            synth_mp4.track(language="eng", enabled=False),
            synth_mp4.track(language="fra", extra=synth_mp4.box("free", tables[::-1])),
        ]
    )


def large_mkv() -> bytes:
    """Tracks as large as fonts in a header make them, and a CRC-32 over the whole Segment."""
    noise = random.Random(7)
    flags = (None, True, False, False, None)
    entries = [
        synth.track_entry(
            number,
            {**track, "default": flag, "extra": synth.element(0x63A2, noise.randbytes(40_000))},
        )
        for number, (track, flag) in enumerate(zip(THREE, flags, strict=True), 1)
    ]
    tracks = synth.element(synth.TRACKS, b"".join(entries))
    segment = synth.master(0x18538067, tracks + synth.cluster(0, range(1, 6)), crc=True)
    return synth.ebml_header() + segment


CASES = {
    "switch": (synth.mkv(), False),
    "switch with CRC": (synth.mkv(THREE, crc=True), False),
    "rebuilt": (synth.mkv(THREE, style="ffmpeg"), False),
    "reordered mkv": (synth.mkv(THREE), True),
    "mp4": (film(), False),
    "reordered mp4": (film(), True),
    "reordered large mp4": (film(spare=80_000), True),
    "reordered large mkv": (large_mkv(), True),
}


@attrs.frozen
class Case:
    """An edit that was made, and the file on either side of it."""

    before: bytes
    after: bytes
    plan: Plan
    image: bytes | None


def content_of(image: str | None) -> bytes | None:
    return None if image is None else Path(image).read_bytes()


def edited(folder: Path, content: bytes, *, reorder: bool) -> Case:
    """A film before and after its edit, and the plan as the journal keeps it."""
    file = folder / "film"
    file.write_bytes(content)
    images = []

    async def before_write(plan: Plan) -> None:
        images.append(content_of(plan.before_image))

    options = Options(reorder=reorder, before_image_dir=os.fsencode(folder / "images"))
    asked = Request(
        os.fsencode(file), ENGLISH, options=options, heavy=True, expected_size=len(content)
    )
    outcome = trio.run(lambda: media.run(asked, before_write=before_write))
    assert outcome.plan is not None
    return Case(content, file.read_bytes(), decode_plan(encode_plan(outcome.plan)), images[0])


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def case(request, tmp_path_factory) -> Case:
    content, reorder = request.param
    return edited(tmp_path_factory.mktemp("case"), content, reorder=reorder)


def ranges(plan: Plan) -> list[tuple[int, int]]:
    return [(piece.offset, piece.offset + piece.length) for piece in plan.patches]


def at_rest(case: Case, folder: Path, content: bytes) -> Plan:
    """The file as a crash left it, and its plan out of the journal."""
    file, image = folder / "film", folder / "film.before"
    file.write_bytes(content)
    if case.image is not None:
        image.write_bytes(case.image)
    return attrs.evolve(
        case.plan,
        path=os.fsencode(file),
        before_image=None if case.image is None else str(image),
    )


@settings(max_examples=25, deadline=None)
@given(content=st.data())
def test_every_torn_state_is_settled_one_way_or_the_other(case, tmp_path_factory, content) -> None:
    torn = bytearray(case.before)
    for start, end in ranges(case.plan):
        cuts = content.draw(st.lists(st.integers(start, end), max_size=6).map(sorted))
        for first, last in zip(cuts[::2], cuts[1::2], strict=False):
            torn[first:last] = case.after[first:last]
    folder = tmp_path_factory.mktemp("torn")
    plan = at_rest(case, folder, bytes(torn))
    settled = media.recover(plan)
    held = (folder / "film").read_bytes()
    assert held == {"interrupted": case.before, "completed": case.after}[settled.state]
    assert not (folder / "film.before").exists()
    assert media.recover(attrs.evolve(plan, before_image=None)).state == settled.state


def test_whichever_flags_a_power_cut_keeps_the_edit_is_finished(tmp_path) -> None:
    """In any order, as a disk may do that does not keep to its barriers."""
    file = tmp_path / "film"
    case = edited(tmp_path, film(spare=9_000), reorder=False)
    patches = case.plan.patches
    assert len({piece.offset // PAGE_BYTES for piece in patches}) > 1
    for kept in product((False, True), repeat=len(patches)):
        torn = bytearray(case.before)
        for piece in compress(patches, kept):
            torn[piece.offset : piece.offset + piece.length] = piece.new
        file.write_bytes(torn)
        settled = media.recover(attrs.evolve(case.plan, path=os.fsencode(file)))
        assert settled.state == ("completed" if any(kept) else "interrupted")
        assert file.read_bytes() == (case.after if any(kept) else case.before)


@settings(max_examples=25, deadline=None)
@given(content=st.data())
def test_a_byte_of_another_hand_is_a_conflict_and_stays(case, tmp_path_factory, content) -> None:
    plan = case.plan
    start, end = content.draw(
        st.sampled_from(ranges(plan) + patch.unpatched(plan.extents, plan.patches))
    )
    at = content.draw(st.integers(start, end - 1))
    torn = bytearray(content.draw(st.sampled_from([case.before, case.after])))
    foreign = set(range(256)) - {case.before[at], case.after[at]}
    torn[at] = content.draw(st.sampled_from(sorted(foreign)))
    folder = tmp_path_factory.mktemp("foreign")
    plan = at_rest(case, folder, bytes(torn))
    with pytest.raises(errors.EditConflict):
        media.recover(plan)
    assert (folder / "film").read_bytes() == torn


@pytest.mark.parametrize("change", [lambda held: held + b"x", lambda held: held[:-1]])
def test_a_file_of_another_size_is_a_conflict_and_stays(case, tmp_path, change) -> None:
    content = change(case.before)
    with pytest.raises(errors.EditConflict):
        media.recover(at_rest(case, tmp_path, content))
    assert (tmp_path / "film").read_bytes() == content


def test_every_prefix_of_a_plan_has_a_default_audio_track(case, tmp_path) -> None:
    for patches, content in ((case.plan.patches, case.before), (None, case.after)):
        file = tmp_path / "film"
        file.write_bytes(content)
        with file.open("r+b") as held:
            whole = before_image.restore(held.fileno(), case.plan.patches, None)
            for piece in whole if patches else patch.reverse(whole):
                patch.write(held.fileno(), [piece], len(content))
                looked = probe(held.fileno(), len(content))
                assert any(track.default for track in looked.audio)
        assert file.read_bytes() == (case.after if patches else case.before)


def test_only_the_planned_bytes_change(case) -> None:
    planned = set()
    for start, end in ranges(case.plan):
        planned.update(range(start, end))
    changed = {
        at
        for at, (one, other) in enumerate(zip(case.before, case.after, strict=True))
        if one != other
    }
    assert changed <= planned


def test_the_journal_carries_little_of_a_large_plan(case) -> None:
    carried = sum(len(piece.old) + len(piece.new) for piece in case.plan.patches)
    assert carried <= 2 * before_image.LARGEST_IN_JOURNAL
    assert (case.image is not None) == any(piece.shuffle for piece in case.plan.patches)


def test_a_large_torn_edit_without_its_image_is_a_conflict(case, tmp_path) -> None:
    if case.image is None:
        assert not any(piece.shuffle for piece in case.plan.patches)
        return
    start, end = max(ranges(case.plan), key=lambda span: span[1] - span[0])
    torn = case.before[:start] + case.after[start : (start + end) // 2]
    torn += case.before[len(torn) :]
    plan = at_rest(case, tmp_path, torn)
    image = tmp_path / "film.before"
    image.write_bytes(image.read_bytes()[:-1])
    with pytest.raises(errors.EditConflict, match="damaged"):
        media.recover(plan)
    image.unlink()
    with pytest.raises(errors.EditConflict, match="missing"):
        media.recover(plan)
    with pytest.raises(errors.EditConflict):
        media.recover(attrs.evolve(plan, before_image=None))
    assert (tmp_path / "film").read_bytes() == torn


def test_an_edit_that_recovery_finds_wrong_is_rolled_back(case, tmp_path) -> None:
    plan = attrs.evolve(at_rest(case, tmp_path, case.after), number=9999)
    assert media.recover(plan).state == "rolled_back"
    assert (tmp_path / "film").read_bytes() == case.before


# --- shuffles -----------------------------------------------------------------

blocks = st.lists(st.binary(min_size=64, max_size=400), min_size=1, max_size=6)


@settings(max_examples=100, deadline=None)
@given(blocks=blocks, order=st.randoms(use_true_random=False), flips=st.lists(st.integers(0, 9999)))
def test_either_side_of_a_shuffle_follows_from_the_other(blocks, order, flips) -> None:
    old = b"".join(blocks)
    order.shuffle(blocks)
    new = bytearray(b"".join(blocks))
    for flip in flips[:8]:
        new[flip % len(new)] ^= 1
    told = shuffle.shuffle_of(old, bytes(new))
    assert told is not None
    assert shuffle.new_of(told, old) == new
    assert shuffle.old_of(told, bytes(new)) == old


@settings(max_examples=100, deadline=None)
@given(old=st.binary(max_size=300), new=st.binary(max_size=300))
def test_a_shuffle_of_anything_is_right(old, new) -> None:
    size = min(len(old), len(new))
    old, new = old[:size], new[:size]
    told = shuffle.shuffle_of(old, new)
    assert told is not None
    assert shuffle.new_of(told, old) == new
    assert shuffle.old_of(told, new) == old


patches = st.lists(st.tuples(st.integers(0, 200), st.binary(min_size=1, max_size=9)), max_size=5)


@given(
    extents=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60)), max_size=5),
    patches=patches,
)
def test_digested_bytes_are_those_of_the_extents_without_the_patches(extents, patches) -> None:
    edits = [Patch(offset, piece, piece) for offset, piece in patches]
    wanted = {at for offset, length in extents for at in range(offset, offset + length)}
    wanted -= {at for edit in edits for at in range(edit.offset, edit.offset + edit.length)}
    got = [at for start, end in patch.unpatched(extents, edits) for at in range(start, end)]
    assert got == sorted(wanted)
