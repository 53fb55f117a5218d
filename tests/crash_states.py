"""Every state that a power cut could leave behind a recorded run (crash-state enumeration).

strace records what a process writes, syncs and truncates. From that record the
files are built as they may lie on the disk at each moment: what was synced is
there; of what was only written any part may be, down to single sectors.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECTOR: Final = 512
RANDOM_STATES: Final = 3  # per moment with unsynced writes, beside "all" and "none"

_CALL = re.compile(r"^\d+ +(\w+)\((.*)\) += (\d+)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_DESCRIPTOR = re.compile(r"\d+<([^>]*)>")


@dataclass(frozen=True)
class Write:
    """Bytes at an offset."""

    path: str
    offset: int
    content: bytes


@dataclass(frozen=True)
class Truncate:
    """A new length."""

    path: str
    length: int


@dataclass(frozen=True)
class Sync:
    """All before is durable, for this file."""

    path: str


@dataclass(frozen=True)
class Unlink:
    """The file is gone."""

    path: str


@dataclass(frozen=True)
class Line:
    """What the client noted at this moment."""

    text: str


Operation = Write | Truncate | Sync | Unlink | Line


def _plain(quoted: str) -> bytes:
    return bytes.fromhex(quoted.replace("\\x", ""))


def record(strace: str, command: Sequence[str], folder: Path, memory: Path) -> list[Operation]:
    """Run a command under strace; what it did to the files in ``folder``, in order."""
    trace = folder / "trace"
    calls = "trace=pwrite64,write,fdatasync,fsync,ftruncate,unlink"
    options = ["-f", "-y", "-xx", "-s", "2000000", "-o", str(trace), "-e", calls]
    subprocess.run([strace, *options, sys.executable, *command], check=True, timeout=60)
    operations = []
    for line in _whole(trace.read_text().splitlines()):
        operation = _operation(line, str(folder), str(memory))
        if operation is not None:
            operations.append(operation)
    return operations


def _whole(lines: Iterable[str]) -> Iterator[str]:
    """Calls as they returned: strace tells of one in two lines if another thread's came between."""
    begun: dict[str, str] = {}
    for line in lines:
        thread, _, call = line.partition(" ")
        if call.endswith(_UNFINISHED):
            begun[thread] = line.removesuffix(_UNFINISHED)
        elif resumed := _RESUMED.match(call.lstrip()):
            yield begun.pop(thread) + resumed[1]
        else:
            yield line


def _operation(line: str, folder: str, memory: str) -> Operation | None:
    match = _CALL.match(line)
    if match is None:
        return None
    name, arguments, result = match[1], match[2], int(match[3])
    if name == "unlink":
        return Unlink(_plain(arguments.strip('"')).decode())
    descriptor = _DESCRIPTOR.match(arguments)
    path = descriptor[1] if descriptor else ""
    path = _plain(path).decode() if "\\x" in path else path
    if not path.startswith(folder) or path.endswith(("-shm", ".lock", "/trace")):
        return None
    if name in ("fdatasync", "fsync"):
        return Sync(path)
    if name == "ftruncate":
        return Truncate(path, int(arguments.rsplit(",", 1)[1]))
    content = _plain(re.search(r'"(.*)"', arguments)[1])[:result]
    if path == memory:
        return Line(content.decode().strip())
    return Write(path, int(arguments.rsplit(",", 1)[1]), content)


def _apply(files: dict[str, bytearray], operation: Write | Truncate) -> None:
    content = files.setdefault(operation.path, bytearray())
    if isinstance(operation, Truncate):
        del content[operation.length :]
        content.extend(bytes(operation.length - len(content)))
        return
    content.extend(bytes(max(0, operation.offset - len(content))))
    content[operation.offset : operation.offset + len(operation.content)] = operation.content


def _torn(write: Write, chance: random.Random) -> Iterator[Write]:
    for begin in range(0, len(write.content), SECTOR):
        if chance.random() < 0.5:
            sector = write.content[begin : begin + SECTOR]
            yield Write(write.path, write.offset + begin, sector)


def crash_states(
    operations: Sequence[Operation], seed: int
) -> Iterator[tuple[list[str], dict[str, bytes]]]:
    """(what the client had noted, the files) for every moment behind the first note."""
    chance = random.Random(seed)
    durable: dict[str, bytearray] = {}
    pending: list[Write | Truncate] = []
    notes: list[str] = []
    for operation in operations:
        if isinstance(operation, Line):
            notes.append(operation.text)
        elif isinstance(operation, Sync):
            for change in pending:
                if change.path == operation.path:
                    _apply(durable, change)
            pending = [change for change in pending if change.path != operation.path]
        elif isinstance(operation, Unlink):
            durable.pop(operation.path, None)
            pending = [change for change in pending if change.path != operation.path]
        else:
            pending.append(operation)
        if notes:
            for kept in _choices(pending, chance):
                files = {path: bytearray(content) for path, content in durable.items()}
                for change in kept:
                    _apply(files, change)
                yield list(notes), {path: bytes(content) for path, content in files.items()}


def _choices(
    pending: list[Write | Truncate], chance: random.Random
) -> Iterator[list[Write | Truncate]]:
    yield pending
    if not pending:
        return
    yield []
    for _ in range(RANDOM_STATES):
        kept: list[Write | Truncate] = []
        for change in pending:
            dice = chance.random()
            if dice < 0.4:
                kept.append(change)
            elif dice < 0.7 and isinstance(change, Write):
                kept.extend(_torn(change, chance))
        yield kept
