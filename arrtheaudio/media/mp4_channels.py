"""How many channels an audio track really has, by its codec's own box.

Owns those boxes' layouts; pure. Each reader takes a box's body and gives a
count, or None where the box leaves it open; a cut-off box counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from arrtheaudio.errors import CorruptFile
from arrtheaudio.media.mp4_boxes import Bits

# --- MPEG-4 (ISO/IEC 14496-1, 7.2.6; 14496-3, 1.6) ---------------------------

ES_DESCRIPTOR: Final = 3
DECODER_CONFIG: Final = 4
DECODER_SPECIFIC: Final = 5
BEFORE_SPECIFIC: Final = 13  # bytes of DecoderConfigDescriptor before its own descriptors
OBJECT_TYPE_AUDIO: Final = 0x40
MPEG2_AAC: Final = frozenset({0x66, 0x67, 0x68})

SBR: Final = 5
PARAMETRIC_STEREO: Final = 29
ESCAPE: Final = 31
AAC_SCALABLE: Final = frozenset({6, 20})
# Audio object types whose configuration is GASpecificConfig.
GENERAL_AUDIO: Final = frozenset({1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23})
# Table 1.19: channels by channelConfiguration; 0 is a program_config_element.
CONFIGURATIONS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 13: 24, 14: 8}


def _descriptor(content: bytes, tag: int) -> bytes:
    """The payload of the first descriptor of this tag among its siblings."""
    at = 0
    while at + 2 <= len(content):
        found = content[at]
        at += 1
        length = 0
        for _ in range(4):  # seven bits a byte, the high bit says more follow
            if at >= len(content):
                return b""
            byte = content[at]
            at += 1
            length = length << 7 | byte & 0x7F
            if not byte & 0x80:
                break
        if found == tag:
            return content[at : at + length]
        at += length
    return b""


@lru_cache(maxsize=64)  # asked for the name, the kind of AAC and the channels of each track
def _decoder_config(esds: bytes) -> bytes:
    """DecoderConfigDescriptor out of the body of esds."""
    stream = _descriptor(esds[4:], ES_DESCRIPTOR)
    if len(stream) < 3:  # some writers leave the ES_Descriptor out
        return _descriptor(esds[4:], DECODER_CONFIG)
    flags, at = stream[2], 3
    at += 2 if flags & 0x80 else 0  # dependsOn_ES_ID
    at += 1 + stream[at] if flags & 0x40 and at < len(stream) else 0  # URL
    at += 2 if flags & 0x20 else 0  # OCR_ES_Id
    return _descriptor(stream[at:], DECODER_CONFIG)


def object_type(esds: bytes) -> int | None:
    """objectTypeIndication of an esds box."""
    config = _decoder_config(esds)
    return config[0] if config else None


def audio_object_type(esds: bytes) -> int | None:
    """The audio object type that AudioSpecificConfig in an esds box names."""
    specific = _audio_specific(esds)
    try:
        return _audio_object_type(Bits(specific)) if specific else None
    except CorruptFile:
        return None


def _audio_specific(esds: bytes) -> bytes:
    config = _decoder_config(esds)
    if not config or (config[0] != OBJECT_TYPE_AUDIO and config[0] not in MPEG2_AAC):
        return b""
    return _descriptor(config[BEFORE_SPECIFIC:], DECODER_SPECIFIC)


def _esds(body: bytes) -> int | None:
    specific = _audio_specific(body)
    return audio_specific_config(specific) if specific else None


def audio_specific_config(content: bytes) -> int | None:
    """Channels by AudioSpecificConfig (14496-3, 1.6.2.1)."""
    bits = Bits(content)
    kind = _audio_object_type(bits)
    _skip_frequency(bits)
    configuration = bits.take(4)
    if kind in (SBR, PARAMETRIC_STEREO):
        parametric = kind == PARAMETRIC_STEREO
        _skip_frequency(bits)
        kind = _audio_object_type(bits)
        if parametric and configuration == 1:
            return 2
    if configuration:
        return CONFIGURATIONS.get(configuration)
    return _program_config(bits, kind) if kind in GENERAL_AUDIO else None


def _audio_object_type(bits: Bits) -> int:
    kind = bits.take(5)
    return 32 + bits.take(6) if kind == ESCAPE else kind


def _skip_frequency(bits: Bits) -> None:
    if bits.take(4) == 15:
        bits.take(24)


def _program_config(bits: Bits, kind: int) -> int:
    """Channels by program_config_element, inside GASpecificConfig (14496-3, 4.4.1)."""
    bits.take(1)  # frameLengthFlag
    if bits.take(1):  # dependsOnCoreCoder
        bits.take(14)
    bits.take(1)  # extensionFlag
    if kind in AAC_SCALABLE:
        bits.take(3)  # layerNr
    bits.take(4 + 2 + 4)  # element_instance_tag, object_type, sampling_frequency_index
    elements = sum(bits.take(4) for _ in range(3))  # front, side, back
    low = bits.take(2)
    bits.take(3 + 4)  # associated data, coupling channels
    for width in (4, 4, 3):  # mono, stereo and matrix mixdown
        if bits.take(1):
            bits.take(width)
    return low + sum(1 + (bits.take(5) >> 4) for _ in range(elements))


# --- Dolby (ETSI TS 102 366, Annex F; TrueHD: Dolby TrueHD bitstreams in ISO files) -----

ACMOD: Final = (2, 1, 2, 3, 3, 4, 4, 5)
# chan_loc of dec3, lowest bit first: Lc/Rc, Lrs/Rrs, Cs, Ts, Lsd/Rsd, Lw/Rw, Lvh/Rvh, Cvh, LFE2.
CHAN_LOC: Final = (2, 2, 1, 1, 2, 2, 2, 1, 1)
# Channel assignments of TrueHD, lowest bit first; the six-channel one has the first five.
TRUEHD: Final = (2, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1)


def _marked(mask: int, counts: tuple[int, ...]) -> int:
    return sum(count for bit, count in enumerate(counts) if mask >> bit & 1)


def _dac3(body: bytes) -> int:
    bits = Bits(body)
    bits.take(2 + 5 + 3)  # fscod, bsid, bsmod
    mode = bits.take(3)
    return ACMOD[mode] + bits.take(1)


def _dec3(body: bytes) -> int:
    """The first independent substream with what its dependent substreams add."""
    return next(_substreams(Bits(body)))


def _substreams(bits: Bits) -> Iterator[int]:
    """Channels of each independent substream, up to the end of the list of dec3."""
    bits.take(13)  # data_rate
    for _ in range(bits.take(3) + 1):  # num_ind_sub
        bits.take(2 + 5 + 1 + 1 + 3)  # fscod, bsid, reserved, asvc, bsmod
        channels = ACMOD[bits.take(3)]
        channels += bits.take(1)  # lfeon
        bits.take(3)
        dependent = bits.take(4)  # num_dep_sub
        if dependent:
            channels += _marked(bits.take(9), CHAN_LOC)
        yield channels
        if not dependent:
            bits.take(1)


def has_joint_objects(body: bytes) -> bool:
    """Whether dec3 tells of Dolby Atmos: flag_ec3_extension_type_a (TS 103 420, 8.3)."""
    bits = Bits(body)
    try:
        for _ in _substreams(bits):
            pass
        return bits.take(8) & 1 == 1
    except CorruptFile:
        return False


def _dmlp(body: bytes) -> int | None:
    bits = Bits(body)
    bits.take(4 + 1 + 1 + 2 + 2 + 2)  # rate, multichannel types, reserved, two modifiers
    six = bits.take(5)
    bits.take(2)
    eight = bits.take(13)
    return _marked(eight or six, TRUEHD) or None


# --- DTS (ETSI TS 102 114, Annex E) -------------------------------------------

# ChannelLayout, lowest bit first: C, L/R, Ls/Rs, LFE1, Cs, Lh/Rh, Lsr/Rsr, Ch, Oh, Lc/Rc,
# Lw/Rw, Lss/Rss, LFE2, Lhs/Rhs, Chr, Lhr/Rhr.
DTS_LAYOUT: Final = (1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 2, 1, 2, 1, 2)


def _ddts(body: bytes) -> int | None:
    bits = Bits(body)
    bits.take(32 * 3 + 8)  # sampling frequency, two bit rates, sample depth
    bits.take(2 + 5 + 1 + 6 + 14 + 1 + 3)  # … to RepresentationType
    return _marked(bits.take(16), DTS_LAYOUT) or None


# --- others ---------------------------------------------------------------------


def _dops(body: bytes) -> int | None:
    """OutputChannelCount (Encapsulation of Opus in ISO Base Media File Format, 4.3.2)."""
    return body[1] if len(body) > 1 else None


def _dfla(body: bytes) -> int | None:
    """STREAMINFO, which comes first (Encapsulation of FLAC in ISO files, 3.3.2; RFC 9639, 8.2)."""
    bits = Bits(body[8:])
    bits.take(16 + 16 + 24 + 24 + 20)  # block sizes, frame sizes, sample rate
    return bits.take(3) + 1


def _alac(body: bytes) -> int | None:
    """ALACSpecificConfig behind version and flags: numChannels."""
    return body[13] if len(body) > 13 else None


READERS: Final[dict[bytes, Callable[[bytes], int | None]]] = {
    b"esds": _esds,
    b"dac3": _dac3,
    b"dec3": _dec3,
    b"dmlp": _dmlp,
    b"ddts": _ddts,
    b"dOps": _dops,
    b"dfLa": _dfla,
    b"alac": _alac,
}


def channels_of(children: Mapping[bytes, bytes]) -> int | None:
    """The count by the codec's box among an entry's children; None: the entry must tell."""
    for kind, reader in READERS.items():
        body = children.get(kind)
        if body is not None:
            try:
                return reader(body) or None
            except CorruptFile:
                return None
    return None
