"""``arrtheaudio hook``: the target of Sonarr's and Radarr's "Custom Script".

They set the environment and wait for the end, so nothing is waited for but
the daemon's durable acceptance.
"""

from __future__ import annotations

import os
from urllib.parse import quote

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import print_json


@click.command()
@connected
@click.option("--instance", metavar="NAME", help="As in /webhook/sonarr/NAME.")
@json_option
@click.pass_obj
def hook(invocation: Invocation, instance: str | None, as_json: bool) -> None:
    """Hand an import over to the daemon; for Sonarr's and Radarr's Custom Script."""
    from arrtheaudio.arr.environment import parse_environment

    app, body = parse_environment(os.environ)
    route = f"/webhook/{app}" + (f"/{quote(instance, safe='')}" if instance else "")
    answer = asking.post(invocation, route, body)
    if as_json:
        print_json(answer)
    else:
        click.echo(answer.get("message") or answer["status"])
