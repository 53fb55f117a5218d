"""How many channels each place in a codec's own box stands for."""

from __future__ import annotations

import pytest
from synth_mp4 import aac_config, bits, descriptor, esds, full_box, u8, u16

from arrtheaudio.media.mp4_channels import audio_specific_config, channels_of

MONO_FRONT = (
    *((0, 4), (1, 2), (3, 4)),  # element_instance_tag, object_type, sampling_frequency_index
    *((1, 4), (0, 4), (0, 4), (1, 2)),  # front, side, back, LFE elements
    *((0, 3), (0, 4), (0, 1), (0, 1), (0, 1)),  # nothing else, no mixdowns
    (0, 5),  # a single channel
)


def specific(kind: int) -> tuple[tuple[int, int], ...]:
    """GASpecificConfig of one channel and LFE (ISO/IEC 14496-3, 4.4.1)."""
    layer = ((5, 3),) if kind in (6, 20) else ()  # AAC scalable, and its error resilient kind
    return (0, 1), (0, 1), (1, 1), *layer, *MONO_FRONT


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23])
def test_each_kind_of_aac_lists_its_elements_alike(kind: int) -> None:
    assert audio_specific_config(bits((kind, 5), (3, 4), (0, 4), *specific(kind))) == 2


@pytest.mark.parametrize("kind", [8, 24, 32, 42])
def test_other_kinds_leave_the_count_open(kind: int) -> None:
    named = ((31, 5), (kind - 32, 6)) if kind > 31 else ((kind, 5),)
    assert audio_specific_config(bits(*named, (3, 4), (0, 4), *specific(kind))) is None


@pytest.mark.parametrize("rate", [((3, 4),), ((15, 4), (48000, 24))])
@pytest.mark.parametrize("kind", [5, 29])
def test_behind_its_extension_the_core_lists_its_elements(kind: int, rate: tuple) -> None:
    fields = (kind, 5), (6, 4), (0, 4), *rate, (2, 5), *specific(2)
    assert audio_specific_config(bits(*fields)) == 2


# ISO/IEC 14496-3, table 1.19; the rest is reserved.
COUNTS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 13: 24, 14: 8}


@pytest.mark.parametrize("configuration", range(1, 16))
def test_each_channel_configuration_has_its_count(configuration: int) -> None:
    fields = (2, 5), (3, 4), (configuration, 4)
    assert audio_specific_config(bits(*fields)) == COUNTS.get(configuration)


@pytest.mark.parametrize("indication", [0x40, 0x66, 0x67, 0x68])
def test_mpeg_2_s_aac_is_configured_like_mpeg_4_s(indication: int) -> None:
    assert channels_of({b"esds": esds(indication, aac_config(6))[8:]}) == 6
    assert channels_of({b"esds": esds(0x69, aac_config(6))[8:]}) is None


@pytest.mark.parametrize("flags", [0x40, 0x60, 0xC0, 0xE0])
def test_a_stream_that_ends_in_its_address_tells_nothing(flags: int) -> None:
    body = full_box("esds", descriptor(3, u16(1), u8(flags)))[8:]
    assert channels_of({b"esds": body}) is None


# ETSI TS 102 366, 4.4.2.3: acmod.
@pytest.mark.parametrize(("mode", "count"), [*enumerate([2, 1, 2, 3, 3, 4, 4, 5])])
@pytest.mark.parametrize("lfe", [0, 1])
def test_each_audio_coding_mode_has_its_count(mode: int, count: int, lfe: int) -> None:
    dac3 = bits((0, 2), (8, 5), (0, 3), (mode, 3), (lfe, 1), (10, 5), (0, 5))
    assert channels_of({b"dac3": dac3}) == count + lfe
    assert channels_of({b"dec3": dec3(mode, lfe)}) == count + lfe


def dec3(mode: int, lfe: int, *, places: int | None = None) -> bytes:
    dependent = ((0, 4), (0, 1)) if places is None else ((1, 4), (places, 9))
    head = (640, 13), (0, 3), (0, 2), (16, 5), (0, 1), (0, 1), (0, 3)
    return bits(*head, (mode, 3), (lfe, 1), (0, 3), *dependent)


# chan_loc (F.6.2): Lc/Rc, Lrs/Rrs, Cs, Ts, Lsd/Rsd, Lw/Rw, Lvh/Rvh, Cvh, LFE2
@pytest.mark.parametrize(("place", "more"), [*enumerate([2, 2, 1, 1, 2, 2, 2, 1, 1])])
def test_a_dependent_substream_adds_the_channels_of_its_places(place: int, more: int) -> None:
    assert channels_of({b"dec3": dec3(7, 1, places=1 << place)}) == 6 + more


# L/R, C, LFE, Ls/Rs, Lvh/Rvh, Lc/Rc, Lrs/Rrs, Cs, Ts, Lsd/Rsd, Lw/Rw, Cvh, LFE2
TRUEHD = [2, 1, 1, 2, 2, 2, 2, 1, 1, 2, 2, 1, 1]


@pytest.mark.parametrize(("place", "count"), [*enumerate(TRUEHD)])
def test_each_place_of_truehd_has_its_count(place: int, count: int) -> None:
    eight = bits((0, 12), (0, 5), (0, 2), (1 << place, 13))
    assert channels_of({b"dmlp": eight}) == count
    if place < 5:
        six = bits((0, 12), (1 << place, 5), (0, 2), (0, 13))
        assert channels_of({b"dmlp": six}) == count


# ETSI TS 102 114, table E-5: C, L/R, Ls/Rs, LFE, Cs, Lh/Rh, Lsr/Rsr, Ch, Oh, Lc/Rc, Lw/Rw,
# Lss/Rss, LFE2, Lhs/Rhs, Chr, Lhr/Rhr
DTS = [1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2, 2, 1, 2, 1, 2]


@pytest.mark.parametrize(("place", "count"), [*enumerate(DTS)])
def test_each_place_of_dts_has_its_count(place: int, count: int) -> None:
    assert channels_of({b"ddts": bits((0, 104), (0, 32), (1 << place, 16), (0, 8))}) == count


@pytest.mark.parametrize("kind", [b"dmlp", b"ddts"])
def test_without_any_place_the_entry_tells(kind: bytes) -> None:
    assert channels_of({kind: bytes(40)}) is None


# How many bytes tell the count; what follows may be missing.
BYTES = {b"dac3": 2, b"dec3": 5, b"dmlp": 4, b"ddts": 19, b"dOps": 2, b"dfLa": 21, b"alac": 14}


@pytest.mark.parametrize("kind", BYTES)
def test_a_box_that_is_cut_off_before_its_count_is_as_good_as_absent(kind: bytes) -> None:
    told = [channels_of({kind: b"\1" * length}) for length in range(BYTES[kind] + 2)]
    assert [length for length, count in enumerate(told) if count is None] == [*range(BYTES[kind])]
