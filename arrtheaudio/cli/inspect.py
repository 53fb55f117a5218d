"""``arrtheaudio inspect``: the tracks of a file, what would be chosen, and why."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arrtheaudio.cli.invocation import Invocation, configured, json_option
from arrtheaudio.cli.options import FILES, LANGUAGES
from arrtheaudio.cli.output import print_json, print_table, shown

if TYPE_CHECKING:
    from arrtheaudio.errors import MediaError
    from arrtheaudio.media import Inspection, Track


@click.command(short_help="Show the tracks of files, and which one would be chosen.")
@configured
@LANGUAGES
@json_option
@FILES
@click.pass_obj
def inspect(
    invocation: Invocation, languages: tuple[str, ...], as_json: bool, files: tuple[bytes, ...]
) -> int:
    """Show the tracks of files, which one would be chosen and why. Changes nothing.

    What Sonarr and Radarr told of a file counts, where the queue's journal can be read;
    else the original language is the one that the file itself flags, if any.
    """
    import attrs

    from arrtheaudio import media
    from arrtheaudio.errors import MediaError
    from arrtheaudio.jobs.engine import context_of
    from arrtheaudio.jobs.titles import read_known

    loaded = invocation.load()
    config = loaded.config
    known = read_known(Path(loaded.journal_path), map(os.path.realpath, files))
    documents: list[dict[str, Any]] = []
    failed = False
    for path in files:
        try:
            real = os.path.realpath(path)  # rules for paths are about real ones
            context = context_of(known.get(real), languages or None)
            found = media.inspect(real, config.rules(), context, config.options())
        except (MediaError, OSError) as fault:
            failed = True
            documents.append(_failure(path, fault))
            if not as_json:
                click.echo(f"arrtheaudio: {shown(_worded(fault))}", err=True)
            continue
        found = attrs.evolve(found, path=os.path.abspath(path))
        documents.append(document(found))
        if not as_json:
            _print(found)
    if as_json:
        print_json(documents)
    return 1 if failed else 0


def _failure(path: bytes, fault: MediaError | OSError) -> dict[str, Any]:
    reason = getattr(fault, "reason", "io_error")
    return {"file": shown(path), "error": {"reason": reason, "message": _worded(fault)}}


def _worded(fault: MediaError | OSError) -> str:
    if isinstance(fault, OSError):
        return f"{os.fsdecode(fault.filename or b'')}: {fault.strerror or fault}"
    return str(fault)


def document(found: Inspection) -> dict[str, Any]:
    """An inspection as JSON."""
    decision = found.decision
    return {
        "file": shown(found.path),
        "container": found.media.container,
        "size_bytes": found.media.size,
        "duration_ms": found.media.duration_ms,
        "hard_links": found.links,
        "room": found.room,
        "tracks": [track_document(track) for track in found.media.tracks],
        "decision": {
            "chosen": track_document(decision.chosen) if decision.chosen else None,
            "wishes": decision.wishes,
            "source": decision.source,
            "reason": decision.reason,
            "message": decision.message,
            "tracks": [
                {"index": explained.track.index, "chosen": explained.chosen, "why": explained.why}
                for explained in decision.tracks
            ],
        },
    }


def track_document(track: Track) -> dict[str, Any]:
    """A track as JSON, with the names that the value has."""
    import attrs

    return attrs.asdict(track)


def _print(found: Inspection) -> None:
    media, decision = found.media, found.decision
    seconds = "" if media.duration_ms is None else f", {_clock(media.duration_ms // 1000)}"
    links = "" if found.links == 1 else f", {found.links} hard links"
    click.echo(f"{shown(found.path)}\n  {media.container}, {media.size:,} bytes{seconds}{links}")
    why = {explained.track.index: explained.why for explained in decision.tracks}
    print_table(
        [
            (
                str(track.index),
                track.type,
                track.codec,
                track.language,
                f"{track.channels} ch" if track.channels else "",
                "default" if track.default else "",
                track.title or "",
                why.get(track.index, ""),
            )
            for track in media.tracks
        ],
        indent="  ",
    )
    click.echo(f"  wanted: {', '.join(decision.wishes)} ({shown(decision.source)})")
    click.echo(f"  → {shown(decision.message)}")
    click.echo(f"  room: {shown(found.room)}\n")


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
