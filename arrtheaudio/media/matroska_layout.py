"""Where the parts of a Matroska file's header stand (RFC 9559, 4.5 and 5.1).

Owns the walk from the first byte to Tracks: through the elements in front of the
clusters, by SeekHead, or past the clusters. Knows element identifiers, nothing of
tracks and edits. All offsets are bytes from the start of the file.
"""

from __future__ import annotations

from typing import Final

import attrs

from arrtheaudio.errors import CorruptFile, UnsupportedContainer
from arrtheaudio.media import ebml
from arrtheaudio.media.source import Window

# RFC 9559, 5.1: the elements at the top of a Segment that matter here.
SEGMENT: Final = 0x18538067
SEEK_HEAD: Final = 0x114D9B74
SEEK: Final = 0x4DBB
SEEK_ID: Final = 0x53AB
SEEK_POSITION: Final = 0x53AC
INFO: Final = 0x1549A966
TRACKS: Final = 0x1654AE6B
CLUSTER: Final = 0x1F43B675

DOC_TYPES: Final = frozenset({"matroska", "webm"})
MAX_TRACKS_BYTES: Final = 4 << 20
MAX_EBML_HEADER: Final = 4096
MAX_INFO_BYTES: Final = 1 << 20
MAX_SEEK_HEAD_BYTES: Final = 1 << 20
MAX_SEEK_HEADS: Final = 16
# mkvmerge --clusters-in-meta-seek lists every cluster; nine hours of one a second.
MAX_SEEKS: Final = 1 << 15
MAX_BEFORE_SEGMENT: Final = 16  # Voids between the EBML header and the Segment

Span = tuple[int, int]  # first byte, byte behind the last


@attrs.frozen
class Layout:
    """What an edit must know of the header; a private matter of the Matroska modules."""

    doc_type: str
    segment: int  # the Segment's payload: seek positions count from here
    segment_crc: bool  # the Segment's first child is a CRC-32
    tracks: int  # the Tracks element
    blob: bytes  # the Tracks element as read
    body: int  # payload of Tracks inside ``blob``
    voids: tuple[Span, ...]  # in front of Tracks, in file order
    void_after: int  # total bytes of the Void right behind Tracks; 0: none
    behind_clusters: bool
    info: Span | None
    seek_heads: tuple[Span, ...]  # those in front of Tracks; ``all_seek_heads`` finds the rest

    @property
    def end(self) -> int:
        """The byte behind Tracks."""
        return self.tracks + len(self.blob)


@attrs.define
class _Found:
    """What a walk has met so far."""

    tracks: Span | None = None
    voids: list[Span] = attrs.Factory(list)
    info: Span | None = None
    seek_heads: list[Span] = attrs.Factory(list)
    segment_crc: bool = False


def locate(window: Window) -> Layout:
    """Find Tracks and what surrounds it.

    Raises UnsupportedContainer for other formats, CorruptFile where no Tracks
    can be found, IoFailed.
    """
    doc_type, segment, segment_end = _segment(window)
    found = _front(window, segment, segment_end)
    behind = found.tracks is None
    if found.tracks is None:
        _follow_seek_heads(window, segment, found)
    if found.tracks is None:
        found.tracks = _past_clusters(window, segment, segment_end)
    start, end = found.tracks
    if end - start > MAX_TRACKS_BYTES:
        raise CorruptFile("Tracks is larger than any real file's")
    blob = window.read(start, end - start)
    return Layout(
        doc_type=doc_type,
        segment=segment,
        segment_crc=found.segment_crc,
        tracks=start,
        blob=blob,
        body=ebml.header(window, start)[1] - start,
        voids=() if behind else tuple(found.voids),
        void_after=_void_at(window, end, segment_end),
        behind_clusters=behind,
        info=found.info,
        seek_heads=tuple(found.seek_heads),
    )


def all_seek_heads(window: Window, layout: Layout) -> tuple[Span, ...]:
    """Every SeekHead: in front of the clusters on either side of Tracks, and the linked ones."""
    found = _front(window, layout.segment, window.size, stop_at_tracks=False)
    _follow_seek_heads(window, layout.segment, found, only_tracks=False)
    return tuple(sorted(set(found.seek_heads)))


def seeks(source: bytes, body: int, end: int) -> list[tuple[ebml.Element, int, ebml.Element]]:
    """The entries of a SeekHead: (Seek, identifier it points to, SeekPosition)."""
    entries = []
    for seek in ebml.elements(source, body, end, MAX_SEEKS):
        if seek[0] != SEEK:
            continue
        ident = 0
        position = None
        for child in ebml.elements(source, seek[2], seek[3]):
            if child[0] == SEEK_ID:
                ident = int.from_bytes(source[child[2] : child[3]][:4], "big")
            elif child[0] == SEEK_POSITION and child[3] - child[2] <= 8:
                position = child
        if position is not None:
            entries.append((seek, ident, position))
    return entries


