"""Jobs of a queue in memory, with everything filled in."""

from __future__ import annotations

from typing import Any

from arrtheaudio.jobs.models import Event, Job, Priority, SelectedTrack, Status, TrackReport


def kept_job(seq: int, status: Status = Status.COMPLETED, **more: Any) -> Job:
    """A job with everything filled in."""
    track = {"index": 1, "language": "ja", "title": None, "codec": "aac", "channels": 2}
    report = {"default": True, "forced": False, "commentary": False, "chosen": True, "why": "ja"}
    return Job(
        seq=seq,
        status=status,
        path=b"/media/caf\xe9.mkv",
        priority=Priority.HIGH,
        source="sonarr",
        created_at=1_700_000_000.0,
        updated_at=1_700_000_001.5,
        container="mkv",
        selected_track=SelectedTrack(**track),
        tracks=(TrackReport(**track, **report),),
        events=(
            Event(
                5,
                1_700_000_000.25,
                "job.queued",
                {"job": seq, "webhook": 4, "batch": None, "path": b"/m\xe9", "status": status,
                 "priority": Priority.HIGH, "next_attempt_at": 1_700_000_060.0},
            ),
        ),
        **more,
    )  # fmt: skip
