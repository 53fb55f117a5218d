"""Languages: one normal form for every spelling, and whether a track meets a wish.

The normal form is a BCP 47 tag (RFC 5646) as CLDR canonicalises it: "fre", "fra"
and "FR" are all "fr", "pt_br" is "pt-BR". Knows nothing of tracks or rules.
media.md, "Choosing the track", 2.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import langcodes
from langcodes.data_dicts import NORMALIZED_MACROLANGUAGES

from arrtheaudio.media.tracks import UNDETERMINED

# How well a track meets a wish; only the order has a meaning.
NO_MATCH: Final = 0
RELATED: Final = 1  # another language of the same macrolanguage: Cantonese for "zh"
PLAIN: Final = 2  # the plain language for a regional wish: "pt" for "pt-BR"
REGION: Final = 3  # a region inside the wished one, or around it: "es-MX" and "es-419"
FULL: Final = 4  # all that the wish says

# The longest well-formed tags in real use have some 20 characters; what a file
# states beyond this is no language, and must not fill the cache.
_TAG_CHARACTERS: Final = 40
_CACHED_TAGS: Final = 2048

# Codes that stand in real files and that no standard assigns to another language:
# country codes, and the three-letter ones that subtitle sites use.
_MISSPELT: Final = {
    "chs": "zh-Hans",
    "cht": "zh-Hant",
    "cn": "zh",
    "cz": "cs",
    "dk": "da",
    "es-la": "es-419",
    "gr": "el",
    "jap": "ja",
    "jp": "ja",
    "pob": "pt-BR",
    "vn": "vi",
}

# Languages that ISO 639-3 counts to a macrolanguage and that its plain code is
# used for in ISO 639-2 containers. The prevailing one of each ("cmn", "nb") is the
# macrolanguage itself; Malay and Indonesian, Serbian and Croatian are not here,
# because nobody who asks for one means the other.
_MEMBERS: Final = {
    "cdo": "zh", "cjy": "zh", "cpx": "zh", "czh": "zh", "czo": "zh", "gan": "zh",
    "hak": "zh", "hsn": "zh", "mnp": "zh", "nan": "zh", "wuu": "zh", "yue": "zh",
    "acm": "ar", "acw": "ar", "aeb": "ar", "afb": "ar", "ajp": "ar", "apc": "ar",
    "apd": "ar", "ars": "ar", "ary": "ar", "arq": "ar", "arz": "ar", "ayl": "ar",
    "nn": "no",
}  # fmt: skip
_PREVAILING: Final = NORMALIZED_MACROLANGUAGES | {"nb": "no"}

_LATIN_AMERICA: Final = "419"  # UN M.49
_IN_LATIN_AMERICA: Final = frozenset(
    {"AR", "BO", "BR", "CL", "CO", "CR", "CU", "DO", "EC", "GT", "HN", "MX", "NI", "PA", "PE"}
    | {"PR", "PY", "SV", "US", "UY", "VE"}  # of the US: CLDR's parent of es-US is es-419
)

_NAMES: Final = {
    "af": "Afrikaans", "ar": "Arabic", "az": "Azerbaijani", "be": "Belarusian",
    "bg": "Bulgarian", "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan", "cs": "Czech",
    "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fil": "Filipino", "fr": "French", "ga": "Irish", "gl": "Galician",
    "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian",
    "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian", "ja": "Japanese",
    "ka": "Georgian", "kk": "Kazakh", "km": "Khmer", "kn": "Kannada", "ko": "Korean",
    "ku": "Kurdish", "la": "Latin", "lb": "Luxembourgish", "lo": "Lao", "lt": "Lithuanian",
    "lv": "Latvian", "mi": "Māori", "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian",
    "mr": "Marathi", "ms": "Malay", "mt": "Maltese", "my": "Burmese", "nb": "Norwegian Bokmål",
    "ne": "Nepali", "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian",
    "pa": "Punjabi", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese", "rm": "Romansh",
    "ro": "Romanian", "ru": "Russian", "si": "Sinhala", "sk": "Slovak", "sl": "Slovenian",
    "sq": "Albanian", "sr": "Serbian", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil",
    "te": "Telugu", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "uz": "Uzbek", "vi": "Vietnamese", "yi": "Yiddish", "yue": "Cantonese", "zh": "Chinese",
    "cmn": "Mandarin Chinese", "nan": "Min Nan Chinese", "wuu": "Wu Chinese", "zu": "Zulu",
    "gsw": "Swiss German", "mis": "an uncoded language", "mul": "several languages",
    "und": "undetermined", "zxx": "no language",
}  # fmt: skip


def normalise(tag: str) -> str:
    """The BCP 47 normal form of any ISO 639 code or BCP 47 tag.

    Case, ``_`` for ``-`` and padding by NUL or blanks do not matter. What is no
    language that the registry knows is "und"; "mul", "zxx" and "mis" are kept.
    """
    return UNDETERMINED if len(tag) > _TAG_CHARACTERS else _normalise(tag)


@lru_cache(maxsize=_CACHED_TAGS)
def _normalise(tag: str) -> str:
    word = tag.strip("\0 \t\r\n").replace("_", "-").lower()
    word = _MISSPELT.get(word, word)
    try:
        normal = langcodes.standardize_tag(word)
        known = langcodes.tag_is_valid(normal)
    except ValueError:  # LanguageTagError: not even the shape of a tag
        return UNDETERMINED
    if not known or normal.startswith(("und", "x-")):
        return UNDETERMINED
    return normal


@lru_cache(maxsize=_CACHED_TAGS)
def matches(wish: str, language: str) -> int:
    """How well a track's language meets a wish: NO_MATCH (0), more is better.

    Both must be in normal form. A plain wish takes every region alike; a
    regional one its own, then a region inside or around it, then the plain
    language, never another region. Speech has no script, so another script
    counts as the plain language. A wish for a macrolanguage takes its
    prevailing member as itself ("cmn" for "zh", "nb" for "no") and any other
    only if there is nothing better ("yue" for "zh"); a wish for a member takes
    the macrolanguage where the file says no more than that.
    """
    if wish == language:
        return FULL
    wished, wished_script, wished_region = _parts(wish)
    spoken, script, region = _parts(language)
    if wished != spoken and _PREVAILING.get(wished, wished) != _PREVAILING.get(spoken, spoken):
        return _related(wished, spoken, region)
    rank = _region_rank(wished_region, region)
    if rank and wished_script and script != wished_script:
        return min(rank, PLAIN)
    return rank


def _related(wished: str, spoken: str, region: str) -> int:
    """The rank between two languages that are not the same but may be members of one."""
    if _MEMBERS.get(spoken) == _PREVAILING.get(wished, wished) == wished:
        return RELATED
    if _MEMBERS.get(wished) == spoken and not region:
        return PLAIN
    return NO_MATCH


def _region_rank(wished: str, stated: str) -> int:
    if not wished or wished == stated:
        return FULL
    if not stated:
        return PLAIN
    pair = (wished, stated)
    if _LATIN_AMERICA in pair and not _IN_LATIN_AMERICA.isdisjoint(pair):
        return REGION
    return NO_MATCH


_PARTS: Final = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[A-Z][a-z]{3}))?(?:-(?P<region>[A-Z]{2}|[0-9]{3}))?"
)


def _parts(tag: str) -> tuple[str, str, str]:
    """Language, script and region of a tag in normal form ("" where not stated)."""
    found = _PARTS.match(tag)
    if found is None:
        return tag, "", ""
    return found["language"], found["script"] or "", found["region"] or ""


@lru_cache(maxsize=_CACHED_TAGS)
def name(language: str) -> str:
    """The English name of a language in normal form, as a sentence can use it.

    "Portuguese (BR)", "Japanese"; the tag itself for the rare ones.
    """
    plain, script, region = _parts(language)
    known = _NAMES.get(plain)
    if known is None:
        return language
    detail = "-".join(part for part in (script, region) if part)
    return f"{known} ({detail})" if detail else known


@lru_cache(maxsize=_CACHED_TAGS)
def short_code(language: str) -> str:
    """The three-letter code that files and rules mostly use: "en" is "eng", "pt-BR" stays."""
    if "-" in language:
        return language
    try:
        return langcodes.Language.get(language).to_alpha3()
    except LookupError:
        return language
