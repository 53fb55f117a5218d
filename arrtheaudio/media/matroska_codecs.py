"""Matroska's CodecIDs in ffprobe's short names (RFC 9559 leaves them to the codec registry).

Two of them only wrap another system's identifier, which CodecPrivate holds:
A_MS/ACM a WAVEFORMATEX, V_MS/VFW/FOURCC a BITMAPINFOHEADER.
"""

from __future__ import annotations

from typing import Final

# https://www.matroska.org/technical/codec_specs.html
_EXACT: Final = {
    "A_AAC": "aac", "A_AC3": "ac3", "A_AC4": "ac4", "A_ALAC": "alac", "A_ATRAC/AT1": "atrac1",
    "A_DTS": "dts", "A_EAC3": "eac3", "A_FLAC": "flac", "A_MLP": "mlp", "A_MPEG/L1": "mp1",
    "A_MPEG/L2": "mp2", "A_MPEG/L3": "mp3", "A_OPUS": "opus", "A_REAL/14_4": "ra_144",
    "A_REAL/28_8": "ra_288", "A_REAL/ATRC": "atrac3", "A_REAL/COOK": "cook",
    "A_REAL/SIPR": "sipr", "A_TRUEHD": "truehd", "A_TTA1": "tta", "A_VORBIS": "vorbis",
    "A_WAVPACK4": "wavpack",
    "D_WEBVTT/CAPTIONS": "webvtt", "D_WEBVTT/DESCRIPTIONS": "webvtt",
    "D_WEBVTT/METADATA": "webvtt", "D_WEBVTT/SUBTITLES": "webvtt",
    "S_ARIBSUB": "arib_caption", "S_ASS": "ass", "S_DVBSUB": "dvb_subtitle",
    "S_HDMV/PGS": "hdmv_pgs_subtitle", "S_HDMV/TEXTST": "hdmv_text_subtitle", "S_SSA": "ass",
    "S_TEXT/ASCII": "text", "S_TEXT/ASS": "ass", "S_TEXT/SSA": "ass", "S_TEXT/USF": "text",
    "S_TEXT/UTF8": "subrip", "S_TEXT/WEBVTT": "webvtt", "S_VOBSUB": "dvd_subtitle",
    "V_AV1": "av1", "V_AVS2": "avs2", "V_AVS3": "avs3", "V_DIRAC": "dirac", "V_FFV1": "ffv1",
    "V_MJPEG": "mjpeg", "V_MPEG1": "mpeg1video", "V_MPEG2": "mpeg2video",
    "V_MPEG4/ISO/AVC": "h264", "V_MPEG4/MS/V3": "msmpeg4v3", "V_MPEGH/ISO/HEVC": "hevc",
    "V_MPEGI/ISO/VVC": "vvc", "V_PRORES": "prores", "V_REAL/RV10": "rv10",
    "V_REAL/RV20": "rv20", "V_REAL/RV30": "rv30", "V_REAL/RV40": "rv40", "V_SNOW": "snow",
    "V_THEORA": "theora", "V_UNCOMPRESSED": "rawvideo", "V_VP8": "vp8", "V_VP9": "vp9",
}  # fmt: skip

# Families that carry a profile behind a slash: "A_AAC/MPEG4/LC/SBR", "A_AC3/BSID9".
_FAMILIES: Final = {
    "A_AAC/": "aac", "A_AC3/": "ac3", "A_DTS/": "dts", "A_OPUS/": "opus",
    "V_MPEG4/ISO/": "mpeg4",
}  # fmt: skip

# wFormatTag of WAVEFORMATEX (RFC 2361), and the registry behind it.
_WAVE_FORMATS: Final = {
    0x0001: "pcm_s16le", 0x0002: "adpcm_ms", 0x0003: "pcm_f32le", 0x0006: "pcm_alaw",
    0x0007: "pcm_mulaw", 0x0011: "adpcm_ima_wav", 0x0050: "mp2", 0x0055: "mp3",
    0x00FF: "aac", 0x0160: "wmav1", 0x0161: "wmav2", 0x0162: "wmapro", 0x0163: "wmalossless",
    0x1600: "aac", 0x1610: "aac", 0x2000: "ac3", 0x2001: "dts", 0xF1AC: "flac",
}  # fmt: skip

_FOURCCS: Final = {
    b"AVC1": "h264", b"DIV3": "msmpeg4v3", b"DIV4": "msmpeg4v3", b"DIVX": "mpeg4",
    b"DX50": "mpeg4", b"FMP4": "mpeg4", b"H264": "h264", b"HEVC": "hevc", b"MJPG": "mjpeg",
    b"MP42": "msmpeg4v2", b"MP43": "msmpeg4v3", b"MP4V": "mpeg4", b"WMV1": "wmv1",
    b"WMV2": "wmv2", b"WMV3": "wmv3", b"WVC1": "vc1", b"XVID": "mpeg4",
}  # fmt: skip


def short_name(codec_id: str, private: bytes = b"", bit_depth: int = 0) -> str:
    """ffprobe's name; the CodecID itself where there is none.

    Args:
        codec_id: CodecID.
        private: the first bytes of CodecPrivate (20 suffice).
        bit_depth: BitDepth of the Audio element, for PCM; 0 if not stated.
    """
    name = _EXACT.get(codec_id)
    if name is not None:
        return name
    for family, member in _FAMILIES.items():
        if codec_id.startswith(family):
            return member
    if codec_id.startswith("A_PCM/"):
        return _pcm(codec_id, bit_depth)
    if codec_id == "A_MS/ACM":
        return _WAVE_FORMATS.get(int.from_bytes(private[:2], "little"), codec_id)
    if codec_id == "V_MS/VFW/FOURCC":
        return _FOURCCS.get(private[16:20].upper(), codec_id)
    return codec_id


def _pcm(codec_id: str, bit_depth: int) -> str:
    bits = bit_depth or 16
    if codec_id == "A_PCM/FLOAT/IEEE":
        return "pcm_f64le" if bits == 64 else "pcm_f32le"
    order = "be" if codec_id == "A_PCM/INT/BIG" else "le"
    return "pcm_u8" if bits == 8 else f"pcm_s{bits}{order}"
