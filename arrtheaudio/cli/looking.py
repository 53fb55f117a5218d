"""Looking at a file before a job is made for it: a repeated sweep finds nearly all of them right.

Only reads, and records nothing. Says for sure that a file is left alone, or that its job
must tell: what is to be changed, what failed, and whatever is not as plain as that. The
job looks again, for the file may change meanwhile. Knows the policy of attempts
(jobs/engine.py) and media's doors; nothing of the journal and of threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence

import attrs

from arrtheaudio import media
from arrtheaudio.errors import MediaError
from arrtheaudio.jobs.engine import Policy, context_of
from arrtheaudio.jobs.models import Title
from arrtheaudio.jobs.walk import is_inside
from arrtheaudio.media import Inspection, Options


@attrs.frozen
class LeftAlone:
    """A file that needs no job, and why, in the words that its job would have."""

    path: bytes
    reason: str
    message: str
    duration_ms: int


@attrs.frozen
class Looker:
    """What a look needs to know."""

    policy: Policy
    languages: tuple[str, ...] | None

    def look(self, paths: Sequence[bytes], titles: Mapping[bytes, Title]) -> list[LeftAlone | None]:
        """For each file: that it is left alone, or None where its job must tell.

        ``titles``: what is known of them, as their jobs would get it.
        """
        roots = [os.path.realpath(root) for root in self.policy.roots or ()]
        return [self._one(path, roots, titles.get(path)) for path in paths]

    def _one(self, path: bytes, roots: Sequence[bytes], title: Title | None) -> LeftAlone | None:
        begun = time.monotonic()
        try:
            real = os.path.realpath(path)
            if not any(is_inside(real, root) for root in roots):
                return None
            context = context_of(title, self.languages)
            found = media.inspect(real, self.policy.rules, context, self.policy.options)
        except (MediaError, OSError):
            return None
        reason = reason_to_leave(found, self.policy.options)
        if reason is None:
            return None
        spent_ms = round((time.monotonic() - begun) * 1000)
        return LeftAlone(path, reason, found.decision.message, spent_ms)


def reason_to_leave(found: Inspection, options: Options) -> str | None:
    """Why ``media.run`` would leave this file as it is; None where only a job can tell."""
    decision = found.decision
    if found.media.container not in options.containers:
        return None
    if decision.chosen is not None and options.reorder and found.media.audio[0] != decision.chosen:
        return None
    return decision.reason
