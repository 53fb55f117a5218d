"""``arrtheaudio config``: is the configuration right, and what is it?"""

from __future__ import annotations

import click

from arrtheaudio.cli.invocation import Invocation, configured, json_option
from arrtheaudio.cli.output import print_json
from arrtheaudio.errors import ConfigError


@click.group()
def config() -> None:
    """Check or show the configuration."""


@config.command()
@configured
@json_option
@click.pass_obj
def check(invocation: Invocation, as_json: bool) -> int:
    """Tell every problem of the configuration at once."""
    try:
        loaded = invocation.load()
    except ConfigError as fault:
        if not as_json:
            raise
        problems = [{"key": key, "message": message} for key, message in fault.problems]
        print_json({"ok": False, "file": fault.source or None, "problems": problems})
        return 2
    warnings = list(_warnings(loaded.config.media_roots))
    if as_json:
        print_json(
            {
                "ok": True,
                "file": loaded.source_path,
                "data_dir": loaded.data_dir,
                "problems": [],
                "warnings": warnings,
            }
        )
        return 0
    click.echo(f"{loaded.source_path or 'No file, all defaults'}: no problems.")
    click.echo(f"Data folder: {loaded.data_dir}")
    for warning in warnings:
        click.echo(f"Note: {warning}")
    return 0


def _warnings(media_roots: tuple[str, ...]) -> list[str]:
    if media_roots:
        return []
    return ["media_roots is empty, so every file is refused; name your media folders there."]


@config.command()
@configured
@json_option
@click.pass_obj
def show(invocation: Invocation, as_json: bool) -> None:
    """Show the effective configuration, secrets hidden."""
    from arrtheaudio.config import as_tree, as_yaml

    loaded = invocation.load()
    if as_json:
        print_json(as_tree(loaded.config))
        return
    click.echo(f"# {loaded.source_path or 'no file, all defaults'}")
    click.echo(f"# data folder: {loaded.data_dir}")
    click.echo(as_yaml(loaded.config), nl=False)
