"""``arrtheaudio journal``: the proof that nothing was lost, and what is written there.

Reads only, in one view of the tables; a daemon may go on writing meanwhile.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from arrtheaudio.cli.invocation import Invocation, configured, json_option
from arrtheaudio.cli.options import SEQ, Id
from arrtheaudio.cli.output import local_time, print_json, shown
from arrtheaudio.errors import JournalError

if TYPE_CHECKING:
    from arrtheaudio.jobs.events import Row

_COLUMNS: Final = "SELECT seq, at, type, job, parent, body FROM journal"
# Everything behind a number, oldest first.
ROWS_BEHIND: Final = f"{_COLUMNS} WHERE seq > ?1 ORDER BY seq"
# One job's own rows: the first one carries its number, the later ones name it.
ROWS_OF_JOB: Final = f"{_COLUMNS} WHERE job = ?1 ORDER BY seq"


@click.group()
def journal() -> None:
    """Verify or show the journal."""


def _path(invocation: Invocation) -> Path:
    path = Path(invocation.load().journal_path)
    if not path.is_file():
        raise JournalError("There is no journal yet.", path=os.fsencode(path))
    return path


@journal.command(short_help="Prove that nothing was lost.")
@configured
@json_option
@click.pass_obj
def verify(invocation: Invocation, as_json: bool) -> int:
    """Prove that replaying the journal gives the live state and the tables."""
    from arrtheaudio.jobs.schema import check_version
    from arrtheaudio.jobs.verify import verify_file

    path = _path(invocation)
    check_version(path)
    differences = verify_file(path)
    if as_json:
        print_json({"journal": shown(str(path)), "differences": differences})
    elif differences:
        for difference in differences:
            click.echo(shown(difference))
    else:
        click.echo(f"{shown(str(path))}: replaying it gives exactly the live state.")
    return 1 if differences else 0


@journal.command(short_help="Print what is written there.")
@configured
@click.option("--job", "job_id", type=Id("job"), metavar="ID", help="Only this job's rows.")
@click.option("--since", type=SEQ, default=0, metavar="SEQ", help="Rows behind it.")
@json_option
@click.pass_obj
def show(invocation: Invocation, job_id: str | None, since: int, as_json: bool) -> None:
    """Print the journal's rows, oldest first; as JSON one per line."""
    from arrtheaudio.jobs.models import parse_id
    from arrtheaudio.jobs.replay import rows_of
    from arrtheaudio.jobs.schema import check_version, connect_reader

    path = _path(invocation)
    check_version(path)
    connection = connect_reader(path)
    try:
        if job_id is None:
            rows = rows_of(connection, ROWS_BEHIND, since)
        else:
            rows = rows_of(connection, ROWS_OF_JOB, parse_id(job_id)[1])
        for row in rows:
            if row.seq > since:
                _print(row, as_json)
    finally:
        connection.close()


def _print(row: Row, as_json: bool) -> None:
    from arrtheaudio.jobs.encoding import decode_bytes

    if "path" in row.body:
        row = row._replace(body=row.body | {"path": decode_bytes(row.body["path"])})
    at = datetime.fromtimestamp(row.at, UTC).isoformat().replace("+00:00", "Z")
    if as_json:
        print_json(row._asdict() | {"at": at})
        return
    of = "" if row.job in (None, row.seq) else f" of {row.job}"
    body = " ".join(f"{name}={_text(value)}" for name, value in row.body.items())
    click.echo(f"{row.seq} {local_time(at)} {row.type}{of} {shown(body)}")


def _text(value: object) -> str:
    return shown(value) if isinstance(value, bytes) else str(value)
