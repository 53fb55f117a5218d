"""What mdhd and elng say of a track's language.

Owns the two spellings of mdhd (packed ISO 639-2/T, classic Macintosh codes)
and elng's. ISO/IEC 14496-12, 8.4.2 and 8.4.6; QuickTime File Format,
"Language code values".
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from arrtheaudio.media.languages import normalise
from arrtheaudio.media.tracks import UNDETERMINED

# Below this value mdhd holds a Macintosh code, from it on three packed letters.
FIRST_PACKED: Final = 0x400
UNSPECIFIED: Final = 0x7FFF  # a Macintosh code all the same

# QuickTime File Format, "Language code values", as BCP 47 tags. Its own names
# stand beside those where the tag alone does not tell.
MACINTOSH: Final = {
    0: "en",
    1: "fr",
    2: "de",
    3: "it",
    4: "nl",
    5: "sv",
    6: "es",
    7: "da",
    8: "pt",
    9: "no",
    10: "he",
    11: "ja",
    12: "ar",
    13: "fi",
    14: "el",
    15: "is",
    16: "mt",
    17: "tr",
    18: "hr",
    19: "zh-Hant",
    20: "ur",
    21: "hi",
    22: "th",
    23: "ko",
    24: "lt",
    25: "pl",
    26: "hu",
    27: "et",
    28: "lv",
    29: "se",
    30: "fo",
    31: "fa",
    32: "ru",
    33: "zh-Hans",
    34: "nl-BE",  # Flemish
    35: "ga",
    36: "sq",
    37: "ro",
    38: "cs",
    39: "sk",
    40: "sl",
    41: "yi",
    42: "sr",
    43: "mk",
    44: "bg",
    45: "uk",
    46: "be",
    47: "uz",
    48: "kk",
    49: "az-Cyrl",
    50: "az-Arab",
    51: "hy",
    52: "ka",
    53: "ro-MD",  # Moldavian
    54: "ky",
    55: "tg",
    56: "tk",
    57: "mn-Mong",
    58: "mn-Cyrl",
    59: "ps",
    60: "ku",
    61: "ks",
    62: "sd",
    63: "bo",
    64: "ne",
    65: "sa",
    66: "mr",
    67: "bn",
    68: "as",
    69: "gu",
    70: "pa",
    71: "or",
    72: "ml",
    73: "kn",
    74: "ta",
    75: "te",
    76: "si",
    77: "my",
    78: "km",
    79: "lo",
    80: "vi",
    81: "id",
    82: "tl",
    83: "ms",  # Roman script
    84: "ms-Arab",
    85: "am",
    86: "ti",  # 86 and 87 are Tigrinya and Oromo; older tables have Galla for 87
    87: "om",
    88: "so",
    89: "sw",
    90: "rw",  # Ruanda
    91: "rn",
    92: "ny",  # Chewa
    93: "mg",
    94: "eo",
    128: "cy",
    129: "eu",
    130: "ca",
    131: "la",
    132: "qu",
    133: "gn",
    134: "ay",
    135: "tt",
    136: "ug",
    137: "dz",
    138: "jv",  # Roman script
    139: "su",
    140: "gl",
    141: "af",
    142: "br",
    143: "iu",
    144: "gd",
    145: "gv",
    146: "ga-Latg",  # with dot above
    147: "to",
    148: "grc",
    149: "kl",
    150: "az-Latn",
    151: "nn",
}


@lru_cache(maxsize=256)
def header_language(code: int) -> str:
    """The tag in mdhd's 16-bit field; empty where it says nothing (0x7FFF: unspecified)."""
    if code < FIRST_PACKED:
        return MACINTOSH.get(code, "")
    letters = bytes(0x60 + (code >> shift & 0x1F) for shift in (10, 5, 0))
    return letters.decode("ascii") if letters.isalpha() else ""


def extended_language(body: bytes) -> str:
    """The tag in the body of elng.

    A full box by the standard; some writers leave version and flags out, which
    shows in a letter where the version should be.
    """
    if not body:
        return ""
    text = body if body[:1].isalpha() else body[4:]
    return text.partition(b"\0")[0].decode("ascii", "replace").strip()


def language(header: str, extended: str) -> tuple[str, str]:
    """(BCP 47 in normal form, what the file says): elng wins where it names a language."""
    for tag in (extended, header):
        normal = normalise(tag) if tag else UNDETERMINED
        if normal != UNDETERMINED:
            return normal, tag
    return UNDETERMINED, extended or header
