"""``arrtheaudio version``: what runs here, for bug reports."""

from __future__ import annotations

import platform

import click

from arrtheaudio import __version__
from arrtheaudio.cli.invocation import json_option
from arrtheaudio.cli.output import print_json


@click.command(short_help="Show versions.")
@json_option
def version(as_json: bool) -> None:
    """Show the versions of arrtheaudio, Python and SQLite."""
    import apsw

    sqlite = apsw.sqlite_lib_version()
    python = platform.python_version()
    if as_json:
        print_json({"version": __version__, "python": python, "sqlite": sqlite})
    else:
        click.echo(f"arrtheaudio {__version__} (Python {python}, SQLite {sqlite})")
