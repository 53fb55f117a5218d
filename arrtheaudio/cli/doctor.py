"""``arrtheaudio doctor``: why does it not work?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs
import click

from arrtheaudio.cli import asking, findings
from arrtheaudio.cli.findings import Finding
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.output import print_json, shown
from arrtheaudio.errors import ConfigError, DaemonRefused, DaemonUnreachable

if TYPE_CHECKING:
    from arrtheaudio.config import Loaded

MARKS = {"ok": ("ok", "green"), "warning": ("look", "yellow"), "failed": ("BAD", "red")}

NOT_HERE = "not on this machine, or gone; the daemon's own look at it stands below"


@click.command(short_help="Why does it not work?")
@connected
@json_option
@click.option("--instance", metavar="NAME", help="PATH is shown by this Sonarr or Radarr.")
@click.argument("path", required=False)
@click.pass_obj
def doctor(invocation: Invocation, as_json: bool, instance: str | None, path: str | None) -> int:
    """Look at everything that can be wrong, and say what to do about it.

    With PATH, as Sonarr or Radarr show it: whether it leads to a file here, and
    if not, the path_mappings entry under which it would. Where the daemon answers, its
    own media roots and mappings count. Ends with 1 if anything is BAD.
    """
    found = list(_examined(invocation, path, instance))
    if as_json:
        print_json([attrs.asdict(finding) for finding in found])
    else:
        for finding in found:
            _print(finding)
    return 1 if any(finding.status == "failed" for finding in found) else 0


def _examined(invocation: Invocation, path: str | None, instance: str | None) -> Iterator[Finding]:
    try:
        loaded = invocation.load()
    except ConfigError as fault:
        for key, message in fault.problems:
            yield Finding(f"configuration: {key}", "failed", message, f"In {fault.source}.")
        return
    running = _running(invocation)
    if running is not None:
        loaded = in_effect(loaded, running)
    if path is not None:
        yield from findings.of_path(path, loaded.config, instance)
        return
    yield from findings.of_installation()
    yield from findings.of_configuration(loaded)
    yield from findings.of_data_folder(loaded)
    for root in loaded.config.media_roots:
        if running is not None and not os.path.isdir(root):  # the daemon tells what it finds there
            yield Finding(f"media root {root}", "warning", NOT_HERE, "Run doctor where it runs.")
        else:
            yield from findings.of_media_root(root)
    yield from _of_daemon(invocation)


def _running(invocation: Invocation) -> dict[str, Any] | None:
    """The configuration of the daemon as it counts now; None where none tells it."""
    try:
        tree = asking.get(invocation, "/config")
    except (DaemonUnreachable, DaemonRefused):
        return None  # ``_of_daemon`` says why
    return tree if isinstance(tree, dict) and "media_roots" in tree else None


def in_effect(loaded: Loaded, running: dict[str, Any]) -> Loaded:
    """What is configured here, with what decides about paths as the daemon has it.

    Its command line is known to nobody else, and its file may have changed since.
    """
    from arrtheaudio.config import Execution, PathMappingConfig

    config = attrs.evolve(
        loaded.config,
        media_roots=tuple(running["media_roots"]),
        path_mappings=tuple(PathMappingConfig(**one) for one in running["path_mappings"]),
        execution=Execution(**running["execution"]),
    )
    return attrs.evolve(loaded, config=config)


def _of_daemon(invocation: Invocation) -> Iterator[Finding]:
    try:
        health = asking.get(invocation, "/health")
    except DaemonUnreachable as fault:
        yield Finding("daemon", "warning", str(fault), fault.hint)
        return
    except DaemonRefused as fault:
        if not fault.problem:
            yield Finding("daemon", "failed", str(fault), "Is this address really arrtheaudio's?")
            return
        health = fault.problem
    if "checks" not in health:
        yield Finding("daemon", "warning", "answers, but does not take the key", "Check --api-key.")
        return
    yield Finding("daemon", "ok", f"version {health['version']}, {health['status']}")
    for check in health["checks"]:
        yield Finding(f"daemon: {check['name']}", check["status"], check["detail"])


def _print(finding: Finding) -> None:
    word, colour = MARKS[finding.status]
    mark = click.style(f"{word:<5}", fg=colour)
    click.echo(f"{mark} {shown(finding.name)}: {shown(finding.detail)}")
    if finding.advice:
        click.echo(f"      {shown(finding.advice)}")
