"""What an MP4 or QuickTime file holds beside its tracks' media: tags, covers, references.

Everything in user data counts, known or not: what ffmpeg does not know it drops.
Chapters are told by ffmpeg, which reads every kind of them. ISO/IEC 14496-12, 8.10
and 8.11; QuickTime File Format, "User data atoms" and "Metadata".
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import Final

import attrs

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media.contents import Piece, shown
from arrtheaudio.media.mp4_boxes import Box, find, name_of, split, walk
from arrtheaudio.media.mp4_channels import has_joint_objects
from arrtheaudio.media.mp4_codecs import AUDIO_FIELDS, PROTECTED, STSD_LIST, VISUAL_FIELDS
from arrtheaudio.media.mp4_trak import CHAPTER_CODEC
from arrtheaudio.media.mp4_userdata import international_text
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Media, Patch, TrackType

CHUNK: Final = 4096
MAX_TOP_LEVEL: Final = 4096  # boxes in front of the fragments
LOOSE: Final = frozenset({b"uuid", b"meta", b"pssh"})  # boxes of the file or of moov
PADDING: Final = frozenset({b"free", b"skip", b"wide", b"\0\0\0\0"})
# Chapters are compared otherwise; ``hdlr`` only says whose list it is.
NOT_LISTED: Final = PADDING | {b"chpl", b"hdlr"}
SIGNATURES: Final = frozenset({b"\xa9too", b"\xa9swr", b"\xa9enc", b"swre"})  # of the muxer
TRACK_TITLES: Final = frozenset({b"name", b"\xa9nam", b"titl", b"meta"})  # Track.title
PICTURES: Final = {  # boxes of a sample entry that a picture's colours hang on
    b"dvcC": "Dolby Vision",
    b"dvvC": "Dolby Vision",
    b"dvwC": "Dolby Vision",
    b"mdcv": "HDR metadata",
    b"clli": "HDR metadata",
    b"cclv": "HDR metadata",
    b"amve": "HDR metadata",
    b"hvcE": "Dolby Vision's second layer",
    b"avcE": "Dolby Vision's second layer",
    b"lhvC": "a second view",
    b"vexu": "stereoscopy",
    b"st3d": "stereoscopy",
    b"sv3d": "a spherical projection",
    b"clap": "a clean aperture",
}
ALIKE: Final = frozenset({b"avc2", b"avc4"})  # become avc1, which every player takes
# Where the matrix stands, by version (8.2.2, 8.3.2).
MATRIX: Final = {b"mvhd": {0: 36, 1: 48}, b"tkhd": {0: 40, 1: 52}}
UPRIGHT: Final = (1 << 16, 0, 0, 1 << 16)  # without the place on the screen; 16.16
SIZE: Final = 24  # of a picture, in its sample entry
DATA_HEADER: Final = 8  # type and locale in front of an item's value
WHOLE_VALUE: Final = 256  # bytes; of a longer value the digest is kept
ENABLED: Final = 0x01


def contents(fd: int, size: int, media: Media) -> list[Piece]:
    """Everything that a rewrite must not lose. Raises CorruptFile, IoFailed."""
    window = Window(fd, size, chunk=CHUNK)
    pieces: list[Piece] = []
    for box in _top_level(window, size):
        if box is None:
            pieces.append(Piece("what stands behind its last box", b""))
        elif box.kind == b"moof":
            break
        elif box.kind in LOOSE:
            pieces.append(_loose(window, box))
        elif box.kind == b"moov":
            pieces += _movie(window, box, media)
    return pieces


def _top_level(window: Window, size: int) -> Iterator[Box | None]:
    """The file's boxes; None where something else follows that no player minds."""
    playable = False
    try:
        for box in walk(window, 0, size, MAX_TOP_LEVEL):
            playable = playable or box.kind == b"moov"
            yield box
    except CorruptFile:
        if not playable:
            raise
        yield None


def is_chapters(media: Media, index: int) -> bool:
    """Whether a track only holds the chapters' titles: muxers write that one anew."""
    track = media.tracks[index]
    return track.type == "other" and track.codec == CHAPTER_CODEC


def switched_as(media: Media, wanted: dict[int, bool]) -> list[Patch]:
    """What enables and disables the tracks as wanted (Track.index: enabled)."""
    patches = []
    for index, enabled in wanted.items():
        header = media.layout.traks[index].header
        if header is not None and header.enabled != enabled:
            old, new = bytes([header.flags]), bytes([header.flags ^ ENABLED])
            patches.append(Patch(header.flags_offset, old, new))
    return patches


def _movie(window: Window, moov: Box, media: Media) -> Iterator[Piece]:
    index = 0
    turned = _matrix(window, moov, b"mvhd")
    for box in walk(window, moov.body, moov.end):
        if box.kind == b"trak":
            if not is_chapters(media, index):
                yield from _track(window, box, media, index, turned)
            index += 1
        elif box.kind == b"udta":
            for kind, body in split(_read(window, box)):
                yield from _user_data(kind, body)
        elif box.kind == b"meta":
            yield from _metadata(_read(window, box))
        elif box.kind in LOOSE:
            yield _loose(window, box)


