"""Large real files for the benchmarks, made by ffmpeg and looped to their size."""

from __future__ import annotations

import subprocess
from pathlib import Path

AUDIO = (("eng", "ac3", 6), ("jpn", "aac", 2), ("ger", "aac", 2))
CLIP_SECONDS = 2


def ffmpeg(*arguments: str) -> None:
    """Run ffmpeg quietly; raises CalledProcessError when it fails."""
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


# Noise hardly shrinks: a film of a gigabyte needs few repetitions of it.
NOISE = "nullsrc=s=1280x720:r=25,geq=random(1)*255"
TEST_CARD = "testsrc=s=160x90:r=25"


def clip(folder: Path, *, picture: str = NOISE, seconds: int = CLIP_SECONDS) -> Path:
    """A short film: one video, three audio tracks, one subtitle track."""
    target = folder / "clip.mkv"
    subtitle = folder / "clip.srt"
    subtitle.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n")
    inputs = ["-f", "lavfi", "-t", str(seconds), "-i", picture]
    maps = ["-map", "0:v"]
    for position, (language, codec, channels) in enumerate(AUDIO):
        inputs += ["-f", "lavfi", "-i", f"sine=frequency={200 * (position + 1)}:d={seconds}"]
        maps += ["-map", f"{position + 1}:a", f"-c:a:{position}", codec, f"-ac:a:{position}"]
        maps += [str(channels), f"-metadata:s:a:{position}", f"language={language}"]
        maps += [f"-disposition:a:{position}", "default" if position == 0 else "0"]
    ffmpeg(
        *inputs, "-i", str(subtitle), *maps, "-map", f"{len(AUDIO) + 1}:s", "-c:s", "srt",
        "-c:v", "libx264", "-preset", "ultrafast", "-qp", "18", str(target),
    )  # fmt: skip
    return target


def loop(source: Path, target: Path, size: int) -> Path:
    """``source`` repeated by stream copy until ``target`` has about ``size`` bytes."""
    times = max(0, round(size / source.stat().st_size) - 1)
    subtitles = ["-c:s", "mov_text"] if target.suffix == ".mp4" else []
    ffmpeg(
        "-stream_loop", str(times), "-i", str(source), "-map", "0", "-c", "copy", *subtitles,
        str(target),
    )  # fmt: skip
    return target
