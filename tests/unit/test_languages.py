"""Languages: the normal form, and how well a track meets a wish."""

from __future__ import annotations

import pytest

from arrtheaudio.media import languages
from arrtheaudio.media.languages import FULL, NO_MATCH, PLAIN, REGION, RELATED, matches, normalise


@pytest.mark.parametrize(
    ("tags", "normal"),
    [
        (("fre", "fra", "fr", "FR", "Fre", "fre\0", " fra "), "fr"),
        (("ger", "deu", "de"), "de"),
        (("dut", "nld", "nl"), "nl"),
        (("chi", "zho", "zh"), "zh"),
        (("gre", "ell"), "el"),
        (("cze", "ces"), "cs"),
        (("rum", "ron", "mol"), "ro"),
        (("scr", "hrv"), "hr"),
        (("iw", "heb"), "he"),
        (("tl", "tgl", "fil"), "fil"),
        (("pt-BR", "pt_br", "PT-br", "por-BR", "pob"), "pt-BR"),
        (("zh-hant-tw",), "zh-Hant-TW"),
        (("cht",), "zh-Hant"),
        (("sr-Latn", "sh"), "sr-Latn"),
        (("jp", "jap", "jpn", "ja"), "ja"),
        (("cmn",), "cmn"),
        (("i-klingon",), "tlh"),
    ],
)
def test_every_spelling_has_one_normal_form(tags: tuple[str, ...], normal: str) -> None:
    assert {normalise(tag) for tag in tags} == {normal}


@pytest.mark.parametrize("tag", ["mul", "zxx", "mis"])
def test_the_special_codes_are_kept(tag: str) -> None:
    assert normalise(tag) == tag


@pytest.mark.parametrize(
    "tag",
    ["", "und", "unknown", "root", "und-US", "x-foo", "en--us", "é", "\ud800", "\0\0\0", "xx", "1"],
)
def test_what_is_no_language_is_undetermined(tag: str) -> None:
    assert normalise(tag) == "und"


def test_a_forged_tag_is_undetermined_and_not_remembered() -> None:
    before = languages._normalise.cache_info().currsize
    assert normalise("en-" * 30_000) == "und"
    assert languages._normalise.cache_info().currsize == before


@pytest.mark.parametrize(
    ("wish", "language", "rank"),
    [
        ("en", "en", FULL),
        ("en", "en-US", FULL),
        ("en", "de", NO_MATCH),
        ("pt-BR", "pt-BR", FULL),
        ("pt-BR", "pt", PLAIN),
        ("pt-BR", "pt-PT", NO_MATCH),
        ("es-419", "es-MX", REGION),
        ("es-MX", "es-419", REGION),
        ("es-419", "es", PLAIN),
        ("es-419", "es-ES", NO_MATCH),
        ("sr", "sr-Latn", FULL),
        ("sr-Latn", "sr", PLAIN),
        ("sr-Latn", "sr-Cyrl", PLAIN),
        ("zh-Hant", "zh-Hans", PLAIN),
        ("zh", "cmn", FULL),
        ("cmn", "zh", FULL),
        ("zh", "yue", RELATED),
        ("yue", "zh", PLAIN),
        ("yue", "zh-CN", NO_MATCH),
        ("cmn", "yue", NO_MATCH),
        ("no", "nb", FULL),
        ("nb", "no", FULL),
        ("no", "nn", RELATED),
        ("nn", "no", PLAIN),
        ("nn", "nb", NO_MATCH),
        ("nb", "nn", NO_MATCH),
        ("ar", "arz", RELATED),
        ("ms", "id", NO_MATCH),
        ("hr", "sr", NO_MATCH),
        ("mul", "en", NO_MATCH),
        ("en", "und", NO_MATCH),
        ("und", "und", FULL),
    ],
)
def test_how_well_a_language_meets_a_wish(wish: str, language: str, rank: int) -> None:
    assert matches(wish, language) == rank


def test_a_better_match_has_a_higher_rank() -> None:
    assert NO_MATCH < RELATED < PLAIN < REGION < FULL


@pytest.mark.parametrize(
    ("tag", "name", "code"),
    [
        ("ja", "Japanese", "jpn"),
        ("pt-BR", "Portuguese (BR)", "pt-BR"),
        ("zh-Hant-TW", "Chinese (Hant-TW)", "zh-Hant-TW"),
        ("yue", "Cantonese", "yue"),
        ("de", "German", "deu"),
        ("tlh", "tlh", "tlh"),
        ("und", "undetermined", "und"),
    ],
)
def test_languages_are_named_for_people_and_for_messages(tag: str, name: str, code: str) -> None:
    assert (languages.name(tag), languages.short_code(tag)) == (name, code)


def test_latin_american_spanish_as_streaming_services_tag_it() -> None:
    assert normalise("es-LA") == "es-419"
    assert matches("es-419", "es-US") == REGION
