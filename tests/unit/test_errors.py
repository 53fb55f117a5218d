"""Messages: what is wrong, with which file, and what to do about it."""

from __future__ import annotations

import pytest

from arrtheaudio.errors import CorruptFile, FileNotFound, MediaError


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("there is no such file", "/m/a.mkv: there is no such file. If it exists elsewhere, "),
        ("There is no such file.", "/m/a.mkv: There is no such file. If it exists elsewhere, "),
    ],
)
def test_advice_stands_behind_a_whole_sentence(what: str, told: str) -> None:
    assert FileNotFound(what, path=b"/m/a.mkv").advice.startswith(told)


def test_the_docstring_says_what_is_wrong_where_nothing_else_does() -> None:
    assert ".." not in CorruptFile().advice
    assert CorruptFile().advice.endswith(CorruptFile.hint)


def test_without_a_hint_the_message_stays_as_it_is() -> None:
    assert MediaError("said so").advice == "said so"
