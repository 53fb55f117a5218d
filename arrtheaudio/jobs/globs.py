"""Globs of a batch: which files below a folder it takes, and which folders it need not enter.

A pattern is matched component by component, like a small automaton that walks
down the tree together with the walker: ``Glob.enter`` gives what is left of it
inside a folder, or nothing where no file below can match. Each component is one
regular expression with atomic groups (Python's ``fnmatch``), so a hostile name
or pattern costs linear time; a backtracking glob would hold the whole daemon.

Knows names, never the file system. queue.md, Batches: pattern, exclude_patterns.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

import attrs
import bracex

from arrtheaudio.errors import BadPattern

DEFAULT_PATTERN: Final = "**/*.{mkv,webm,mka,mp4,m4v,mov}"

LENGTH_LIMIT: Final = 1000  # characters of one pattern
BRACE_LIMIT: Final = 200  # patterns that the braces of one pattern may stand for
COMPONENT_LIMIT: Final = 64  # folders deep

_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_SUFFIX: Final = re.compile(r"\*([ -)+->@-Z\\^-~]*)")  # "*" and ASCII without * ? [ ]
_ANY_FOLDERS: Final = None  # the component ``**``

# The positions that a walk has reached: (alternative, component).
Positions = frozenset[tuple[int, int]]


@attrs.frozen
class Names:
    """Globs of single names as one question. Names are bytes, as the file system has them.

    ``suffixes`` are the globs that are no more than "*" and an ASCII ending, which
    nearly all are: comparing them costs a tenth of a regular expression.
    """

    suffixes: tuple[bytes, ...]
    others: re.Pattern[str] | None

    def match(self, name: bytes) -> bool:
        """Whether any of the globs describes the whole name; case is ignored."""
        return name.lower().endswith(self.suffixes) or (
            self.others is not None and self.others.match(os.fsdecode(name)) is not None
        )

    def without(self, left_out: Names) -> Callable[[bytes], bool]:
        """``match`` for names that must not be left out: asked once for every file of a tree."""
        if self.others is not None or left_out.others is not None:
            return lambda name: self.match(name) and not left_out.match(name)
        wanted = self.suffixes
        # Of "*.part" and "*.mkv" no name can be both: then one question is enough.
        unwanted = tuple(
            suffix
            for suffix in left_out.suffixes
            if any(suffix.endswith(one) or one.endswith(suffix) for one in wanted)
        )
        if not unwanted:
            return lambda name: name.lower().endswith(wanted)
        return lambda name: name.lower().endswith(wanted) and not name.lower().endswith(unwanted)

    @classmethod
    def of(cls, globs: Iterable[str]) -> Names:
        """These globs, braces expanded already."""
        suffixes, others = [], []
        for glob in globs:
            ending = _SUFFIX.fullmatch(glob)
            if ending is not None:
                suffixes.append(ending[1].lower().encode())
            else:
                others.append(fnmatch.translate(glob))
        expression = re.compile("|".join(others), re.IGNORECASE) if others else None
        return cls(tuple(suffixes), expression)


@attrs.frozen
class Level:
    """What the pattern says inside one folder.

    ``files`` matches the names of files to take (None: none of them); ``deeper``
    tells whether any folder needs to be entered at all.
    """

    positions: Positions
    files: Names | None
    deeper: bool


class Glob:
    """A compiled pattern, relative to the folder of its batch; case is ignored.

    ``**`` stands for any number of folders, ``*``, ``?`` and ``[…]`` for parts of
    one name, ``{a,b}`` for either. Raises: BadPattern.
    """

    def __init__(self, pattern: str) -> None:
        alternatives = (_components(part) for part in _expand(pattern))
        self._alternatives = tuple(dict.fromkeys(alternatives))
        self.start: Final = self._level(
            frozenset((number, 0) for number in range(len(self._alternatives)))
        )
        self._inside = lru_cache(maxsize=4096)(self._advance)

    def enter(self, level: Level, folder: bytes) -> Level | None:
        """The level inside ``folder``, or None where nothing below it can match."""
        if not level.deeper:
            return None
        inside = self._inside(level.positions, folder)
        return inside if inside.files is not None or inside.deeper else None

    def _advance(self, positions: Positions, folder: bytes) -> Level:
        reached = set()
        for number, at in self._closure(positions):
            component = self._alternatives[number][at]
            if component is _ANY_FOLDERS:
                reached.add((number, at))
            elif _single(component).match(folder) and at + 1 < len(self._alternatives[number]):
                reached.add((number, at + 1))
        return self._level(frozenset(reached))

    def _level(self, positions: Positions) -> Level:
        names: set[str] = set()
        deeper = False
        for number, at in self._closure(positions):
            component = self._alternatives[number][at]
            last = at + 1 == len(self._alternatives[number])
            if last:
                names.add("*" if component is _ANY_FOLDERS else component)
            deeper = deeper or not last or component is _ANY_FOLDERS
        return Level(positions, Names.of(sorted(names)) if names else None, deeper)

    def _closure(self, positions: Positions) -> Iterable[tuple[int, int]]:
        """The positions with those behind a ``**`` that stands for no folder at all."""
        for number, at in positions:
            components = self._alternatives[number]
            while at < len(components):
                yield number, at
                if components[at] is not _ANY_FOLDERS:
                    break
                at += 1


def check_names(patterns: Iterable[str]) -> Names:
    """Globs of single names, such as ``exclude_patterns``.

    Raises: BadPattern, also for a pattern with a slash, which could never match.
    """
    names: list[str] = []
    for pattern in patterns:
        for part in _expand(pattern):
            if "/" in part:
                raise BadPattern(f"{pattern!r} has a slash, but is compared with single names")
            names.append(part)
    return Names.of(names)


@lru_cache(maxsize=1024)
def _single(component: str) -> Names:
    return Names.of((component,))


def _expand(pattern: str) -> list[str]:
    if not pattern or "\0" in pattern:
        raise BadPattern("a pattern must not be empty or hold a NUL character")
    if len(pattern) > LENGTH_LIMIT:
        raise BadPattern(f"a pattern may have {LENGTH_LIMIT} characters, this has {len(pattern)}")
    try:
        parts = bracex.expand(pattern, keep_escapes=True, limit=BRACE_LIMIT)
    except (bracex.ExpansionLimitException, RecursionError):
        raise BadPattern(f"the braces stand for more than {BRACE_LIMIT} patterns") from None
    return [_ESCAPED.sub(_literal, part) for part in parts]


def _literal(escaped: re.Match[str]) -> str:
    """``\\*`` as fnmatch spells it, which knows no backslash: ``[*]``."""
    character = escaped[1]
    return f"[{character}]" if character in "*?[" else character


def _components(pattern: str) -> tuple[str | None, ...]:
    if pattern.startswith("/"):
        raise BadPattern(f"{pattern!r} must be relative to the batch's path")
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    if ".." in names:
        raise BadPattern(f"{pattern!r} must not leave the batch's path")
    if not names or len(names) > COMPONENT_LIMIT:
        raise BadPattern(f"{pattern!r} must have 1 to {COMPONENT_LIMIT} components")
    components: list[str | None] = []
    for name in names:
        component = _ANY_FOLDERS if name == "**" else name
        if component is not _ANY_FOLDERS or components[-1:] != [_ANY_FOLDERS]:
            components.append(component)
    return tuple(components)
