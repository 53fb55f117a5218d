"""A batch's progress while it lasts: a bar on a terminal, nothing where output is piped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon


async def follow_batch(daemon: Daemon, batch_id: str, *, as_json: bool) -> dict[str, Any]:
    """Show the progress of a batch until it has ended; gives its last state."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from arrtheaudio.client import batch_states

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=as_json or not console.is_terminal) as bars:
        bar = bars.add_task(batch_id, total=None)
        async for state in batch_states(daemon, batch_id):
            progress = state["progress"]
            bars.update(
                bar,
                description=state["status"],
                total=progress["total_files"] if state["discovery_complete"] else None,
                completed=progress["processed"] + progress["cancelled"],
            )
    return state
