"""Choosing the default audio track."""

from __future__ import annotations

import os
import unicodedata
from typing import Any

import pytest
from choose_lab import DEFAULT, PATH, audio, choose, index

from arrtheaudio.errors import ConfigError
from arrtheaudio.media.choose import told
from arrtheaudio.media.tracks import Context, Media
from arrtheaudio.media.wishes import compile_glob

# --- which rule ------------------------------------------------------------------


def test_the_first_wish_wins_over_the_file_order() -> None:
    assert index(choose(audio("en", "ja"), "jpn", "eng")) == 2


def test_a_later_wish_serves_if_the_first_is_absent() -> None:
    assert index(choose(audio("fr", "en"), "jpn", "eng")) == 2


ALL_RULES: dict[str, Any] = {
    "language_priority": ("eng",),
    "tag_overrides": (("other", ("spa",)), ("dub", ("deu",))),
    "path_overrides": (("/media/tv/**", ("fra",)), ("/media/**", ("ita",))),
    "series_type_overrides": (("anime", ("jpn",)),),
}


@pytest.mark.parametrize(
    ("context", "path", "source", "language"),
    [
        (Context(language_priority=("ko",), tags=("dub",)), PATH, "request", "ko"),
        (Context(tags=("DUB",), series_type="anime"), PATH, "tag dub", "de"),
        (Context(series_type="anime"), PATH, "path /media/tv/**", "fr"),
        (Context(series_type="anime"), b"/media/x.mkv", "path /media/**", "it"),
        (Context(series_type="Anime"), b"/x.mkv", "series type anime", "ja"),
        (Context(series_type="standard"), b"/x.mkv", "language_priority", "en"),
    ],
)
def test_the_strongest_rule_gives_the_wishes(
    context: Context, path: bytes, source: str, language: str
) -> None:
    decision = choose(audio("en"), context=context, path=path, **ALL_RULES)
    assert (decision.source, decision.wishes) == (source, (language,))


@pytest.mark.parametrize(
    ("pattern", "path", "applies"),
    [
        ("/media/anime/**", b"/media/anime/a/b.mkv", True),
        ("/media/anime/**", b"/media/Anime/a/b.mkv", False),
        ("/media/anime/**", b"/media/animelist/b.mkv", False),
        ("/media/anime/**", b"/media/anime/.hidden/b.mkv", True),
        ("/media/anime", b"/media/anime/a/b.mkv", True),
        ("/media/anime/", b"/media/anime/a/b.mkv", True),
        ("/media/*", b"/media/a/b.mkv", False),
        ("/media/{anime,kids}/**", b"/media/kids/b.mkv", True),
        ("anime/**", b"/media/anime/b.mkv", True),
        ("*.mkv", b"/media/anime/b.mkv", True),
        ("!/media/**", b"/x.mkv", False),
        ("/media/**", b"/media/caf\xe9/b.mkv", True),
        ("/media/**/b.mkv", b"/media/b.mkv", True),
        (r"/media/Show \[tvdb-1\]", b"/media/Show [tvdb-1]/S01/b.mkv", True),
        (r"/media/Show \[tvdb-1\]", b"/media/Show t/b.mkv", False),
        ("/media/Heat {tmdb-949}", b"/media/Heat {tmdb-949}/b.mkv", True),
        (r"\{tmdb-949\}", b"/media/{tmdb-949}/b.mkv", True),
        ("/media/{anime,kids}", b"/media/kids/a/b.mkv", True),
        ("/media/[ab]", b"/media/a/b.mkv", False),
    ],
)
def test_path_overrides_are_globs(pattern: str, path: bytes, applies: bool) -> None:
    decision = choose(audio("en"), "eng", path=path, path_overrides=((pattern, ("fra",)),))
    assert (decision.wishes == ("fr",)) is applies


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
def test_an_accent_may_be_spelt_in_either_way(written: str, stored: str) -> None:
    pattern = unicodedata.normalize(written, "/media/Animé/**")
    path = os.fsencode(unicodedata.normalize(stored, "/media/Animé/é.mkv"))
    rules = {"path_overrides": ((pattern, ("fra",)),)}
    decision = choose(audio("en"), "eng", path=path, **rules)
    assert decision.wishes == ("fr",)
    assert decision.source == f"path {pattern}"


@pytest.mark.parametrize("pattern", ["", "/" * 5000, "/{1..100000}"])
def test_an_impossible_glob_is_a_fault_of_the_configuration(pattern: str) -> None:
    with pytest.raises(ConfigError, match="path_overrides"):
        compile_glob(pattern)


def test_original_stands_for_the_titles_language() -> None:
    decision = choose(audio("en", "da"), "original", "eng", original="dan")
    assert index(decision) == 2
    assert decision.wishes == ("da", "en")
    assert decision.tracks[1].why == "Danish: first wish, the original language (language_priority)"


