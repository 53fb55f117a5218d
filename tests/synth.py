"""Matroska and WebM files made in Python: EBML elements, tracks, whole small files.

Three styles follow what muxers really write: ``mkvmerge`` (flags only where they
differ from their default, over 1 KiB of Void behind Tracks, Cues and Tags at the
end), ``ffmpeg`` (CRC-32 in every master, eight-byte sizes, FlagLacing everywhere,
a Void behind SeekHead only) and ``tight`` (not one spare byte).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Style = Literal["mkvmerge", "ffmpeg", "tight"]

SEEK_HEAD, INFO, TRACKS, CLUSTER = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675
TYPES = {"video": 1, "audio": 2, "subtitles": 17}
CODECS = {"video": "V_VP8", "audio": "A_AAC", "subtitles": "S_TEXT/UTF8"}
UNKNOWN_SIZE = b"\x01\xff\xff\xff\xff\xff\xff\xff"
FLAGS = {  # track key: element, written only where the key is there and not None
    "enabled": 0xB9,
    "default": 0x88,
    "forced": 0x55AA,
    "hearing_impaired": 0x55AB,
    "visual_impaired": 0x55AC,
    "text_description": 0x55AD,
    "original": 0x55AE,
    "commentary": 0x55AF,
}
TWO_TRACKS: Sequence[Mapping[str, Any]] = (
    {"type": "video"},
    {"type": "audio", "language": "jpn"},
    {"type": "audio", "language": "eng", "default": False},
)


def vint(value: int, length: int | None = None) -> bytes:
    """A data size; ``length`` forces more bytes than needed."""
    length = length or next(n for n in range(1, 9) if value < (1 << 7 * n) - 1)
    return (value | 1 << 7 * length).to_bytes(length, "big")


def element(ident: int, payload: bytes = b"", *, size_length: int | None = None) -> bytes:
    return (
        ident.to_bytes((ident.bit_length() + 7) // 8, "big")
        + vint(len(payload), size_length)
        + payload
    )


def uint(ident: int, value: int, length: int | None = None) -> bytes:
    return element(ident, value.to_bytes(length or max(1, (value.bit_length() + 7) // 8), "big"))


def text(ident: int, value: str) -> bytes:
    return element(ident, value.encode())


def void(total: int) -> bytes:
    """A Void that takes exactly ``total`` bytes, header included (2 or more)."""
    size_length = 1 if total < 129 else 8
    return element(0xEC, bytes(total - 1 - size_length), size_length=size_length)


def master(
    ident: int, payload: bytes, *, crc: bool = False, size_length: int | None = None
) -> bytes:
    if crc:
        payload = element(0xBF, zlib.crc32(payload).to_bytes(4, "little")) + payload
    return element(ident, payload, size_length=size_length)


def track_entry(number: int, track: Mapping[str, Any], *, style: Style = "tight") -> bytes:
    """One TrackEntry.

    Keys: type, codec, language, bcp47, name, channels, those of FLAGS, ``extra`` (raw bytes at
    the end) and ``crc`` (a CRC-32 of its own).
    """
    kind = track.get("type", "audio")
    body = uint(0xD7, number) + uint(0x73C5, 0x1000 + number) + uint(0x83, TYPES.get(kind, 3))
    if style == "ffmpeg":
        body += uint(0x9C, 0)
    for key, ident in FLAGS.items():
        if track.get(key) is not None:
            body += uint(ident, int(track[key]))
    body += text(0x86, track.get("codec", CODECS.get(kind, "A_AAC")))
    if "language" in track:
        body += text(0x22B59C, track["language"])
    if "bcp47" in track:
        body += text(0x22B59D, track["bcp47"])
    if track.get("name") is not None:
        body += text(0x536E, track["name"])
    if kind == "video":
        body += element(0xE0, uint(0xB0, 64) + uint(0xBA, 48))
    if kind == "audio":
        rate = element(0xB5, b"\x47\x3b\x80\x00")  # 48 kHz
        body += element(0xE1, rate + uint(0x9F, track.get("channels", 2)))
    body += track.get("extra", b"")
    size_length = 8 if style == "ffmpeg" else None
    return master(0xAE, body, crc=track.get("crc", False), size_length=size_length)


def cluster(timestamp: int, numbers: Sequence[int], *, unknown: bool = False) -> bytes:
    """One block of 32 recognisable bytes for every track."""
    blocks = b"".join(
        element(0xA3, vint(number) + b"\x00\x00\x80" + bytes([number % 256]) * 32)
        for number in numbers
    )
    body = uint(0xE7, timestamp) + blocks
    return b"\x1f\x43\xb6\x75" + (UNKNOWN_SIZE if unknown else vint(len(body), 8)) + body


def seek_head(targets: Mapping[int, int], *, crc: bool = False) -> bytes:
    """Element id → offset in the Segment; positions take eight bytes, so the length is known."""
    seeks = b"".join(
        element(0x4DBB, element(0x53AB, ident.to_bytes(4, "big")) + uint(0x53AC, position, 8))
        for ident, position in targets.items()
    )
    return master(0x114D9B74, seeks, crc=crc)


def ebml_header(doctype: str = "matroska", *, max_id: int = 4, max_size: int = 8) -> bytes:
    return element(
        0x1A45DFA3,
        uint(0x4286, 1) + uint(0x42F7, 1) + uint(0x42F2, max_id) + uint(0x42F3, max_size)
        + text(0x4282, doctype) + uint(0x4287, 4) + uint(0x4285, 2),
    )  # fmt: skip


def segment(body: bytes, *, unknown: bool = False) -> bytes:
    return b"\x18\x53\x80\x67" + (UNKNOWN_SIZE if unknown else vint(len(body), 8)) + body


def mkv(
    tracks: Sequence[Mapping[str, Any]] = TWO_TRACKS,
    *,
    style: Style = "mkvmerge",
    doctype: str = "matroska",
    crc: bool | None = None,
    void_before: int = 0,
    void_after: int | None = None,
    spare: int | None = None,
    unknown_sizes: bool = False,
    tracks_last: bool = False,
    seek: Literal["front", "far", "none"] = "front",
    clusters: int = 2,
    duration_ms: float = 2000.0,
) -> bytes:
    """A whole small file.

    ``void_before`` and ``void_after``: total bytes of the Voids beside Tracks (0: none),
    ``spare`` of the one behind SeekHead.
    ``seek``: one SeekHead in front, or one there that only points to another at the end.
    """
    crc = style == "ffmpeg" if crc is None else crc
    void_after = {"mkvmerge": 1100}.get(style, 0) if void_after is None else void_after
    names = text(0x4D80, "synth") + text(0x5741, "synth")
    duration = element(0x4489, struct.pack(">d", duration_ms))
    info = master(INFO, uint(0x2AD7B1, 1_000_000) + names + duration, crc=crc)
    entries = b"".join(track_entry(n, track, style=style) for n, track in enumerate(tracks, 1))
    size_length = 8 if style == "ffmpeg" else None
    numbers = range(1, len(tracks) + 1)
    media = [(CLUSTER, cluster(1000 * n, numbers, unknown=unknown_sizes)) for n in range(clusters)]
    beside = [
        *([(0xEC, void(void_before))] if void_before else []),
        (TRACKS, master(TRACKS, entries, crc=crc, size_length=size_length)),
        *([(0xEC, void(void_after))] if void_after else []),
    ]
    order = [(INFO, info), *media, *beside] if tracks_last else [(INFO, info), *beside, *media]
    spare = (0 if style == "tight" else 80) if spare is None else spare
    body = _with_seek_heads(order, seek=seek, crc=crc, spare=spare)
    return ebml_header(doctype) + segment(body, unknown=unknown_sizes)


def _with_seek_heads(
    order: Sequence[tuple[int, bytes]], *, seek: str, crc: bool, spare: int
) -> bytes:
    known = [INFO, TRACKS]
    listed = [SEEK_HEAD] if seek == "far" else known
    gap = void(spare) if spare else b""
    front = seek_head(dict.fromkeys(listed, 0), crc=crc) + gap
    position = 0 if seek == "none" else len(front)
    places = {}
    for ident, piece in order:
        places.setdefault(ident, position)
        position += len(piece)
    places[SEEK_HEAD] = position
    body = b"".join(piece for _, piece in order)
    if seek == "none":
        return body
    if seek == "far":
        body += seek_head({ident: places[ident] for ident in known}, crc=crc)
    return seek_head({ident: places[ident] for ident in listed}, crc=crc) + gap + body


def wrong_crcs(content: bytes) -> list[int]:
    """Offsets of masters whose CRC-32 is wrong; a second opinion, written without the package."""
    wrong = []
    todo = [(0, len(content))]
    while todo:
        at, end = todo.pop()
        parent = at
        while at < end:
            id_length = 9 - content[at].bit_length()
            ident = int.from_bytes(content[at : at + id_length], "big")
            size_length = 9 - content[at + id_length].bit_length()
            body = at + id_length + size_length
            mask = (1 << 7 * size_length) - 1
            size = int.from_bytes(content[at + id_length : body], "big") & mask
            stop = min(end, body + size) if size != mask else end
            if ident == 0xBF and content[body:stop] != zlib.crc32(content[stop:end]).to_bytes(
                4, "little"
            ):
                wrong.append(parent)
            if ident in (0x18538067, SEEK_HEAD, 0x4DBB, INFO, TRACKS, 0xAE):
                todo.append((body, stop))
            if ident == CLUSTER and size == mask:
                stop = body
            at = stop
    return wrong
