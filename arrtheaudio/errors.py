"""Everything this project raises on purpose: one tree, one line per class.

A message says what is wrong and with which file; ``hint`` says what to do.
``reason`` is the word that the API, the journal and the dashboard show for it
(a failure reason or a skip reason); ``retried`` tells the queue whether the
same attempt can succeed later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class ArrtheaudioError(Exception):
    """The base of all errors raised on purpose."""

    hint: ClassVar[str] = ""

    def __init__(self, what: str = "", *, path: bytes | None = None) -> None:
        self.what = what or (type(self).__doc__ or "").partition("\n")[0]
        self.path = path
        super().__init__(self.what)

    def __str__(self) -> str:
        # For people and for JSON: what is not UTF-8 becomes U+FFFD.
        where = f"{self.path.decode('utf-8', 'replace')}: " if self.path is not None else ""
        return f"{where}{self.what}"

    @property
    def advice(self) -> str:
        """The message, as a sentence, followed by what to do about it."""
        what = str(self)
        stop = "" if what.endswith((".", "!", "?")) or not self.hint else "."
        return f"{what}{stop} {self.hint}".strip()


# --- media: one file --------------------------------------------------------


class MediaError(ArrtheaudioError):
    """A file could not be handled."""

    reason: ClassVar[str] = "internal_error"
    retried: ClassVar[bool] = False


class SkippedFile(MediaError):
    """The file is left as it is by design; a result, not a failure."""


class UnsupportedContainer(SkippedFile):
    """Not a Matroska, WebM, MP4 or QuickTime file that can be edited."""

    reason = "unsupported_container"


class NoRoom(SkippedFile):
    """The header has no room for the change, and is never moved."""

    reason = "no_room"
    hint = "Set media.allow_relocate: true to allow a remux of such files."


class NeedsFfmpeg(NoRoom):
    """The header has no room for the change, and there is no ffmpeg to rewrite the file."""

    hint = "Install ffmpeg: media.allow_relocate needs it."


class HardLinked(SkippedFile):
    """The file has several hard links and would change for all of them."""

    reason = "hardlinked"
    hint = "Choose another way with media.hardlinks."


class FileNotFound(MediaError):
    """The file is not there (yet)."""

    reason = "not_found"
    retried = True
    hint = (
        "If it exists elsewhere, add a path_mappings entry; `arrtheaudio doctor PATH` proposes one."
    )


class ShareAway(FileNotFound):
    """The file's media root is not there, or empty: what is mounted there is not mounted."""

    hint = "Mount it; until then the file is looked for ever more rarely, for some hours."


class FileGone(MediaError):
    """The file was there and has disappeared."""

    reason = "gone"


