"""What Sonarr and Radarr told of the title that a file belongs to, for jobs that come without it.

Nobody tells a sweep, or who names a file by hand, the title's original language, its
tags and its series type. Were they unknown there, a sweep would take back what a
delivery decided by them. So what the newest delivery of a path told is kept, also
when the delivery itself is cleaned up, and goes into the rows of later jobs of that path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import apsw
import attrs

from arrtheaudio.errors import JournalError
from arrtheaudio.jobs.encoding import decode_body, encode_body
from arrtheaudio.jobs.models import NewJob, Title
from arrtheaudio.jobs.schema import check_version, connect_reader

KEYS: Final = frozenset({"original_language", "series_type", "tags"})  # that decide a choice

# remember: what is known already costs no write
REMEMBER: Final = """INSERT INTO titles VALUES (?, ?) ON CONFLICT DO UPDATE
 SET body = excluded.body WHERE body <> excluded.body"""
RECALL: Final = "SELECT body FROM titles WHERE path = ?"
ANY: Final = "SELECT EXISTS(SELECT 1 FROM titles)"


def body_of(queued: Mapping[str, Any]) -> bytes:
    """What is kept of a delivered job's ``job.queued``."""
    kept = {key: queued[key] for key in ("title", *sorted(KEYS)) if key in queued}
    return encode_body(kept)


def any_known(connection: apsw.Connection) -> bool:
    """Whether there is anything to recall."""
    ((known,),) = connection.execute(ANY)
    return bool(known)


def recall(connection: apsw.Connection, paths: Iterable[bytes]) -> dict[bytes, Title]:
    """What is known, by path; a row that is damaged, or of a newer version, tells nothing."""
    known = {}
    for path in paths:
        for (kept,) in connection.execute(RECALL, (path,)):
            with suppress(AttributeError, TypeError, ValueError):
                body = decode_body(kept)
                known[path] = Title(**{**body, "tags": tuple(body.get("tags", ()))})
    return known


def with_title(new: NewJob, title: Title | None) -> NewJob:
    """The job with what is known of its title, where it brings nothing of its own."""
    return new if new.knows_title else told_anew(new, title)


def told_anew(new: NewJob, title: Title | None) -> NewJob:
    """The job with what is known of its title now, if anything is."""
    return new if title is None else attrs.evolve(new, **attrs.asdict(title, recurse=False))


def read_known(path: Path, paths: Iterable[bytes]) -> dict[bytes, Title]:
    """As ``recall``, from a journal that is not open here; nothing where it cannot be read.

    Leaves no file beside a journal that nobody has open.
    """
    try:
        path = Path(os.path.realpath(path))  # SQLite's other files stand beside the real one
        log = Path(f"{path}-wal")
        if log.exists():
            if not check_version(path):
                return {}
            connection = connect_reader(path)
        elif path.exists():
            name = f"file:{quote(os.fsencode(path))}?immutable=1"
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            connection = apsw.Connection(name, flags=flags)
        else:
            return {}
        try:
            return recall(connection, paths)
        finally:
            connection.close()
    except (apsw.Error, JournalError, OSError):
        return {}
