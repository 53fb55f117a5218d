"""The environment of a Custom Script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arrtheaudio.arr.environment import parse_environment
from arrtheaudio.arr.payloads import Delivery, TestEvent, parse
from arrtheaudio.errors import BadDelivery

SONARR = {
    "sonarr_eventtype": "Download",
    "sonarr_instancename": "Sonarr",
    "sonarr_series_title": "Fenmark",
    "sonarr_series_path": "/tv/Fenmark",
    "sonarr_series_type": "Anime",
    "sonarr_series_year": "2021",
    "sonarr_series_tags": "dub|4k",
    "sonarr_series_originallanguage": "dan",
    "sonarr_episodefile_path": "/tv/Fenmark/a.mkv",
    "PATH": "/bin",
}


def test_a_script_of_sonarr_says_what_its_webhook_says() -> None:
    app, body = parse_environment(SONARR)
    delivery = parse(app, body)
    assert isinstance(delivery, Delivery)
    assert [file.path for file in delivery.files] == ["/tv/Fenmark/a.mkv"]
    assert (app, delivery.title, delivery.year) == ("sonarr", "Fenmark", 2021)
    assert (delivery.series_type, delivery.tags) == ("anime", ("dub", "4k"))
    assert delivery.original_language == "da"


def test_the_names_may_be_in_any_case() -> None:
    upper = {name.upper(): value for name, value in SONARR.items()}
    assert parse_environment(upper) == parse_environment(SONARR)


@pytest.mark.parametrize(
    ("joined", "paths"),
    [
        ("/tv/a.mkv|/tv/b.mkv", ["/tv/a.mkv", "/tv/b.mkv"]),
        ("/tv/a|b.mkv|/tv/c.mkv", ["/tv/a|b.mkv", "/tv/c.mkv"]),
        ("C:\\tv\\a.mkv|\\\\nas\\b.mkv", ["C:\\tv\\a.mkv", "\\\\nas\\b.mkv"]),
    ],
)
def test_an_import_of_many_files_is_split(joined: str, paths: list[str]) -> None:
    env = {"sonarr_eventtype": "Download", "sonarr_episodefile_paths": joined}
    _, body = parse_environment(env)
    assert [file["path"] for file in body["episodeFiles"]] == paths


def test_radarr_without_a_path_has_a_folder_and_a_relative_path() -> None:
    app, body = parse_environment(
        {
            "radarr_eventtype": "Download",
            "radarr_movie_path": "/movies/A",
            "radarr_moviefile_relativepath": "a.mkv",
        }
    )
    delivery = parse(app, body)
    assert isinstance(delivery, Delivery)
    assert [file.path for file in delivery.files] == ["/movies/A/a.mkv"]


def test_bytes_that_are_no_text_can_be_sent_as_json() -> None:
    env = SONARR | {"sonarr_episodefile_path": "/tv/caf\udce9.mkv"}
    _, body = parse_environment(env)
    assert body["episodeFile"]["path"] == "/tv/caf\ufffd.mkv"


@pytest.mark.parametrize("year", ["", "abc", "²", "99999999"])
def test_a_year_that_is_none_is_left_out(year: str) -> None:
    _, body = parse_environment(SONARR | {"sonarr_series_year": year})
    assert "year" not in body["series"]


def test_a_shell_that_neither_app_started_is_refused() -> None:
    with pytest.raises(BadDelivery, match="sonarr_eventtype"):
        parse_environment({"PATH": "/bin", "sonarr_eventtype": ""})


def sample(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.mark.parametrize("app", ["sonarr", "radarr"])
def test_the_sampled_scripts_agree_with_the_sampled_webhooks(payloads: Path, app: str) -> None:
    pairs = [(f"env_{app}_download.env", f"{app}_download.json")]
    if app == "sonarr":
        pairs = [
            ("env_sonarr_download.env", "sonarr_download_single.json"),
            ("env_sonarr_import_complete.env", "sonarr_import_complete_season_pack.json"),
        ]
    for environment, webhook in pairs:
        from_script = parse(*parse_environment(sample(payloads / environment)))
        from_webhook = parse(app, json.loads((payloads / webhook).read_bytes()))
        assert isinstance(from_script, Delivery)
        assert isinstance(from_webhook, Delivery)
        for field in ("title", "year", "original_language", "series_type", "tags"):
            assert getattr(from_script, field) == getattr(from_webhook, field), field
        assert [f.path for f in from_script.files] == [f.path for f in from_webhook.files]


@pytest.mark.parametrize("app", ["sonarr", "radarr"])
def test_the_sampled_test_scripts_are_tests(payloads: Path, app: str) -> None:
    parsed = parse(*parse_environment(sample(payloads / f"env_{app}_test.env")))
    assert parsed == TestEvent(app)
