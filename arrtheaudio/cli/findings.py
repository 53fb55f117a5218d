"""What ``doctor`` looks at: one small function for each question, findings as values.

Everything here only reads, except for two empty hidden files that are made in a media
root and removed at once, to learn what its file system can do.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import attrs

if TYPE_CHECKING:
    from arrtheaudio.config import Config, Loaded

FICLONE: Final = 0x40049409  # linux/fs.h
LOW_SPACE_BYTES: Final = 1_000_000_000
ENTRY_SAMPLE: Final = 5000  # files of a media root that are asked for permissions
MEDIA_ENDINGS: Final = (".mkv", ".mka", ".webm", ".mp4", ".m4v", ".mov")
SHORT_KEY: Final = 16  # characters


@attrs.frozen
class Finding:
    """One answer; ``advice`` says what to do about it."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    advice: str = ""


def of_installation() -> Iterator[Finding]:
    """What this installation brings along."""
    import apsw

    yield Finding("SQLite", "ok", f"{apsw.sqlite_lib_version()}, brought along")
    found = [tool for tool in ("ffmpeg", "mkvmerge") if shutil.which(tool)]
    yield Finding("external tools", "ok", f"{', '.join(found) or 'none'} (only needed to remux)")


def of_configuration(loaded: Loaded) -> Iterator[Finding]:
    """Where it comes from, and what is set so that nothing can happen."""
    yield Finding("configuration", "ok", loaded.source_path or "no file, all defaults")
    config = loaded.config
    if not config.media_roots:
        yield Finding(
            "media roots", "failed", "none, so every file is refused", "Name them in media_roots."
        )
    if config.execution.dry_run:
        yield Finding("dry run", "warning", "execution.dry_run is on: no file is changed")
    if config.processing.worker_count == 0:
        yield Finding("workers", "warning", "worker_count is 0: no queue, deliveries one by one")
    yield _of_key(loaded)


def _of_key(loaded: Loaded) -> Finding:
    """Whether there is a key, whether we can read it, and whether others can."""
    api = loaded.config.api
    if api.auth == "none":
        return Finding("API key", "warning", "api.auth is none: who reaches the port needs no key")
    if api.api_key is not None:
        if len(api.api_key) >= SHORT_KEY:
            return Finding("API key", "ok", "in the configuration")
        detail = f"only {len(api.api_key)} characters"
        return Finding("API key", "warning", detail, "Leave api_key out: one is made.")
    path = Path(loaded.key_path)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
    except FileNotFoundError:
        return Finding("API key", "ok", f"made at the first start, in {path}")
    except OSError as fault:
        detail = f"{path}: {(fault.strerror or str(fault)).lower()}"
        return Finding("API key", "failed", detail, "Run this as the daemon's user.")
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        detail = f"{path} can be read by others"
        return Finding("API key", "warning", detail, f"chmod 600 {path}")
    return Finding("API key", "ok", f"in {path}")


def of_data_folder(loaded: Loaded) -> Iterator[Finding]:
    """Whether journal, key and lock can lie where they are to lie."""
    from arrtheaudio.jobs.lock import network_file_system

    journal = Path(loaded.journal_path)
    for folder in dict.fromkeys((Path(loaded.data_dir), journal.parent)):
        existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
        if not os.access(existing, os.W_OK | os.X_OK):
            yield Finding(
                "data folder",
                "failed",
                f"{existing} cannot be written by user {os.geteuid()}",
                "Give it to the daemon's user, or choose another with --data-dir.",
            )
        else:
            new = "" if folder.exists() else ", made at the first start"
            free = shutil.disk_usage(existing).free
            yield Finding(
                "data folder",
                "warning" if free < LOW_SPACE_BYTES else "ok",
                f"{folder}{new}, {_gigabytes(free)} free",
                "Without space nothing is accepted any more." if free < LOW_SPACE_BYTES else "",
            )
        network = network_file_system(existing)
        if network is not None:
            yield Finding(
                "data folder",
                "warning",
                f"{folder} lies on a network file system ({network})",
                "SQLite's journal needs a local disk: set jobs.storage_path.",
            )


