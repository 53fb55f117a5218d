"""Options and arguments that several commands share, and what they take for wrong usage.

What is refused here never leaves the command line: exit code 2 (docs/cli.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

MOST_AT_ONCE: Final = 1000  # entries of a list that the API gives in one answer
FARTHEST: Final = 100_000  # and how far into a list it looks
LARGEST_NUMBER: Final = 2**53 - 1  # of a row of the journal, as the API takes it

_ID: Final = re.compile(r"([a-z]+)_[0-9a-f]{12}")


class Language(click.ParamType[str]):
    """A language code, or the word ``original``."""

    name = "language"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Refuse what would never match a track."""
        from arrtheaudio.config import language_fault

        word = str(value)
        expected = language_fault(word)
        if expected is not None:
            self.fail(f"{word!r} is no language; expected {expected}.", param, ctx)
        return word


class Id(click.ParamType[str]):
    """The id of a job, a batch or a delivery; it becomes a part of an address."""

    name = "id"

    def __init__(self, *kinds: str) -> None:
        self._kinds = kinds

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Refuse what cannot be one of these ids, whatever there is."""
        word = str(value)
        match = _ID.fullmatch(word)
        if match is None or match[1] not in self._kinds:
            form = " or ".join(f"{kind}_ and 12 hex digits" for kind in self._kinds)
            self.fail(f"{word!r} is no id; expected {form}.", param, ctx)
        return word


class Name(click.Path):
    """Of a file or a folder. Whoever works on it, perhaps a daemon, must be able to read it."""

    def __init__(self) -> None:
        super().__init__(path_type=bytes, readable=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name as bytes; none is no name (an unset variable, mostly)."""
        if not value:
            self.fail("the name is empty", param, ctx)
        return super().convert(value, param, ctx)


FILES = click.argument("files", nargs=-1, required=True, metavar="FILE...", type=Name())
_FOLDER = click.argument("folder", metavar="DIR", type=Name())
LANGUAGES = click.option(
    "-l",
    "--language",
    "languages",
    multiple=True,
    type=Language(),
    metavar="L",
    help="The wanted language, best first; may be given several times.",
)
DRY_RUN = click.option("--dry-run", is_flag=True, help="Only say what would be done.")
_RECURSIVE = click.option(
    "-r/-R", "--recursive/--no-recursive", default=True, help="Folders below it too."
)
_PATTERN = click.option("-p", "--pattern", metavar="GLOB", help="Such as '**/*.{mkv,mp4}'.")
SEQ: Final = click.IntRange(0, LARGEST_NUMBER)
_LIMIT = click.option(
    "--limit",
    type=click.IntRange(1, MOST_AT_ONCE),
    default=50,
    show_default=True,
    metavar="N",
    help="At most so many.",
)
_OFFSET = click.option(
    "--offset", type=click.IntRange(0, FARTHEST), default=0, metavar="N", help="Not the first N."
)


def swept(command: Decorated) -> Decorated:
    """Give a command a folder, which of its files, and how they are looked at."""
    return _RECURSIVE(_PATTERN(LANGUAGES(DRY_RUN(_FOLDER(command)))))


def paged(command: Decorated) -> Decorated:
    """Give a command --limit and --offset."""
    return _LIMIT(_OFFSET(command))
