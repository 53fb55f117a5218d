"""``arrtheaudio watch``: what the daemon does, while it does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from arrtheaudio.cli import asking
from arrtheaudio.cli.batch import end_of
from arrtheaudio.cli.following import follow_batch, screen
from arrtheaudio.cli.invocation import Invocation, connected, json_option
from arrtheaudio.cli.options import SEQ, Id

if TYPE_CHECKING:
    from arrtheaudio.client import Address, Daemon


@click.command(short_help="Show live what the daemon does.")
@connected
@click.option(
    "--batch",
    "batch_id",
    type=Id("batch"),
    metavar="ID",
    help="Only this batch, until it has ended.",
)
@click.option("--since", type=SEQ, metavar="SEQ", help="First all that happened behind it.")
@json_option
@click.pass_obj
def watch(invocation: Invocation, batch_id: str | None, since: int | None, as_json: bool) -> int:
    """Show live what the daemon does: every file, delivery and batch as it ends.

    A lost connection is made again, and what happened meanwhile is shown then.
    Ctrl-C ends it; --batch ends with its batch: 0 if no file failed. With --json
    every message of the feed is one line (docs/feed.md).
    """
    if batch_id is None:
        _watch_all(invocation.address(), since, as_json=as_json)
        return 0

    async def question(daemon: Daemon) -> dict[str, Any]:
        with screen(as_json=as_json) as tell:
            return await follow_batch(daemon, batch_id, tell, since=since)

    last = asking.ask(invocation, question)
    return end_of(last, as_json=as_json)


def _watch_all(address: Address, since: int | None, *, as_json: bool) -> None:
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.client.feed import Wanted, follow

    async def run() -> None:
        with screen(as_json=as_json) as tell:
            async with follow(address, Wanted(since=since)) as feed:
                async for message in feed:
                    tell(message)

    run_orderly(run)
