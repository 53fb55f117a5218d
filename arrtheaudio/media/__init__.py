"""One media file: what is in it, which audio track should be first, and the edit in place.

What there is:

``inspect`` looks and explains, on the calling thread. ``run`` brings one file in
order; it awaits ``before_write(plan)`` before the first byte changes. ``recover``
settles a plan that was journalled and never finished, on the calling thread;
``undo`` puts the old bytes back, shaped like ``run``. ``clear_leftovers`` removes
what a crash in the middle of a rewrite left beside a file, before any plan.

``normalise`` and ``compile_glob`` are how the words of ``Rules`` are read: who takes
languages and globs from people refuses what they do not understand.
Everything else in this package is private to it.
"""

from arrtheaudio.media.languages import normalise
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
from arrtheaudio.media.wishes import compile_glob

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
    "compile_glob",
    "inspect",
    "normalise",
    "recover",
    "run",
    "undo",
]
