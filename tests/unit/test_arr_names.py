"""The language names of Sonarr and Radarr."""

from __future__ import annotations

import pytest

from arrtheaudio.arr.names import _NAMES, from_arr_name
from arrtheaudio.media.languages import normalise


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("English", "en"),
        ("ENGLISH", "en"),
        ("Portuguese (Brazil)", "pt-BR"),
        ("Spanish (Latino)", "es-419"),
        ("Flemish", "nl-BE"),
        ("Cantonese", "yue"),
        ("Tagalog", "fil"),
        ("Norwegian", "no"),
        ("Luba-Katanga", "lu"),
        ("dan", "da"),
        ("zho", "zh"),
        ("fra", "fr"),
        ("Unknown", None),
        ("Original", None),
        ("Any", None),
        ("any", None),
        ("und", None),
        ("", None),
        ("Klingonese", None),
        ("19", None),
        ("\ud800", None),
        ("x" * 100_000, None),
    ],
)
def test_a_name_becomes_a_tag(name: str, tag: str | None) -> None:
    assert from_arr_name(name) == tag


@pytest.mark.parametrize("tag", sorted(set(_NAMES.values()) - {"tw"}))
def test_every_tag_is_in_the_normal_form_that_tracks_have(tag: str) -> None:
    assert normalise(tag) == tag