def _track(
    window: Window, trak: Box, media: Media, index: int, turned: Sequence[int]
) -> Iterator[Piece]:
    parts = find(window, trak, (b"udta", b"tref", b"mdia"))
    if b"udta" in parts:
        for kind, body in split(_read(window, parts[b"udta"])):
            if kind not in NOT_LISTED | TRACK_TITLES:
                yield Piece(f"user data {_name(kind)}", body.rstrip(b"\0"), index)
    if b"tref" in parts:
        numbers = {track.number: track.index for track in media.tracks}
        for kind, body in split(_read(window, parts[b"tref"])):
            named = [int.from_bytes(body[at : at + 4], "big") for at in range(0, len(body) - 3, 4)]
            places = [numbers[number] for number in named if number in numbers]
            if any(not is_chapters(media, place) for place in places):
                yield Piece(f"reference {_name(kind)}", b"", index)
    for box in walk(window, trak.body, trak.end):
        if box.kind in LOOSE:
            yield attrs.evolve(_loose(window, box), track=index)
    if media.tracks[index].type == "video":
        yield _rotation(window, trak, index, turned)
    yield from _descriptions(window, parts.get(b"mdia"), media.tracks[index].type, index)


def _rotation(window: Window, trak: Box, index: int, movie: Sequence[int]) -> Piece:
    """How a track with pictures is turned, by its own header and by the movie's."""
    a, b, c, d = _matrix(window, trak, b"tkhd")
    e, f, g, h = movie
    both = (a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h)
    return Piece("its rotation", repr([value >> 16 for value in both]).encode(), index)


def _matrix(window: Window, parent: Box, kind: bytes) -> tuple[int, ...]:
    """The matrix of a header without the place on the screen; all zero says nothing."""
    header = find(window, parent, (kind,)).get(kind)
    body = _read(window, header) if header else b""
    at = MATRIX[kind].get(body[0], len(body)) if body else 0
    raw = body[at : at + 8] + body[at + 12 : at + 20]
    if len(raw) < 16 or not raw.strip(b"\0"):
        return UPRIGHT
    return struct.unpack(">4i", raw)


def _is_whole(clap: bytes, entry: bytes) -> bool:
    """Whether a clean aperture shows all of the picture (ISO/IEC 14496-12, 12.1.4)."""
    if len(clap) < 32:
        return False
    numbers = struct.unpack(">8i", clap[:32])
    wide, high = struct.unpack(">HH", entry[SIZE : SIZE + 4])
    return (
        numbers[0] == wide * numbers[1]
        and numbers[2] == high * numbers[3]
        and not (numbers[4] or numbers[6])
    )


def _descriptions(
    window: Window, parent: Box | None, type: TrackType, index: int
) -> Iterator[Piece]:
    """What hangs on the track's sample entries: a muxer writes one, and its own kind of it."""
    for kind in (b"minf", b"stbl", b"stsd"):
        if parent is None:
            return
        parent = find(window, parent, (kind,)).get(kind)
    entries = list(split(_read(window, parent), STSD_LIST)) if parent else []
    for number, (kind, entry) in enumerate(entries, 1):
        if number > 1:
            yield Piece(f"sample description {number}", b"", index)
        if kind in PROTECTED:
            yield Piece("the keys of its encryption", b"", index)
        if type == "video":
            if kind not in ALIKE:
                yield Piece(f"sample entry {_name(kind)}", b"", index)
            for box, body in split(entry, VISUAL_FIELDS):
                if box in PICTURES and not (box == b"clap" and _is_whole(body, entry)):
                    yield Piece(PICTURES[box], b"", index)
        elif kind == b"ec-3" and has_joint_objects(
            dict(split(entry, AUDIO_FIELDS)).get(b"dec3", b"")
        ):
            yield Piece("Dolby Atmos", b"", index)


def _user_data(kind: bytes, body: bytes) -> Iterator[Piece]:
    if kind == b"meta":
        yield from _metadata(body)
    elif kind in NOT_LISTED or kind in SIGNATURES:
        return
    elif kind.startswith(b"\xa9"):
        yield Piece(f"tag {_name(kind)}", _value(international_text(body).encode()))
    else:
        yield Piece(f"user data {_name(kind)}", hashlib.sha256(body.rstrip(b"\0")).digest())


def _metadata(body: bytes) -> Iterator[Piece]:
    """The items of a meta box, by the name that iTunes or QuickTime gives them."""
    keys: list[str] = []
    for kind, content in split(body, 0 if body[4:8] == b"hdlr" else 4):
        if kind == b"keys":  # QuickTime: names in a list of their own, items by number
            keys = [name.decode("utf-8", "replace") for _, name in split(content, 8)]
        elif kind == b"ilst":
            for item, inner in split(content):
                yield from _item(item, inner, keys)
        elif kind not in NOT_LISTED:
            yield Piece(f"metadata {_name(kind)}", hashlib.sha256(content).digest())


def _item(kind: bytes, body: bytes, keys: list[str]) -> Iterator[Piece]:
    if kind in SIGNATURES:
        return
    parts = list(split(body))
    name = _name(kind)
    number = int.from_bytes(kind, "big")
    if 0 < number <= len(keys):
        name = keys[number - 1]
    elif kind == b"----":  # a name of somebody's own
        name = shown(
            next(
                (text[4:].decode("utf-8", "replace") for part, text in parts if part == b"name"), ""
            )
        )
    for part, content in parts:
        if part != b"data":
            continue
        value = content[DATA_HEADER:]
        if kind == b"covr":
            yield Piece("cover art", hashlib.sha256(value).digest())
        else:
            yield Piece(f"tag {name}", _value(value))


def _name(kind: bytes) -> str:
    return name_of(kind).replace("\\xa9", "©")


def _value(content: bytes) -> bytes:
    """Without padding: numbers are written in more bytes or fewer."""
    text = content.strip(b"\0")
    return text if len(text) <= WHOLE_VALUE else hashlib.sha256(text).digest()


def _loose(window: Window, box: Box) -> Piece:
    return Piece(f"box {name_of(box.kind)}", hashlib.sha256(_read(window, box)).digest())


def _read(window: Window, box: Box) -> bytes:
    return window.read(box.body, box.end - box.body)
