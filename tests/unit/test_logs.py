"""Log lines: one per event, nothing from outside can forge one, keys never appear."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import structlog

from arrtheaudio import logs

KEY = 'se"cret\\key'
HOSTILE = "a\n2026-01-01T00:00:00Z error   forged\r\x1b[2J\u202e\u2028\x85\x00b\udcff"


def test_a_text_line_has_time_level_event_and_values(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    structlog.get_logger().warning("job failed", job="job_1", path=b"/tv/a b.mkv", none=None)
    when, rest = capsys.readouterr().err.split(" ", 1)
    assert when.endswith("Z")
    assert rest == 'warning job failed job=job_1 path="/tv/a b.mkv"\n'


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("place", ["event", "value", "bytes", "key"])
def test_hostile_input_stays_on_its_line(
    capsys: pytest.CaptureFixture[str], format: logs.Format, place: str
) -> None:
    logs.configure(format=format)
    log = structlog.get_logger()
    match place:
        case "event":
            log.info(HOSTILE)
        case "value":
            log.info("x", title=HOSTILE)
        case "bytes":
            log.info("x", path=HOSTILE.encode("utf-8", "surrogateescape"))
        case "key":
            log.info("x", **{HOSTILE: 1})
    written = capsys.readouterr().err
    assert written.endswith("\n")
    line = written[:-1]
    assert len(line.splitlines()) == 1
    assert line.isprintable()


def test_a_traceback_cannot_begin_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    try:
        raise ValueError("x\n2026-01-01T00:00:00Z info forged")
    except ValueError:
        structlog.get_logger().exception("failed")
    first, *trace = capsys.readouterr().err.splitlines()
    assert "failed" in first
    assert trace
    assert all(line.startswith("    | ") for line in trace)


@pytest.mark.parametrize("format", ["text", "json"])
def test_the_key_is_struck_out_wherever_it_comes_from(
    capsys: pytest.CaptureFixture[str], format: logs.Format
) -> None:
    logs.configure(format=format, secrets=(KEY, ""))
    log = structlog.get_logger()
    log.info(f"key {KEY}", header=KEY, other={"k": KEY})
    try:
        raise ValueError(KEY)
    except ValueError:
        log.exception("failed")
    written = capsys.readouterr().err
    assert KEY not in written
    assert json.dumps(KEY)[1:-1] not in written
    assert "(hidden)" in written


def test_json_is_one_document_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(format="json")
    structlog.get_logger().info("started", port=1, path=b"\xff", seconds=0.5)
    entry = json.loads(capsys.readouterr().err)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "started", "level": "info", "port": 1, "path": "\\xff", "seconds": 0.5,
    }  # fmt: skip


def test_other_libraries_take_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(secrets=(KEY,))
    logging.getLogger("somebody").error("bad %s\nforged", KEY)
    logging.getLogger("hypercorn").info("chatter")
    written = capsys.readouterr().err
    assert len(written.splitlines()) == 1
    assert KEY not in written
    assert "logger=somebody" in written


def test_a_reload_changes_the_level_of_loggers_in_use(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure(level="warning")
    log = structlog.get_logger("x")
    log.info("one")
    logs.configure(level="debug")
    log.debug("two")
    assert [line.split()[2] for line in capsys.readouterr().err.splitlines()] == ["two"]


def test_a_reload_opens_the_file_anew(tmp_path: Path) -> None:
    file = tmp_path / "log"
    logs.configure(output=str(file))
    structlog.get_logger().info("one")
    file.rename(tmp_path / "log.1")
    logs.configure(output=str(file))
    structlog.get_logger().info("two")
    logs.configure()
    assert "one" in (tmp_path / "log.1").read_text()
    assert "one" not in file.read_text()
    assert "two" in file.read_text()


def test_a_file_that_cannot_be_opened_leaves_logging_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure()
    with pytest.raises(OSError, match="log"):
        logs.configure(output=str(tmp_path / "no" / "log"))
    structlog.get_logger().info("still here")
    assert "still here" in capsys.readouterr().err


def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    logs.configure(output="/dev/full")
    structlog.get_logger().error("lost")
    logs.configure()
