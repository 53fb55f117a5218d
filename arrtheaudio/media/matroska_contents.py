"""What a Matroska file holds beside its tracks' media: attachments, chapters, tags, HDR.

Walks over the whole Segment, unlike a probe, for these elements stand behind the
clusters as a rule. Only a rewrite pays for that. RFC 9559, 5.1.6 to 5.1.8.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Final

from arrtheaudio.errors import CorruptFile, IoFailed
from arrtheaudio.media import ebml
from arrtheaudio.media.contents import Piece, shown
from arrtheaudio.media.matroska_flags import TRACK_ENTRY
from arrtheaudio.media.matroska_layout import CLUSTER, INFO, Layout, Span
from arrtheaudio.media.source import Window
from arrtheaudio.media.tracks import Media

ATTACHMENTS: Final = 0x1941A469
CHAPTERS: Final = 0x1043A770
TAGS: Final = 0x1254C367
LISTED: Final = frozenset({INFO, ATTACHMENTS, CHAPTERS, TAGS})
# 5.1.2 Info, 5.1.4 Tracks
TITLE: Final = 0x7BA9
TRACK_UID: Final = 0x73C5
BLOCK_ADDITION_MAPPING: Final = 0x41E4
BLOCK_ADD_ID_TYPE: Final = 0x41E7
VIDEO: Final = 0xE0
COLOUR: Final = 0x55B0
HDR: Final = frozenset({0x55BC, 0x55BD, 0x55D0})  # MaxCLL, MaxFALL, MasteringMetadata
# 5.1.6 Attachments
ATTACHED_FILE: Final = 0x61A7
FILE_NAME: Final = 0x466E
FILE_MEDIA_TYPE: Final = 0x4660
FILE_DATA: Final = 0x465C
# 5.1.7 Chapters
EDITION_ENTRY: Final = 0x45B9
EDITION_FLAG_ORDERED: Final = 0x45DD
CHAPTER_ATOM: Final = 0xB6
CHAPTER_TIME_START: Final = 0x91
CHAPTER_FLAG_HIDDEN: Final = 0x98
CHAPTER_DISPLAY: Final = 0x80
CHAP_STRING: Final = 0x85
# 5.1.8 Tags
TAG: Final = 0x7373
TARGETS: Final = 0x63C0
TARGET_TYPE_VALUE: Final = 0x68CA
TAG_TRACK_UID: Final = 0x63C5
OTHER_TARGETS: Final = {0x63C9: "an edition", 0x63C4: "a chapter", 0x63C6: "an attachment"}
SIMPLE_TAG: Final = 0x67C8
TAG_NAME: Final = 0x45A3
TAG_STRING: Final = 0x4487
TAG_BINARY: Final = 0x4485
DEFAULT_TARGET: Final = 50  # album, film, episode

FILE_TITLE: Final = "the file's title"
# Muxers count these anew, or sign with them.
COUNTED: Final = frozenset(
    {"BPS", "DURATION", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "ENCODER"}
    | {"HANDLER_NAME", "VENDOR_ID"}
)
COUNTED_PREFIX: Final = "_STATISTICS_"
MAX_ELEMENTS: Final = 4_000_000  # of a Segment whose clusters state no size: ten hours of blocks
MAX_LIST_BYTES: Final = 16 << 20  # of Chapters or Tags
MAX_DEPTH: Final = 8  # chapters in chapters, tags in tags
BUDGET_BYTES: Final = 1 << 40  # bounded by the number of elements instead
READ_STEP: Final = 1 << 20


def contents(fd: int, size: int, media: Media) -> list[Piece]:
    """Everything that a rewrite must not lose. Raises CorruptFile, IoFailed."""
    window = Window(fd, size, budget=BUDGET_BYTES)
    layout: Layout = media.layout
    uids: dict[int, int] = {}
    pieces = list(_of_tracks(layout, uids))
    for ident, start, end in _segment_elements(window, layout.segment):
        if ident == ATTACHMENTS:
            pieces += _attachments(window, start, end)
            continue
        if end - start > MAX_LIST_BYTES:
            raise CorruptFile("its chapters or tags are larger than any real file's")
        blob = window.read(start, end - start)
        if ident == INFO:
            pieces += _title(blob)
        elif ident == CHAPTERS:
            pieces += _chapters(blob)
        else:
            pieces += _tags(blob, uids)
    return pieces


def _segment_elements(window: Window, at: int) -> Iterator[tuple[int, int, int]]:
    """(identifier, offset of the payload, offset behind it) of what is listed here."""
    for _ in range(MAX_ELEMENTS):
        if at >= window.size:
            return
        try:
            ident, body, stop = ebml.header(window, at)
        except CorruptFile:  # padding, or cut off: players stop here as well
            return
        if stop is None:  # a Cluster of unknown size is entered
            if ident != CLUSTER:
                return
            stop = body
        elif ident in LISTED and stop <= window.size:
            yield ident, body, stop
        at = stop
    raise CorruptFile("the file has more elements than any real one")


def _of_tracks(layout: Layout, uids: dict[int, int]) -> Iterator[Piece]:
    """HDR and Dolby Vision; fills in which track has which UID."""
    blob = layout.blob
    entries = [
        child for child in ebml.elements(blob, layout.body, len(blob)) if child[0] == TRACK_ENTRY
    ]
    for index, entry in enumerate(entries):
        for ident, _, body, end in ebml.elements(blob, entry[2], entry[3]):
            if ident == TRACK_UID:
                uids[ebml.uint(blob, body, end)] = index
            elif ident == BLOCK_ADDITION_MAPPING:
                kind = ebml.spans(blob, body, end).get(BLOCK_ADD_ID_TYPE, (0, 0))
                yield Piece("additions to the pictures (Dolby Vision)", blob[slice(*kind)], index)
            elif ident == VIDEO:
                colour = ebml.spans(blob, body, end).get(COLOUR, (0, 0))
                for _ in HDR & ebml.spans(blob, *colour).keys():
                    yield Piece("HDR metadata", b"", index)


def _title(blob: bytes) -> Iterator[Piece]:
    title = _text(blob, ebml.spans(blob, 0, len(blob)), TITLE)
    if title:
        yield Piece(FILE_TITLE, title.encode())


def _attachments(window: Window, at: int, end: int) -> Iterator[Piece]:
    """Large as they are: read piece by piece."""
    while at < end:
        ident, body, stop = ebml.header(window, at)
        if stop is None or stop > end:
            raise CorruptFile("an attachment is larger than the list of them")
        if ident == ATTACHED_FILE:
            yield _attached(window, body, stop)
        at = stop


def _attached(window: Window, at: int, end: int) -> Piece:
    name = kind = data = b""
    while at < end:
        ident, body, stop = ebml.header(window, at)
        if stop is None or stop > end:
            raise CorruptFile("an attachment is larger than it says")
        if ident == FILE_NAME:
            name = window.read(body, min(stop - body, READ_STEP))
        elif ident == FILE_MEDIA_TYPE:
            kind = window.read(body, min(stop - body, READ_STEP))
        elif ident == FILE_DATA:
            data = _digest(window.fd, body, stop)
        at = stop
    text = name.rstrip(b"\0").decode("utf-8", "replace")
    return Piece(f"attachment {shown(text)}", kind.rstrip(b"\0") + b"\0" + data)


def _digest(fd: int, start: int, end: int) -> bytes:
    digest = hashlib.sha256()
    while start < end:
        try:
            piece = os.pread(fd, min(READ_STEP, end - start), start)
        except OSError as error:
            raise IoFailed(f"cannot read: {error.strerror}") from error
        if not piece:
            raise CorruptFile("the file ends in an attachment")
        digest.update(piece)
        start += len(piece)
    return digest.digest()


def _chapters(blob: bytes) -> Iterator[Piece]:
    for ident, _, body, end in ebml.elements(blob, 0, len(blob)):
        if ident != EDITION_ENTRY:
            continue
        ordered = ebml.spans(blob, body, end).get(EDITION_FLAG_ORDERED)
        if ordered and ebml.uint(blob, *ordered):
            yield Piece("the order of its chapters")
        yield from _atoms(blob, body, end, 0)


def _atoms(blob: bytes, at: int, end: int, depth: int) -> Iterator[Piece]:
    """The chapters, and those inside them."""
    if depth > MAX_DEPTH:
        raise CorruptFile("chapters are nested deeper than any real file's")
    for ident, _, body, stop in ebml.elements(blob, at, end):
        if ident != CHAPTER_ATOM:
            continue
        fields = ebml.spans(blob, body, stop)
        start = ebml.uint(blob, *fields.get(CHAPTER_TIME_START, (0, 0)))
        hidden = ebml.uint(blob, *fields.get(CHAPTER_FLAG_HIDDEN, (0, 0)))
        value = bytes([depth, hidden & 1])
        titles = [
            _text(blob, ebml.spans(blob, *display), CHAP_STRING)
            for display in _all(blob, body, stop, CHAPTER_DISPLAY)
        ]
        for title in titles or [""]:
            yield Piece(f"chapter {shown(title)}", value, at_ns=start)
        yield from _atoms(blob, body, stop, depth + 1)


def _tags(blob: bytes, uids: dict[int, int]) -> Iterator[Piece]:
    for tag in _all(blob, 0, len(blob), TAG):
        spans = ebml.spans(blob, *tag).get(TARGETS, (0, 0))
        level = DEFAULT_TARGET
        tracks: list[int | None] = []
        of = ""
        for ident, _, body, end in ebml.elements(blob, *spans):
            value = ebml.uint(blob, body, end) if end - body <= 8 else 0
            if ident == TARGET_TYPE_VALUE:
                level = value or level
            elif ident == TAG_TRACK_UID and value:
                tracks.append(uids.get(value, -1))
            elif ident in OTHER_TARGETS and value:
                of = f" of {OTHER_TARGETS[ident]}"
        for name, value_of in _simple_tags(blob, *tag, "", 0):
            text = bytes([level & 0xFF]) + value_of
            if name == "TITLE" and not tracks and not of and level == DEFAULT_TARGET:
                yield Piece(FILE_TITLE, value_of)  # the same as the one in Info
                continue
            for track in tracks or [None]:
                if track != -1:  # of a track that the file does not have
                    yield Piece(f"tag {shown(name)}{of}", text, track)


def _simple_tags(
    blob: bytes, at: int, end: int, above: str, depth: int
) -> Iterator[tuple[str, bytes]]:
    """(name with those above it, value) of the tags and those inside them."""
    if depth > MAX_DEPTH:
        raise CorruptFile("tags are nested deeper than any real file's")
    for span in _all(blob, at, end, SIMPLE_TAG):
        fields = ebml.spans(blob, *span)
        name = above + _text(blob, fields, TAG_NAME).upper().replace(" ", "_").replace("-", "_")
        value = blob[slice(*fields.get(TAG_STRING, (0, 0)))].rstrip(b"\0")
        if TAG_BINARY in fields:
            value = hashlib.sha256(blob[slice(*fields[TAG_BINARY])]).digest()
        if name not in COUNTED and not name.startswith(COUNTED_PREFIX):
            yield name, value
        yield from _simple_tags(blob, *span, f"{name}/", depth + 1)


def _all(blob: bytes, at: int, end: int, ident: int) -> list[Span]:
    return [(body, stop) for found, _, body, stop in ebml.elements(blob, at, end) if found == ident]


def _text(blob: bytes, fields: dict[int, Span], ident: int) -> str:
    span = fields.get(ident)
    return "" if span is None else ebml.text(blob, *span)
