"""``arrtheaudio ping``: whether the daemon answers, for health checks of containers and scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import print_json, shown
from arrtheaudio.errors import DaemonUnreachable

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon


@click.command(short_help="Does the daemon answer?")
@connected
@json_option
@click.pass_obj
def ping(invocation: Invocation, as_json: bool) -> None:
    """Ask the daemon for a sign of life; 0 if it answers, 3 if not.

    Needs no key. Finds the daemon by the configuration, like every command.
    """

    async def question(daemon: Daemon) -> str:
        if not await daemon.answers():
            raise DaemonUnreachable(f"No daemon answers at {daemon.address.url}.")
        return daemon.address.url

    url = asking.ask(invocation, question)
    if as_json:
        print_json({"status": "OK", "url": url})
    else:
        click.echo(f"{shown(url)} answers.")
