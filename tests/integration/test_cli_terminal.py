"""The command line in a real terminal: colours, progress bars, Ctrl-C. Without one: none of it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from oracles import absent

from arrtheaudio.cli.samples import Voice, matroska

COMMAND = [sys.executable, "-m", "arrtheaudio"]
# So that Ctrl-C, a byte written into the terminal, becomes a SIGINT.
TAKE_THE_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
ESCAPE = "\x1b["
ROWS, COLUMNS = 24, 80
MKV = matroska("Film", [Voice("eng", default=True), Voice("jpn")]).content
# A name of Latin-1, as an old share has them, and one that wants to paint the terminal.
UNDECODABLE = b"caf\xe9.mkv"
PAINTER = "Red \x1b[31m\r\n.mkv"


def environment(home: Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "xterm-256color", **more}


class Terminal:
    """A command whose three streams are a terminal of its own session, 80 columns wide."""

    def __init__(self, *arguments: str, home: Path, **environ: str) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_THE_TERMINAL, *COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment(home, **environ),
            start_new_session=True,
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

    def press(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def finish(self) -> int:
        while self.read():
            pass
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)


Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command in a terminal; whatever happens, none is left behind."""
    terminals: list[Terminal] = []

    def one(*arguments: str, **environ: str) -> Terminal:
        terminals.append(Terminal(*arguments, home=tmp_path, **environ))
        return terminals[-1]

    yield one
    for terminal in terminals:
        terminal.close()


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "media" / "Film.mkv"
    path.parent.mkdir()
    path.write_bytes(MKV)
    return path


def piped(home: Path, *arguments: str | bytes, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(home, **environ),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
    )


def test_results_are_coloured_in_a_terminal_only(tmp_path: Path, film: Path, start: Start) -> None:
    shown = start("process", "-l", "jpn", "--dry-run", str(film))
    assert shown.finish() == 0
    assert f"{ESCAPE}32msuccess" in shown.seen
    through_a_pipe = piped(tmp_path, "process", "-l", "jpn", "--dry-run", str(film))
    assert through_a_pipe.stdout.startswith("success ")
    assert ESCAPE not in through_a_pipe.stdout + through_a_pipe.stderr


@pytest.mark.parametrize(
    "arguments", [("process", "--dry-run"), ("scan",), ("inspect",)], ids=lambda words: words[0]
)
def test_no_color_means_none(film: Path, start: Start, arguments: tuple[str, ...]) -> None:
    target = film.parent if arguments == ("scan",) else film
    shown = start(*arguments, "-l", "jpn", str(target), NO_COLOR="1")
    assert shown.finish() == 0
    assert "Film.mkv" in shown.seen or "1/1" in shown.seen
    assert not [code for code in range(30, 50) if f"{ESCAPE}{code}m" in shown.seen]


def test_a_scan_shows_a_progress_bar_in_a_terminal_only(
    tmp_path: Path, film: Path, start: Start
) -> None:
    shown = start("scan", "-l", "jpn", str(film.parent))
    assert shown.finish() == 0
    assert "1/1" in shown.seen
    assert "files/s" in shown.seen
    assert "1 file, 1 changed" in shown.seen
    through_a_pipe = piped(tmp_path, "scan", str(film.parent))
    assert through_a_pipe.stderr == ""
    assert len(through_a_pipe.stdout.splitlines()) == 1


def test_what_is_said_beside_a_bar_has_a_line_of_its_own(
    tmp_path: Path, film: Path, start: Start
) -> None:
    for number in range(40):
        film.with_name(f"Film {number:02}.mkv").write_bytes(MKV)
    broken = film.with_name(f"broken {'long ' * 20}.mkv")
    broken.write_bytes(MKV[:100])
    shown = start("scan", "-l", "jpn", str(film.parent))
    assert shown.finish() == 1
    [said] = re.findall(rf"(.*)failed {re.escape(str(broken))}: ", shown.seen)
    assert said.endswith(f"{ESCAPE}2K")  # the bar's line was cleared before


def test_the_bar_never_swallows_output_that_goes_elsewhere(tmp_path: Path, film: Path) -> None:
    """A bar on the terminal, the documents in a pipe."""
    ours, theirs = pty.openpty()
    found = subprocess.run(
        [*COMMAND, "scan", "-l", "jpn", "--dry-run", "--json", str(film.parent)],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        timeout=60,
    )
    os.close(theirs)
    os.close(ours)
    assert len(found.stdout.splitlines()) == 2


def test_no_line_of_help_is_wider_than_the_terminal(start: Start) -> None:
    for command in ([], ["scan"], ["jobs", "list"], ["batch"], ["admin", "cleanup"]):
        shown = start(*command, "--help")
        assert shown.finish() == 0
        assert max(map(len, shown.seen.splitlines())) <= COLUMNS
        assert "..." not in shown.seen.replace("FILE...", "").replace("[ARGS]...", "")


def test_ctrl_c_ends_a_follower_with_130_and_the_daemon_with_0(film: Path, start: Start) -> None:
    serve = start("serve", "--port", "0", "--media-root", str(film.parent))
    serve.read_until("API key:")
    url = serve.seen.split("Dashboard: ")[1].split()[0]
    assert start("--url", url, "queue", "pause").finish() == 0
    follower = start("--url", url, "batch", str(film.parent), "--follow")
    follower.read_until("0/1")
    watcher = start("--url", url, "watch")
    watcher.read_until("connected")
    for one in (follower, watcher):
        one.press(b"\x03")
        assert one.finish() == 130
        assert "Interrupted." in one.seen
        assert "Traceback" not in one.seen
    serve.press(b"\x03")
    assert serve.finish() == 0
    assert "Traceback" not in serve.seen


