"""A word in a path is found alike while the job waits and when it has ended."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from queue_kit import inline_queue, run_next

from arrtheaudio.jobs.models import JobFilter, NewJob

FILMS = {
    "élan": "/m/Élan (2020).mkv".encode(),
    "apart": unicodedata.normalize("NFD", "/m/Élan II.mkv").encode(),
    "stray": b"/m/caf\xe9 BAR.mkv",
    "street": "/m/Große Straße.mkv".encode(),
    "plain": b"/m/100%_Love.MKV",
}


@pytest.mark.parametrize(
    ("word", "films"),
    [
        ("élan", ["élan", "apart"]),
        ("ÉLAN i", ["apart"]),
        (unicodedata.normalize("NFD", "Élan"), ["élan", "apart"]),
        ("\N{REPLACEMENT CHARACTER}", ["stray"]),
        ("bar.MKV", ["stray"]),
        ("STRASSE", []),
        ("straße", ["street"]),
        ("GROßE", ["street"]),
        ("%_l", ["plain"]),
        ("\0", []),
        ("日本", []),
    ],
)
async def test_a_word_finds_the_same_files_live_and_ended(
    path: Path, autojump_clock, word: str, films: list[str]
) -> None:
    wanted = sorted(FILMS[film] for film in films)
    async with inline_queue(path, worker_count=8) as queue:
        await queue.submit([NewJob(film) for film in FILMS.values()])
        waiting = await queue.jobs(JobFilter(q=word))
        for _ in FILMS:
            await run_next(queue)
        ended = await queue.jobs(JobFilter(q=word))
    assert (sorted(job.path for job in waiting.jobs), waiting.total) == (wanted, len(wanted))
    assert (sorted(job.path for job in ended.jobs), ended.total) == (wanted, len(wanted))
