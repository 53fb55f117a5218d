"""Judging what a muxer wrote: whatever is missing is named."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import synth
import synth_mp4
from attrs import evolve
from synth_mp4 import box, full_box, u32

from arrtheaudio import errors
from arrtheaudio.media import rewritten
from arrtheaudio.media.containers import contents, probe
from arrtheaudio.media.contents import Piece, in_words, missing
from arrtheaudio.media.tracks import Media, Track

VIDEO = Track(0, 1, "video", "h264", default=True)
JAPANESE = Track(1, 2, "audio", "aac", "ja", title="Stereo", channels=2, default=True)
ENGLISH = Track(2, 3, "audio", "aac", "en", title="Main", channels=6)
SUBTITLES = Track(3, 4, "subtitles", "mov_text", "en", forced=True)
BEFORE = Media("mp4", 1000, (VIDEO, JAPANESE, ENGLISH, SUBTITLES))
AFTER = evolve(
    BEFORE,
    tracks=(VIDEO, evolve(JAPANESE, default=False), evolve(ENGLISH, default=True), SUBTITLES),
)


def judge(after: Media, *, reorder: bool = False) -> None:
    order = rewritten.order(BEFORE, 2, reorder=reorder)
    together = rewritten.pairs(order, BEFORE, after)
    rewritten.check_pieces((), (), together, rewritten.check_tracks(together, 2))


def with_track(index: int, **changes: object) -> Media:
    tracks = list(AFTER.tracks)
    tracks[index] = evolve(tracks[index], **changes)
    return evolve(AFTER, tracks=tuple(tracks))


def test_a_muxer_may_number_tracks_anew_and_spell_languages_in_its_way() -> None:
    judge(AFTER)
    judge(evolve(AFTER, tracks=tuple(evolve(t, number=t.number + 7) for t in AFTER.tracks)))
    judge(with_track(1, language_tag="jpn"))


@pytest.mark.parametrize(
    ("index", "changes", "named"),
    [
        (2, {"title": None}, "title 'Main' of track 2"),
        (1, {"language": "und"}, "language 'ja' of track 1"),
        (1, {"codec": "ac3"}, "codec 'aac' of track 1"),
        (2, {"channels": 2}, "channels '6' of track 2"),
        (3, {"default": True}, "default 'False' of track 3"),
        (3, {"forced": False}, "forced 'True' of track 3"),
        (0, {"default": False}, "default 'True' of track 0"),
    ],
)
def test_what_a_track_has_lost_is_named(index: int, changes: dict[str, object], named: str) -> None:
    with pytest.raises(errors.WouldLose, match=f"would lose: {named}"):
        judge(with_track(index, **changes))


@pytest.mark.parametrize("defaults", [(True, True), (False, False), (True, False)])
def test_the_chosen_track_must_be_the_only_default(defaults: tuple[bool, bool]) -> None:
    tracks = [*AFTER.tracks]
    tracks[1] = evolve(JAPANESE, default=defaults[0])
    tracks[2] = evolve(ENGLISH, default=defaults[1])
    with pytest.raises(errors.VerifyFailed, match="default audio tracks"):
        judge(evolve(AFTER, tracks=tuple(tracks)))


def test_a_lost_track_is_named_and_one_too_many_refused() -> None:
    with pytest.raises(errors.WouldLose, match=r"would lose: the mov_text subtitles track 3$"):
        judge(evolve(AFTER, tracks=AFTER.tracks[:3]))
    with pytest.raises(errors.VerifyFailed, match="has 5 tracks, not 4"):
        judge(evolve(AFTER, tracks=(*AFTER.tracks, SUBTITLES)))


def test_in_a_new_order_each_track_is_held_against_itself() -> None:
    moved = (AFTER.tracks[0], AFTER.tracks[2], AFTER.tracks[1], AFTER.tracks[3])
    after = evolve(AFTER, tracks=tuple(evolve(t, index=n) for n, t in enumerate(moved)))
    judge(after, reorder=True)
    with pytest.raises(errors.VerifyFailed):
        judge(AFTER, reorder=True)


def test_tracks_of_chapters_are_written_anew() -> None:
    chapters = Track(4, 5, "other", "bin_data", "fr")
    order = [*BEFORE.tracks, chapters]
    before = evolve(BEFORE, tracks=tuple(order))
    assert len(rewritten.pairs(order, before, AFTER)) == 4
    after = evolve(AFTER, tracks=(*AFTER.tracks, chapters))
    assert len(rewritten.pairs(order, before, after)) == 4
    assert len(rewritten.pairs(BEFORE.tracks, BEFORE, after)) == 4


HASHES = b"0,v,MD5=1\n1,a,MD5=2\n2,a,MD5=3\n3,s,MD5=4\n"


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (HASHES, True),
        (b"0,v,MD5=1\n1,a,MD5=3\n2,a,MD5=2\n3,s,MD5=4\n", False),
        (b"0,v,MD5=1\n1,a,MD5=2\n2,a,MD5=3\n", False),
        (HASHES + b"4,v,MD5=5\n", False),
        (b"", False),
    ],
    ids=["same", "swapped", "subtitles lost", "one more", "nothing"],
)
def test_every_stream_has_its_hash_in_its_place(written: bytes, same: bool) -> None:
    def check() -> None:
        rewritten.check_hashes(HASHES, written, BEFORE, BEFORE.tracks)

    if same:
        check()
    else:
        with pytest.raises(errors.VerifyFailed):
            check()


def test_hashes_follow_the_new_order_and_covers_may_stand_anywhere() -> None:
    order = rewritten.order(BEFORE, 2, reorder=True)
    original = HASHES + b"4,v,MD5=5\n"
    moved = b"0,v,MD5=5\n1,v,MD5=1\n2,a,MD5=3\n3,a,MD5=2\n4,s,MD5=4\n"
    rewritten.check_hashes(original, moved, BEFORE, order)
    with pytest.raises(errors.VerifyFailed):
        rewritten.check_hashes(original, original, BEFORE, order)


# --- what is beside the tracks ---------------------------------------------------


def test_pieces_are_known_wherever_they_stand_and_chapters_by_their_time() -> None:
    before = [
        Piece("tag A", b"1"),
        Piece("tag B", b"2", track=1),
        Piece("chapter 'x'", at_ns=10**9),
    ]
    after = [
        Piece("chapter 'x'", at_ns=10**9 + 40_000_000),
        Piece("tag B", b"2", track=3),
        Piece("tag A", b"1"),
    ]
    assert missing(before, after, {1: 3}) == []
    assert missing(before, after, {1: 1}) == ["tag B of track 1"]
    assert missing(before, after[1:], {1: 3}) == ["chapter 'x'"]
    late = [evolve(after[0], at_ns=3 * 10**9), *after[1:]]
    assert missing(before, late, {1: 3}) == ["chapter 'x'"]
    assert missing([Piece("tag A", b"other")], after, {}) == ["tag A"]


def test_of_many_losses_the_first_few_are_named() -> None:
    assert in_words(["a", "b"]) == "a, b"
    assert in_words([str(n) for n in range(8)]) == "0, 1, 2, 3, 4 and 3 more"


def test_chapters_are_read_from_what_ffmpeg_prints() -> None:
    printed = (
        b";FFMETADATA1\ntitle=x\n[STREAM]\nlanguage=eng\n"
        b"[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=Intro\n"
        b"[CHAPTER]\nTIMEBASE=1/90000\nSTART=45000\nEND=90000\n"
    )
    assert rewritten.chapter_pieces(printed) == [
        Piece("chapter 'Intro'", b"Intro", at_ns=0),
        Piece("chapter ''", b"", at_ns=500_000_000),
    ]


@pytest.mark.parametrize(
    ("timebase", "at_ns"), [(b"1/1", 3_000_000_000), (b"1/2", 1_500_000_000), (b"1/0", 3 * 10**9)]
)
def test_a_chapter_starts_after_so_many_units(timebase: bytes, at_ns: int) -> None:
    printed = b"[CHAPTER]\nTIMEBASE=" + timebase + b"\nSTART=3\nEND=4\ntitle=x\n"
    assert rewritten.chapter_pieces(b";FFMETADATA1\n" + printed)[0].at_ns == at_ns


def test_a_chapter_without_a_time_is_refused() -> None:
    with pytest.raises(errors.VerifyFailed, match="without a time"):
        rewritten.chapter_pieces(b";FFMETADATA1\n[CHAPTER]\nSTART=0\nEND=1\ntitle=x\n")


@pytest.mark.parametrize("kind", ["gif", "jpeg", "png", "tiff"])
def test_an_attached_picture_is_not_left_to_ffmpeg(kind: str) -> None:
    font = Piece("attachment 'a.ttf'", b"font/ttf\0image/png\0")
    rewritten.check_covers([font])
    cover = Piece("attachment 'cover'", f"image/{kind}\0".encode())
    with pytest.raises(errors.WouldLose, match=r"make a track of attachment 'cover'$"):
        rewritten.check_covers([font, cover])


def listed(content: bytes) -> list[str]:
    """What a file holds, in words."""
    fd = os.memfd_create("synthesised")
    try:
        os.pwrite(fd, content, 0)
        pieces = contents(fd, len(content), probe(fd, len(content)))
    finally:
        os.close(fd)
    return [piece.what + ("" if piece.track is None else f"/{piece.track}") for piece in pieces]


def text(ident: int, value: str) -> bytes:
    return synth.text(ident, value)


def mkv_with(*elements: bytes) -> bytes:
    """A small Matroska file with these elements behind its clusters."""
    return synth.mkv(unknown_sizes=True) + b"".join(elements)


TAG = synth.element(0x67C8, text(0x45A3, "artist") + text(0x4487, "Somebody"))
COUNTED = synth.element(0x67C8, text(0x45A3, "BPS") + text(0x4487, "1"))
FONT = text(0x466E, "Font.ttf") + text(0x4660, "font/ttf") + synth.element(0x465C, bytes(99))
INNER = synth.element(0xB6, synth.uint(0x91, 7) + synth.element(0x80, text(0x85, "Inner")))


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (synth.element(0x1941A469, synth.element(0x61A7, FONT)), ["attachment 'Font.ttf'"]),
        (
            synth.element(
                0x1043A770,
                synth.element(
                    0x45B9,
                    synth.uint(0x45DD, 1)
                    + synth.element(0xB6, synth.element(0x80, text(0x85, "One")) + INNER),
                ),
            ),
            ["the order of its chapters", "chapter 'One'", "chapter 'Inner'"],
        ),
        (synth.element(0x1254C367, synth.element(0x7373, TAG + COUNTED)), ["tag 'ARTIST'"]),
        (
            synth.element(
                0x1254C367,
                synth.element(0x7373, synth.element(0x63C0, synth.uint(0x63C5, 0x1002)) + TAG),
            ),
            ["tag 'ARTIST'/1"],
        ),
    ],
    ids=["attachment", "chapters", "tag", "tag of a track"],
)
def test_what_matroska_holds_behind_its_clusters_is_listed(extra: bytes, named: list[str]) -> None:
    assert listed(mkv_with()) == []
    assert listed(mkv_with(extra)) == named


def test_hdr_and_dolby_vision_belong_to_a_track() -> None:
    mapping = synth.element(0x41E4, synth.uint(0x41E7, 0x64766343))
    colour = synth.element(0xE0, synth.element(0x55B0, synth.uint(0x55BC, 1000)))
    tracks = [{"type": "video", "extra": mapping + colour}, {"language": "eng"}]
    assert listed(synth.mkv(tracks)) == [
        "additions to the pictures (Dolby Vision)/0",
        "HDR metadata/0",
    ]


def item(kind: str, value: bytes) -> bytes:
    return box(kind, box("data", u32(1) + u32(0) + value))


def mp4_with(*boxes: bytes, **track: object) -> bytes:
    """A small MP4 file with these boxes at the end of moov."""
    content = synth_mp4.mp4([synth_mp4.track(**track)])  # type: ignore[arg-type]
    at = content.index(b"moov") - 4
    size = int.from_bytes(content[at : at + 4], "big")
    moov = content[at : at + size] + b"".join(boxes)
    return content[:at] + u32(len(moov)) + moov[4:] + content[at + size :]


ITEMS = box(
    "ilst",
    item("\xa9nam", b"Film"),
    item("\xa9too", b"muxer"),
    item("covr", b"\xff\xd8"),
    box(
        "----",
        full_box("mean", b"com.apple.iTunes"),
        full_box("name", b"iTunEXTC"),
        box("data", u32(1) + u32(0) + b"x"),
    ),
)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (mp4_with(), []),
        (
            mp4_with(box("udta", full_box("meta", full_box("hdlr", bytes(20)), ITEMS))),
            ["tag ©nam", "cover art", "tag 'iTunEXTC'"],
        ),
        (
            mp4_with(
                full_box(
                    "meta",
                    full_box("hdlr", bytes(20)),
                    full_box("keys", u32(1), box("mdta", b"com.apple.quicktime.make")),
                    box("ilst", item("\0\0\0\1", b"Apple")),
                )
            ),
            ["tag com.apple.quicktime.make"],
        ),
        (mp4_with(box("udta", box("Xtra", b"x"), box("free", b"x"))), ["user data Xtra"]),
        (mp4_with(box("pssh", b"x")), ["box pssh"]),
        (mp4_with() + box("uuid", bytes(16)), ["box uuid"]),
        (mp4_with(extra=box("udta", box("tagc", b"y"), box("name", b"n"))), ["user data tagc/0"]),
        (mp4_with(extra=box("tref", box("fall", u32(1)))), ["reference fall/0"]),
    ],
    ids=["nothing", "itunes", "quicktime", "unknown", "encrypted", "xmp", "track", "reference"],
)
def test_what_mp4_holds_beside_its_tracks_is_listed(content: bytes, named: list[str]) -> None:
    assert listed(content) == named


def test_the_title_is_one_thing_in_a_tag_and_in_info() -> None:
    title = synth.element(0x67C8, text(0x45A3, "TITLE") + text(0x4487, "Film"))
    tag = mkv_with(synth.element(0x1254C367, synth.element(0x7373, title)))
    info = mkv_with(synth.element(synth.INFO, text(0x7BA9, "Film")))
    assert listed(tag) == listed(info) == ["the file's title"]


@pytest.mark.parametrize("make", [mkv_with, mp4_with])
def test_damaged_lists_are_corrupt_or_shorter_and_never_an_error_of_ours(
    make: Callable[..., bytes],
) -> None:
    tags = synth.element(0x1254C367, synth.element(0x7373, TAG))
    whole = make(tags) if make is mkv_with else make(box("udta", box("meta", bytes(4), ITEMS)))
    for place in range(len(whole) - 200, len(whole)):
        damaged = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        try:
            listed(damaged)
        except errors.MediaError:
            continue
