"""Sample films for the demonstration: small Matroska and MP4 files that really play.

The picture is uncompressed, every audio track a tone of its own pitch in PCM,
so that any player shows and plays them. Made here because a demonstration must
not need ffmpeg. Follows RFC 8794 and RFC 9559 for Matroska, ISO/IEC 14496-12
for MP4; knows nothing of the code that edits such files.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Final

import attrs

WIDTH, HEIGHT = 64, 36
SECONDS: Final = 6
FRAMES_PER_SECOND: Final = 5
RATE: Final = 8000  # audio samples per second, 16 bit, mono


@attrs.frozen
class Voice:
    """An audio track to be made. ``language``: ISO 639-2."""

    language: str
    title: str | None = None
    default: bool = False
    commentary: bool = False


@attrs.frozen
class Sample:
    """A whole file, and the range of it that holds nothing but pictures and sound."""

    content: bytes
    media: slice


def tone(pitch: float, start: int, count: int) -> bytes:
    """Little-endian 16-bit samples of a sine."""
    step = 2 * math.pi * pitch / RATE
    return struct.pack(
        f"<{count}h", *(int(9000 * math.sin(step * at)) for at in range(start, start + count))
    )


def pitch(number: int) -> float:
    """Every further track sounds a fourth higher."""
    return 220.0 * 2 ** (5 * number / 12)


def _shade(frame: int) -> int:
    return 40 + 170 * frame // (SECONDS * FRAMES_PER_SECOND)


# --- Matroska ---------------------------------------------------------------

_CHUNKS_PER_SECOND: Final = FRAMES_PER_SECOND
_CHUNK: Final = RATE // _CHUNKS_PER_SECOND  # audio samples of one block


def _size(value: int, length: int | None = None) -> bytes:
    length = length or next(n for n in range(1, 9) if value < (1 << 7 * n) - 1)
    return (value | 1 << 7 * length).to_bytes(length, "big")


def _element(ident: int, *payload: bytes) -> bytes:
    content = b"".join(payload)
    return ident.to_bytes((ident.bit_length() + 7) // 8, "big") + _size(len(content)) + content


def _uint(ident: int, value: int, length: int | None = None) -> bytes:
    return _element(ident, value.to_bytes(length or max(1, (value.bit_length() + 7) // 8), "big"))


def _text(ident: int, value: str) -> bytes:
    return _element(ident, value.encode())


def _void(total: int) -> bytes:
    return b"\xec" + _size(total - 9, 8) + bytes(total - 9)


def _video_entry() -> bytes:
    picture = _element(
        0xE0,
        _uint(0xB0, WIDTH),
        _uint(0xBA, HEIGHT),
        _element(0x2EB524, b"I420"),  # UncompressedFourCC
    )
    frame_ns = 1_000_000_000 // FRAMES_PER_SECOND
    return _element(
        0xAE,
        _uint(0xD7, 1) + _uint(0x73C5, 1) + _uint(0x83, 1),  # TrackNumber, TrackUID, TrackType
        _uint(0x9C, 0) + _uint(0x23E383, frame_ns),  # FlagLacing, DefaultDuration
        _text(0x86, "V_UNCOMPRESSED") + _text(0x22B59C, "und"),
        picture,
    )


def _audio_entry(number: int, voice: Voice, *, lacing: bool) -> bytes:
    # As muxers do it: FlagDefault is written where it is 0, absent means 1.
    flags = b"" if voice.default else _uint(0x88, 0)
    if lacing:
        flags += _uint(0x9C, 0)
    if voice.commentary:
        flags += _uint(0x55AF, 1)
    name = _text(0x536E, voice.title) if voice.title else b""
    sound = _element(
        0xE1,
        _element(0xB5, struct.pack(">d", RATE)),  # SamplingFrequency
        _uint(0x9F, 1) + _uint(0x6264, 16),  # Channels, BitDepth
    )
    return _element(
        0xAE,
        _uint(0xD7, number) + _uint(0x73C5, number) + _uint(0x83, 2),
        flags,
        name,
        _text(0x86, "A_PCM/INT/LIT") + _text(0x22B59C, voice.language),
        sound,
    )


def _block(number: int, timestamp: int, payload: bytes) -> bytes:
    return _element(0xA3, _size(number), struct.pack(">hB", timestamp, 0x80), payload)


def _cluster(second: int, voices: int) -> bytes:
    parts = [_uint(0xE7, 1000 * second)]
    for part in range(_CHUNKS_PER_SECOND):
        at = second * _CHUNKS_PER_SECOND + part
        timestamp = 1000 * part // _CHUNKS_PER_SECOND
        luma = bytes([_shade(at)]) * (WIDTH * HEIGHT)
        parts.append(_block(1, timestamp, luma + b"\x80" * (WIDTH * HEIGHT // 2)))
        parts += [
            _block(2 + voice, timestamp, tone(pitch(voice), at * _CHUNK, _CHUNK))
            for voice in range(voices)
        ]
    return _element(0x1F43B675, *parts)


def matroska(title: str, voices: Sequence[Voice], *, like_ffmpeg: bool = False) -> Sample:
    """A Matroska film with these audio tracks.

    ``like_ffmpeg``: FlagLacing in every track and no spare room behind Tracks;
    else a Void behind them, as mkvmerge leaves it.
    """
    head = _element(
        0x1A45DFA3,
        _uint(0x4286, 1) + _uint(0x42F7, 1) + _uint(0x42F2, 4) + _uint(0x42F3, 8),
        _text(0x4282, "matroska") + _uint(0x4287, 4) + _uint(0x4285, 2),
    )
    info = _element(
        0x1549A966,
        _uint(0x2AD7B1, 1_000_000),  # TimestampScale: milliseconds
        _text(0x7BA9, title) + _text(0x4D80, "arrtheaudio") + _text(0x5741, "arrtheaudio"),
        _element(0x4489, struct.pack(">d", 1000.0 * SECONDS)),
    )
    entries = [
        _audio_entry(number, voice, lacing=like_ffmpeg) for number, voice in enumerate(voices, 2)
    ]
    tracks = _element(0x1654AE6B, _video_entry(), *entries)
    room = b"" if like_ffmpeg else _void(1100)
    clusters = b"".join(_cluster(second, len(voices)) for second in range(SECONDS))
    start = len(_seek_head(0, 0))
    seek_head = _seek_head(start, start + len(info))
    body = seek_head + info + tracks + room
    segment = b"\x18\x53\x80\x67" + _size(len(body) + len(clusters), 8)
    content = head + segment + body + clusters
    return Sample(content, slice(len(content) - len(clusters), len(content)))


def _seek_head(info: int, tracks: int) -> bytes:
    return _element(
        0x114D9B74,
        *(
            _element(0x4DBB, _element(0x53AB, ident.to_bytes(4, "big")), _uint(0x53AC, offset, 8))
            for ident, offset in ((0x1549A966, info), (0x1654AE6B, tracks))
        ),
    )


# --- MP4 --------------------------------------------------------------------

_MATRIX: Final = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
_MOVIE_SCALE: Final = 1000


def _box(kind: bytes, *payload: bytes) -> bytes:
    content = b"".join(payload)
    return struct.pack(">I", len(content) + 8) + kind + content


def _full(kind: bytes, flags: int, *payload: bytes) -> bytes:
    return _box(kind, struct.pack(">I", flags), *payload)


@attrs.frozen
class _Mp4Track:
    number: int
    handler: bytes
    scale: int  # time units of a second
    sample_size: int  # bytes
    sample_ticks: int
    entry: bytes
    media_header: bytes
    language: str
    enabled: bool
    title: str | None
    chunks: tuple[bytes, ...]  # one of every second

    @property
    def samples_per_chunk(self) -> int:
        return len(self.chunks[0]) // self.sample_size

    def trak(self, offsets: Sequence[int]) -> bytes:
        sound = self.handler == b"soun"
        extent = b"\0" * 8 if sound else struct.pack(">II", WIDTH << 16, HEIGHT << 16)
        header = _full(
            b"tkhd",
            0x6 | self.enabled,
            struct.pack(">IIIII8x", 0, 0, self.number, 0, _MOVIE_SCALE * SECONDS),
            struct.pack(">HHHH", 0, int(sound), 0x100 * sound, 0),
            _MATRIX + extent,
        )
        code = 0
        for letter in self.language:
            code = code << 5 | ord(letter) - 0x60
        media = _box(
            b"mdia",
            _full(
                b"mdhd", 0, struct.pack(">IIIIHH", 0, 0, self.scale, self.scale * SECONDS, code, 0)
            ),
            _full(b"hdlr", 0, bytes(4), self.handler, bytes(12), b"arrtheaudio\0"),
            _box(b"minf", self.media_header, _data_information(), self.sample_table(offsets)),
        )
        name = _box(b"udta", _box(b"name", self.title.encode())) if self.title else b""
        return _box(b"trak", header, media, name)

    def sample_table(self, offsets: Sequence[int]) -> bytes:
        count = self.samples_per_chunk * len(self.chunks)
        return _box(
            b"stbl",
            _full(b"stsd", 0, struct.pack(">I", 1), self.entry),
            _full(b"stts", 0, struct.pack(">III", 1, count, self.sample_ticks)),
            _full(b"stsc", 0, struct.pack(">IIII", 1, 1, self.samples_per_chunk, 1)),
            _full(b"stsz", 0, struct.pack(">II", self.sample_size, count)),
            _full(b"stco", 0, struct.pack(f">I{len(offsets)}I", len(offsets), *offsets)),
        )


def _data_information() -> bytes:
    return _box(b"dinf", _full(b"dref", 0, struct.pack(">I", 1), _full(b"url ", 1)))


def _picture_track() -> _Mp4Track:
    frame = WIDTH * HEIGHT * 3  # RGB
    entry = _box(
        b"raw ",
        bytes(6) + struct.pack(">H", 1) + bytes(16) + struct.pack(">HH", WIDTH, HEIGHT),
        struct.pack(">IIIH", 72 << 16, 72 << 16, 0, 1) + bytes(32) + struct.pack(">Hh", 24, -1),
    )
    chunks = tuple(
        b"".join(
            bytes([_shade(second * FRAMES_PER_SECOND + part)]) * frame
            for part in range(FRAMES_PER_SECOND)
        )
        for second in range(SECONDS)
    )
    return _Mp4Track(
        number=1,
        handler=b"vide",
        scale=FRAMES_PER_SECOND,
        sample_size=frame,
        sample_ticks=1,
        entry=entry,
        media_header=_full(b"vmhd", 1, bytes(8)),
        language="und",
        enabled=True,
        title=None,
        chunks=chunks,
    )


def _voice_track(number: int, voice: Voice) -> _Mp4Track:
    sample = struct.pack(">HH4xI", 1, 16, RATE << 16)
    return _Mp4Track(
        number=number,
        handler=b"soun",
        scale=RATE,
        sample_size=2,
        sample_ticks=1,
        entry=_box(b"sowt", bytes(6) + struct.pack(">H", 1) + bytes(8) + sample),
        media_header=_full(b"smhd", 0, bytes(4)),
        language=voice.language,
        enabled=voice.default,
        title=voice.title,
        chunks=tuple(tone(pitch(number - 2), second * RATE, RATE) for second in range(SECONDS)),
    )


def mp4(voices: Sequence[Voice]) -> Sample:
    """An MP4 film with these audio tracks, its index in front (faststart)."""
    tracks = [_picture_track(), *(_voice_track(n, voice) for n, voice in enumerate(voices, 2))]
    front = _box(b"ftyp", b"isom" + struct.pack(">I", 512) + b"isommp41")
    payload = b"".join(track.chunks[second] for second in range(SECONDS) for track in tracks)

    def movie(start: int) -> bytes:
        offsets: list[list[int]] = [[] for _ in tracks]
        at = start
        for second in range(SECONDS):
            for track, places in zip(tracks, offsets, strict=True):
                places.append(at)
                at += len(track.chunks[second])
        header = _full(
            b"mvhd",
            0,
            struct.pack(">IIIIIH10x", 0, 0, _MOVIE_SCALE, _MOVIE_SCALE * SECONDS, 1 << 16, 0x100),
            _MATRIX + bytes(24) + struct.pack(">I", len(tracks) + 1),
        )
        traks = (track.trak(places) for track, places in zip(tracks, offsets, strict=True))
        return _box(b"moov", header, *traks)

    start = len(front) + len(movie(0)) + 8
    content = front + movie(start) + _box(b"mdat", payload)
    return Sample(content, slice(start, len(content)))
