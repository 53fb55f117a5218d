"""The walk of one batch: which files lie below a folder, in a stable order, slice by slice.

Owns the order (that of the full paths as bytes, a folder's name ending in "/"),
what is always left out, links and unreadable folders. Runs on whatever thread
calls ``Walk.chunk``; knows nothing of Trio, the journal or configuration.
queue.md, Batches.

Because the order is total and depends on names alone, "everything behind this
path" is well defined, and a restart goes on there however the tree has changed.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Iterator
from typing import Final

import attrs

from arrtheaudio.jobs.globs import DEFAULT_PATTERN, Glob, Level, check_names
from arrtheaudio.jobs.models import BatchFilters

# Names sorted at once: one sort of 100,000 names holds the interpreter for 40 ms.
SORT_SLICE: Final = 4096
# How often a walk without finds looks at the clock.
CLOCK_STEPS: Final = 256
# Unreadable folders that are listed by name; a broken mount can have thousands.
ERROR_LIMIT: Final = 1000
BYTES_PER_MB: Final = 1_000_000
SECONDS_PER_DAY: Final = 86_400

# Recycle bins and the folders that NAS systems keep beside the files; what begins with
# a dot is hidden and needs no entry.
SYSTEM_FOLDERS: Final = (
    "@eaDir",
    "#recycle",
    "@Recycle",
    "@Recently-Snapshot",
    "#snapshot",
    "$RECYCLE.BIN",
    "RECYCLER",
    "Recycle Bin",
    "System Volume Information",
    "lost+found",
    "_UNPACK_*",  # SABnzbd and NZBGet while they unpack
    "_FAILED_*",
)
UNFINISHED: Final = (
    "*.part",
    "*.partial",
    "*.partial~",
    "*.filepart",
    "*.!qB",
    "*.!ut",
    "*.!bt",
    "*.bc!",
    "*.tmp",
    "*.temp",
    "*.crdownload",
    "*.opdownload",
    "*.download",
    "*.aria2",
    "*.dctmp",
)


@attrs.frozen
class Sweep:
    """What to look for. ``path`` is a resolved folder.

    ``roots``: a folder reached through a link must lie inside one of these
    folders; empty means that links may lead anywhere. ``now`` is the
    moment (seconds since the epoch) that ``max_age_days`` counts from.
    """

    path: bytes
    recursive: bool = True
    pattern: str | None = None
    filters: BatchFilters = attrs.field(factory=BatchFilters)
    roots: tuple[bytes, ...] = ()
    now: float = 0.0


@attrs.frozen
class Chunk:
    """The next files of a walk (full paths), what could not be read, and whether that is all."""

    files: tuple[bytes, ...]
    errors: tuple[str, ...]
    complete: bool


@attrs.frozen
class _Folder:
    """A folder on the way down: its names still to come, in order."""

    prefix: bytes  # full path with a slash at the end
    level: Level
    names: Iterator[bytes]


class Walk:
    """One pass over a tree, taken in chunks; one thread at a time.

    ``after``: go on behind this path, the last one of an earlier walk.
    Raises: BadPattern; OSError from the first ``chunk`` when the folder itself
    cannot be read.
    """

    def __init__(self, sweep: Sweep, *, after: bytes = b"") -> None:
        self._sweep = sweep
        self._after = after
        self._glob = Glob(DEFAULT_PATTERN if sweep.pattern is None else sweep.pattern)
        excluded = sweep.filters.exclude_patterns
        self._left_files = check_names((*UNFINISHED, *excluded))
        self._left_folders = check_names((*SYSTEM_FOLDERS, *excluded))
        self._linked: set[bytes] = set()  # resolved folders entered through a link, once each
        self._errors: list[str] = []
        self._error_count = 0
        self._steps = self._run()

    def chunk(self, limit: int, seconds: float) -> Chunk:
        """Up to ``limit`` files, or what ``seconds`` of walking found."""
        deadline = time.monotonic() + seconds
        files: list[bytes] = []
        complete = True
        for step, path in enumerate(self._steps, 1):
            if path is not None:
                files.append(path)
            if len(files) == limit or (step % CLOCK_STEPS == 0 and time.monotonic() > deadline):
                complete = False
                break
        errors, self._errors = tuple(self._errors), []
        return Chunk(tuple(files), errors, complete)

    # --- the order ----------------------------------------------------------

    def _run(self) -> Iterator[bytes | None]:
        """Each file in order; None where time passed without one."""
        after = self._after
        root = os.path.join(self._sweep.path, b"")
        stack = [_Folder(root, self._glob.start, self._list(root, self._glob.start))]
        while stack:
            folder = stack[-1]
            for name in folder.names:
                path = folder.prefix + name
                if not name.endswith(b"/"):
                    if path > after:
                        yield path
                    continue
                if path < after and not after.startswith(path):
                    continue
                entered = self._enter(folder, name, path, stack)
                if entered is not None:
                    stack.append(entered)
                    yield None
                    break
            else:
                stack.pop()

    def _enter(
        self, parent: _Folder, name: bytes, path: bytes, stack: list[_Folder]
    ) -> _Folder | None:
        level = self._glob.enter(parent.level, name[:-1])
        if level is None:
            return None
        try:
            if os.path.islink(path[:-1]) and not self._may_follow(path, stack):
                return None
            return _Folder(path, level, self._list(path, level))
        except FileNotFoundError:
            return None  # removed since its parent was listed
        except OSError as error:
            self._note(path[:-1], error.strerror or str(error))
            return None

    def _list(self, prefix: bytes, level: Level) -> Iterator[bytes]:
        """The names of one folder that count, sorted; folders end in a slash."""
        slices: list[list[bytes]] = []
        names: list[bytes] = []
        deeper = level.deeper and self._sweep.recursive
        filters = self._sweep.filters
        free = filters.min_size_mb is None and filters.max_age_days is None  # of a stat
        wanted = None if level.files is None else level.files.without(self._left_files)
        with os.scandir(prefix) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(b"."):
                    continue
                try:
                    if entry.is_file():
                        if wanted is not None and wanted(name) and (free or self._passes(entry)):
                            names.append(name)
                    elif deeper and entry.is_dir() and not self._left_folders.match(name):
                        names.append(name + b"/")
                except FileNotFoundError:
                    continue  # removed meanwhile
                except OSError as error:  # a link that points at itself, a dead mount
                    self._note(prefix + name, error.strerror or str(error))
                if len(names) == SORT_SLICE:
                    names.sort()
                    slices.append(names)
                    names = []
        names.sort()
        return heapq.merge(*slices, names) if slices else iter(names)

    def _passes(self, entry: os.DirEntry[bytes]) -> bool:
        filters = self._sweep.filters
        smallest, oldest = filters.min_size_mb, filters.max_age_days
        found = entry.stat()
        if smallest is not None and found.st_size < smallest * BYTES_PER_MB:
            return False
        return oldest is None or found.st_mtime >= self._sweep.now - oldest * SECONDS_PER_DAY

    # --- links and errors ---------------------------------------------------

    def _may_follow(self, link: bytes, stack: list[_Folder]) -> bool:
        """Whether a linked folder is entered: inside the roots, no loop, and each one once."""
        target = os.path.realpath(link)
        roots = self._sweep.roots
        if roots and not any(is_inside(target, os.path.realpath(root)) for root in roots):
            self._note(link, "this link leads outside media_roots")
            return False
        if target in self._linked:
            return False
        if any(is_inside(os.path.realpath(folder.prefix), target) for folder in stack):
            return False
        self._linked.add(target)
        return True

    def _note(self, path: bytes, complaint: str) -> None:
        self._error_count += 1
        if self._error_count < ERROR_LIMIT:
            self._errors.append(f"{printable(path)}: {complaint}")
        elif self._error_count == ERROR_LIMIT:
            self._errors.append("and more; the log of the system may tell why")


def is_inside(path: bytes, folder: bytes) -> bool:
    """Whether a resolved path is this resolved folder, or below it."""
    return path == folder or path.startswith(os.path.join(folder, b""))


def printable(path: bytes) -> str:
    """A path for messages: what is not UTF-8 becomes U+FFFD."""
    return path.decode("utf-8", "replace")
