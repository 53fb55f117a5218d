"""The queue's nouns: what is asked of it and what it shows. Values only.

Every id is the sequence number (seq) of the row that began the thing; outside
it is written as ``job_``, ``webhook_`` or ``batch_`` and 12 hex digits. Times
are seconds since the epoch, UTC; paths are bytes as the file system has them.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from arrtheaudio.errors import UnknownId

Source = Literal["sonarr", "radarr", "manual"]
JobKind = Literal["process", "undo"]
IdKind = Literal["job", "webhook", "batch"]

_ID: Final = re.compile(r"(job|webhook|batch)_([0-9a-f]{12})")


class Status(enum.StrEnum):
    """Where a job is. Ended is final."""

    __hash__ = str.__hash__  # as it compares; Enum's own is Python, and counters are keyed by it

    QUEUED = "queued"
    RUNNING = "running"
    WAITING_FOR_SPACE = "waiting_for_space"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


class BatchStatus(enum.StrEnum):
    """Where a batch is."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Priority(enum.IntEnum):
    """Dispatch order: smaller first, FIFO within one."""

    __hash__ = int.__hash__

    HIGH = 0
    NORMAL = 1
    LOW = 2

    @property
    def word(self) -> str:
        """As requests and answers spell it."""
        return self.name.lower()


def format_id(kind: IdKind, seq: int) -> str:
    """``format_id("job", 255)`` is ``job_0000000000ff``."""
    return f"{kind}_{seq:012x}"


def parse_id(text: str) -> tuple[IdKind, int]:
    """The kind and seq of an id as clients send it.

    Raises: UnknownId, which the API answers with 404.
    """
    match = _ID.fullmatch(text)
    if match is None:
        raise UnknownId(f"{text[:80]!r} is not an id")
    return match[1], int(match[2], 16)  # type: ignore[return-value]


# --- what is asked ----------------------------------------------------------


@attrs.frozen
class Title:
    """What Sonarr or Radarr tell of the title that a file belongs to."""

    title: str | None = None  # its name
    original_language: str | None = None  # BCP 47
    series_type: str | None = None
    tags: tuple[str, ...] = ()


@attrs.frozen
class NewJob:
    """One file to process, with everything that is needed after a restart.

    ``refused`` is a (skip reason, message): the path may not be touched, and
    the job is journalled as skipped at once.
    """

    path: bytes
    requested_path: str | None = None  # as the client named it, before mapping
    title: str | None = None
    original_language: str | None = None  # BCP 47
    series_type: str | None = None
    tags: tuple[str, ...] = ()
    language_priority: tuple[str, ...] | None = None
    expected_size: int | None = None  # bytes, from the delivery
    dry_run: bool = False
    refused: tuple[str, str] | None = None

    @property
    def knows_title(self) -> bool:
        """Whether it brings anything of its title that a choice may hang on."""
        return bool(self.original_language or self.series_type or self.tags)


@attrs.frozen
class NewDelivery:
    """One webhook of Sonarr or Radarr; always priority high."""

    source: Source
    event: str
    jobs: tuple[NewJob, ...]
    instance: str | None = None
    title: str | None = None


@attrs.frozen
class BatchFilters:
    """Which files of a folder a batch takes; None means no limit."""

    min_size_mb: float | None = None  # 1 MB = 1,000,000 bytes; at least
    max_age_days: float | None = None  # by mtime; at most
    exclude_patterns: tuple[str, ...] = ()


@attrs.frozen
class NewBatch:
    """One sweep of a folder. ``path`` is resolved already."""

    path: bytes
    requested_path: str | None = None
    recursive: bool = True
    pattern: str | None = None  # None: all supported containers
    dry_run: bool = False
    priority: Priority = Priority.NORMAL
    filters: BatchFilters = BatchFilters()
    language_priority: tuple[str, ...] | None = None


@attrs.frozen
class JobFilter:
    """Which jobs a list shows. Empty tuples and None mean any."""

    status: tuple[Status, ...] = ()
    result: tuple[str, ...] = ()  # success | skipped | failed
    webhook: int | None = None
    batch: int | None = None
    source: tuple[Source, ...] = ()
    container: tuple[str, ...] = ()  # mkv | mp4
    kind: tuple[JobKind, ...] = ()
    language: tuple[str, ...] = ()  # of the chosen track
    path: bytes | None = None  # this file, or everything below this folder
    folder: bytes | None = None  # files right in this folder
    q: str | None = None  # substring of the path
    reason: tuple[str, ...] = ()
    track_changed: bool | None = None
    undone: bool | None = None
    problem: bool = False  # failed and not dismissed, or waiting for space
    created_from: float | None = None  # at or after
    created_to: float | None = None  # before
    completed_from: float | None = None  # at or after
    completed_to: float | None = None  # before
    limit: int = 50
    offset: int = 0
    before: int | None = None  # with descending order: only what stands behind this number
    order_by: Literal["created_at", "updated_at"] = "created_at"
    order: Literal["desc", "asc"] = "desc"