def of_media_root(root: str) -> Iterator[Finding]:
    """Whether a media root is there, can be written, and what its file system can do."""
    from arrtheaudio.jobs.lock import network_file_system

    name = f"media root {root}"
    try:
        with os.scandir(root) as entries:
            first = next(entries, None)
    except OSError as fault:
        yield Finding(
            name,
            "failed",
            (fault.strerror or str(fault)).lower(),
            "Mount it for the daemon, under this very path, readable by its user.",
        )
        return
    if first is None:
        yield Finding(name, "warning", "empty", "Is the right folder mounted there?")
    blocked = next(_blocked(root), None)
    if blocked is not None:
        path, word = blocked
        yield Finding(
            name,
            "failed",
            f"{path} cannot be {word} by user {os.geteuid()}",
            "Run the daemon as Sonarr's user and group, and mount the share read-write.",
        )
    free = shutil.disk_usage(root).free
    low = free < LOW_SPACE_BYTES
    network = network_file_system(Path(root))
    yield Finding(
        name,
        "warning" if low else "ok",
        f"{_gigabytes(free)} free; {_abilities(root)}"
        + (f"; a network file system ({network})" if network else ""),
        "Edits in place need no space, rewriting a file does." if low else "",
    )


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"


def _blocked(root: str) -> Iterator[tuple[str, str]]:
    """Folders and media files that may not be read or changed, among the first entries."""
    seen = 0
    for folder, _, files in os.walk(root):
        if not os.access(folder, os.R_OK | os.X_OK):
            yield folder, "read"
        for file in files:
            seen += 1
            if seen == ENTRY_SAMPLE:
                return
            if file.lower().endswith(MEDIA_ENDINGS):
                path = os.path.join(folder, file)
                if not os.access(path, os.R_OK):
                    yield path, "read"
                if not os.access(path, os.W_OK):
                    yield path, "written"


def _abilities(root: str) -> str:
    try:
        with tempfile.TemporaryDirectory(prefix="._arrtheaudio-", dir=root) as folder:
            one, two = os.path.join(folder, "one"), os.path.join(folder, "two")
            Path(one).write_bytes(b"one")
            links = _works(lambda: os.link(one, two))
            with open(one, "rb") as source, open(os.path.join(folder, "three"), "wb") as target:
                shares = _works(lambda: fcntl.ioctl(target, FICLONE, source.fileno()))
    except OSError:
        return "its folder itself cannot be written"
    hard = "hard links" if links else "no hard links"
    return f"{hard}, {'reflinks' if shares else 'no reflinks (hard-linked files are left alone)'}"


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def of_path(path: str, config: Config, instance: str | None = None) -> Iterator[Finding]:
    """Whether a path, as Sonarr or Radarr say it, leads to a file that may be touched."""
    from arrtheaudio.arr.paths import PathMapping, confine, map_path, propose
    from arrtheaudio.errors import ArrtheaudioError

    roots = tuple(os.fsencode(root) for root in config.media_roots)
    mappings = [PathMapping(m.remote, m.local, m.instance) for m in config.path_mappings]
    try:
        here = map_path(path, mappings, instance)
        resolved = confine(here, roots)
    except ArrtheaudioError as fault:
        yield Finding(path, "failed", fault.what, fault.hint)
        resolved = None
    if resolved is not None and os.path.exists(resolved):
        mapped = "" if os.fsdecode(resolved) == path else f"found as {os.fsdecode(resolved)}"
        yield Finding(path, "ok", mapped or "found")
        return
    if resolved is not None:
        yield Finding(path, "failed", f"{os.fsdecode(resolved)} does not exist")
    for mapping in propose(path, roots):
        yield Finding(
            path,
            "warning",
            "a mapping would lead to it; add below path_mappings:",
            f"- {{remote: {_quoted(mapping.remote)}, local: {_quoted(mapping.local)}}}",
        )


def _quoted(text: str) -> str:
    """As YAML: within single quotes a backslash of Windows stands for itself."""
    return "'" + text.replace("'", "''") + "'"
