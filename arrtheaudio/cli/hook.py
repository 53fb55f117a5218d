"""``arrtheaudio hook``: the target of Sonarr's and Radarr's "Custom Script".

They set the environment and wait for the end, so nothing is waited for but the
daemon's durable acceptance, and not for long. Of an exit code they only show that of
their Test button; an import ends with 0 whatever happens, and what could not be
handed over is named on standard error, which goes into their log.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import print_json, shown
from arrtheaudio.errors import ArrtheaudioError, BadDelivery, DaemonUnreachable

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon

ANSWER_SECONDS: Final = 10.0  # the import waits so long at most
TEST: Final = "test"


@click.command(short_help="The target of Sonarr's and Radarr's Custom Script.")
@connected
@click.option("--instance", metavar="NAME", help="As in /webhook/sonarr/NAME.")
@json_option
@click.pass_obj
def hook(invocation: Invocation, instance: str | None, as_json: bool) -> int:
    """Hand an import over to the daemon; the target of Sonarr's and Radarr's Custom Script.

    Reads what they set in the environment. Ends with 0 for every import, so that none
    is held up; where no daemon took it, standard error says which files were missed.
    Their Test button shows whether the daemon can be reached.
    """
    from arrtheaudio.arr.environment import parse_environment

    try:
        app, body = parse_environment(os.environ)
    except BadDelivery as fault:  # neither of them started it
        raise click.UsageError(f"{fault}: only Sonarr and Radarr start this command") from None
    route = f"/webhook/{app}" + (f"/{quote(instance, safe='')}" if instance else "")
    try:
        answer = asking.ask(invocation, lambda daemon: _deliver(daemon, route, body))
    except ArrtheaudioError as fault:
        if str(body["eventType"]).casefold() == TEST:
            raise
        click.echo(f"arrtheaudio: {shown(str(fault))}", err=True)
        click.echo(shown(_advice(invocation, app, instance, _files(body))), err=True)
        return 0
    if as_json:
        print_json(answer)
    else:
        click.echo(shown(answer.get("message") or answer["status"]))
    return 0


async def _deliver(daemon: Daemon, route: str, body: Mapping[str, Any]) -> dict[str, Any]:
    import trio

    with trio.move_on_after(ANSWER_SECONDS):
        answer: dict[str, Any] = await daemon.post(route, body)
        return answer
    raise DaemonUnreachable(
        f"The daemon at {daemon.address.url} has not answered for {ANSWER_SECONDS:.0f} s; "
        "it may have taken the delivery."
    )


def _advice(invocation: Invocation, app: str, instance: str | None, named: list[str]) -> str:
    """How to catch up. No file is looked for, since a share that is gone would hold the import."""
    here = _mapped(invocation, instance, named)
    doubt = ""
    if here == named:
        doubt = (
            f" These are {app.capitalize()}'s paths; where they differ here, give those of here."
        )
    return f"Not handed over.{doubt} Later: arrtheaudio process {' '.join(map(shlex.quote, here))}"


def _mapped(invocation: Invocation, instance: str | None, named: list[str]) -> list[str]:
    """The files as the configuration maps them, if there is a usable one."""
    from arrtheaudio.arr.paths import PathMapping, map_path

    try:
        rules = invocation.load().config.path_mappings
        mappings = [PathMapping(one.remote, one.local, one.instance) for one in rules]
        return [os.fsdecode(map_path(path, mappings, instance)) for path in named]
    except ArrtheaudioError:
        return named


def _files(body: Mapping[str, Any]) -> list[str]:
    """The files of a delivery, as their sender names them."""
    single = [body[name] for name in ("episodeFile", "movieFile") if name in body]
    return [str(file.get("path", "")) for file in (*single, *body.get("episodeFiles", ()))]
