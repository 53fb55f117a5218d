"""One trak: its kind by handler, its chapters, and headers that are cut off."""

from __future__ import annotations

import pytest
from synth_mp4 import box, mp4, opened, sample_entry, track, u32

from arrtheaudio.media import mp4 as container
from arrtheaudio.media.tracks import Track


def tracks_of(content: bytes) -> tuple[Track, ...]:
    with opened(content) as window:
        return container.probe(window).tracks


def handled(content: bytes, handler: bytes, by: bytes) -> bytes:
    """The file with another handler in place of one."""
    old = bytes(4) + handler + bytes(12)
    assert old in content
    return content.replace(old, bytes(4) + by + bytes(12))


@pytest.mark.parametrize(
    ("handler", "type"),
    [
        (b"soun", "audio"),
        (b"vide", "video"),
        (b"sbtl", "subtitles"),
        (b"subt", "subtitles"),
        (b"subp", "subtitles"),
        (b"clcp", "subtitles"),
        (b"text", "subtitles"),
        (b"tmcd", "other"),
        (b"meta", "other"),
    ],
)
def test_the_handler_tells_what_a_track_is(handler: bytes, type: str) -> None:
    (found,) = tracks_of(handled(mp4([track("subtitles")]), b"sbtl", handler))
    assert found.type == type


def test_only_tracks_that_are_named_as_chapters_are_chapters() -> None:
    named = [track(chapters=[3, 4]), track(extra=box("tref", box("subt", u32(5))))]
    found = tracks_of(mp4([*named, *[track("subtitles") for _ in range(4)]]))
    assert [one.type for one in found[2:]] == ["other", "other", "subtitles", "subtitles"]


def test_subtitles_are_forced_where_their_entry_says_that_all_samples_are() -> None:
    plain = sample_entry("tx3g", 0)
    forced = plain[:16] + u32(0x80000000) + plain[20:]
    found = tracks_of(mp4([track("subtitles", entry=plain), track("subtitles", entry=forced)]))
    assert [one.forced for one in found] == [False, True]


@pytest.mark.parametrize("version", [1, 2])
def test_a_media_header_that_is_cut_off_or_too_new_names_no_language(version: int) -> None:
    content = mp4([track(language="eng")])
    (found,) = tracks_of(content.replace(b"mdhd\0", b"mdhd" + bytes([version])))
    assert (found.language, found.language_tag) == ("und", "")


def test_a_track_without_header_has_no_number() -> None:
    without, other = tracks_of(mp4([track(), track()]).replace(b"tkhd", b"free", 1))
    assert (without.number, other.number) == (0, 2)
