"""The command line in a real terminal: colours, progress bars, Ctrl-C. Without one: none of it."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from arrtheaudio.cli.samples import Voice, matroska

COMMAND = [sys.executable, "-m", "arrtheaudio"]
BOLD_OR_COLOUR = "\x1b["


class Terminal:
    """A command whose three streams are a terminal of its own session."""

    def __init__(self, *arguments: str, home: Path) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color"},
        )
        os.close(theirs)
        self.seen = ""

    def read(self) -> bool:
        """Take what is there or comes next; False at the end."""
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # Linux: the last one closed the other side
            return False
        self.seen += piece.decode()
        return bool(piece)

    def read_until(self, words: str) -> None:
        while words not in self.seen:
            assert self.read(), self.seen

    def finish(self) -> int:
        while self.read():
            pass
        os.close(self._ours)
        return self.process.wait(timeout=60)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "Film.mkv"
    path.write_bytes(matroska("Film", [Voice("eng", default=True), Voice("jpn")]).content)
    return path


def test_results_are_coloured_in_a_terminal_only(tmp_path: Path, film: Path) -> None:
    shown = Terminal("process", "-l", "jpn", "--dry-run", str(film), home=tmp_path)
    assert shown.finish() == 0
    assert f"{BOLD_OR_COLOUR}32msuccess" in shown.seen
    piped = subprocess.run(
        [*COMMAND, "process", "-l", "jpn", "--dry-run", str(film)],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert piped.stdout.startswith("success ")
    assert "\x1b" not in piped.stdout + piped.stderr


def test_a_scan_shows_a_progress_bar_in_a_terminal_only(tmp_path: Path, film: Path) -> None:
    shown = Terminal("scan", "-l", "jpn", str(film.parent), home=tmp_path)
    assert shown.finish() == 0
    assert "1/1" in shown.seen
    assert "1 file, 1 changed" in shown.seen
    piped = subprocess.run(
        [*COMMAND, "scan", str(film.parent)],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert piped.stderr == ""
    assert len(piped.stdout.splitlines()) == 1


def test_ctrl_c_ends_a_follower_with_130_and_the_daemon_with_0(tmp_path: Path, film: Path) -> None:
    serve = Terminal("serve", "--port", "0", "--media-root", str(tmp_path), home=tmp_path)
    serve.read_until("API key:")
    url = serve.seen.split("Dashboard: ")[1].split()[0]
    assert Terminal("--url", url, "queue", "pause", home=tmp_path).finish() == 0
    follower = Terminal("--url", url, "batch", str(tmp_path), "--follow", home=tmp_path)
    follower.read_until("queued")
    follower.process.send_signal(signal.SIGINT)
    assert follower.finish() == 130
    assert "Interrupted." in follower.seen
    assert "Traceback" not in follower.seen
    serve.process.send_signal(signal.SIGINT)
    assert serve.finish() == 0
    assert "Traceback" not in serve.seen
