"""One media file: what is in it, which audio track should be first, and the edit in place.

Four functions and their values:

``inspect`` looks and explains, on the calling thread. ``run`` brings one file in
order; it awaits ``before_write(plan)`` before the first byte changes. ``recover``
settles a plan that was journalled and never finished, on the calling thread;
``undo`` puts the old bytes back, shaped like ``run``. ``clear_leftovers`` removes
what a crash in the middle of a rewrite left beside a file, before any plan.
Everything else in this package is private to it.
"""

from arrtheaudio.media.pipeline import inspect, run
from arrtheaudio.media.recovery import recover, undo
from arrtheaudio.media.replace import clear_leftovers
from arrtheaudio.media.tracks import (
    Context,
    Decision,
    Explained,
    Inspection,
    Media,
    Options,
    Outcome,
    Patch,
    Plan,
    Recovery,
    Replacement,
    Request,
    Rules,
    Shuffle,
    Track,
)

__all__ = [
    "Context",
    "Decision",
    "Explained",
    "Inspection",
    "Media",
    "Options",
    "Outcome",
    "Patch",
    "Plan",
    "Recovery",
    "Replacement",
    "Request",
    "Rules",
    "Shuffle",
    "Track",
    "clear_leftovers",
    "inspect",
    "recover",
    "run",
    "undo",
]