class FileBusy(MediaError):
    """Another program holds the file or is still writing it; it is looked at again."""

    reason = "busy"
    retried = True
    hint = "Let the download or copy end, or lower media.settle_seconds."

    def __init__(
        self, what: str = "", *, path: bytes | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(what, path=path)
        self.retry_after = retry_after  # seconds until it can have settled; None: not known


class NotWritable(MediaError):
    """The file or its folder may not be written."""

    reason = "not_writable"
    hint = "Give the daemon's user write permission, or mount the share read-write; then retry."


class NotReadable(NotWritable):
    """The file may not even be read."""

    hint = "Give the daemon's user permission to read and write the file and to enter its folders."


class CorruptFile(MediaError):
    """The file contradicts its own format."""

    reason = "corrupt"
    hint = "Play it once; if it is damaged, let Sonarr or Radarr fetch it again."


class ChangedMeanwhile(MediaError):
    """Another program changed the file; nothing was written."""

    reason = "changed_meanwhile"
    hint = "Retry the job: the file will be looked at afresh."


class EditConflict(MediaError):
    """An interrupted edit met bytes that are neither the old nor the new ones."""

    reason = "conflict"
    hint = "Those bytes were not touched. Play the file; if it is damaged, restore it from a copy."


class VerifyFailed(MediaError):
    """After the edit the file did not show what was wanted; the old bytes were put back."""

    reason = "verify_failed"
    hint = "Please report this file's header; `arrtheaudio inspect --json` shows it."


class WouldLose(VerifyFailed):
    """A rewritten file would lack something of the original, which is untouched."""

    hint = "MP4 needs no rewrite with media.mp4_method: in_place; for MKV mkvmerge keeps the most."


class ToolFailed(MediaError):
    """An external program ended with an error; the file is untouched."""

    reason = "tool_failed"
    retried = True


class IoFailed(MediaError):
    """Reading or writing failed."""

    reason = "io_error"
    retried = True
    hint = "Look at the system's log for disk or network errors."


class HalfEdited(IoFailed):
    """An edit could be neither finished nor taken back; its plan is settled by recovery."""


class NoSpace(MediaError):
    """Not enough free space to rewrite the file."""

    reason = "no_space"
    hint = "Free some space; more than twice the file's size is needed."

    def __init__(
        self, what: str = "", *, path: bytes | None = None, needed: int = 0, free: int = 0
    ) -> None:
        super().__init__(what, path=path)
        self.needed = needed  # bytes
        self.free = free  # bytes


class NeedsHeavyLane(MediaError):
    """A whole file must be rewritten, and the caller has not reserved for that."""


class NothingToUndo(MediaError):
    """No change of this file is recorded that could be undone."""

    reason = "nothing_to_undo"


# --- deliveries and paths ---------------------------------------------------


class BadDelivery(ArrtheaudioError):
    """A webhook body from which no file can be formed."""

    hint = "Connect Sonarr and Radarr as the README says, and use their Test button."


class OutsideMediaRoots(ArrtheaudioError):
    """The path is not below one of media_roots."""

    hint = "Add its folder to media_roots, or map it with path_mappings."


class BadPattern(ArrtheaudioError):
    """The pattern is not a usable glob."""

    hint = "Use **, *, ?, [abc] and {mkv,mp4}, relative to the batch's path."


# --- the queue --------------------------------------------------------------


class QueueError(ArrtheaudioError):
    """The queue could not take or carry out a request."""


class QueueFull(QueueError):
    """Every place of the queue is taken."""

    hint = "Send it again later, or raise processing.max_queue_size."


class WorkersOff(QueueError):
    """worker_count is 0: nothing is queued."""

    hint = "Set processing.worker_count to 1 or more."


class UnknownId(QueueError):
    """No such job, batch or webhook is kept."""


class AlreadyEnded(QueueError):
    """It has ended already."""

    def __init__(self, what: str = "", *, path: bytes | None = None, status: str = "") -> None:
        super().__init__(what, path=path)
        self.status = status  # the final one


class NotEnded(QueueError):
    """It has not ended yet."""


class BatchExists(QueueError):
    """Another unfinished batch works on the same folder."""

    def __init__(self, what: str = "", *, path: bytes | None = None, batch: int) -> None:
        super().__init__(what, path=path)
        self.batch = batch


class JournalError(QueueError):
    """The journal cannot be used."""


class JournalUnavailable(JournalError):
    """The journal cannot take rows at this moment; whether the last ones arrived is unknown."""

    hint = "Look at the disk's space and health; the daemon goes on by itself."


class JournalLocked(JournalError):
    """Another arrtheaudio holds this journal."""

    hint = "Stop the other one, or use another --data-dir."


class JournalTooNew(JournalError):
    """The journal was written by a newer version; it is left untouched."""

    hint = "Install the newer version again."


class JournalCorrupt(JournalError):
    """The journal contradicts itself."""

    hint = "Restore a copy made with `arrtheaudio admin backup`."


class JournalForbidden(JournalError):
    """The daemon's user may not write the journal."""

    hint = "Give the data folder to that user (Docker: `user:`) with chown, or mount it read-write."


class JournalDiskFull(JournalError):
    """The journal's disk is full."""

    hint = "Make room for the data folder; what was accepted is still there."


# --- configuration ----------------------------------------------------------


class ConfigError(ArrtheaudioError):
    """The configuration cannot be used; ``problems`` names every fault at once."""

    def __init__(self, problems: tuple[tuple[str, str], ...], *, source: str = "") -> None:
        self.problems = problems  # (key path, what was expected)
        self.source = source
        lines = "\n".join(f"  {key}: {message}" for key, message in problems)
        super().__init__(f"{source or 'configuration'} has problems:\n{lines}")


# --- the daemon -------------------------------------------------------------


class CannotListen(ArrtheaudioError):
    """The address cannot be listened on."""

    hint = "Stop the program that uses it, or choose another with --host and --port."


class ServiceFailed(ArrtheaudioError):
    """A part of the daemon failed, and so the daemon ended."""

    hint = "What was accepted is in the journal and goes on after the next start; see the log."


# --- the daemon seen from outside -------------------------------------------


class DaemonUnreachable(ArrtheaudioError):
    """No daemon answers at this address."""

    hint = "Start it with `arrtheaudio serve`, or name it with --url."


class DaemonRefused(ArrtheaudioError):
    """The daemon answered with an error."""

    def __init__(
        self, what: str = "", *, status: int, problem: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(what)
        self.status = status  # of HTTP
        self.problem = problem or {}  # RFC 9457
