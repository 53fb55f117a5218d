"""``arrtheaudio serve``: the daemon in the foreground, until SIGTERM or SIGINT."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from arrtheaudio.cli import whereabouts
from arrtheaudio.cli.invocation import Invocation, configured, json_option
from arrtheaudio.cli.output import print_json

if TYPE_CHECKING:
    from arrtheaudio.config import Loaded
    from arrtheaudio.daemon import Running


@click.command(short_help="Run the daemon in the foreground.")
@configured
@click.option(
    "--media-root",
    "media_roots",
    multiple=True,
    metavar="DIR",
    help="A folder that may be touched; may be given several times.",
)
@click.option("--host", metavar="HOST", help="The address to listen on [127.0.0.1].")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="The port [9393]; 0 takes a free one and prints it.",
)
@click.option(
    "--dry-run", is_flag=True, help="Change no file: every job only says what it would do."
)
@json_option
@click.pass_obj
def serve(
    invocation: Invocation,
    media_roots: tuple[str, ...],
    host: str | None,
    port: int | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Run the daemon in the foreground, and print where its dashboard is.

    SIGTERM and SIGINT stop it cleanly: running files get processing.shutdown_grace_seconds,
    a second signal interrupts them. SIGHUP reads the configuration again. No
    configuration file is needed: arrtheaudio serve --media-root /media
    """
    overrides: dict[str, Any] = {
        "media_roots": [str(Path(root).absolute()) for root in media_roots] or None,
        "api.host": host,
        "api.port": port,
        "execution.dry_run": dry_run or None,
    }
    gc.disable()  # until the daemon serves: looking for garbage in imports is a fifth of the start
    loaded = invocation.load({path: told for path, told in overrides.items() if told is not None})
    # The server takes 0.4 s to import: no other command pays for it.
    import trio

    from arrtheaudio import daemon

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            running = await nursery.start(daemon.serve, loaded)
            _publish(running, loaded)
            _announce(running, loaded, as_json=as_json)

    trio.run(run)


def _publish(running: Running, loaded: Loaded) -> None:
    try:
        whereabouts.publish(loaded.data_dir, running.url)
    except OSError as fault:  # no reason to stop: other commands can be told with --url
        click.echo(f"The address cannot be written down: {fault.strerror}", err=True)


def _announce(running: Running, loaded: Loaded, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "url": running.url,
                "port": running.port,
                "key_path": running.key_path,
                "pid": os.getpid(),
            }
        )
        return
    click.echo(f"Dashboard: {running.url}")
    if running.key_path is not None:
        click.echo(f"API key:   in {running.key_path}")
    if not loaded.config.media_roots:
        click.echo("media_roots is empty, so every file is refused; name your media folders there.")
