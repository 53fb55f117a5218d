"""Matroska files in memory, their plans, and what must hold behind each write of every plan."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import synth
from in_memory import BytesWindow, inverted, states

from arrtheaudio.media import matroska
from arrtheaudio.media.tracks import Edit, Media

JPN, ENG, FRE = {"language": "jpn"}, {"language": "eng"}, {"language": "fre"}
VIDEO = {"type": "video"}


def probe(content: bytes) -> Media:
    """What the file is seen to hold."""
    return matroska.probe(BytesWindow(content))


def plan(content: bytes, target: int, *, reorder: bool = False) -> Edit:
    """How the track would become the default."""
    window = BytesWindow(content)
    return matroska.plan_default(window, matroska.probe(window), target, reorder=reorder)


def clusters(content: bytes) -> list[int]:
    """Where a reader that hops from element to element meets Clusters, up to one without a size."""
    met = []
    at = content.index(b"\x18\x53\x80\x67") + 4
    at += 9 - content[at].bit_length()
    while at < len(content):
        size_at = at + 9 - content[at].bit_length()
        length = 9 - content[size_at].bit_length()
        size = int.from_bytes(content[size_at : size_at + length], "big") & (1 << 7 * length) - 1
        if content.startswith(synth.CLUSTER.to_bytes(4, "big"), at):
            met.append(at)
        if size == (1 << 7 * length) - 1:
            break
        at = size_at + length + size
    return met


def change(content: bytes, target: int, *, reorder: bool = False) -> tuple[bytes, Edit]:
    """The content behind the edit, after checking what holds for every edit."""
    before = probe(content)
    number = before.tracks[target].number
    edit = plan(content, target, reorder=reorder)
    steps = states(content, edit.patches)
    for step in steps:
        assert any(track.default for track in probe(step).audio)
        assert synth.wrong_crcs(step) == synth.wrong_crcs(content)
        assert clusters(step) == clusters(content)
    after = steps[-1]
    assert [track.number for track in probe(after).audio if track.default] == [number]
    assert len(after) == len(content)
    ends = [(patch.offset, patch.offset + len(patch.new)) for patch in edit.patches]
    assert all(end <= start for (_, end), (start, _) in pairwise(sorted(ends)))
    assert states(after, inverted(edit.patches))[-1] == content
    return after, edit


def layout_offset(content: bytes, raw: bytes) -> int:
    """Where these bytes stand, once."""
    assert content.count(raw) == 1
    return content.index(raw)


def changed_bytes(edit: Edit) -> list[tuple[bytes, bytes]]:
    """Old and new, patch by patch."""
    return [(patch.old, patch.new) for patch in edit.patches]


def tight(*tracks: dict[str, Any], **keys: Any) -> bytes:
    """A file without a spare byte."""
    return synth.mkv(tracks, style="tight", **keys)
