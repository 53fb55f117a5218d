"""Patches, plans and the small decisions of the media engine, without files."""

from __future__ import annotations

import errno
import os
import random

import pytest
from attrs import evolve

from arrtheaudio import errors, media
from arrtheaudio.media import patch, shuffle
from arrtheaudio.media.access import KINDS, media_error, seconds_to_settle
from arrtheaudio.media.containers import Expectation
from arrtheaudio.media.replace import ends_of, temporary_name
from arrtheaudio.media.tracks import Edit, Media, Options, Patch, Track
from arrtheaudio.media.ways import way_of

FUNCTIONS = {"inspect", "run", "recover", "undo", "clear_leftovers"}
READINGS = {"normalise", "compile_glob"}  # so that a configuration refuses what is not understood
VALUES = {
    "Context", "Decision", "Explained", "Inspection", "Media", "Options", "Outcome", "Patch",
    "Plan", "Recovery", "Replacement", "Request", "Rules", "Shuffle", "Track",
}  # fmt: skip


def test_the_media_door() -> None:
    assert set(media.__all__) == FUNCTIONS | READINGS | VALUES


# --- extents and order --------------------------------------------------------


@pytest.mark.parametrize(
    ("extents", "patches", "left"),
    [
        ([(0, 10)], [], [(0, 10)]),
        ([(0, 10)], [(4, 2)], [(0, 4), (6, 10)]),
        ([(0, 10)], [(0, 10)], []),
        ([(0, 10)], [(8, 5)], [(0, 8)]),
        ([(5, 5)], [(2, 4)], [(6, 10)]),
        ([(0, 6), (4, 6)], [], [(0, 6), (6, 10)]),
        ([(8, 2), (0, 2)], [(1, 8)], [(0, 1), (9, 10)]),
        ([(0, 10)], [(2, 2), (4, 2)], [(0, 2), (6, 10)]),
    ],
)
def test_the_digest_leaves_the_patched_ranges_out(extents, patches, left) -> None:
    edits = [Patch(offset, bytes(length), bytes(length)) for offset, length in patches]
    assert patch.unpatched(extents, edits) == left


def test_backwards_a_barrier_stands_between_the_same_two_patches() -> None:
    forward = (Patch(0, b"a", b"A", sync=True), Patch(1, b"b", b"B"), Patch(2, b"c", b"C"))
    assert patch.reverse(forward) == (
        Patch(2, b"C", b"c"),
        Patch(1, b"B", b"b", sync=True),
        Patch(0, b"A", b"a"),
    )
    assert patch.reverse(patch.reverse(forward)) == forward


@pytest.mark.parametrize(
    "patches",
    [
        (Patch(0, b"ab", b"AB"), Patch(1, b"b", b"c")),
        (Patch(0, b"ab", b"A"),),
        (Patch(0, b"", b""),),
        (Patch(99, b"ab", b"AB"),),
    ],
    ids=["overlapping", "longer", "empty", "behind the end"],
)
def test_an_edit_that_cannot_be_right_is_refused_before_it_is_planned(patches) -> None:
    with pytest.raises(AssertionError):
        patch.check_edit(Edit(patches, ((0, 10),)), 100)


def test_an_edit_may_touch_both_ends_of_the_file_and_neighbouring_bytes() -> None:
    patches = (Patch(0, b"a", b"A"), Patch(1, b"b", b"B"), Patch(98, b"yz", b"YZ"))
    patch.check_edit(Edit(patches, ((0, 100),)), 100)


# --- large patches ------------------------------------------------------------


def test_swapped_boxes_are_told_as_runs() -> None:
    noise = random.Random(7)
    first, second = noise.randbytes(70_000), noise.randbytes(50_000)
    changed = second[:40] + b"\x01" + second[41:]
    new = changed + first
    told = shuffle.shuffle_of(first + second, new)
    assert told is not None
    assert len(told.runs) <= 4
    assert sum(len(piece) for _, piece in told.new_rest) <= shuffle.SEED_BYTES
    assert shuffle.new_of(told, first + second) == new
    assert shuffle.old_of(told, new) == first + second


def test_what_is_no_permutation_is_kept_byte_by_byte() -> None:
    noise = random.Random(7)
    patches = (Patch(0, noise.randbytes(9000), noise.randbytes(9000)),)
    assert shuffle.compact(patches) == patches


