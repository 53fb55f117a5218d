"""Rewriting a file through a muxer: the way for those who ask for it.

ffmpeg copies all streams into a temporary file beside the original (mkvmerge
does so for Matroska where it is installed), in its own process group, which is
killed whole on cancellation. The result must have the same tracks and the same
stream hashes before it may take the original's name. media.md "MP4", mp4_method;
"Matroska", allow_relocate.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import trio

from arrtheaudio.errors import MediaError, ToolFailed, VerifyFailed
from arrtheaudio.media import replace
from arrtheaudio.media.access import naming, open_to_read
from arrtheaudio.media.change import Change
from arrtheaudio.media.containers import HEAD_BYTES, header_of
from arrtheaudio.media.mp4_boxes import walk
from arrtheaudio.media.replace import Finished, Temporary
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Media, Track

WORDS_KEPT: Final = 2048  # bytes of a program's last words that go into the error
HASHES_KEPT: Final = 1 << 20  # bytes; one line per stream
TERMINATE_SECONDS: Final = 2.0  # from SIGTERM to SIGKILL
QUIET: Final = ("-nostdin", "-hide_banner", "-v", "error")
QUICKTIME: Final = "qt"
KEPT_BRANDS: Final = ("M4V", "M4A", "M4VH")  # that Apple's players look at
# Attachments have no packets to hash; they are part of the header.
HASH: Final = ("-map", "-0:t?", "-c", "copy", "-f", "streamhash", "-hash", "md5", "-")

Command = Sequence[str | bytes]


def ffmpeg() -> str | None:
    """The program without which nothing is rewritten: it also compares the streams."""
    return shutil.which("ffmpeg")


async def remux(change: Change, threads: trio.CapacityLimiter) -> Finished:
    """A rewritten copy of the file with the chosen track as the default one.

    Cancelling kills the programs and removes what they wrote; so does a failure.

    Raises ToolFailed, VerifyFailed, FileBusy, NotWritable.
    """
    program = ffmpeg()
    if program is None:
        raise ToolFailed("ffmpeg is not installed; install it, or use mp4_method: in_place")
    temporary = await trio.to_thread.run_sync(replace.claim, change.path, limiter=threads)
    try:
        hashes = await _mux(program, change, temporary, threads)
        written = _url(temporary.path)
        result: Command = [program, *QUIET, "-i", written, "-map", "0", *HASH]
        if await _output(result) != hashes:
            raise VerifyFailed("the rewritten file's streams are not the original's")
        return await trio.to_thread.run_sync(_finish, change, temporary, limiter=threads)
    except BaseException as error:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(temporary.discard, limiter=threads)
        if isinstance(error, MediaError) and error.path is None:
            error.path = change.path
        raise


async def _mux(
    program: str, change: Change, temporary: Temporary, threads: trio.CapacityLimiter
) -> bytes:
    """Write the temporary file; return the original's stream hashes in the new order."""
    before = _before(change)
    order = _order(before, change)
    maps = _maps(order, before)
    source = ("-i", _url(change.path))
    mkvmerge = shutil.which("mkvmerge") if change.container == "mkv" else None
    if mkvmerge is not None:
        await _output(_mkvmerge(mkvmerge, change, before, order, temporary), well=(0, 1))
        return await _output([program, *QUIET, *source, *maps, *HASH])
    front = await trio.to_thread.run_sync(_moov_in_front, change, limiter=threads)
    output: Command = [
        *maps,
        *("-c", "copy", "-map_metadata", "0", "-map_chapters", "0", "-strict", "unofficial"),
        *_dispositions(order, change),
        *_format(before, front=front),
        _url(temporary.path),
    ]
    # A second output of the same run: the original is read once only.
    return await _output([program, *QUIET, "-y", *source, *output, *maps, *HASH])


def _finish(change: Change, temporary: Temporary) -> Finished:
    """Verify by our own eyes, then attributes and fsync."""
    with naming(change.path), open_to_read(change.path) as original:
        if not os.path.samestat(os.stat(temporary.path), os.fstat(temporary.fd)):
            raise VerifyFailed("another program replaced the rewritten file")
        change.verify(temporary.fd)
        return replace.finish(change, temporary, original, header_of(temporary.fd))


# --- command lines ------------------------------------------------------------


def _order(before: Media, change: Change) -> list[Track]:
    """The tracks as they shall stand in the new file."""
    assert change.expectation is not None
    return change.expectation.order(before)