def test_original_is_left_out_where_it_is_not_known() -> None:
    decision = choose(audio("en", "da"), "original", "eng", original="Klingonese")
    assert decision.wishes == ("en",)
    missing = choose(audio("en", "da"), "original")
    assert missing.reason == "no_matching_track"
    assert missing.message == "No language is wished for: the original language is not known"


def test_the_files_own_original_flag_serves_where_nothing_else_is_known() -> None:
    media = audio("en", ("da", {"original": True}))
    assert index(choose(media, "original", "eng")) == 2
    assert index(choose(media, "original", "eng", original="English")) == 2
    assert index(choose(media, "original", "eng", original="en")) == 1


def test_an_original_track_without_a_language_tells_none() -> None:
    unknown = ("und", {"original": True})
    assert index(choose(audio("und", unknown, ("da", {"original": True})), "original")) == 3
    assert choose(audio("und", unknown), "original").reason == "no_matching_track"


def test_a_wish_counts_once_and_nonsense_not_at_all() -> None:
    decision = choose(audio("en"), "eng", "gibberish", "en", "original", original="en")
    assert decision.wishes == ("en",)


# --- languages -------------------------------------------------------------------


def test_a_regional_wish_prefers_its_own_variant_then_the_plain_language() -> None:
    assert index(choose(audio("pt", "pt-PT", "pt-BR"), "pt-BR")) == 3
    assert index(choose(audio("pt-PT", "pt"), "pt-BR")) == 2
    assert choose(audio("pt-PT", "en"), "pt-BR").reason == "no_matching_track"


def test_a_plain_wish_takes_any_region() -> None:
    assert index(choose(audio("fr", "en-US"), "eng")) == 2


def test_cantonese_serves_a_chinese_wish_only_if_nothing_else_does() -> None:
    assert index(choose(audio("yue", "cmn", "en"), "zh", "en")) == 2
    assert index(choose(audio("en", "yue"), "zh", "en")) == 2


@pytest.mark.parametrize(
    ("undetermined", "chosen"), [(None, None), ("original", 1), ("jpn", 1), ("fra", None)]
)
def test_what_an_undetermined_track_counts_as(undetermined: str | None, chosen: int | None) -> None:
    media = audio("und", "de")
    decision = choose(media, "original", original="ja", undetermined=undetermined)
    assert index(decision) == chosen


def test_an_undetermined_track_can_be_wished_for() -> None:
    assert index(choose(audio("de", "und"), "und")) == 2


# --- supplementary tracks ----------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [{"commentary": True}, {"visual_impaired": True}, {"title": "Commentary"}, {"title": "AD"}],
)
def test_a_supplementary_track_is_never_chosen_beside_an_ordinary_one(more: dict[str, Any]) -> None:
    assert index(choose(audio(("en", more), "en"), "eng")) == 2
    assert choose(audio(("en", more), "fr"), "eng").reason == "no_matching_track"


def test_supplementary_tracks_serve_where_there_is_nothing_else() -> None:
    media = audio(("fr", {"commentary": True}), ("en", {"commentary": True}))
    assert index(choose(media, "eng")) == 2


def test_avoiding_supplementary_tracks_can_be_switched_off() -> None:
    media = audio(("en", {"commentary": True}), "fr")
    assert index(choose(media, "eng", avoid_supplementary=False)) == 1


def test_clearer_speech_gives_way_to_the_usual_mix_only() -> None:
    clear = ("en", {"hearing_impaired": True, "default": True})
    assert index(choose(audio(clear, "en", "fr"), "eng")) == 2
    assert index(choose(audio("fr", clear), "eng", "fra")) == 2


# --- among equals ------------------------------------------------------------------


def test_the_first_of_equals_is_taken_unless_another_is_the_default() -> None:
    assert index(choose(audio("en", "en"), "eng")) == 1
    assert index(choose(audio("en", ("en", DEFAULT)), "eng")) == 2


SOUND = (
    ("en", {"codec": "ac3", "channels": 6}),
    ("en", {"codec": "aac", "channels": 2, "default": True}),
    ("en", {"codec": "truehd", "channels": 8}),
    ("en", {"codec": "flac", "channels": 2}),
    ("en", {"codec": "dts", "channels": 10}),
)


@pytest.mark.parametrize(
    ("prefer", "chosen"), [("first", 2), ("channels", 5), ("quality", 3), ("compatible", 2)]
)
def test_prefer_decides_among_equals(prefer: str, chosen: int) -> None:
    assert index(choose(audio(*SOUND), "eng", prefer=prefer)) == chosen


@pytest.mark.parametrize(
    ("one", "other", "chosen"),
    [
        ("aac", "ac3", 1),
        ("ac3", "aac", 1),
        ("eac3", "ac3", 2),
        ("mp3", "aac", 2),
        ("eac3", "mp3", 1),
        ("mp3", "eac3", 1),
        ("dts", "eac3", 2),
        ("opus", "mp3", 2),
        ("dts", "opus", 1),
    ],
)
def test_some_formats_are_more_compatible_than_others(one: str, other: str, chosen: int) -> None:
    media = audio(("en", {"codec": one}), ("en", {"codec": other}))
    assert index(choose(media, "eng", prefer="compatible")) == chosen


