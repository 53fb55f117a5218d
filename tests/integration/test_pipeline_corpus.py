"""Every real file through the door: change to each audio track, recover, undo, nothing lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import trio

from arrtheaudio import media
from arrtheaudio.errors import CorruptFile, UnsupportedContainer
from arrtheaudio.media import pipeline
from arrtheaudio.media.tracks import Context, Decision, Options, Plan, Request, Rules

# Three files of the corpus have two audio tracks: two with one default, one with both.
LEAST_CHANGED = 4


class Choosing:
    """Chooses the audio tracks of a file in turn, whatever they speak."""

    def __init__(self) -> None:
        self.place = 0

    def __call__(self, probed, rules, context, path) -> Decision:
        chosen = probed.audio[self.place] if self.place < len(probed.audio) else None
        right = chosen is not None and [one for one in probed.audio if one.default] == [chosen]
        reason = "already_correct" if right else None if chosen else "no_audio_tracks"
        return Decision((), "test", chosen, reason, (), "chosen by place")


@pytest.mark.oracle
@pytest.mark.parametrize("reorder", [False, True], ids=["in place", "reordered"])
async def test_every_change_of_every_real_file_can_be_undone(
    corpus, tmp_path, monkeypatch, reorder
) -> None:
    choosing, changed = Choosing(), 0
    monkeypatch.setattr(pipeline, "decide", choosing)
    options = Options(reorder=reorder, before_image_dir=os.fsencode(tmp_path / "images"))
    for original in real_files(corpus):
        file = tmp_path / "film"
        shutil.copyfile(original, file)
        content = file.read_bytes()
        for choosing.place in range(audio_tracks(file)):
            changed += await change_and_undo(file, options, choosing.place)
            assert file.read_bytes() == content, original
    assert changed >= LEAST_CHANGED
    assert os.listdir(tmp_path) in (["film"], ["film", "images"], ["images", "film"])


async def change_and_undo(file: Path, options: Options, place: int) -> int:
    """1 where the file was changed (and is back as it was), 0 where it was left alone."""

    async def before_write(plan: Plan) -> None:
        await trio.lowlevel.checkpoint()

    size = os.path.getsize(file)  # noqa: ASYNC240 - a file of the test's own
    request = Request(os.fsencode(file), Rules(), options=options, heavy=True, expected_size=size)
    outcome = await media.run(request, before_write=before_write)
    if outcome.plan is None:
        assert outcome.reason in ("already_correct", "no_room")
        return 0
    looked = media.inspect(request.path, Rules(), Context(), options).media
    assert [track.number for track in looked.audio if track.default] == [outcome.plan.number]
    assert media.recover(outcome.plan).state == "completed"
    undone = await media.undo(outcome.plan, before_write=before_write, options=options)
    assert media.recover(outcome.plan).state == "interrupted"
    assert undone.plan is not None
    return 1


def real_files(corpus: Path) -> list[Path]:
    return sorted(path for path in corpus.rglob("*") if path.is_file())


def audio_tracks(file: Path) -> int:
    """0 for what is no media file, or damaged."""
    try:
        return len(media.inspect(os.fsencode(file), Rules(), Context(), Options()).media.audio)
    except (CorruptFile, UnsupportedContainer):
        return 0
