"""Damaged media files through reading, choosing and planning, for a bounded time.

    python tests/fuzz/fuzz_media.py [--seconds N] [--seed N] [--corpus DIR]

Not collected by pytest: it runs as long as it is told to. Every example is a whole
file, cut, patched, spliced and doubled where its header is. The laws:

* only the project's own errors come out, within bounded time, memory and reads;
* a plan changes no byte twice and nothing outside the file;
* every prefix of a plan still reads, with a default audio track if there was one
  (a fragile plan: from its first patch to its last, as media.md allows);
* the whole plan gives exactly what was wanted, and backwards every byte is as before.

Hypothesis shrinks what it finds and keeps it; ``--seed`` repeats a run. The
target also serves other fuzzers: ``damaged_files_obey.hypothesis.fuzz_one_input``.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).parents[1]))  # the synthesised files

import synth
import synth_mp4
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from arrtheaudio.errors import MediaError
from arrtheaudio.media import Context, Media, Rules, containers, patch
from arrtheaudio.media.choose import decide
from arrtheaudio.media.source import BUDGET_BYTES
from arrtheaudio.media.tracks import Edit

EXAMPLES = 500  # between two looks at the clock
LARGEST_SEED = 2 << 20  # bytes of a real file that is taken along
MOST_AUDIO = 3  # tracks of one file that are made the default in turn
CPU_SECONDS = 5.0  # for one example; the slowest honest one takes some hundredths
MEMORY_BYTES = 512 << 20  # address space on top of what the start needed

INTERESTING = (
    b"\0\0\0\0", b"\0\0\0\1", b"\0\0\0\7", b"\0\0\0\10", b"\0\0\1\0", b"\x7f\xff\xff\xff",
    b"\x80\0\0\0", b"\xff\xff\xff\xff", b"\x01\xff\xff\xff\xff\xff\xff\xff", b"\x80", b"\xff",
    b"\xec", b"\xec\x81\0", b"\xbf\x84\0\0\0\0", b"\x88\x80", b"\x88\x81\0", b"\x88\x81\1",
    b"\x16\x54\xae\x6b", b"\x11\x4d\x9b\x74", b"\x1f\x43\xb6\x75", b"\xae", b"\xd7\x81\1",
    b"moov", b"trak", b"tkhd", b"mdia", b"minf", b"stbl", b"stsd", b"udta", b"cmov", b"free",
    b"wave", b"esds", b"enca", b"sinf", b"elng", b"kind", b"meta", b"ilst", b"saio",
)  # fmt: skip


def synthesised() -> list[bytes]:
    """One file of every kind that the tests can make."""
    audio = [{"type": "video"}] + [
        {"type": "audio", "language": language, "default": default, "name": "Commentary"}
        for language, default in (("jpn", None), ("eng", False), ("ger", True))
    ]
    films = [
        synth.mkv(audio, style=style, crc=crc, tracks_last=last, unknown_sizes=last)
        for style in ("mkvmerge", "ffmpeg", "tight")
        for crc in (True, False)
        for last in (False, True)
    ]
    tracks = [synth_mp4.track("video")] + [
        synth_mp4.track("audio", language=language, enabled=enabled, name="Kommentar", codec=codec)
        for language, enabled, codec in (("jpn", True, "aac"), ("eng", False, "eac3"))
    ]
    return films + [
        synth_mp4.mp4(tracks, faststart=front, fragmented=fragmented, version=version)
        for front in (True, False)
        for fragmented in (True, False)
        for version in (0, 1)
    ]


def real_files(folder: Path | None) -> list[bytes]:
    """The small ones of a folder of real media files."""
    if folder is None:
        return []
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return [file.read_bytes() for file in files if 0 < file.stat().st_size <= LARGEST_SEED]


SEEDS: list[bytes] = synthesised()


@contextmanager
def in_memory(content: bytes) -> Iterator[int]:
    """A descriptor of a file with this content."""
    fd = os.memfd_create("fuzz")
    try:
        os.write(fd, content)
        yield fd
    finally:
        os.close(fd)


def header_places(content: bytes) -> list[int]:
    """Where the header begins and ends: damage in the media data finds nothing."""
    try:
        with in_memory(content) as fd:
            extents = containers.header_of(fd)
    except (MediaError, StopIteration):
        return [0]
    return [place for offset, length in extents for place in (offset, offset + length)]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file with some damage near its headers."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    places = header_places(bytes(content))
    for _ in range(draw(st.integers(0, 6))):
        at = max(0, draw(st.sampled_from(places)) + draw(st.integers(-600, 600)))
        length = draw(st.integers(0, 64))
        match draw(st.sampled_from(("write", "write", "byte", "cut", "double", "insert", "end"))):
            case "write":
                piece = draw(st.sampled_from(INTERESTING))
                content[at : at + len(piece)] = piece
            case "byte":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "cut":
                del content[at : at + length]
            case "double":
                content[at:at] = content[at : at + length]
            case "insert":
                content[at:at] = draw(st.binary(max_size=16))
            case "end":
                del content[at + length :]
    return bytes(content)


class TooSlow(Exception):
    """An example took more processor time than any file may cost."""


def alarm(_number: int, _frame: FrameType | None) -> None:
    """The timer of one example ran out."""
    raise TooSlow


def probed(content: bytes) -> Media:
    """What a file with this content shows."""
    with in_memory(content) as fd:
        return containers.probe(fd, len(content))


def check_plan(content: bytes, media: Media, edit: Edit, number: int) -> None:
    """The laws of one plan."""
    patch.check_edit(edit, len(content))
    had_default = any(track.default for track in media.audio)
    now = bytearray(content)
    for place, piece in enumerate(edit.patches):
        end = piece.offset + len(piece.old)
        assert now[piece.offset : end] == piece.old, "a patch expects bytes that are not there"
        now[piece.offset : end] = piece.new
        if had_default and not (edit.fragile and place < len(edit.patches) - 1):
            shown = probed(bytes(now))
            assert any(track.default for track in shown.audio), f"silent behind patch {place}"
    if edit.patches:
        shown = probed(bytes(now))
        assert [track.number for track in shown.audio if track.default] == [number]
        assert len(shown.tracks) == len(media.tracks)
    for piece in patch.reverse(edit.patches):
        now[piece.offset : piece.offset + len(piece.new)] = piece.new
    assert now == content, "undo does not give the old bytes"


def look(content: bytes) -> None:
    """Everything that is done with a file before a byte of it changes."""
    with in_memory(content) as fd:
        container, window = containers.identify(fd, len(content))
        form = containers.FORMATS[container]
        media = form.probe(window)
        for reorder in (False, True):
            form.room(media, reorder=reorder)
        with suppress(MediaError):
            containers.contents(fd, len(content), media)
        decide(media, Rules(), Context(original_language="ja"), b"/film")
        for track in media.audio[:MOST_AUDIO]:
            for reorder in (False, True):
                try:
                    edit = form.plan_default(window, media, track.index, reorder=reorder)
                except MediaError:
                    continue
                numbers = [other.number for other in media.audio]
                if numbers.count(track.number) == 1:  # else nobody can tell which one it is
                    check_plan(content, media, edit, track.number)


@given(files() | st.binary(max_size=300))
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
def damaged_files_obey(content: bytes) -> None:
    """One example."""
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        look(content)
    except MediaError:
        pass
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def limit_memory() -> None:
    """No example may take more than a bounded piece of memory on top of the start's."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = used + MEMORY_BYTES + BUDGET_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--corpus", type=Path, help="a folder of real files to start from")
    chosen = parser.parse_args(arguments)
    SEEDS.extend(real_files(chosen.corpus))
    signal.signal(signal.SIGVTALRM, alarm)
    limit_memory()
    end, number = time.monotonic() + chosen.seconds, chosen.seed
    while time.monotonic() < end:
        print(f"seed {number}: {EXAMPLES} examples of {len(SEEDS)} files", flush=True)
        seed(number)(damaged_files_obey)()
        number += 1
    print(f"{(number - chosen.seed) * EXAMPLES:,} examples, nothing found")


if __name__ == "__main__":
    main()