@pytest.mark.parametrize("prefer", ["channels", "quality"])
@pytest.mark.parametrize(("first", "second", "chosen"), [(None, 1, 2), (1, None, 1), (2, 6, 2)])
def test_more_channels_are_better_and_an_unknown_number_is_none(
    prefer: str, first: int | None, second: int | None, chosen: int
) -> None:
    media = audio(("en", {"channels": first}), ("en", {"channels": second}))
    assert index(choose(media, "eng", prefer=prefer)) == chosen


@pytest.mark.parametrize(
    ("sound", "lossless"),
    [
        ({"codec": "pcm_s24le"}, True),
        ({"codec": "flac"}, True),
        ({"codec": "dts", "title": "DTS-HD MA"}, True),
        ({"codec": "dts"}, False),
        ({"codec": "aac", "title": "From the lossless master audio"}, False),
    ],
)
def test_quality_is_first_of_all_to_be_lossless(sound: dict[str, Any], lossless: bool) -> None:
    media = audio(("en", {"codec": "eac3"}), ("en", sound))
    assert index(choose(media, "eng", prefer="quality")) == (2 if lossless else 1)


def test_prefer_never_overrules_the_language() -> None:
    media = audio(("en", {"channels": 2}), ("fr", {"channels": 8}))
    assert index(choose(media, "eng", "fra", prefer="channels")) == 1


def test_a_dts_track_is_lossless_if_its_title_says_so() -> None:
    media = audio(
        ("en", {"codec": "eac3", "channels": 8}),
        ("en", {"codec": "dts", "channels": 6, "title": "DTS-HD MA 5.1"}),
    )
    assert index(choose(media, "eng", prefer="quality")) == 2


@pytest.mark.parametrize("title", ["DTS-HD.MA.5.1", "DTS-HD_MA"])
def test_a_release_name_tells_lossless(title: str) -> None:
    media = audio(("en", {"codec": "eac3"}), ("en", {"codec": "dts", "title": title}))
    assert index(choose(media, "eng", prefer="quality")) == 2


# --- results -----------------------------------------------------------------------


def test_a_change_is_announced_and_a_dry_run_says_would() -> None:
    decision = choose(audio(("en", DEFAULT), "ja"), "jpn")
    assert decision.reason is None
    assert decision.message == "Set default audio track to 'jpn'"
    assert told(decision, dry_run=True) == "Would set default audio track to 'jpn'"


@pytest.mark.parametrize(
    ("media", "place", "done", "would"),
    [
        (
            audio("ja", "en"),
            "first",
            "Set default audio track to 'eng'; it is the first one now",
            "Would set default audio track to 'eng'; it would become the first one",
        ),
        (
            audio("ja", ("en", DEFAULT)),
            "first",
            "The default audio track is 'eng' already; it is the first one now",
            "The default audio track is 'eng' already; it would become the first one",
        ),
        (
            audio("ja", "en"),
            "no_room",
            "Set default audio track to 'eng'; the header has no room to make it the first one",
            "Would set default audio track to 'eng'; "
            "the header has no room to make it the first one",
        ),
    ],
)
def test_a_new_place_is_announced_too(media: Media, place: Any, done: str, would: str) -> None:
    decision = choose(media, "eng")
    assert told(decision, place) == done
    assert told(decision, place, dry_run=True) == would


def test_nothing_is_done_if_the_chosen_track_is_the_only_default() -> None:
    decision = choose(audio(("en", DEFAULT), "ja"), "eng")
    assert (index(decision), decision.reason) == (1, "already_correct")
    assert (
        decision.message
        == told(decision, dry_run=True)
        == "The default audio track is 'eng' already"
    )


def test_a_second_default_is_cleared() -> None:
    decision = choose(audio(("en", DEFAULT), ("ja", DEFAULT)), "eng")
    assert (index(decision), decision.reason) == (1, None)


def test_without_a_match_nothing_is_chosen() -> None:
    media = audio(("fr", DEFAULT), ("en", {"title": "Commentary"}))
    decision = choose(media, "eng", "jpn")
    assert (decision.chosen, decision.reason) == (None, "no_matching_track")
    assert decision.message == (
        "No audio track matches eng or jpn; the file has fra, eng (commentary)"
    )


def test_a_file_without_audio_says_so() -> None:
    decision = choose(audio(), "eng")
    assert (decision.chosen, decision.reason, decision.tracks) == (None, "no_audio_tracks", ())
    assert (decision.wishes, decision.source) == (("en",), "language_priority")


def test_a_single_track_becomes_the_default_whatever_it_speaks() -> None:
    decision = choose(audio("fr"), "eng")
    assert (index(decision), decision.reason) == (1, None)
    assert "only audio track" in decision.tracks[0].why


def test_a_single_default_track_stays_as_it_is() -> None:
    assert choose(audio(("en", DEFAULT)), "eng").reason == "already_correct"
    assert choose(audio(("fr", DEFAULT)), "eng").reason == "no_matching_track"
