"""What systemd is told, where it asks: READY, RELOADING, STOPPING, WATCHDOG (sd_notify(3)).

A datagram to the socket that ``NOTIFY_SOCKET`` names, abstract ones ("@…") included.
Without that variable nothing is sent. Knows nothing of the daemon.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

SOCKET_VARIABLE: Final = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE: Final = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE: Final = "WATCHDOG_PID"
MICROSECONDS: Final = 1_000_000


class Notifier:
    """The way to the service manager, or to nobody."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = _address(environ.get(SOCKET_VARIABLE, ""))
        self.watchdog_seconds: Final = _watchdog_seconds(environ)

    def ready(self) -> None:
        """The daemon serves."""
        self._send("READY=1")

    def reloading(self) -> None:
        """The configuration is read again; ``ready`` follows (Type=notify-reload)."""
        stamp = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={stamp}")

    def stopping(self, status: str) -> None:
        """The daemon has begun to stop."""
        self._send(f"STOPPING=1\nSTATUS={status}")

    def alive(self) -> None:
        """The event loop runs."""
        self._send("WATCHDOG=1")

    def _send(self, message: str) -> None:
        if self._address is None:
            return
        # Whether anybody listens is the manager's affair; a full socket must not block us.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as way:
            way.setblocking(False)
            way.sendto(message.encode(), self._address)


def _address(named: str) -> str | bytes | None:
    if named.startswith("@"):
        return b"\0" + os.fsencode(named[1:])
    return named if named.startswith("/") else None


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """The longest silence that systemd accepts of this process (sd_watchdog_enabled(3))."""
    if environ.get(WATCHDOG_PID_VARIABLE, str(os.getpid())) != str(os.getpid()):
        return None
    try:
        seconds = int(environ[WATCHDOG_VARIABLE]) / MICROSECONDS
    except (KeyError, ValueError):
        return None
    return seconds if seconds > 0 else None