@pytest.mark.parametrize("what", ["hundreds of pieces", "a piece that is gone"])
def test_what_cannot_be_told_in_few_words_is_not_told(what) -> None:
    noise = random.Random(7)
    pieces = [noise.randbytes(100) for _ in range(shuffle.MOST_RUNS + 9)]
    old = b"".join(pieces)
    half = b"".join(pieces[: len(pieces) // 2])
    new = b"".join(reversed(pieces)) if what == "hundreds of pieces" else (half + half + half)
    assert shuffle.shuffle_of(old, new[: len(old)]) is None


def test_a_last_byte_that_changed_is_told_beside_the_runs() -> None:
    noise = random.Random(7)
    first, second = noise.randbytes(7000), noise.randbytes(5000)
    told = shuffle.shuffle_of(first + second, second[:-1] + b"?" + first)
    assert told is not None
    assert told.old_rest[-1] == (11_999, second[-1:])


def test_small_patches_stay_readable_in_the_journal() -> None:
    patches = (Patch(0, b"\x01", b"\x00"),)
    assert shuffle.compact(patches) == patches


# --- settling, hard links, names ----------------------------------------------


def status(*, size: int = 100, mtime_ns: int = 0) -> os.stat_result:
    at = mtime_ns // 10**9
    values = (0o100644, 1, 1, 1, 0, 0, size, 0, at, 0)
    return os.stat_result(values, {"st_mtime_ns": mtime_ns})


SECOND = 10**9


@pytest.mark.parametrize(
    ("age_seconds", "expected_size", "own", "left"),
    [
        (4.0, None, False, 1.0),
        (5.0, None, False, 0.0),
        (-1.0, None, False, 0.0),
        (0.0, 100, False, 0.0),
        (0.0, 99, False, 5.0),
        (0.0, None, True, 0.0),
    ],
    ids=["young", "old enough", "future", "size delivered", "still growing", "our own change"],
)
def test_when_a_file_counts_as_completely_written(age_seconds, expected_size, own, left) -> None:
    now = 1_000 * SECOND
    mtime = now - int(age_seconds * SECOND)
    seconds = seconds_to_settle(
        status(mtime_ns=mtime),
        expected_size=expected_size,
        own_mtime_ns=mtime if own else mtime - 1,
        settle_seconds=5.0,
        now_ns=now,
    )
    assert seconds == left


@pytest.mark.parametrize(
    ("links", "mode", "remux", "way"),
    [
        (1, "skip", False, "in_place"),
        (1, "skip", True, "remux"),
        (2, "edit", False, "in_place"),
        (2, "copy", False, "copy"),
        (2, "copy", True, "remux"),
        (2, "auto", False, "reflink"),
        (2, "auto", True, None),
        (2, "edit", True, None),
        (2, "skip", False, None),
        (2, "wait", False, None),
    ],
)
def test_how_a_hard_linked_file_is_changed(links, mode, remux, way) -> None:
    options = Options(hardlinks=mode)
    if way is None:
        with pytest.raises(errors.HardLinked):
            way_of(links, options, remux=remux)
    else:
        assert way_of(links, options, remux=remux) == way


def test_a_temporary_name_is_hidden_short_and_no_video() -> None:
    name = temporary_name(b"/media/" + b"\xff" * 251 + b".mkv")
    folder, base = os.path.split(name)
    assert folder == b"/media"
    assert base.startswith(b"._")
    assert os.path.splitext(base)[1] == b".tmp"
    assert len(base) < 255
    assert name != temporary_name(b"/media/other.mkv")


@pytest.mark.parametrize(
    ("size", "ends"),
    [
        (10, ((0, 10),)),
        (70_000, ((0, 65536), (65536, 4464))),
        (1_000_000, ((0, 65536), (934_464, 65536))),
    ],
)
def test_the_ends_of_a_file_never_overlap(size, ends) -> None:
    assert ends_of(size) == ends


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, errors.FileNotFound),
        (errno.EROFS, errors.NotWritable),
        (errno.EAGAIN, errors.FileBusy),
        (errno.ENOSPC, errors.NoSpace),
        (errno.ESTALE, errors.IoFailed),
        (errno.ENODEV, errors.IoFailed),
    ],
)
def test_the_systems_errors_have_words_of_ours(number, kind) -> None:
    error = media_error(OSError(number, os.strerror(number)), b"/media/a.mkv")
    assert type(error) is kind
    assert str(error).startswith("/media/a.mkv: ")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.ENODEV, "No such device", "/dev/x"), "no such device"),
        (OSError("Something odd"), "something odd"),
    ],
    ids=["numbered", "without a number"],
)
def test_an_error_that_nobody_foresaw_keeps_the_system_s_words(error, what) -> None:
    told = media_error(error, b"/media/a.mkv")
    assert (type(told), told.what) == (errors.IoFailed, what)