# --- what is answered -------------------------------------------------------


@attrs.frozen
class Accepted:
    """Ids of what was journalled, in the order of the request."""

    jobs: tuple[int, ...]
    webhook: int | None = None


@attrs.frozen
class SelectedTrack:
    """The audio track that was chosen."""

    index: int
    language: str
    title: str | None
    codec: str
    channels: int | None


@attrs.frozen
class TrackReport:
    """One audio track of a job's file with the reason for or against it."""

    index: int
    language: str
    title: str | None
    codec: str
    channels: int | None
    default: bool
    forced: bool
    commentary: bool
    chosen: bool
    why: str


@attrs.frozen
class Event:
    """One public journal row as the feed and ``GET /jobs/{id}`` show it.

    ``body`` has the keys of ``Job`` (``job``, ``webhook``, ``batch``: seq or
    None; ``path``: bytes; ``status``) or of ``Batch``, and what else the event
    tells. Every ``job.*`` event has job, webhook, batch, source, path, status.
    """

    seq: int
    at: float
    type: str
    body: Mapping[str, Any]


@attrs.frozen
class Job:
    """One job as the API shows it. ``tracks`` and ``events`` only in the detailed view."""

    seq: int
    status: Status
    path: bytes
    priority: Priority
    source: Source
    created_at: float
    updated_at: float
    kind: JobKind = "process"
    container: str | None = None
    size_bytes: int | None = None
    instance: str | None = None
    webhook: int | None = None
    batch: int | None = None
    retry_of: int | None = None
    undo_of: int | None = None
    undone: bool = False
    dry_run: bool = False
    language_priority: tuple[str, ...] | None = None
    title: str | None = None
    original_language: str | None = None
    series_type: str | None = None
    tags: tuple[str, ...] = ()
    requested_path: str | None = None
    attempt: int = 0
    max_attempts: int = 1
    started_at: float | None = None
    completed_at: float | None = None
    next_attempt_at: float | None = None
    duration_ms: int | None = None
    result: str | None = None  # success | skipped | failed
    reason: str | None = None
    message: str | None = None
    track_changed: bool = False
    selected_track: SelectedTrack | None = None
    previous_language: str | None = None  # of the default track before; None: none, or unknown
    method: str | None = None
    worker_id: int | None = None
    tracks: tuple[TrackReport, ...] = ()
    events: tuple[Event, ...] = ()


@attrs.frozen
class JobPage:
    """A page of jobs; ``total`` is the number that match."""

    jobs: tuple[Job, ...]
    total: int


@attrs.frozen
class Delivery:
    """One webhook and the state of its jobs (in the order of the delivery)."""

    seq: int
    source: Source
    instance: str | None
    event: str
    title: str | None
    created_at: float
    jobs: tuple[Job, ...]


@attrs.frozen
class Progress:
    """Exact totals of a batch (api.md: progress)."""

    total_files: int = 0
    success: int = 0
    skipped: int = 0
    already_correct: int = 0  # of the skipped ones
    failed: int = 0
    cancelled: int = 0
    running: int = 0
    queued: int = 0  # with delayed retries and waiting for space
    track_changes: int = 0
    eta_seconds: int | None = None

    @property
    def processed(self) -> int:
        """Files that were looked at to the end."""
        return self.success + self.skipped + self.failed


@attrs.frozen
class Batch:
    """One batch with its totals and a page of its ended jobs, newest first."""

    seq: int
    status: BatchStatus
    path: bytes
    recursive: bool
    pattern: str | None
    dry_run: bool
    priority: Priority
    filters: BatchFilters
    created_at: float
    updated_at: float
    progress: Progress
    started_at: float | None = None
    completed_at: float | None = None
    discovery_complete: bool = False
    discovery_errors: tuple[str, ...] = ()
    error: str | None = None
    language_priority: tuple[str, ...] | None = None
    files: tuple[Job, ...] = ()
    files_total: int = 0


@attrs.frozen
class BatchPage:
    """A page of batches (without files)."""

    batches: tuple[Batch, ...]
    total: int


@attrs.frozen
class BatchCancelled:
    """The acknowledged cancellation of a batch."""

    status: BatchStatus  # cancelling, or cancelled when nothing was running
    cancelled_jobs: int
    processed_before_cancel: int


@attrs.frozen
class SpaceWaiter:
    """A job that waits for free space on its file's file system."""

    job: int
    path: bytes
    needed: int  # bytes


@attrs.frozen
class EventChunk:
    """What the feed gives behind a cursor, ascending by seq.

    ``gap`` is the first and the last number that is missing between the cursor
    and ``next_since`` because retention removed it; it comes before the events.
    """

    events: tuple[Event, ...]
    next_since: int
    gap: tuple[int, int] | None = None