def _maps(order: Sequence[Track], before: Media) -> tuple[str, ...]:
    if list(order) == list(before.tracks):
        return ("-map", "0")
    tracks = (argument for track in order for argument in ("-map", f"0:{track.index}"))
    return (*tracks, *(("-map", "0:t?") if before.container == "mkv" else ()))


def _dispositions(order: Sequence[Track], change: Change) -> Iterator[str]:
    audio = [track for track in order if track.type == "audio"]
    for place, track in enumerate(audio):
        yield f"-disposition:a:{place}"
        yield "+default" if track.index == change.target else "-default"


def _format(before: Media, *, front: bool) -> tuple[str, ...]:
    """The muxer, named: the temporary file's extension says nothing."""
    if before.container == "mkv":
        return ("-f", "webm" if before.brand == "webm" else "matroska")
    faststart = ("-movflags", "+faststart") if front else ()
    if before.brand == QUICKTIME:
        return ("-f", "mov", *faststart)
    brand = ("-brand", before.brand.ljust(4)) if before.brand in KEPT_BRANDS else ()
    return ("-f", "mp4", *brand, *faststart)


def _mkvmerge(
    mkvmerge: str,
    change: Change,
    before: Media,
    order: Sequence[Track],
    temporary: Temporary,
) -> Command:
    """An absolute path can be taken neither for an option nor for a file of options."""
    flags = (
        argument
        for track in before.audio
        for argument in (
            "--default-track-flag",
            f"{track.index}:{'yes' if track.index == change.target else 'no'}",
        )
    )
    return [
        *(mkvmerge, "--quiet", *(("--webm",) if before.brand == "webm" else ())),
        *("--track-order", ",".join(f"0:{track.index}" for track in order)),
        *("--output", os.path.abspath(temporary.path), *flags, os.path.abspath(change.path)),
    ]


def _before(change: Change) -> Media:
    assert change.expectation is not None
    assert change.expectation.before is not None
    return change.expectation.before


def _url(path: bytes) -> bytes:
    """A name that ffmpeg takes for a file whatever it begins with or contains."""
    return b"file:" + path


def _moov_in_front(change: Change) -> bool:
    """Whether the file can be played while it is being fetched (faststart)."""
    if change.container != "mp4":
        return False
    with open_to_read(change.path) as file:
        size = file.status.st_size
        for box in walk(Window(file.fd, size, chunk=HEAD_BYTES), 0, size):
            if box.kind in (b"moov", b"mdat"):
                return box.kind == b"moov"
    return False


# --- programs -----------------------------------------------------------------


async def _output(command: Command, *, well: Sequence[int] = (0,)) -> bytes:
    """Run a program to its end and return what it printed.

    Raises ToolFailed with its last words.
    """
    name = os.path.basename(os.fsdecode(command[0]))
    printed, words = Tail(HASHES_KEPT), Tail(WORDS_KEPT)
    process: trio.Process | None = None
    refused: OSError | None = None
    async with trio.open_nursery() as nursery:
        try:
            process = await nursery.start(
                partial(
                    trio.run_process,
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    check=False,
                    start_new_session=True,
                    deliver_cancel=_kill_group,
                )
            )
        except OSError as error:  # raised here it would come out in a group
            refused = error
        else:
            await _listen(process, printed, words)
    if process is None:
        why = refused.strerror if refused is not None and refused.strerror else str(refused)
        raise ToolFailed(f"{name} cannot be started: {why.lower()}") from refused
    if process.returncode not in well:
        told = (words.text or printed.text).strip() or "no message"
        raise ToolFailed(f"{name} ended with {process.returncode}: {told}")
    return printed.kept


async def _listen(process: trio.Process, printed: Tail, words: Tail) -> None:
    """Read what a program prints until it has ended."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with trio.open_nursery() as readers:
        readers.start_soon(printed.read, process.stdout)
        readers.start_soon(words.read, process.stderr)
        await process.wait()
        with suppress(ProcessLookupError):  # what it left behind would hold the streams open
            os.killpg(process.pid, signal.SIGKILL)


class Tail:
    """The last bytes of a stream that may be endless."""

    def __init__(self, most: int) -> None:
        self.kept = b""
        self._most = most

    @property
    def text(self) -> str:
        """As words for a message."""
        return self.kept.decode(errors="replace")

    async def read(self, stream: trio.abc.ReceiveStream) -> None:
        """Read to the end."""
        async for piece in stream:
            self.kept = (self.kept + piece)[-self._most :]


async def _kill_group(process: trio.Process) -> None:
    """End a program with all that it started: SIGTERM, a moment, SIGKILL."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with trio.move_on_after(TERMINATE_SECONDS):
            await process.wait()
        os.killpg(process.pid, signal.SIGKILL)
