"""``arrtheaudio admin``: cleaning the history, and copies of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, configured, connected, json_option
from arrtheaudio.cli.output import counted, print_json, shown
from arrtheaudio.errors import JournalError


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
    """Clean the history, back up the journal."""


@admin.command(short_help="Forget ended jobs.")
@connected
@click.option(
    "--older-than",
    "days",
    type=Days(),
    required=True,
    metavar="30d",
    help="Ended so long ago: days, or 4w.",
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(("completed", "failed", "cancelled")),
    default=("completed", "cancelled"),
    show_default=True,
    help="Only these; may be given several times.",
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
        click.echo(f"{counted(answer['deleted_jobs'], 'job')} removed.")


@admin.command(short_help="Copy the journal while everything goes on.")
@configured
@json_option
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(invocation: Invocation, as_json: bool, file: Path) -> None:
    """Copy the journal into FILE, while everything goes on; the copy is verified."""
    from arrtheaudio.jobs.schema import check_version, connect_reader
    from arrtheaudio.jobs.verify import backup as copy

    path = Path(invocation.load().journal_path)
    if not check_version(path):
        raise JournalError("There is no journal yet.", path=os.fsencode(path))
    connection = connect_reader(path)
    try:
        copy(connection, file.absolute())
    finally:
        connection.close()
    if as_json:
        print_json({"backup": shown(str(file)), "size_bytes": file.stat().st_size})
    else:
        click.echo(f"{shown(str(file))}: {file.stat().st_size:,} bytes, verified.")
