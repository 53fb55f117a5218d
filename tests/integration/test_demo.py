"""``arrtheaudio demo``: ends with 0 only if every file is right, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from arrtheaudio.cli import demo as module
from arrtheaudio.cli import root
from arrtheaudio.cli.demo_library import season_pack

DEMO = [sys.executable, "-m", "arrtheaudio", "demo"]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home and a temporary folder of our own; a hostile setting that must not count."""
    return {
        **os.environ,
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "ARRTHEAUDIO_EXECUTION__DRY_RUN": "true",
    }


def test_demo_puts_every_file_right_and_cleans_up(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run([*DEMO, "--json"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    assert shown["right"]
    sonarr, radarr = shown["deliveries"]
    assert [file["default_after"] for file in sonarr["files"]] == [["ja"]] * 3
    assert [file["default_after"] for file in radarr["files"]] == [["da"]]
    for file in sonarr["files"] + radarr["files"]:
        assert file["default_before"] == ["en"]
        assert file["method"] == "in_place"
        assert file["faults"] == []
    assert list(tmp_path.iterdir()) == []


def test_demo_in_words(environment: dict[str, str]) -> None:
    done = subprocess.run(DEMO, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.endswith("All files are right.\n")
    assert "\x1b" not in done.stdout  # no colours in a pipe


def test_a_wrong_file_makes_the_demo_fail(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    def wished_otherwise():
        delivery = season_pack()
        # The commentary is wanted, which the rules will never choose.
        films = [*delivery.films[:2], module.Film(*_wanting_commentary(delivery.films[2]))]
        return module.Delivery(
            delivery.sender, delivery.title, delivery.language, delivery.route, tuple(films)
        )

    monkeypatch.setattr(module, "season_pack", wished_otherwise)
    assert root.run(["demo", "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert not shown["right"]
    faults = [file["faults"] for file in shown["deliveries"][0]["files"]]
    assert faults == [[], [], ["the wanted track is not the only default"]]


def _wanting_commentary(film: module.Film) -> tuple[object, ...]:
    return film.path, film.sample, 2


def test_kept_demo_serves_until_it_is_interrupted(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [*DEMO, "--keep"],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as kept:
        assert kept.stderr is not None
        first = kept.stderr.readline()
        while "Dashboard" not in first:
            assert first, "the demo ended early"
            first = kept.stderr.readline()
        url = first.split()[-1]
        assert httpx.get(f"{url}/ping").json() == {"status": "OK"}
        kept.send_signal(signal.SIGINT)
        kept.communicate(timeout=60)
    assert kept.returncode == 0
    assert list(tmp_path.iterdir()) == []
