"""Languages and globs of the configuration: whether media understands them, and where links lead.

Owns the words for what is not understood. Reading links is its only I/O. Knows
media's door; nothing of keys and files of the configuration.
"""

from __future__ import annotations

import itertools
import os
import re
from typing import Final

from arrtheaudio.errors import ConfigError
from arrtheaudio.media import compile_glob, normalise

A_LANGUAGE: Final = "a language code such as eng, ja or pt-BR, or the word original"
A_GLOB: Final = "a glob such as /media/anime/**"

_UNDETERMINED: Final = "und"  # what media makes of a word that is no language
_WORDS: Final = frozenset({"original", _UNDETERMINED})
_PLAIN_WORDS: Final = frozenset({"any", "all"})  # codes of ISO 639-3, but nobody means those
_WILD: Final = frozenset("*?[{\\")
_SPECIAL: Final = re.compile(r"[*?\[\]{}\\]")


def language_fault(word: str) -> str | None:
    """What should stand there instead of this word; None where it is a language."""
    folded = word.casefold()
    known = folded in _WORDS or (folded not in _PLAIN_WORDS and normalise(word) != _UNDETERMINED)
    return None if known else A_LANGUAGE


def glob_fault(pattern: str) -> str | None:
    """What should stand there instead of this glob; None where it is one."""
    try:
        compile_glob(pattern)
    except ConfigError:
        return f"{A_GLOB}, with fewer choices"
    return None


def real_glob(pattern: str) -> str:
    """An absolute glob with the links in front of its first wildcard followed.

    Files are compared by their real path, whatever links the media roots are or hold.
    """
    if not pattern.startswith("/"):
        return pattern
    names = pattern.split("/")
    plain = list(itertools.takewhile(_WILD.isdisjoint, names))
    folder = os.path.normpath("/".join(plain) or "/")
    real = os.path.realpath(folder)
    if real == folder and folder == "/".join(plain).rstrip("/"):
        return pattern
    literal = _SPECIAL.sub(r"\\\g<0>", real.rstrip("/"))
    if len(plain) < len(names):
        return "/".join([literal, *names[len(plain) :]])
    return literal + "{,/**}"  # without a wildcard it named a folder, and what is below it
