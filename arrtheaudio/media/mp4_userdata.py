"""A track's user data: its title and the part it plays.

Owns the readings of udta in a trak (name, ©nam, titl, meta/ilst, kind, tagc).
Pure: bytes in, values out; what makes no sense is passed over. ISO/IEC
14496-12, 8.10 (kind: 8.10.4); QuickTime File Format, "User data atoms".
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from typing import Final

import attrs

from arrtheaudio.media.mp4_boxes import split
from arrtheaudio.media.mp4_languages import FIRST_PACKED, UNSPECIFIED

DASH_ROLE: Final = "urn:mpeg:dash:role:2011"  # ISO/IEC 23009-1, 5.8.5.5
DASH_ROLE_SHORT: Final = "urn:mpeg:dash:role"
HTML_KIND: Final = "about:html-kind"  # HTML, AudioTrack.kind; named by 14496-12, 8.10.4
TVA_PURPOSE: Final = "urn:tva:metadata:cs:AudioPurposeCS:2007"  # ETSI TS 102 822-3-1
APPLE_TAG: Final = "tagc"  # AVFoundation's media characteristics, one string per tagc


@attrs.frozen
class Roles:
    """What kind and tagc say; None where they are silent."""

    forced: bool = False
    original: bool | None = None
    commentary: bool | None = None
    visual_impaired: bool | None = None
    hearing_impaired: bool | None = None


_NO_ROLES: Final = Roles()

_DASH_VALUES: Final[dict[str, tuple[str, bool]]] = {
    "commentary": ("commentary", True),
    "description": ("visual_impaired", True),
    "dub": ("original", False),
    "caption": ("hearing_impaired", True),
    "enhanced-audio-intelligibility": ("hearing_impaired", True),
    "forced-subtitle": ("forced", True),
    "forced_subtitle": ("forced", True),
}
ROLES: Final[dict[str, dict[str, tuple[str, bool]]]] = {
    DASH_ROLE: _DASH_VALUES,
    DASH_ROLE_SHORT: _DASH_VALUES,
    HTML_KIND: {
        "commentary": ("commentary", True),
        "descriptions": ("visual_impaired", True),
        "main-desc": ("visual_impaired", True),
        "translation": ("original", False),
        "captions": ("hearing_impaired", True),
    },
    TVA_PURPOSE: {
        "1": ("visual_impaired", True),
        "2": ("hearing_impaired", True),
        "3": ("commentary", True),
        "4": ("commentary", True),
    },
    APPLE_TAG: {
        "public.auxiliary-content": ("commentary", True),
        "public.accessibility.describes-video": ("visual_impaired", True),
        "public.accessibility.transcribes-spoken-dialog": ("hearing_impaired", True),
        "public.original-content": ("original", True),
        "public.translation.dubbed": ("original", False),
        "public.subtitles.forced-only": ("forced", True),
    },
}


def parse(user_data: bytes) -> tuple[str | None, Roles]:
    """(title, roles) from the body of a trak's udta."""
    if not user_data:
        return None, _NO_ROLES
    titles: dict[bytes, str] = {}
    roles: dict[str, bool] = {}
    for kind, body in split(user_data):
        if kind in _TITLES and kind not in titles:
            text = _TITLES[kind](body).strip(" \0\t\r\n")
            if text:
                titles[kind] = text
        elif kind == b"kind":
            scheme, value = _scheme_and_value(body)
            _note(roles, scheme, value)
        elif kind == b"tagc":
            _note(roles, APPLE_TAG, _text(body).strip(" \0"))
    title = next((titles[kind] for kind in _TITLES if kind in titles), None)
    return title, Roles(**roles) if roles else _NO_ROLES


def _note(roles: dict[str, bool], scheme: str, value: str) -> None:
    role = ROLES.get(scheme, {}).get(value)
    if role is not None:
        roles[role[0]] = role[1]


def _scheme_and_value(body: bytes) -> tuple[str, str]:
    scheme, _, rest = body[4:].partition(b"\0")
    return scheme.decode("utf-8", "replace"), rest.partition(b"\0")[0].decode("utf-8", "replace")


def _text(body: bytes) -> str:
    """UTF-8, or UTF-16 behind a byte order mark (QuickTime File Format, "Language code values")."""
    if body[:2] in (codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE):
        return body.decode("utf-16", "replace")
    return body.decode("utf-8", "replace")


def international_text(body: bytes) -> str:
    """The first non-empty text of a QuickTime list: (length, language, text) again and again."""
    for language, content in _international_texts(body):
        macintosh = language < FIRST_PACKED or language == UNSPECIFIED
        text = content.decode("mac_roman") if macintosh else _text(content)
        if text := text.strip("\0 "):  # only now: UTF-16 has both bytes in other characters
            return text
    return ""


def _international_texts(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(body):
        length = int.from_bytes(body[at : at + 2], "big")
        yield (
            int.from_bytes(body[at + 2 : at + 4], "big"),
            body[at + 4 : at + 4 + length],
        )
        at += 4 + length


def _three_gpp(body: bytes) -> str:
    """titl (3GPP TS 26.244, 8): version and flags, packed language, text."""
    return _text(body[6:])


def _item_list_name(body: bytes) -> str:
    """meta/ilst/©nam/data, the way of iTunes; meta is a full box, in QuickTime it is not."""
    start = 0 if body[4:8] == b"hdlr" else 4
    name = _first(_first(body, b"ilst", start), b"\xa9nam")
    return _text(_first(name, b"data")[8:])  # behind type and locale, four bytes each


def _first(content: bytes, kind: bytes, start: int = 0) -> bytes:
    return next((body for found, body in split(content, start) if found == kind), b"")


# In order of preference.
_TITLES: Final[dict[bytes, Callable[[bytes], str]]] = {
    b"name": _text,
    b"\xa9nam": international_text,
    b"titl": _three_gpp,
    b"meta": _item_list_name,
}
