"""Folders below the media roots, for choosing one (dashboard.md: Endpoints, 1).

Confined like batches: nothing outside the media roots is ever listed, also not
through a link. What a batch leaves out is left out here.
"""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated, Any, Final, TypedDict

import attrs

from arrtheaudio.api import wire
from arrtheaudio.api.errors import BadPath
from arrtheaudio.api.fields import Limit, PathText
from arrtheaudio.api.routes import Answer, Operation, reply
from arrtheaudio.api.schema import Bounds
from arrtheaudio.api.services import Services
from arrtheaudio.api.storage import Storage
from arrtheaudio.jobs.globs import Names, check_names
from arrtheaudio.jobs.walk import SYSTEM_FOLDERS, is_inside

PAGE: Final = 200


@attrs.frozen
class BrowseQuery:
    """Which folder; without a path the media roots."""

    path: PathText | None = None
    limit: Limit = PAGE
    offset: Annotated[int, Bounds(0, 1_000_000)] = 0


class FolderView(TypedDict):
    """A folder that can be entered, or chosen for a batch."""

    name: str
    path: str


class BrowseView(TypedDict):
    """The folders in a folder, in the order of their names. ``path`` null: the media roots."""

    path: str | None
    parent: str | None
    folders: list[FolderView]
    total: int
    limit: int
    offset: int


class Browse:
    """``GET /browse`` of one app."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._left_out = check_names(SYSTEM_FOLDERS)

    async def show(self, services: Services, *, query: BrowseQuery) -> Answer:
        """The folders in one folder."""
        roots = self._storage.roots
        if query.path is None:
            found = [_folder(root, root) for root in roots]
            return reply(_view(None, None, found, query))
        folder = await self._storage.folder(query.path)
        look = partial(_folders, folder, roots, self._left_out)
        found, is_root = await self._storage.look(look, folder)
        parent = None if is_root else wire.text(folder.rpartition(b"/")[0] or b"/")
        return reply(_view(wire.text(folder), parent, found, query))


def _folder(name: bytes, path: bytes) -> FolderView:
    return {"name": wire.text(name), "path": wire.text(path)}


def _folders(
    folder: bytes, roots: tuple[bytes, ...], left_out: Names
) -> tuple[list[FolderView], bool]:
    """The folders in a resolved folder, and whether it is a media root itself. On a thread."""
    real_roots = [os.path.realpath(root) for root in roots]
    try:
        with os.scandir(folder) as entries:
            inside = sorted(
                (entry.name, entry.path)
                for entry in entries
                if not entry.name.startswith(b".")
                and not left_out.match(entry.name)
                and _may_enter(entry, real_roots)
            )
    except OSError as error:
        raise BadPath(f"cannot be read ({error.strerror})", path=folder) from error
    # A name that is no text could not be asked for: a scan of this folder reaches it.
    told = [_folder(name, path) for name, path in inside if _is_text(name)]
    return told, folder in real_roots


def _may_enter(entry: os.DirEntry[bytes], roots: list[bytes]) -> bool:
    try:
        if not entry.is_dir():
            return False
        if not entry.is_symlink():
            return True
        target = os.path.realpath(entry.path)
    except OSError:
        return False
    return any(is_inside(target, root) for root in roots)


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _view(
    path: str | None, parent: str | None, found: list[FolderView], query: BrowseQuery
) -> dict[str, Any]:
    view: BrowseView = {
        "path": path,
        "parent": parent,
        "folders": found[query.offset : query.offset + query.limit],
        "total": len(found),
        "limit": query.limit,
        "offset": query.offset,
    }
    return dict(view)


def operations(storage: Storage) -> tuple[Operation, ...]:
    """The routes of this module."""
    return (
        Operation(
            "GET",
            "/browse",
            Browse(storage).show,
            "Folders below the media roots",
            "files",
            {200: BrowseView},
            query=BrowseQuery,
        ),
    )
