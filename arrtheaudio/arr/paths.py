"""Paths: from what Sonarr or Radarr call a file to where it lies here, and no further.

Three steps: ``map_path`` (pure) applies path_mappings, ``confine`` resolves
links and refuses what is not below media_roots, ``propose`` helps the user to
the mapping that is missing. The last two look at the file system; nothing else
in arr/ does. config.md (path_mappings), api.md, "Conventions".
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import attrs

from arrtheaudio.errors import BadDelivery, OutsideMediaRoots

# Linux's NAME_MAX and PATH_MAX, in bytes: what is longer cannot be a file.
LONGEST_NAME: Final = 255
LONGEST_PATH: Final = 4096

# A library's folders (tv, anime, movies …) lie at most this deep below a media root.
_PROPOSE_DEPTH: Final = 2
_PROPOSE_FOLDERS: Final = 500
_PROPOSALS: Final = 5

# What .NET puts in place of the bytes of a name that is not UTF-8.
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}".encode()

_DRIVE: Final = re.compile(r"[A-Za-z]:[\\/]")
_SEPARATORS: Final = re.compile(r"[\\/]+")


@attrs.frozen
class PathMapping:
    """``remote``: a folder as Sonarr or Radarr see it; ``local``: the same one here.

    ``instance``: only for deliveries of that instance (/webhook/sonarr/NAME).
    """

    remote: str
    local: str
    instance: str | None = None


@attrs.frozen
class _Place:
    """A path taken apart. Windows compares names without regard to case."""

    root: str  # "/", a drive ("c:") or "\\\\" for a network share
    names: tuple[str, ...]

    def starts_with(self, other: _Place) -> bool:
        if self.root != other.root or len(other.names) > len(self.names):
            return False
        pairs = zip(self.names, other.names, strict=False)
        if self.root == "/":
            return all(name == prefix for name, prefix in pairs)
        return all(name.casefold() == prefix.casefold() for name, prefix in pairs)


def is_windows(path: str) -> bool:
    """Whether a path is spelled as Windows does: ``C:\\tv`` or ``\\\\nas\\tv``."""
    return path.startswith("\\\\") or _DRIVE.match(path) is not None


def is_absolute(path: str) -> bool:
    """Whether a path stands for itself, on whichever system it was written."""
    return path.startswith("/") or is_windows(path)


def encode(path: str) -> bytes:
    """The path's bytes, as the file system has them.

    Raises: BadDelivery for what no file name can hold: NUL and lone surrogates.
    """
    if "\0" in path:
        raise BadDelivery("a path contains a NUL character")
    try:
        return os.fsencode(path)
    except UnicodeEncodeError as error:
        raise BadDelivery("a path contains half a character (a lone surrogate)") from error


def map_path(path: str, mappings: Iterable[PathMapping], instance: str | None = None) -> bytes:
    """Where a file lies here; unchanged if no mapping applies.

    The longest match of whole path components wins; at equal length a mapping
    of this instance comes before a general one, then the earlier one.

    Raises: BadDelivery (see ``encode``).
    """
    place = _take_apart(path)
    best: PathMapping | None = None
    best_rank = (-1, False)
    for mapping in mappings:
        if mapping.instance is not None and not _same_instance(mapping.instance, instance):
            continue
        remote = _take_apart(mapping.remote, share=is_windows(path))
        rank = (len(remote.names), mapping.instance is not None)
        if rank > best_rank and place.starts_with(remote):
            best, best_rank = mapping, rank
    if best is None:
        return encode(path)
    rest = place.names[best_rank[0] :]
    return encode("/".join((best.local.rstrip("/"), *rest)) or "/")


def _same_instance(wanted: str, instance: str | None) -> bool:
    return instance is not None and wanted.casefold() == instance.casefold()


def _take_apart(path: str, *, share: bool = False) -> _Place:
    """``share``: read ``//nas/tv`` as a network share, as people write it in YAML."""
    if _DRIVE.match(path) or re.fullmatch(r"[A-Za-z]:", path):
        root, names = path[:2].lower(), _SEPARATORS.split(path[2:])
    elif path.startswith("\\\\") or (share and path.startswith("//")):
        root, names = "\\\\", _SEPARATORS.split(path)
    else:
        root, names = "/" if path.startswith("/") else "", path.split("/")
    return _Place(root, tuple(name for name in names if name not in ("", ".")))


def confine(path: bytes, roots: Sequence[bytes]) -> bytes:
    """The path with all links and ``..`` resolved, if it lies below a media root.

    A path that does not exist (yet) is resolved as far as it does. The roots
    themselves may be or contain links. A name that Sonarr could not spell is
    found by its readable part. Looks at the file system: up to one ``lstat``
    per component, which a sleeping disk or network share can delay.

    Raises: OutsideMediaRoots, also for what can be no path of a file.
    """
    if not roots:
        raise OutsideMediaRoots("media_roots is empty, so every file is refused", path=path)
    _check_shape(path)
    resolved = os.path.realpath(path)
    if _REPLACEMENT in resolved and _is_below(resolved, roots):
        resolved = os.path.realpath(_named_on_disk(resolved))
    if _is_below(resolved, roots):
        return resolved
    where = "" if resolved == path else f"it leads to {os.fsdecode(resolved)}, and "
    listed = ", ".join(os.fsdecode(root) for root in roots)
    raise OutsideMediaRoots(f"{where}that is not below media_roots ({listed})", path=path)


