"""``arrtheaudio admin``: cleaning the history, and copies of it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.invocation import Invocation, configured, connected, json_option
from arrtheaudio.cli.output import counted, print_json, shown
from arrtheaudio.errors import JournalError

# A database's header (sqlite.org/fileformat2.html, 1.3).
MAGIC: Final = b"SQLite format 3\0"
VERSIONS: Final = slice(18, 20)  # write and read version: 1 for a rollback journal, 2 for a WAL
ROLLBACK: Final = b"\1\1"
OWNER: Final = slice(68, 72)  # the application's id
HEADER_BYTES: Final = 100


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
    """Copy the journal into FILE, while everything goes on; the copy is verified.

    An older copy of that name is replaced, and nothing else.
    """
    from arrtheaudio.jobs.schema import check_version, connect_reader
    from arrtheaudio.jobs.verify import backup as copy

    path = Path(invocation.load().journal_path)
    if not check_version(path):
        raise JournalError("There is no journal yet.", path=os.fsencode(path))
    if file.exists() and file.stat().st_size and not _is_copy(file):
        # The journal itself, perhaps: a daemon would go on writing into a file without a name.
        raise click.UsageError(f"{shown(str(file))} is there, and no copy of a journal.")
    connection = connect_reader(path)
    try:
        copy(connection, file.absolute())
    finally:
        connection.close()
    if as_json:
        print_json({"backup": shown(str(file)), "size_bytes": file.stat().st_size})
    else:
        click.echo(f"{shown(str(file))}: {file.stat().st_size:,} bytes, verified.")


def _is_copy(file: Path) -> bool:
    """Whether a file is a backup of a journal, and no journal that is in use (with a WAL)."""
    from arrtheaudio.jobs.schema import APPLICATION_ID

    with file.open("rb") as database:
        header = database.read(HEADER_BYTES)
    owner = int.from_bytes(header[OWNER], "big")
    return header.startswith(MAGIC) and header[VERSIONS] == ROLLBACK and owner == APPLICATION_ID
