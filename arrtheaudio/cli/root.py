"""The entry point: finds the command, loads only its module, turns every error into an exit code.

Exit codes: 0 done or nothing to do, 1 something failed, 2 wrong usage or
configuration, 3 the daemon cannot be reached, 130 interrupted. Errors are one
or two lines on standard error (a configuration lists all its problems), never a
traceback; Python's development mode (``python -X dev -m arrtheaudio``) shows it.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Final, NoReturn

import click

from arrtheaudio import __version__
from arrtheaudio.cli.invocation import connected
from arrtheaudio.cli.output import shown
from arrtheaudio.errors import (
    ArrtheaudioError,
    BadPattern,
    ConfigError,
    DaemonRefused,
    DaemonUnreachable,
)

PROGRAM: Final = "arrtheaudio"
COMPLETION_VARIABLE: Final = "_ARRTHEAUDIO_COMPLETE"  # click's protocol with the shells

FAILED: Final = 1
MISUSED: Final = 2
UNREACHABLE: Final = 3
INTERRUPTED: Final = 128 + signal.SIGINT

UNAUTHORISED: Final = 401  # of HTTP
KEY_HINT: Final = "Name it with --api-key, or the daemon's data folder with --data-dir."

# Command: module and attribute, in the order of --help.
COMMANDS: Final = {
    "serve": "serve:serve",
    "daemon": "serve:serve",
    "demo": "demo:demo",
    "inspect": "inspect:inspect",
    "process": "process:process",
    "scan": "scan:scan",
    "undo": "undo:undo",
    "batch": "batch:batch",
    "batches": "batch:batches",
    "watch": "watch:watch",
    "jobs": "jobs:jobs",
    "queue": "queue:queue",
    "stats": "queue:stats",
    "ping": "ping:ping",
    "hook": "hook:hook",
    "doctor": "doctor:doctor",
    "admin": "admin:admin",
    "journal": "journal:journal",
    "config": "settings:config",
    "completion": "completion:completion",
    "version": "version:version",
}
HIDDEN_ALIASES: Final = frozenset({"daemon"})


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names but the aliases, in their order."""
        return [name for name in COMMANDS if name not in HIDDEN_ALIASES]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(
            importlib.import_module(f"arrtheaudio.cli.{module}"), attribute
        )
        return found


@click.command(
    PROGRAM,
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@connected
@click.version_option(__version__, "--version", message="%(prog)s %(version)s")
def root() -> None:
    """Makes the right audio track the default one in every file Sonarr and Radarr import.

    Every command explains itself: arrtheaudio COMMAND --help. With --json a command prints
    JSON. Exit codes: 0 done or nothing to do, 1 something failed, 2 wrong usage or
    configuration, 3 no daemon answers, 130 interrupted.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    _prepare_streams()
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code."""
    try:
        result = root.main(
            list(sys.argv[1:] if arguments is None else arguments),
            prog_name=PROGRAM,
            complete_var=COMPLETION_VARIABLE,
            standalone_mode=False,
            color=False if os.environ.get("NO_COLOR") else None,  # no-color.org
        )
        sys.stdout.flush()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (Exception, KeyboardInterrupt, BaseExceptionGroup) as fault:
        if sys.flags.dev_mode:
            raise
        code = _told(fault)
        _give_up_unwritten()
        return code
    return result if isinstance(result, int) else 0


def _prepare_streams() -> None:
    """Whatever is printed can be printed: in any locale, and where a stream is closed."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started us; a file opened later must not take its place
            setattr(sys, name, open(os.devnull, "r+"))  # noqa: SIM115
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _give_up_unwritten() -> None:
    """What cannot be written (a full disk, a reader that left) must not fail again at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _told(fault: BaseException) -> int:
    """Print what went wrong in a line or two; gives the exit code."""
    leaves = list(_leaves(fault))
    if any(isinstance(leaf, KeyboardInterrupt | click.Abort) for leaf in leaves):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    if isinstance(fault, click.exceptions.NoArgsIsHelpError):
        click.echo(fault.format_message(), err=True)
        return MISUSED
    code = FAILED
    # The reader of our output went away, as `head` does: nobody needs to hear of it.
    leaves = [leaf for leaf in leaves if not isinstance(leaf, BrokenPipeError)]
    for message, its_code in dict.fromkeys(map(_worded, leaves)):
        lines = "\n".join(map(shown, message.split("\n")))  # names, what a daemon answered
        click.echo(f"arrtheaudio: {lines}", err=True)
        code = max(code, its_code)
    return code


def _leaves(fault: BaseException) -> Iterator[BaseException]:
    if isinstance(fault, BaseExceptionGroup):
        for inner in fault.exceptions:
            yield from _leaves(inner)
    else:
        yield fault


def _worded(fault: BaseException) -> tuple[str, int]:
    if isinstance(fault, click.UsageError):
        path = fault.ctx.command_path if fault.ctx else "arrtheaudio"
        return f"{fault.format_message()}\nTry '{path} --help'.", MISUSED
    if isinstance(fault, click.ClickException):
        return fault.format_message(), fault.exit_code
    if isinstance(fault, ConfigError | BadPattern):
        return str(fault), MISUSED
    if isinstance(fault, DaemonUnreachable):
        return f"{fault}\n{fault.hint}", UNREACHABLE
    if isinstance(fault, DaemonRefused) and fault.status == UNAUTHORISED:
        return f"The daemon does not take this key.\n{KEY_HINT}", FAILED
    if isinstance(fault, ArrtheaudioError):
        return f"{fault}\n{fault.hint}".rstrip(), FAILED
    if isinstance(fault, OSError):
        where = f"{shown(fault.filename)}: " if isinstance(fault.filename, str | bytes) else ""
        return f"{where}{fault.strerror or fault}", FAILED
    if isinstance(fault, UnicodeEncodeError):  # as SQLite says of a journal's path
        return f"{shown(fault.object)}: a name that is not UTF-8 cannot be used here.", MISUSED
    kind = type(fault).__name__
    return f"internal error ({kind}: {fault})\nPlease report it with these two lines.", FAILED
