"""Which languages are wished for one file, and which rule says so.

Knows rules and what is known of the title; nothing of how a track is picked.
media.md, "Choosing the track", 1. The order: the wish of the request, tag
override, path override, series type override, language_priority.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

import attrs
from wcmatch import glob

from arrtheaudio.errors import ConfigError
from arrtheaudio.media.languages import normalise
from arrtheaudio.media.tracks import UNDETERMINED, Context, Rules, Track

ORIGINAL: Final = "original"

# Hidden folders are folders; the case counts, as it does for the files themselves.
_GLOB_FLAGS: Final = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB | glob.FORCEUNIX | glob.CASE
_GLOB_CHARACTERS: Final = 4096
# Neither escaped characters nor braces, which give choices of names, are wildcards.
_WILDCARD: Final = re.compile(r"(?<!\\)(?:\\\\)*[*?\[]")


@attrs.frozen
class Wishes:
    """The wished languages in order of preference, each once, in normal form."""

    languages: tuple[str, ...]
    source: str  # "request", "tag dub", "path /media/anime/**", "series type anime", …
    original: str | None  # the language that the word "original" stood for
    original_missing: bool = False  # "original" was wished for, and is not known


def resolve(rules: Rules, context: Context, path: bytes, audio: Iterable[Track]) -> Wishes:
    """The wishes for one file.

    ``original`` is the title's language where the context knows it; else the
    language of an audio track that the file itself flags as the original one
    (RFC 9559, 5.1.4.1.10: FlagOriginal); else it is left out.
    """
    words, source = _applying_rule(rules, context, path)
    original = original_language(context, audio)
    languages: list[str] = []
    for word in words:
        language = original if word.casefold() == ORIGINAL else _language(word)
        if language is not None and language not in languages:
            languages.append(language)
    wanted = any(word.casefold() == ORIGINAL for word in words)
    return Wishes(
        tuple(languages),
        source,
        original if wanted else None,
        original_missing=wanted and original is None,
    )


def original_language(context: Context, audio: Iterable[Track]) -> str | None:
    """The title's original language in normal form, or None where nothing tells it."""
    stated = normalise(context.original_language or "")
    if stated != UNDETERMINED:
        return stated
    for track in audio:
        if track.original and track.language != UNDETERMINED:
            return track.language
    return None


def _language(word: str) -> str | None:
    """A wished language; None for a word that names none. "und" can be wished for."""
    language = normalise(word)
    return language if language != UNDETERMINED or word.casefold() == UNDETERMINED else None


def _applying_rule(rules: Rules, context: Context, path: bytes) -> tuple[tuple[str, ...], str]:
    if context.language_priority is not None:
        return context.language_priority, "request"
    return next(_overrides(rules, context, path), (rules.language_priority, "language_priority"))


def _overrides(
    rules: Rules, context: Context, path: bytes
) -> Iterator[tuple[tuple[str, ...], str]]:
    """The overrides that apply, the strongest first."""
    tags = {tag.casefold() for tag in context.tags}
    for tag, languages in rules.tag_overrides:
        if tag.casefold() in tags:
            yield languages, f"tag {tag}"
    if rules.path_overrides:
        # An accent may be one character or two, by the program that wrote the name.
        name = unicodedata.normalize("NFC", os.fsdecode(path))
        for pattern, languages in rules.path_overrides:
            if any(regex.fullmatch(name) for regex in compile_glob(pattern)):
                yield languages, f"path {pattern}"
    series_type = (context.series_type or "").casefold()
    for wanted, languages in rules.series_type_overrides:
        if wanted.casefold() == series_type:
            yield languages, f"series type {wanted}"


@lru_cache(maxsize=256)
def compile_glob(pattern: str) -> tuple[re.Pattern[str], ...]:
    """A path override's glob as regular expressions for a whole absolute path.

    ``**`` spans folders, ``{a,b}`` gives choices. A pattern that does not begin
    with ``/`` may match at any depth; one without wildcards, or that ends in
    ``/``, names a folder and means everything below it. The path to compare must
    be in Unicode's form NFC, whatever the file system holds.

    Raises: ConfigError for a pattern that is empty, too long or has too many choices.
    """
    if not pattern or len(pattern) > _GLOB_CHARACTERS:
        raise ConfigError((("path_overrides", f"expected a glob, got {pattern[:80]!r}"),))
    pattern = unicodedata.normalize("NFC", pattern)
    rooted = pattern if pattern.startswith("/") else f"/**/{pattern}"
    patterns = [rooted]
    if pattern.endswith("/") or not _WILDCARD.search(pattern):
        patterns.append(f"{rooted.rstrip('/')}/**")
    try:
        included, _ = glob.translate(patterns, flags=_GLOB_FLAGS)
        return tuple(re.compile(regex) for regex in included)
    except Exception as error:  # wcmatch raises what it does not name publicly
        raise ConfigError((("path_overrides", f"{pattern!r}: {error}"),)) from error
