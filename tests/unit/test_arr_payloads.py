"""Webhook bodies of Sonarr and Radarr."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arrtheaudio.arr.payloads import MAX_FILES, Delivery, Ignored, ImportedFile, TestEvent, parse
from arrtheaudio.errors import BadDelivery

SERIES = {
    "title": "Harbour of Glass",
    "path": "/tv/Harbour of Glass",
    "type": "anime",
    "year": 2023,
    "tags": ["dub", "dub", "", 7],
    "originalLanguage": {"id": 37, "name": "Spanish (Latino)"},
}
A = {"path": "/tv/Harbour of Glass/a.mkv", "size": 1000}
B = {"path": "/tv/Harbour of Glass/b.mkv"}


def download(**more: Any) -> dict[str, Any]:
    return {"eventType": "Download", "series": SERIES} | more


def paths(body: object) -> list[str]:
    delivery = parse("sonarr", body)
    assert isinstance(delivery, Delivery)
    return [file.path for file in delivery.files]


def test_on_file_import_carries_one_file() -> None:
    assert parse("sonarr", download(episodeFile=A)) == Delivery(
        app="sonarr",
        event="Download",
        files=(ImportedFile("/tv/Harbour of Glass/a.mkv", 1000),),
        title="Harbour of Glass",
        year=2023,
        original_language="es-419",
        series_type="anime",
        tags=("dub",),
    )


def test_on_import_complete_carries_many_in_order_each_once() -> None:
    assert paths(download(episodeFiles=[B, A, B])) == [B["path"], A["path"]]


def test_both_shapes_in_one_body_are_one_delivery() -> None:
    assert paths(download(episodeFile=A, episodeFiles=[B, A])) == [A["path"], B["path"]]


def test_radarr_names_its_folder_otherwise() -> None:
    delivery = parse(
        "radarr",
        {
            "eventType": "Download",
            "movie": {"title": "Le Phare", "folderPath": "/movies/Le Phare/"},
            "movieFile": {"relativePath": "Le Phare.mkv"},
        },
    )
    assert isinstance(delivery, Delivery)
    assert delivery.files == (ImportedFile("/movies/Le Phare/Le Phare.mkv"),)
    assert (delivery.title, delivery.series_type) == ("Le Phare", None)


@pytest.mark.parametrize("key", ["movieFiles", "movieFile", "episodeFile", "episodeFiles"])
@pytest.mark.parametrize("wrap", [False, True])
def test_every_key_takes_one_file_or_a_list(key: str, wrap: bool) -> None:
    assert paths(download(**{key: [A] if wrap else A})) == [A["path"]]


@pytest.mark.parametrize(
    ("folder", "entry", "path"),
    [
        ("/tv/A", {"relativePath": "S1/a.mkv"}, "/tv/A/S1/a.mkv"),
        ("/", {"relativePath": "a.mkv"}, "/a.mkv"),
        ("C:\\TV\\A", {"relativePath": "S1\\a.mkv"}, "C:\\TV\\A\\S1\\a.mkv"),
        ("\\\\nas\\tv\\", {"relativePath": "a.mkv"}, "\\\\nas\\tv\\a.mkv"),
        ("/tv/A", {"path": "S1/a.mkv"}, "/tv/A/S1/a.mkv"),
        ("/tv/A", {"path": "", "relativePath": "a.mkv"}, "/tv/A/a.mkv"),
        ("/tv/A", {"path": 5, "relativePath": "a.mkv"}, "/tv/A/a.mkv"),
        ("/tv/A", {"path": "C:\\x.mkv"}, "C:\\x.mkv"),
        ("/tv/Caf\ufffd", {"relativePath": "a.mkv"}, "/tv/Caf\ufffd/a.mkv"),
    ],
)
def test_a_path_is_formed_from_the_folder(folder: str, entry: Any, path: str) -> None:
    assert paths({"eventType": "Download", "series": {"path": folder}, "episodeFile": entry}) == [
        path
    ]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        7,
        "/tv/a.mkv",
        [],
        {},
        {"path": None},
        {"relativePath": "a.mkv"},
        {"path": "a.mkv"},
        {"path": "/tv/a\0.mkv"},
        {"path": "/tv/\ud800.mkv"},
        {"path": "/tv/" + "a" * 5000},
    ],
)
def test_an_entry_without_a_usable_path_is_left_out(entry: object) -> None:
    body = {"eventType": "Download", "episodeFiles": [entry, A]}
    delivery = parse("sonarr", body)
    assert isinstance(delivery, Delivery)
    assert (delivery.files, delivery.unusable) == ((ImportedFile(A["path"], 1000),), 1)
    with pytest.raises(BadDelivery, match="no file has a usable path"):
        parse("sonarr", {"eventType": "Download", "episodeFiles": [entry]})


def test_an_import_without_a_file_is_bad() -> None:
    with pytest.raises(BadDelivery, match="without a file"):
        parse("sonarr", download())


def test_a_delivery_has_an_end() -> None:
    files = [{"path": f"/tv/{number}.mkv"} for number in range(MAX_FILES + 1)]
    assert len(paths(download(episodeFiles=files[:-1]))) == MAX_FILES
    with pytest.raises(BadDelivery, match="files in one delivery"):
        parse("sonarr", download(episodeFiles=files))


@pytest.mark.parametrize("event", ["Test", "test", "TEST", " Test "])
def test_the_test_button_is_known_in_any_case(event: str) -> None:
    body = {"eventType": event, "series": {"path": "C:\\testpath"}}
    assert parse("sonarr", body) == TestEvent("sonarr")


@pytest.mark.parametrize("event", ["download", "DOWNLOAD"])
def test_download_is_known_in_any_case(event: str) -> None:
    assert paths({"eventType": event, "episodeFile": A}) == [A["path"]]


@pytest.mark.parametrize("event", ["Rename", "Grab", "Health", "EpisodeFileDelete", "Future"])
def test_every_other_event_is_ignored(event: str) -> None:
    body = {"eventType": event, "deletedFiles": True, "renamedEpisodeFiles": [A]}
    assert parse("sonarr", body) == Ignored("sonarr", event, f"{event} events need no work")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "the body is missing"),
        ([], "the body is a list"),
        ("Download", "the body is a text"),
        (7, "the body is a number"),
        (True, "the body is true or false"),
        ({}, "eventType is missing"),
        ({"eventType": ""}, "eventType is empty"),
        ({"eventType": {}}, "eventType is an object"),
        ({"eventType": 1.5}, "eventType is a number"),
    ],
)
def test_what_is_no_event_is_bad(body: object, message: str) -> None:
    with pytest.raises(BadDelivery, match=message):
        parse("sonarr", body)


@pytest.mark.parametrize("size", [None, "big", True, -1, 1.5, float("nan"), 1 << 63, [], {"a": 1}])
def test_an_impossible_size_is_unknown(size: object) -> None:
    delivery = parse("sonarr", download(episodeFile=A | {"size": size}))
    assert isinstance(delivery, Delivery)
    assert delivery.files[0].size is None


def test_what_is_known_of_a_title_may_be_anything() -> None:
    for series in (
        [],
        "x",
        {"title": 5, "year": "x", "tags": "dub", "type": {}, "originalLanguage": 19},
        {"title": "\0", "year": 0, "tags": [[], None], "originalLanguage": {"id": 1}},
    ):
        body = {"eventType": "Download", "series": series, "episodeFile": A}
        assert parse("radarr", body) == Delivery(
            "radarr", "Download", (ImportedFile(A["path"], 1000),)
        )


def test_texts_of_a_title_are_short_and_can_be_sent() -> None:
    series = {"title": "\ud800" + "x" * 10_000, "tags": [str(n) for n in range(5000)]}
    delivery = parse("sonarr", {"eventType": "Download", "series": series, "episodeFile": A})
    assert isinstance(delivery, Delivery)
    assert delivery.title == "?" + "x" * 499
    assert len(delivery.tags) == 100


@pytest.mark.parametrize("language", [{"name": "Danish"}, "Danish", {"name": "dan"}])
def test_the_original_language_is_known_by_name(language: object) -> None:
    body = download(episodeFile=A) | {"series": {"originalLanguage": language}}
    delivery = parse("sonarr", body)
    assert isinstance(delivery, Delivery)
    assert delivery.original_language == "da"


# --- the collected samples ---------------------------------------------------------

EXPECTED: dict[str, object] = {  # number of files, "test", "ignored" or "bad"
    "sonarr_download_single": 1,
    "sonarr_upgrade": 1,
    "sonarr_import_complete_season_pack": 3,
    "sonarr_rename": "ignored",
    "radarr_rename": "ignored",
    "sonarr_test": "test",
    "radarr_test": "test",
    "sonarr_grab": "ignored",
    "sonarr_health": "ignored",
    "sonarr_episode_file_delete": "ignored",
    "radarr_movie_file_delete": "ignored",
    "radarr_download": 1,
    "edge_lowercase_event": 1,
    "edge_relative_path_only": 1,
    "edge_replacement_char_path": 1,
    "edge_unknown_event": "ignored",
    "hostile_download_without_file": "bad",
    "hostile_empty_file_list": "bad",
    "hostile_huge_5000_files": "bad",
    "hostile_missing_event_type": "bad",
    "hostile_missing_path": "bad",
    "hostile_path_list_with_nulls": 1,
    "hostile_path_too_long": "bad",
    "hostile_path_traversal": 1,
    "hostile_top_level_array": "bad",
    "hostile_top_level_scalar": "bad",
    "hostile_wrong_types": "bad",
}


def outcome(name: str, body: object) -> object:
    try:
        parsed = parse("radarr" if name.startswith("radarr") else "sonarr", body)
    except BadDelivery:
        return "bad"
    match parsed:
        case Delivery(files=files):
            return len(files)
        case Ignored():
            return "ignored"
        case TestEvent():
            return "test"


def test_every_sample_is_read_as_expected(payloads: Path) -> None:
    samples = {file.stem: json.loads(file.read_bytes()) for file in payloads.glob("*.json")}
    assert {name: outcome(name, body) for name, body in samples.items()} == EXPECTED


def test_what_a_sample_tells_of_its_title(payloads: Path) -> None:
    pack = json.loads((payloads / "sonarr_import_complete_season_pack.json").read_bytes())
    delivery = parse("sonarr", pack)
    assert isinstance(delivery, Delivery)
    assert (delivery.title, delivery.year, delivery.original_language) == ("Fenmark", 2021, "da")
    assert [file.size for file in delivery.files if file.size] == [
        entry["size"] for entry in pack["episodeFiles"]
    ]
