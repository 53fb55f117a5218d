"""systemd hears from the daemon exactly when it asks (sd_notify(3))."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from arrtheaudio._notify import Notifier


def listen(address: str) -> socket.socket:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(address)
    receiver.setblocking(False)
    return receiver


@pytest.mark.parametrize("abstract", [False, True])
def test_messages_reach_named_and_abstract_sockets(tmp_path: Path, abstract: bool) -> None:
    name = f"@arrtheaudio-test-{os.getpid()}" if abstract else str(tmp_path / "s")
    with listen("\0" + name[1:] if abstract else name) as receiver:
        notifier = Notifier({"NOTIFY_SOCKET": name})
        notifier.ready()
        notifier.alive()
        notifier.stopping("2 jobs end")
        notifier.reloading()
        messages = [receiver.recv(1000).decode() for _ in range(4)]
    assert messages[:3] == ["READY=1", "WATCHDOG=1", "STOPPING=1\nSTATUS=2 jobs end"]
    assert messages[3].startswith("RELOADING=1\nMONOTONIC_USEC=")


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "relative"}])
def test_nobody_is_told_where_nobody_asks(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "socket", None)  # any use would raise
    Notifier(environ).ready()


def test_a_manager_that_has_gone_or_does_not_read_is_no_trouble(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).ready()
    with listen(str(tmp_path / "s")):
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "s")})
        for _ in range(1000):
            notifier.alive()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_interval_is_for_this_process(
    environ: dict[str, str], seconds: float | None
) -> None:
    assert Notifier(environ).watchdog_seconds == seconds