def _segment(window: Window) -> tuple[str, int, int]:
    """(DocType, offset of the Segment's payload, offset behind it or the file's end)."""
    ident, body, end = ebml.header(window, 0)
    if ident != ebml.HEADER:
        raise UnsupportedContainer("the file does not start with an EBML header")
    if end is None or end - body > MAX_EBML_HEADER:
        raise CorruptFile("the EBML header's size is wrong")
    raw = window.read(body, end - body)
    fields = ebml.spans(raw, 0, len(raw))
    doc_type = ebml.text(raw, *fields.get(ebml.DOC_TYPE, (0, 0)))
    if doc_type not in DOC_TYPES:
        raise UnsupportedContainer(f"an EBML file of type {doc_type!r}, not Matroska or WebM")
    for ident, most in ((ebml.MAX_ID_LENGTH, 4), (ebml.MAX_SIZE_LENGTH, 8)):
        if ident in fields and ebml.uint(raw, *fields[ident], default=most) > most:
            raise UnsupportedContainer("its EBML header asks for longer identifiers or sizes")
    for _ in range(MAX_BEFORE_SEGMENT):
        ident, body, stop = ebml.header(window, end)
        if ident == SEGMENT:
            return doc_type, body, window.size if stop is None else min(stop, window.size)
        if stop is None:
            break
        end = stop
    raise CorruptFile("no Segment follows the EBML header")


def _front(window: Window, at: int, end: int, *, stop_at_tracks: bool = True) -> _Found:
    """Walk over what stands in front of the first Cluster.

    Broken bytes end the walk: what was met before them may be enough.
    """
    found = _Found()
    first = at
    while at < end:
        try:
            ident, _, stop = ebml.header(window, at)
        except CorruptFile:
            break
        if stop is None or ident == CLUSTER or stop > end:
            break
        if ident == TRACKS and found.tracks is None:
            found.tracks = (at, stop)
        elif ident == ebml.VOID and found.tracks is None:
            found.voids.append((at, stop))
        elif ident == INFO and found.info is None:
            found.info = (at, stop)
        elif ident == SEEK_HEAD and len(found.seek_heads) < MAX_SEEK_HEADS:
            found.seek_heads.append((at, stop))
        elif ident == ebml.CRC32 and at == first:
            found.segment_crc = True
        if stop_at_tracks and found.tracks and found.info:
            break
        at = stop
    return found


def _follow_seek_heads(
    window: Window, segment: int, found: _Found, *, only_tracks: bool = True
) -> None:
    """Look where the SeekHeads point: to Tracks, Info and further SeekHeads."""
    queue = list(found.seek_heads)
    seen = set(queue)
    while queue:
        start, end = queue.pop(0)
        for ident, position in _targets(window, start, end):
            if ident not in (TRACKS, INFO, SEEK_HEAD):
                continue
            span = _element_at(window, segment + position, ident)
            if span is None:
                continue
            if ident == TRACKS:
                found.tracks = found.tracks or span
            elif ident == INFO:
                found.info = found.info or span
            elif span not in seen and len(seen) < MAX_SEEK_HEADS:
                seen.add(span)
                queue.append(span)
                found.seek_heads.append(span)
        if only_tracks and found.tracks and found.info:
            return


def _targets(window: Window, start: int, end: int) -> list[tuple[int, int]]:
    """(identifier, position in the Segment) of every entry; none where a SeekHead is broken."""
    if end - start > MAX_SEEK_HEAD_BYTES:
        return []
    try:
        raw = window.read(start, end - start)
        _, body, _ = ebml.header(window, start)
        return [
            (ident, ebml.uint(raw, position[2], position[3]))
            for _, ident, position in seeks(raw, body - start, len(raw))
        ]
    except CorruptFile:
        return []


def _element_at(window: Window, at: int, ident: int) -> Span | None:
    """The span of the element at ``at`` if it is what a SeekHead promised."""
    try:
        actual, _, stop = ebml.header(window, at)
    except CorruptFile:
        return None
    if actual != ident or stop is None or stop > window.size:
        return None
    return at, stop


def _past_clusters(window: Window, at: int, end: int) -> Span:
    """Hop over clusters, known size or not, until Tracks; the window's budget ends it.

    A Cluster of unknown size is entered: its children are hopped over like the
    elements of the Segment, and the first that is none of them ends it.
    """
    while at < end:
        ident, body, stop = ebml.header(window, at)
        if ident == TRACKS and stop is not None:
            return at, stop
        if stop is None:
            if ident != CLUSTER:
                raise CorruptFile(f"element {ident:X} must have a known size")
            stop = body
        at = stop
    raise CorruptFile("no Tracks element was found")


def _void_at(window: Window, at: int, end: int) -> int:
    """Total bytes of the Void at ``at``; 0 where something else stands there."""
    if at >= end:
        return 0
    try:
        ident, _, stop = ebml.header(window, at)
    except CorruptFile:
        return 0
    return stop - at if ident == ebml.VOID and stop is not None and stop <= end else 0
