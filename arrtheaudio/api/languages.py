"""A language as requests name it: understood now, or refused with what was expected.

The same words as in the configuration; a wish that nobody understands would only
show as a skipped file, much later.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from arrtheaudio._config_rules import language_fault
from arrtheaudio.api.schema import Check, Length, Note

Language: TypeAlias = Annotated[
    str, Length(1, 64), Check(language_fault), Note("a language, or `original`", "jpn")
]
