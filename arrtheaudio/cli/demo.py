"""``arrtheaudio demo``: the main job on sample files, with every part real.

A small library in a temporary folder, the daemon on it, deliveries by HTTP as
Sonarr and Radarr send them; then each file before and after, compared byte for
byte outside the header. Success only if every file is right.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from arrtheaudio.cli.demo_library import Delivery, Film, body, movie, season_pack
from arrtheaudio.cli.invocation import json_option
from arrtheaudio.cli.output import duration, mark, print_json

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon
    from arrtheaudio.config import Loaded
    from arrtheaudio.daemon import Running
    from arrtheaudio.media import Inspection

PATIENCE_SECONDS: Final = 60.0  # for all files of a delivery; they need milliseconds


@attrs.frozen
class Shown:
    """One file before and after, and what is wrong with it (nothing, if all is right)."""

    film: Film
    job: dict[str, Any]
    before: Inspection
    after: Inspection
    faults: tuple[str, ...]


@attrs.frozen
class Outcome:
    """One delivery: its files, and the seconds until it was accepted and until all were done."""

    delivery: Delivery
    accepted: float
    done: float
    files: tuple[Shown, ...]


@click.command(short_help="Show the whole thing on sample files.")
@click.option("--keep", is_flag=True, help="Stay up with the dashboard; Ctrl-C ends it.")
@json_option
def demo(keep: bool, as_json: bool) -> int:
    """Show the whole thing on sample files.

    Makes a small library in a temporary folder, starts a daemon on it, delivers a
    Sonarr season pack and a Radarr movie to it, and compares every file before and
    after. Ends with 0 only if every file is right. Touches nothing of yours.
    """
    import trio

    from arrtheaudio import daemon

    async def run(folder: Path) -> bool:
        async with trio.open_nursery() as nursery:
            running = await nursery.start(daemon.serve, _prepared(folder))
            if not as_json:
                click.echo(f"A library in {folder / 'library'}, a daemon at {running.url}")
            outcomes = await _deliver_all(running, folder / "library")
            right = _report(outcomes, as_json=as_json)
            if keep:
                _invite(running)  # and the nursery waits until a signal stops the daemon
            else:
                nursery.cancel_scope.cancel()
        return right

    with tempfile.TemporaryDirectory(prefix="arrtheaudio-demo-") as folder:
        return 0 if trio.run(run, Path(folder).resolve()) else 1


def _prepared(folder: Path) -> Loaded:
    """A configuration of the demonstration's own: no file and no variable of the user counts."""
    from arrtheaudio import config

    (folder / "data").mkdir()
    (folder / "library").mkdir()
    overrides: dict[str, object] = {
        "media_roots": [str(folder / "library")],
        "api.host": "127.0.0.1",
        "api.port": 0,
        "logging.level": "warning",
        "logging.output": str(folder / "data" / "daemon.log"),
    }
    return config.load(
        data_dir=str(folder / "data"),
        overrides=overrides,
        environ={"HOME": str(folder)},
        system_folder=str(folder),
    )


async def _deliver_all(running: Running, library: Path) -> list[Outcome]:
    import trio

    from arrtheaudio.client import Address, connect

    key = None if running.key_path is None else await trio.Path(running.key_path).read_text()
    async with connect(Address(running.url, key and key.strip())) as daemon:
        return [await _deliver(daemon, sent, library) for sent in (season_pack(), movie())]


async def _deliver(daemon: Daemon, delivery: Delivery, library: Path) -> Outcome:
    import trio

    from arrtheaudio.client import ended_jobs

    before = []
    for film in delivery.films:
        path = library / film.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(film.sample.content)
        before.append(_look(path))
    start = trio.current_time()
    answer = await daemon.post(delivery.route, body(delivery, str(library)))
    accepted = trio.current_time() - start
    with trio.fail_after(PATIENCE_SECONDS):
        jobs = [job async for job in ended_jobs(daemon, answer["job_ids"])]
    done = trio.current_time() - start
    by_path = {job["file_path"]: job for job in jobs}
    files = tuple(
        _compared(film, library / film.path, earlier, by_path)
        for film, earlier in zip(delivery.films, before, strict=True)
    )
    return Outcome(delivery, accepted, done, files)


def _look(path: Path) -> Inspection:
    from arrtheaudio.media import Context, Options, Rules, inspect

    return inspect(os.path.realpath(os.fsencode(path)), Rules(), Context(), Options())


def _compared(
    film: Film, path: Path, before: Inspection, jobs: Mapping[str, dict[str, Any]]
) -> Shown:
    job = jobs.get(str(path), {})
    after = _look(path)
    old, new = film.sample.content, path.read_bytes()
    defaults = [track.index for track in after.media.audio if track.default]
    faults = {
        "its job did not succeed": job.get("result") != "success",
        "the wanted track is not the only default": defaults != [film.wanted],
        "its size changed": len(new) != len(old),
        "its media bytes changed": new[film.sample.media] != old[film.sample.media],
    }
    return Shown(film, job, before, after, tuple(name for name, true in faults.items() if true))


# --- what is shown ----------------------------------------------------------


def _report(outcomes: Sequence[Outcome], *, as_json: bool) -> bool:
    right = not any(shown.faults for outcome in outcomes for shown in outcome.files)
    if as_json:
        deliveries = [_document(outcome) for outcome in outcomes]
        print_json({"right": right, "deliveries": deliveries})
        return right
    for outcome in outcomes:
        _print(outcome)
    click.echo(f"\n{'All files are right.' if right else 'Some files are WRONG.'}")
    return right


def _print(outcome: Outcome) -> None:
    delivery, count = outcome.delivery, len(outcome.files)
    what = f"a season pack of {count} files" if count > 1 else "a movie"
    click.echo(
        f"\n{delivery.sender} delivers {what}, original language {delivery.language}: "
        f"accepted after {duration(outcome.accepted)}, done after {duration(outcome.done)}"
    )
    for shown in outcome.files:
        click.echo(f"\n  {Path(shown.film.path).name}")
        click.echo(f"    before  {_audio(shown.before)}")
        click.echo(f"    after   {_audio(shown.after)}")
        verdict = "; ".join(shown.faults) or "size and media bytes unchanged"
        click.echo(f"    {mark(not shown.faults)}   {verdict}")


def _audio(inspection: Inspection) -> str:
    words = []
    for track in inspection.media.audio:
        word = f"{track.language} {track.title!r}" if track.title else track.language
        words.append(click.style(f"[{word}]", bold=True) if track.default else f" {word} ")
    return " ".join(words)


def _document(outcome: Outcome) -> dict[str, Any]:
    return {
        "sender": outcome.delivery.sender,
        "original_language": outcome.delivery.language,
        "accepted_ms": round(outcome.accepted * 1000, 1),
        "done_ms": round(outcome.done * 1000, 1),
        "files": [
            {
                "file": shown.film.path,
                "default_before": _defaults(shown.before),
                "default_after": _defaults(shown.after),
                "method": shown.job.get("method"),
                "message": shown.job.get("message"),
                "faults": shown.faults,
            }
            for shown in outcome.files
        ],
    }


def _defaults(inspection: Inspection) -> list[str]:
    return [track.language for track in inspection.media.audio if track.default]


def _invite(running: Running) -> None:
    click.echo(f"\nDashboard: {running.url}", err=True)
    if running.key_path is not None:
        click.echo(f"API key:   in {running.key_path}", err=True)
    click.echo("Ctrl-C ends it and removes the library.", err=True)
