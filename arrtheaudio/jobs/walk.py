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
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final

import attrs

from arrtheaudio.jobs.globs import DEFAULT_PATTERN, Glob, Level, Positions, check_names
from arrtheaudio.jobs.models import BatchFilters

# Names sorted at once: one sort of 100,000 names holds the interpreter for 40 ms.
SORT_SLICE: Final = 4096
# Paths handed on at once inside a walk, and how often it looks at the clock.
RUN_FILES: Final = 256
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
    folders; empty means that links may lead anywhere. ``named_within``: the folders
    inside which a linked file has its real path; the roots where none are said. ``now`` is the
    moment (seconds since the epoch) that ``max_age_days`` counts from.
    """

    path: bytes
    recursive: bool = True
    pattern: str | None = None
    filters: BatchFilters = attrs.field(factory=BatchFilters)
    roots: tuple[bytes, ...] = ()
    named_within: tuple[bytes, ...] = ()
    now: float = 0.0


@attrs.frozen
class Chunk:
    """The next files of a walk (full paths), what could not be read, and whether that is all.

    ``names``: the same files as their jobs shall name them.
    """

    files: tuple[bytes, ...]
    errors: tuple[str, ...]
    complete: bool
    names: tuple[bytes, ...] = attrs.Factory(lambda chunk: chunk.files, takes_self=True)


@attrs.frozen
class _Folder:
    """A folder on the way down: its names still to come, in order."""

    prefix: bytes  # full path with a slash at the end
    level: Level
    names: Iterator[bytes]
    leaf: bool  # no folder among them


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
        self._questions: dict[Positions, Callable[[bytes], bool] | None] = {}
        self._linked: set[bytes] = set()  # resolved folders entered through a link, once each
        self._linked_files: set[bytes] = set()  # not handed over yet
        self._resolved = (b"", b"")  # the last folder, and where it really is
        self._errors: list[str] = []
        self._error_count = 0
        self._found: list[bytes] = []  # walked, not handed over yet
        self._steps = self._walk()

    def chunk(self, limit: int, seconds: float) -> Chunk:
        """Up to ``limit`` files, or what ``seconds`` of walking found."""
        deadline = time.monotonic() + seconds
        files = self._found
        complete = True
        for found in self._steps:
            files += found
            if len(files) >= limit or time.monotonic() > deadline:
                complete = False
                break
        self._found = files[limit:]
        errors, self._errors = tuple(self._errors), []
        files = files[:limit]
        return Chunk(tuple(files), errors, complete and not self._found, self._names(files))

    def _names(self, files: Sequence[bytes]) -> tuple[bytes, ...]:
        """By the real path, as deliveries name them; where a link leads out, by the link."""
        if not self._linked and not self._linked_files:
            return tuple(files)
        within = [os.path.realpath(root) for root in self._sweep.named_within or self._sweep.roots]
        reals = map(self._real, files)
        return tuple(
            real if any(is_inside(real, root) for root in within) else path
            for path, real in zip(files, reals, strict=True)
        )

    def _real(self, path: bytes) -> bytes:
        if path in self._linked_files:
            self._linked_files.discard(path)
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        if folder != self._resolved[0]:
            self._resolved = folder, os.path.realpath(folder)
        return os.path.join(self._resolved[1], name)

    # --- the order ----------------------------------------------------------

    def _walk(self) -> Iterator[list[bytes]]:
        """Files in order, some at a time; an empty list where a folder was entered."""
        after = self._after
        root = os.path.join(self._sweep.path, b"")
        stack = [self._open(root, self._glob.start)]
        while stack:
            folder = stack[-1]
            prefix = folder.prefix
            if folder.leaf:
                found = [prefix + name for name in islice(folder.names, RUN_FILES)]
                if len(found) < RUN_FILES:
                    stack.pop()
                yield [path for path in found if path > after] if after else found
            else:
                yield from self._step(folder, stack)

    def _step(self, folder: _Folder, stack: list[_Folder]) -> Iterator[list[bytes]]:
        """The files of a folder up to the next one in it, which is put on the stack."""
        after = self._after
        for name in folder.names:
            path = folder.prefix + name
            if not name.endswith(b"/"):
                if path > after:
                    yield [path]
            elif path > after or after.startswith(path):
                entered = self._enter(folder, name, path, stack)
                if entered is not None:
                    stack.append(entered)
                    yield []
                    return
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
            return self._open(path, level)
        except FileNotFoundError:
            return None  # removed since its parent was listed
        except OSError as error:
            self._note(path[:-1], error.strerror or str(error))
            return None

    def _open(self, prefix: bytes, level: Level) -> _Folder:
        """One folder with the names that count, sorted; those of folders end in a slash."""
        slices: list[list[bytes]] = []
        names: list[bytes] = []
        leaf = True
        deeper = level.deeper and self._sweep.recursive
        filters = self._sweep.filters
        free = filters.min_size_mb is None and filters.max_age_days is None  # of a stat
        wanted = self._question(level)
        with os.scandir(prefix) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(b"."):
                    continue
                try:
                    if entry.is_file():
                        if wanted is not None and wanted(name) and (free or self._passes(entry)):
                            names.append(name)
                            if entry.is_symlink():
                                self._linked_files.add(prefix + name)
                    elif deeper and entry.is_dir() and not self._left_folders.match(name):
                        names.append(name + b"/")
                        leaf = False
                except FileNotFoundError:
                    continue  # removed meanwhile
                except OSError as error:  # a link that points at itself, a dead mount
                    self._note(prefix + name, error.strerror or str(error))
                if len(names) == SORT_SLICE:
                    names.sort()
                    slices.append(names)
                    names = []
        names.sort()
        merged = heapq.merge(*slices, names) if slices else iter(names)
        return _Folder(prefix, level, merged, leaf)

    def _question(self, level: Level) -> Callable[[bytes], bool] | None:
        """Whether a name is taken inside such a folder; None where no file is."""
        if level.positions not in self._questions:
            names = level.files
            self._questions[level.positions] = (
                None if names is None else names.without(self._left_files)
            )
        return self._questions[level.positions]

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
