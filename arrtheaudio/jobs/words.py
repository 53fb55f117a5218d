"""Words in paths: one rule for the jobs that live (Python) and those that have ended (SQL).

A word of ASCII is compared byte by byte with letters of either case: so SQLite does it
by itself, over a million paths. Other words are compared as people read them: letters
of either case, accents in either spelling, undecodable bytes as U+FFFD.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import apsw

SQL_NAME: Final = "path_says"  # (path, word), on connections that read
# says: what SQL asks of a path first, and all that it asks for a word of ASCII
SAYS_ASCII: Final = "instr(lower(CAST(path AS TEXT)), ?)"
SAYS: Final = f"{SAYS_ASCII} AND {SQL_NAME}(path, ?)"

_NOT_ASCII: Final = re.compile(r"[^\x00-\x7f]+")


def _read(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


@lru_cache(maxsize=8)
def _parts(word: str) -> tuple[str, str]:
    """The longest part in ASCII, and, where there is more, the word as it is read."""
    if word.isascii():
        return word.lower(), ""
    parts = _NOT_ASCII.split(unicodedata.normalize("NFC", word))
    return max(parts, key=len).lower(), _read(word)


def condition(word: str) -> tuple[str, list[str]]:
    """The rule in SQL, with its values."""
    ascii_part, whole = _parts(word)
    return (SAYS, [ascii_part, whole]) if whole else (SAYS_ASCII, [ascii_part])


def finder(word: str) -> Callable[[bytes], bool]:
    """The rule in Python."""
    ascii_part, whole = _parts(word)
    raw = ascii_part.encode()

    def says(path: bytes) -> bool:
        return raw in path.lower() and (not whole or whole in _read(path.decode(errors="replace")))

    return says


def teach(connection: apsw.Connection) -> None:
    """Give a connection what SQL needs of the rule."""

    def says(*values: Any) -> bool:
        path, whole = values
        return whole in _read(path.decode(errors="replace"))

    connection.create_scalar_function(SQL_NAME, says, 2, deterministic=True)
