"""Rewriting a file through a muxer: the way for those who ask for it.

ffmpeg copies all streams into a temporary file beside the original (mkvmerge
does so for Matroska where it is installed). Before it may take the original's
name it must hold the same tracks with the same titles and flags, the same stream
hashes, and whatever else the original holds; else the job fails and names what
would be lost. media.md "MP4", mp4_method; "Matroska", allow_relocate.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import trio

from arrtheaudio.errors import (
    CorruptFile,
    MediaError,
    ToolFailed,
    UnsupportedContainer,
    VerifyFailed,
)
from arrtheaudio.media import muxers, patch, replace, rewritten
from arrtheaudio.media.access import naming, open_to_read
from arrtheaudio.media.change import Change
from arrtheaudio.media.containers import HEAD_BYTES, contents, header_of, probe
from arrtheaudio.media.contents import Piece
from arrtheaudio.media.mp4_boxes import walk
from arrtheaudio.media.mp4_contents import switched_as
from arrtheaudio.media.programs import output
from arrtheaudio.media.replace import Finished, Temporary
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Media, Track


@attrs.frozen
class Original:
    """What there is to keep."""

    media: Media
    order: list[Track]  # as the tracks shall stand in the new file
    target: int  # Track.index of the default one
    pieces: list[Piece]
    front: bool  # can be played while it is being fetched (faststart)


def ffmpeg() -> str | None:
    """The program without which nothing is rewritten: it also compares the streams."""
    return shutil.which("ffmpeg")


async def remux(change: Change, threads: trio.CapacityLimiter) -> Finished:
    """A rewritten copy of the file with the chosen track as the default one.

    Cancelling kills the programs and removes what they wrote; so does a failure.

    Raises ToolFailed, WouldLose, VerifyFailed, FileBusy, NotWritable.
    """
    program = ffmpeg()
    if program is None:
        raise ToolFailed("ffmpeg is not installed; install it, or use mp4_method: in_place")
    temporary = await trio.to_thread.run_sync(replace.claim, change.path, limiter=threads)
    try:
        original = await trio.to_thread.run_sync(_examine, change, limiter=threads)
        hashes = await _mux(program, change, original, temporary)
        after = await trio.to_thread.run_sync(_switch, original, temporary, limiter=threads)
        source = ("-i", muxers.url(temporary.path))
        written = await output([program, *muxers.QUIET, *source, *muxers.stream_hashes(after)])
        rewritten.check_hashes(hashes, written, original.media, original.order)
        chapters: list[list[Piece]] = [[], []]
        if change.container == "mp4":  # those of Matroska are read natively
            for pieces, path in zip(chapters, (change.path, temporary.path), strict=True):
                pieces += rewritten.chapter_pieces(await output(muxers.chapters(program, path)))
        return await trio.to_thread.run_sync(
            _finish, change, original, temporary, chapters, limiter=threads
        )
    except BaseException as error:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(temporary.discard, limiter=threads)
        if isinstance(error, MediaError) and error.path is None:
            error.path = change.path
        raise


def _examine(change: Change) -> Original:
    expectation = change.expectation
    assert expectation is not None
    assert expectation.before is not None
    assert change.target is not None
    media = expectation.before
    with naming(change.path), open_to_read(change.path) as file:
        return Original(
            media,
            rewritten.order(media, change.target, reorder=expectation.reorder),
            change.target,
            contents(file.fd, file.status.st_size, media),
            media.container == "mp4" and _moov_in_front(file.fd, file.status.st_size),
        )


async def _mux(program: str, change: Change, original: Original, temporary: Temporary) -> bytes:
    """Write the temporary file; return the original's stream hashes."""
    what = (change.path, temporary.path, original.media, original.order, original.target)
    mkvmerge = shutil.which("mkvmerge") if change.container == "mkv" else None
    if mkvmerge is not None:
        await output(muxers.mkvmerge(mkvmerge, *what), well=(0, 1))
        source = ("-i", muxers.url(change.path))
        return await output(
            [program, *muxers.QUIET, *source, *muxers.stream_hashes(original.media)]
        )
    rewritten.check_covers(original.pieces)
    covers = sum(piece.what == "cover art" for piece in original.pieces)
    return await output(muxers.ffmpeg(program, *what, front=original.front, covers=covers))


def _switch(original: Original, temporary: Temporary) -> Media:
    """Give tracks that are no audio their flags back; return what the new file shows.

    ffmpeg enables one track of each type of an MP4, whatever was before.
    """
    with _readable(temporary):
        size = os.fstat(temporary.fd).st_size
        after = probe(temporary.fd, size)
        if after.container == "mp4":
            together = rewritten.pairs(original.order, original.media, after)
            wanted = {new.index: old.default for old, new in together if new.type != "audio"}
            patch.write(temporary.fd, switched_as(after, wanted), size)
            after = probe(temporary.fd, size)
        return after


def _finish(
    change: Change, original: Original, temporary: Temporary, chapters: list[list[Piece]]
) -> Finished:
    """Verify by our own eyes, then attributes and fsync."""
    with naming(change.path), open_to_read(change.path) as file:
        if not os.path.samestat(os.stat(temporary.path), os.fstat(temporary.fd)):
            raise VerifyFailed("another program replaced the rewritten file")
        with _readable(temporary):
            size = os.fstat(temporary.fd).st_size
            after = probe(temporary.fd, size)
            pieces = contents(temporary.fd, size, after)
        together = rewritten.pairs(original.order, original.media, after)
        lost = rewritten.check_tracks(together, original.target)
        before, now = chapters
        rewritten.check_pieces(original.pieces + before, pieces + now, together, lost)
        return replace.finish(change, temporary, file, header_of(temporary.fd))


@contextmanager
def _readable(temporary: Temporary) -> Iterator[None]:
    """What a muxer wrote and nobody can read is its fault, not the original's."""
    try:
        with naming(temporary.path):
            yield
    except (CorruptFile, UnsupportedContainer) as error:
        raise VerifyFailed(f"the rewritten file cannot be read: {error.what}") from error


def _moov_in_front(fd: int, size: int) -> bool:
    for box in walk(Window(fd, size, chunk=HEAD_BYTES), 0, size):
        if box.kind in (b"moov", b"mdat"):
            return box.kind == b"moov"
    return False
