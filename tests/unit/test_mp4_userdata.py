"""What a track's user data say of it: the part that it plays, by each of the schemes."""

from __future__ import annotations

import attrs
import pytest
from synth_mp4 import box, full_box

from arrtheaudio.media.mp4_userdata import parse

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
