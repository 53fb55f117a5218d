"""``arrtheaudio admin``: maintenance of a running daemon's history."""

from __future__ import annotations

import re

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import print_json


class Days(click.ParamType[int]):
    """A number of days: ``30d``, ``4w`` or ``30``."""

    name = "days"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it."""
        match = re.fullmatch(r"([0-9]{1,6})([dw]?)", str(value))
        if match is None:
            self.fail(f"{value!r} is no number of days such as 30d or 4w.", param, ctx)
        return int(match[1]) * (7 if match[2] == "w" else 1)


@click.group()
def admin() -> None:
    """Maintenance."""


@admin.command()
@connected
@click.option("--older-than", "days", type=Days(), required=True, metavar="30d")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(("completed", "failed", "cancelled")),
    default=("completed", "cancelled"),
    show_default=True,
)
@json_option
@click.pass_obj
def cleanup(invocation: Invocation, days: int, statuses: tuple[str, ...], as_json: bool) -> None:
    """Forget ended jobs; they cannot be undone afterwards."""
    body = {"older_than_days": days, "statuses": list(statuses)}
    answer = asking.post(invocation, "/admin/cleanup", body)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['deleted_jobs']} jobs removed.")