def test_ctrl_c_in_a_scan_leaves_nothing_half_done_and_says_what_was_done(
    tmp_path: Path, film: Path, start: Start
) -> None:
    for number in range(400):
        film.with_name(f"Film {number:03}.mkv").write_bytes(MKV)
    scan = start("scan", "-l", "jpn", str(film.parent))
    scan.read_until("/401")
    scan.press(b"\x03")
    assert scan.finish() == 130
    assert "files per second" in scan.seen
    assert "Traceback" not in scan.seen
    verified = piped(tmp_path, "journal", "verify")
    assert verified.returncode == 0
    rows = piped(tmp_path, "journal", "show", "--json").stdout
    assert rows.count('"job.queued"') == sum(
        rows.count(f'"{end}"') for end in ("job.completed", "job.cancelled")
    )
    assert rows.count('"job.planned"') == rows.count('"job.completed"')


def test_a_terminal_cannot_be_painted_by_a_file_name(tmp_path: Path, start: Start) -> None:
    path = tmp_path / PAINTER
    path.write_bytes(MKV)
    for command in (["inspect"], ["process", "--dry-run"]):
        shown = start(*command, "-l", "jpn", str(path), NO_COLOR="1")
        assert shown.finish() == 0
        assert "Red" in shown.seen
        assert f"{ESCAPE}31m" not in shown.seen


LOCALES = [
    {"LANG": "C"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1:strict"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_no_locale_and_no_file_name_is_an_error(tmp_path: Path, locale: dict[str, str]) -> None:
    folder = tmp_path / "Überraschung → 映画"
    folder.mkdir()
    good, broken = os.fsencode(folder) + b"/" + UNDECODABLE, os.fsencode(folder) + b"/\xff.mkv"
    Path(os.fsdecode(good)).write_bytes(MKV)
    Path(os.fsdecode(broken)).write_bytes(MKV[:100])
    for command, code in (
        (["inspect", good], 0),
        (["inspect", "--json", good, broken, good + b"absent"], 1),
        (["process", "-l", "jpn", "--json", good, broken], 1),
        (["undo", good], 0),
        (["scan", "-l", "jpn", os.fsencode(folder)], 1),
        (["scan", "-l", "jpn", "--json", os.fsencode(folder)], 1),
        (["journal", "show"], 0),
        (["journal", "show", "--json"], 0),
        (["doctor", os.fsdecode(good)], 1),
        (["undo", good + b"absent"], 1),
        (["admin", "backup", os.fsencode(folder) + b"/\xfe/x"], 2),
        (["config", "check", "--config", good], 2),
    ):
        found = subprocess.run(
            [*COMMAND, *command], env=environment(tmp_path, **locale), capture_output=True
        )
        assert found.returncode == code, (command, found)
        assert b"internal error" not in found.stderr, (command, found)
        assert b"Traceback" not in found.stderr, (command, found)


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path, film: Path) -> None:
    command = f"{sys.executable} -m arrtheaudio journal show --json | head -n 1"
    for _ in range(3):
        piped(tmp_path, "process", "-l", "jpn", "--dry-run", *[str(film)] * 200)
    found = subprocess.run(
        ["sh", "-c", command], env=environment(tmp_path), capture_output=True, text=True
    )
    assert len(found.stdout.splitlines()) == 1
    assert found.stderr == ""


@pytest.mark.parametrize("arguments", [["version"], ["version", "--json"], ["--help"]])
def test_a_full_disk_behind_the_output_is_told_once(tmp_path: Path, arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        found = subprocess.run(
            [*COMMAND, *arguments],
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert found.returncode == 1
    assert found.stderr == "arrtheaudio: No space left on device\n"


def test_closed_streams_are_no_error(tmp_path: Path, film: Path) -> None:
    for streams in (">&-", ">&- 2>&-", "<&- >&- 2>&-"):
        for arguments in ("version", "version --json", f"process -l jpn --dry-run {film}"):
            command = f"{sys.executable} -m arrtheaudio {arguments} {streams}"
            found = subprocess.run(
                ["sh", "-c", command], env=environment(tmp_path), capture_output=True, text=True
            )
            assert (found.returncode, found.stderr) == (0, "")
    assert film.read_bytes() == MKV


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_valid(tmp_path: Path, shell: str) -> None:
    script = piped(tmp_path, "completion", shell)
    assert script.returncode == 0
    assert "_ARRTHEAUDIO_COMPLETE" in script.stdout
    if shutil.which(shell) is None:
        absent(shell)
    parsed = subprocess.run([shell, "-n"], input=script.stdout, capture_output=True, text=True)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_bash_completes_commands_options_and_choices(tmp_path: Path) -> None:
    for words, wanted in (
        ("arrtheaudio jo", "plain,jobs"),
        ("arrtheaudio jobs ", "plain,cancel"),
        ("arrtheaudio scan --dr", "plain,--dry-run"),
        ("arrtheaudio completion f", "plain,fish"),
    ):
        completed = piped(
            tmp_path,
            _ARRTHEAUDIO_COMPLETE="bash_complete",
            COMP_WORDS=words,
            COMP_CWORD=str(words.count(" ")),
        )
        assert wanted in completed.stdout.splitlines(), words


def test_sigterm_ends_a_scan_like_ctrl_c(film: Path, start: Start) -> None:
    for number in range(400):
        film.with_name(f"Film {number:03}.mkv").write_bytes(MKV)
    scan = start("scan", "-l", "jpn", str(film.parent))
    scan.read_until("/401")
    scan.process.send_signal(signal.SIGTERM)
    assert scan.finish() == 130
