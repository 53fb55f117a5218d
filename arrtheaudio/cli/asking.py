"""Commands that ask a daemon: one connection, one question, and the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from arrtheaudio.cli.invocation import Invocation
from arrtheaudio.cli.output import shown
from arrtheaudio.errors import DaemonRefused

if TYPE_CHECKING:
    from arrtheaudio.client import Daemon

T = TypeVar("T")


def ask(invocation: Invocation, question: Callable[[Daemon], Awaitable[T]]) -> T:
    """The daemon's answer. Raises DaemonUnreachable and DaemonRefused."""
    from arrtheaudio.cli.interrupts import run_orderly
    from arrtheaudio.client import connect

    address = invocation.address()

    async def run() -> T:
        async with connect(address) as daemon:
            return await question(daemon)

    return run_orderly(run)


def api_path(path: bytes) -> str:
    """A path as JSON and addresses take it. Raises DaemonRefused for other than UTF-8."""
    try:
        return path.decode("utf-8")
    except UnicodeDecodeError:
        raise DaemonRefused(
            f"{shown(path)}: this name is not UTF-8, which the daemon's API cannot take. "
            "Scan the folder around it, or name its job.",
            status=400,
        ) from None


def get(invocation: Invocation, path: str, /, **query: Any) -> Any:
    """``GET`` this path."""
    return ask(invocation, lambda daemon: daemon.get(path, query))


def post(invocation: Invocation, path: str, body: object = None) -> Any:
    """``POST`` to this path."""
    return ask(invocation, lambda daemon: daemon.post(path, body))


def delete(invocation: Invocation, path: str, /, **query: Any) -> Any:
    """``DELETE`` this path."""
    return ask(invocation, lambda daemon: daemon.delete(path, query))
