"""Fields that several requests have, each with its limits: paths, pages, ids, languages.

A limit that stands here is the same wherever the field is asked for. Knows single
fields; requests are the business of the resource modules.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from arrtheaudio.api.schema import Bounds, Check, Length, Note, Pattern
from arrtheaudio.arr.paths import LONGEST_PATH
from arrtheaudio.config import language_fault
from arrtheaudio.jobs.models import Priority

LARGEST_NUMBER: Final = 2**53 - 1  # what JavaScript counts exactly

PathText = Annotated[str, Length(1, LONGEST_PATH)]

PAGE: Final = 50  # rows, where the client does not say
Limit = Annotated[int, Bounds(1, 1000)]
Offset = Annotated[int, Bounds(0, 100_000)]

GivenJobId = Annotated[str, Pattern(r"job_[0-9a-f]{12}", "a job's id")]
GivenBatchId = Annotated[str, Pattern(r"batch_[0-9a-f]{12}", "a batch's id")]
GivenWebhookId = Annotated[str, Pattern(r"webhook_[0-9a-f]{12}", "a delivery's id")]

Word = Annotated[str, Pattern(r"[a-z_]{1,64}", "a reason's word")]

# Deliveries alone have priority high.
GivenPriority = Literal["normal", "low"]
PRIORITIES: Final[dict[GivenPriority, Priority]] = {
    "normal": Priority.NORMAL,
    "low": Priority.LOW,
}

# Understood now, or refused with what was expected: a wish that nobody understands
# would only show as a skipped file, much later.
Language: TypeAlias = Annotated[
    str, Length(1, 64), Check(language_fault), Note("a language, or `original`", "jpn")
]
Languages: TypeAlias = Annotated[tuple[Language, ...], Length(1, 20)]
