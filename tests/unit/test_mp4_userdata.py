"""What a track's user data say of it: the part that it plays, by each of the schemes."""

from __future__ import annotations

import attrs
import pytest
from synth_mp4 import box, full_box, u16

from arrtheaudio.media.mp4_userdata import international_text, parse

DASH = "urn:mpeg:dash:role:2011"  # ISO/IEC 23009-1, 5.8.5.5
HTML = "about:html-kind"
PURPOSE = "urn:tva:metadata:cs:AudioPurposeCS:2007"  # ETSI TS 102 822-3-1


def parts(user_data: bytes) -> dict[str, bool]:
    """What is said of the part that a track plays, without what is left open."""
    _, roles = parse(user_data)
    return attrs.asdict(roles, filter=lambda field, said: said != field.default)


def kind(scheme: str, value: str) -> bytes:
    return full_box("kind", scheme.encode() + b"\0" + value.encode() + b"\0")


@pytest.mark.parametrize(
    ("scheme", "value", "said"),
    [
        (DASH, "commentary", {"commentary": True}),
        (DASH, "description", {"visual_impaired": True}),
        (DASH, "dub", {"original": False}),
        (DASH, "caption", {"hearing_impaired": True}),
        (DASH, "enhanced-audio-intelligibility", {"hearing_impaired": True}),
        (DASH, "forced-subtitle", {"forced": True}),
        (DASH, "forced_subtitle", {"forced": True}),
        (HTML, "commentary", {"commentary": True}),
        (HTML, "descriptions", {"visual_impaired": True}),
        (HTML, "main-desc", {"visual_impaired": True}),
        (HTML, "translation", {"original": False}),
        (HTML, "captions", {"hearing_impaired": True}),
        (PURPOSE, "1", {"visual_impaired": True}),
        (PURPOSE, "2", {"hearing_impaired": True}),
        (PURPOSE, "3", {"commentary": True}),
        (PURPOSE, "4", {"commentary": True}),
        (PURPOSE, "5", {}),
        (DASH, "main", {}),
    ],
)
def test_a_kind_tells_the_part_by_its_scheme(scheme: str, value: str, said: dict) -> None:
    assert parts(kind(scheme, value)) == said
    if scheme == DASH:
        assert parts(kind("urn:mpeg:dash:role", value)) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("public.auxiliary-content", {"commentary": True}),
        ("public.accessibility.describes-video", {"visual_impaired": True}),
        ("public.accessibility.transcribes-spoken-dialog", {"hearing_impaired": True}),
        ("public.original-content", {"original": True}),
        ("public.translation.dubbed", {"original": False}),
        ("public.subtitles.forced-only", {"forced": True}),
        ("public.main-program-content", {}),
    ],
)
@pytest.mark.parametrize("padding", [b"", b"\0", b" "])
def test_apples_characteristics_tell_it_too(value: str, said: dict, padding: bytes) -> None:
    assert parts(box("tagc", value.encode() + padding)) == said


def texts(*parts: tuple[int, bytes]) -> bytes:
    """(language, text) again and again (QuickTime File Format, "User data text strings …")."""
    return b"".join(u16(len(text)) + u16(language) + text for language, text in parts)


@pytest.mark.parametrize("language", [0, 1, 33, 151, 0x3FF, 0x7FFF])
def test_text_in_a_language_of_the_macintosh_is_in_its_characters(language: int) -> None:
    assert international_text(texts((language, "Réalisateur".encode("mac_roman")))) == "Réalisateur"


@pytest.mark.parametrize("language", [0x400, 0x15C7, 0x7FFE])
def test_text_in_a_packed_language_is_utf_8(language: int) -> None:
    assert international_text(texts((language, "Réalisateur".encode()))) == "Réalisateur"


def test_of_several_texts_the_first_that_says_anything_counts() -> None:
    body = texts((0x15C7, b""), (0x15C7, b" \0"), (0x1A41, b"Titre"), (0x10B2, b"x" * 300))
    assert international_text(body) == "Titre"
    assert international_text(texts((0x15C7, b""))) == international_text(b"") == ""


def test_of_several_titles_of_a_kind_the_first_that_says_anything_counts() -> None:
    names = box("name", b"\0"), box("name", b"first"), box("name", b"second")
    assert parse(b"".join(names))[0] == "first"
