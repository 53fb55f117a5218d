"""The language names of Sonarr and Radarr as BCP 47 tags.

Both send English names; their numeric ids differ between the two and are never
used. The table holds every name of Sonarr 4.0 and Radarr 6.1 (each project's
``NzbDrone.Core/Languages/Language.cs``) and the two that older Sonarrs know.
Custom Scripts get ISO 639 codes instead ("dan", ``IsoLanguages.cs``). arr.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import langcodes

_LONGEST: Final = 40  # characters of a name or code

# "any" would be a code of ISO 639-3, but here it is a word.
_NO_LANGUAGE: Final = frozenset({"unknown", "original", "any", "und"})

_NAMES: Final = {
    "abkhazian": "ab", "afar": "aa", "afrikaans": "af", "akan": "ak", "albanian": "sq",
    "amharic": "am", "arabic": "ar", "aragonese": "an", "armenian": "hy", "assamese": "as",
    "avaric": "av", "avestan": "ae", "aymara": "ay", "azerbaijani": "az", "bambara": "bm",
    "bashkir": "ba", "basque": "eu", "belarusian": "be", "bengali": "bn", "bislama": "bi",
    "bosnian": "bs", "breton": "br", "bulgarian": "bg", "burmese": "my", "cantonese": "yue",
    "catalan": "ca", "chamorro": "ch", "chechen": "ce", "chichewa": "ny", "chinese": "zh",
    "church slavic": "cu", "chuvash": "cv", "cornish": "kw", "corsican": "co", "cree": "cr",
    "croatian": "hr", "czech": "cs", "danish": "da", "divehi": "dv", "dutch": "nl",
    "dzongkha": "dz", "english": "en", "esperanto": "eo", "estonian": "et", "ewe": "ee",
    "faroese": "fo", "fijian": "fj", "finnish": "fi", "flemish": "nl-BE", "french": "fr",
    "frisian": "fy", "fulah": "ff", "galician": "gl", "ganda": "lg", "georgian": "ka",
    "german": "de", "greek": "el", "guarani": "gn", "gujarati": "gu", "haitian creole": "ht",
    "hausa": "ha", "hebrew": "he", "herero": "hz", "hindi": "hi", "hiri motu": "ho",
    "hungarian": "hu", "icelandic": "is", "ido": "io", "igbo": "ig", "indonesian": "id",
    "interlingua": "ia", "interlingue": "ie", "inuktitut": "iu", "inupiaq": "ik", "irish": "ga",
    "italian": "it", "japanese": "ja", "javanese": "jv", "kalaallisut": "kl", "kannada": "kn",
    "kanuri": "kr", "kashmiri": "ks", "kazakh": "kk", "khmer": "km", "kikuyu": "ki",
    "kinyarwanda": "rw", "komi": "kv", "kongo": "kg", "korean": "ko", "kuanyama": "kj",
    "kurdish": "ku", "kyrgyz": "ky", "lao": "lo", "latin": "la", "latvian": "lv",
    "limburgish": "li", "lingala": "ln", "lithuanian": "lt", "luba-katanga": "lu",
    "luxembourgish": "lb", "macedonian": "mk", "malagasy": "mg", "malay": "ms",
    "malayalam": "ml", "maltese": "mt", "mandarin": "cmn", "manx": "gv", "maori": "mi",
    "marathi": "mr", "marshallese": "mh", "mongolian": "mn", "nauru": "na", "navajo": "nv",
    "ndonga": "ng", "nepali": "ne", "north ndebele": "nd", "northern sami": "se",
    "norwegian": "no", "occitan": "oc", "odia": "or", "ojibwa": "oj", "oromo": "om",
    "ossetian": "os", "pali": "pi", "pashto": "ps", "persian": "fa", "polish": "pl",
    "portuguese": "pt", "portuguese (brazil)": "pt-BR", "punjabi": "pa", "quechua": "qu",
    "romanian": "ro", "romansh": "rm", "rundi": "rn", "russian": "ru", "samoan": "sm",
    "sango": "sg", "sanskrit": "sa", "sardinian": "sc", "scottish gaelic": "gd",
    "serbian": "sr", "shona": "sn", "sichuan yi": "ii", "sindhi": "sd", "sinhala": "si",
    "slovak": "sk", "slovenian": "sl", "somali": "so", "south ndebele": "nr",
    "southern sotho": "st", "spanish": "es", "spanish (latino)": "es-419", "sundanese": "su",
    "swahili": "sw", "swati": "ss", "swedish": "sv", "swiss german": "gsw", "tagalog": "fil",
    "tahitian": "ty", "tajik": "tg", "tamil": "ta", "tatar": "tt", "telugu": "te",
    "thai": "th", "tibetan": "bo", "tigrinya": "ti", "tongan": "to", "tsonga": "ts",
    "tswana": "tn", "turkish": "tr", "turkmen": "tk", "twi": "tw", "ukrainian": "uk",
    "urdu": "ur", "uyghur": "ug", "uzbek": "uz", "venda": "ve", "vietnamese": "vi",
    "volapuk": "vo", "walloon": "wa", "welsh": "cy", "wolof": "wo", "xhosa": "xh",
    "yiddish": "yi", "yoruba": "yo", "zhuang": "za", "zulu": "zu",
}  # fmt: skip


def from_arr_name(name: str) -> str | None:
    """The BCP 47 tag of a language as Sonarr or Radarr name it.

    Names in any case, and ISO 639 codes; None for "Unknown", "Original" and
    "Any", and for what is no language.
    """
    return None if len(name) > _LONGEST else _tag(name.strip().casefold())


@lru_cache(maxsize=512)
def _tag(word: str) -> str | None:
    if word in _NO_LANGUAGE:
        return None
    known = _NAMES.get(word)
    if known is not None:
        return known
    try:
        tag = langcodes.standardize_tag(word)
        return tag if langcodes.tag_is_valid(tag) else None
    except ValueError:  # LanguageTagError: not the shape of a code
        return None