def _is_below(resolved: bytes, roots: Sequence[bytes]) -> bool:
    for root in roots:
        real = os.path.realpath(root)
        if resolved == real or resolved.startswith(real.rstrip(b"/") + b"/"):
            return True
    return False


def _named_on_disk(path: bytes) -> bytes:
    """The path with each name that is not there, but reads like exactly one that is, as that one.

    A file system's names are bytes; Sonarr and Radarr send U+FFFD where these are not UTF-8.
    """
    found = b""
    for name in path.split(b"/")[1:]:
        here = found + b"/" + name
        if _REPLACEMENT in name and not os.path.lexists(here):
            here = found + b"/" + (_only_name_that_reads(name, found or b"/") or name)
        found = here
    return found


def _only_name_that_reads(name: bytes, folder: bytes) -> bytes | None:
    wanted = name.decode("utf-8", "replace")
    try:
        with os.scandir(folder) as entries:
            alike = [
                entry.name for entry in entries if entry.name.decode("utf-8", "replace") == wanted
            ]
    except OSError:  # unreadable or gone: nothing is found there
        return None
    return alike[0] if len(alike) == 1 else None


def _check_shape(path: bytes) -> None:
    if b"\0" in path:
        raise OutsideMediaRoots("the path contains a NUL byte")
    if len(path) > LONGEST_PATH or any(len(name) > LONGEST_NAME for name in path.split(b"/")):
        raise OutsideMediaRoots("the path is longer than any file's can be", path=path[:80])
    if is_windows(os.fsdecode(path)):
        raise OutsideMediaRoots("a Windows path, for which no path_mappings entry fits", path=path)
    if not path.startswith(b"/"):
        raise OutsideMediaRoots("the path is not absolute", path=path)


def propose(path: str, roots: Sequence[bytes]) -> list[PathMapping]:
    """Mappings under which a path that is not found would be, the most plausible first.

    Looks for the path's tail below the media roots and their folders, at most
    500 of these. A file's folder counts too: the file itself may be gone.
    """
    place = _take_apart(path)
    if not place.root:  # a relative path, which no mapping can lead from
        return []
    found: dict[PathMapping, tuple[bool, int, int]] = {}
    for base in _library_folders(roots):
        for mapping, plausibility in _matching_tail(place, base):
            found.setdefault(mapping, plausibility)
    proposals: list[PathMapping] = []
    for mapping in sorted(found, key=lambda mapping: found[mapping], reverse=True):
        if not any(_implies(proposal, mapping) for proposal in proposals):
            proposals.append(mapping)
    return proposals[:_PROPOSALS]


def _implies(wider: PathMapping, narrower: PathMapping) -> bool:
    """Whether a mapping leads to the same place as one of a folder below its own."""
    return map_path(narrower.remote, [wider]) == os.fsencode(narrower.local)


def _matching_tail(
    place: _Place, base: bytes
) -> Iterator[tuple[PathMapping, tuple[bool, int, int]]]:
    """The mapping to ``base`` by the longest tail of the place that exists below it.

    The first name of the path is never part of the tail: the mapping of "/tv"
    says more to a reader than one of "/". Plausible is, in this order, what
    leads to the file itself, a long tail, and a base high up.
    """
    local = os.fsdecode(base)
    for first in range(1, len(place.names)):
        tail = "/".join(place.names[first:])
        folder, _, _ = tail.rpartition("/")
        is_file = _exists(f"{local}/{tail}")
        if is_file or (folder and _exists(f"{local}/{folder}/")):
            remote = _put_together(place.root, place.names[:first])
            if remote != local:
                plausibility = (is_file, len(place.names) - first, -local.count("/"))
                yield PathMapping(remote, local), plausibility
            return


def _exists(path: str) -> bool:
    try:
        Path(path).stat()
    except (OSError, ValueError):  # ValueError: a NUL, or half a character
        return False
    return True


def _put_together(root: str, names: Sequence[str]) -> str:
    if root == "/":
        return "/" + "/".join(names)
    joined = "\\".join(names)
    return root + joined if root == "\\\\" else f"{root.upper()}\\{joined}"


def _library_folders(roots: Sequence[bytes]) -> Iterator[bytes]:
    """The roots and the folders below them, level by level, at most 500."""
    level = [root.rstrip(b"/") or b"/" for root in roots]
    seen = 0
    for _ in range(_PROPOSE_DEPTH + 1):
        for folder in level:
            yield folder
            seen += 1
            if seen == _PROPOSE_FOLDERS:
                return
        level = [child for folder in level for child in _subfolders(folder)]


def _subfolders(folder: bytes) -> list[bytes]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                entry.path
                for entry in entries
                if not entry.name.startswith((b".", b"@")) and entry.is_dir()
            )[:_PROPOSE_FOLDERS]
    except OSError:  # unreadable or gone: no proposal from there
        return []