def test_every_kind_of_system_error_can_be_formed() -> None:
    for number in KINDS:
        assert media_error(OSError(number, "x"), b"a").path == b"a"


# --- what an edited file must show --------------------------------------------

VIDEO = Track(0, 1, "video", "h264", default=True)
JAPANESE = Track(1, 2, "audio", "aac", "ja", default=True)
ENGLISH = Track(2, 3, "audio", "aac", "en")
FRENCH = Track(3, 4, "audio", "aac", "fr")


def shows(*tracks: tuple[Track, bool]) -> Media:
    return Media(
        "mkv",
        100,
        tuple(evolve(one, index=at, default=on) for at, (one, on) in enumerate(tracks)),
    )


BEFORE = shows((VIDEO, True), (JAPANESE, True), (ENGLISH, False), (FRENCH, False))


def test_the_chosen_track_is_the_only_default_and_nothing_else_moved() -> None:
    after = shows((VIDEO, True), (JAPANESE, False), (ENGLISH, True), (FRENCH, False))
    Expectation(3, BEFORE).check(after)
    Expectation(3).check(after)


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        shows((VIDEO, True), (JAPANESE, True), (ENGLISH, True), (FRENCH, False)),
        shows((VIDEO, False), (JAPANESE, False), (ENGLISH, True), (FRENCH, False)),
        shows((VIDEO, True), (ENGLISH, True), (JAPANESE, False), (FRENCH, False)),
        shows((VIDEO, True), (JAPANESE, False), (ENGLISH, True)),
        shows((VIDEO, True), (JAPANESE, False), (ENGLISH, False), (FRENCH, False)),
    ],
    ids=["unchanged", "two defaults", "video changed", "moved", "one lost", "no default"],
)
def test_anything_else_is_not_what_was_wanted(after) -> None:
    with pytest.raises(errors.VerifyFailed):
        Expectation(3, BEFORE).check(after)


@pytest.mark.parametrize(
    "after",
    [
        shows((VIDEO, True), (FRENCH, True), (JAPANESE, False), (ENGLISH, False)),
        shows((VIDEO, True), (FRENCH, True), (ENGLISH, False), (JAPANESE, False)),
    ],
    ids=["moved up", "swapped"],
)
def test_after_reordering_the_chosen_track_is_the_first_audio_track(after) -> None:
    Expectation(4, BEFORE, reorder=True).check(after)
    with pytest.raises(errors.VerifyFailed):
        Expectation(4, BEFORE).check(after)


def test_after_reordering_a_track_that_stayed_behind_is_noticed() -> None:
    after = shows((VIDEO, True), (JAPANESE, False), (ENGLISH, False), (FRENCH, True))
    with pytest.raises(errors.VerifyFailed):
        Expectation(4, BEFORE, reorder=True).check(after)


@pytest.mark.parametrize(
    "after",
    [
        shows((VIDEO, False), (FRENCH, True), (JAPANESE, False), (ENGLISH, False)),
        shows((FRENCH, True), (JAPANESE, False), (ENGLISH, False)),
        shows((VIDEO, True), (FRENCH, True), (JAPANESE, False)),
        shows((VIDEO, True), (FRENCH, True), (JAPANESE, False), (JAPANESE, False)),
        shows(
            (VIDEO, True), (FRENCH, True), (JAPANESE, False), (evolve(ENGLISH, title="?"), False)
        ),
    ],
    ids=["video changed", "video lost", "one lost", "one twice", "one changed"],
)
def test_after_reordering_nothing_but_places_has_changed(after) -> None:
    with pytest.raises(errors.VerifyFailed):
        Expectation(4, BEFORE, reorder=True).check(after)
