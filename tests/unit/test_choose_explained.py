"""What is said of every audio track: why it was chosen, and why not."""

from __future__ import annotations

from choose_lab import DEFAULT, audio, choose, index

from arrtheaudio.media.tracks import Context


def test_every_audio_track_is_explained() -> None:
    media = audio(
        ("en", DEFAULT),
        ("ja", {"channels": 2}),
        ("ja", {"channels": 6}),
        ("fr", {}),
        ("ja", {"title": "Commentary"}),
        ("und", {}),
        ("ja", {"hearing_impaired": True}),
    )
    rules = {"series_type_overrides": (("anime", ("jpn", "eng")),), "prefer": "channels"}
    decision = choose(media, context=Context(series_type="anime"), **rules)
    assert [explained.why for explained in decision.tracks] == [
        "English: second wish, but Japanese comes before",
        "Japanese: first wish too, but with fewer channels (2)",
        "Japanese: first wish (series type anime), the most channels (6)",
        "French: not wished for (series type anime)",
        "Japanese: commentary, never chosen while there is an ordinary track",
        "Undetermined: counts as no language (selection.undetermined)",
        "Japanese: first wish too, but mixed for the hard of hearing",
    ]
    assert [explained.track for explained in decision.tracks] == list(media.audio)
    assert [explained.chosen for explained in decision.tracks] == [False, False, True] + 4 * [False]


def test_the_explanation_names_what_fits_better() -> None:
    decision = choose(audio("pt", "pt-BR", "pt-BR"), "pt-BR")
    assert [explained.why for explained in decision.tracks] == [
        "Portuguese: first wish Portuguese (BR) too, but Portuguese (BR) fits it better",
        "Portuguese (BR): first wish (language_priority), the first of its kind",
        "Portuguese (BR): first wish too, but not the first",
    ]
    counted = choose(audio("und", ("und", DEFAULT)), "jpn", undetermined="jpn")
    assert [explained.why for explained in counted.tracks] == [
        "Undetermined, counted as Japanese: first wish too, but another one is the default already",
        "Undetermined, counted as Japanese: first wish (language_priority), the default already",
    ]


def test_the_explanation_names_what_the_chosen_one_has_before_any_other() -> None:
    media = audio(*(("en", {"channels": channels}) for channels in (6, 2, 6)))
    decision = choose(media, "eng", prefer="channels")
    assert [explained.why for explained in decision.tracks] == [
        "English: first wish (language_priority), the most channels (6)",
        "English: first wish too, but with fewer channels (2)",
        "English: first wish too, but not the first",
    ]


def test_the_explanation_names_what_a_chosen_track_accompanies() -> None:
    decision = choose(audio(("en", {"commentary": True}), ("fr", {"title": "AD"})), "eng")
    assert decision.tracks[0].why == "English: first wish (language_priority), commentary"


def test_what_counts_as_an_original_language_that_nobody_knows_is_undetermined() -> None:
    decision = choose(audio("und", "de"), "deu", undetermined="original")
    assert decision.tracks[0].why.startswith("Undetermined: counts as no language")


def test_a_track_that_the_file_disables_gives_way_to_its_equal() -> None:
    media = audio(("ja", {"enabled": False, "default": True}), "ja", "en")
    decision = choose(media, "jpn")
    assert index(decision) == 2
    assert decision.tracks[0].why == "Japanese: first wish too, but disabled in the file"
    assert index(choose(audio(("ja", {"enabled": False}), "en"), "jpn", "eng")) == 1
    off = {"enabled": False}
    both = choose(audio(("ja", off | DEFAULT), ("ja", off)), "jpn")
    assert both.tracks[1].why.endswith("but another one is the default already")


def test_the_explanation_says_that_the_original_language_is_not_known() -> None:
    decision = choose(audio(("ja", DEFAULT), "en"), "original", "eng")
    why = "English: first wish (language_priority), the original language is not known"
    assert decision.tracks[1].why == why
