"""A configuration is read strictly: every fault is told, nothing is taken loosely."""

from __future__ import annotations

import pytest
from config_sandbox import Sandbox

from arrtheaudio.errors import ConfigError
from arrtheaudio.media import compile_glob


def test_all_problems_are_told_at_once_with_path_and_expectation(box: Sandbox) -> None:
    text = """
processing: {worker_count: 9, retrys: 1}
api: {port: "9393", auth: maybe}
selection: {avoid_supplementary: yes}
path_overrides: [{path: /a, languages: [en]}]
media: in_place
mediaroots: []
"""
    assert box.problems(text, overrides={"execution.dry_run": 1}) == {
        "processing.worker_count": "expected 0 to 8, got 9",
        "processing.retrys": "unknown key; did you mean retry_attempts?",
        "api.port": "expected 0 to 65535, got '9393'",
        "api.auth": "expected key or none, got 'maybe'",
        "selection.avoid_supplementary": "expected true or false, got 'yes'",
        "path_overrides[0].languages": "unknown key; did you mean language_priority?",
        "path_overrides[0].language_priority": "is missing",
        "media": "expected keys below it, got 'in_place'",
        "mediaroots": "unknown key; did you mean media_roots?",
        "execution.dry_run": "expected true or false, got 1",
    }


def test_a_series_type_that_sonarr_does_not_know_is_told(box: Sandbox) -> None:
    text = "series_type_overrides: {anmie: [jpn], cartoon: [eng], Daily: [eng], true: [eng]}"
    assert box.problems(text) == {
        "series_type_overrides.anmie": "unknown key; did you mean anime?",
        "series_type_overrides.cartoon": "unknown key; known are standard, daily, anime",
        "series_type_overrides.true": "unknown key; known are standard, daily, anime",
    }


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("api: {port: true}", "api.port"),
        ("api: {port: 65536}", "api.port"),
        ("api: {port: 1e3}", "api.port"),
        ("api: {port: null}", "api.port"),
        ("api: {host: 'a b'}", "api.host"),
        ("api: {url_base: 'http://x/'}", "api.url_base"),
        ("api: {url_base: /a/../b}", "api.url_base"),
        ("api: {auth: none, host: 0.0.0.0}", "api.auth"),
        ("media: {settle_seconds: .inf}", "media.settle_seconds"),
        ("media: {settle_seconds: -1}", "media.settle_seconds"),
        ("media_roots: /media", "media_roots"),
        ("media_roots: [null]", "media_roots[0]"),
        ('media_roots: ["/a\\0b"]', "media_roots[0]"),
        ('media_roots: ["/\\ud800"]', "media_roots[0]"),
        ('path_mappings: [{remote: "\\udbff", local: /a}]', "path_mappings[0].remote"),
        ("language_priority: []", "language_priority"),
        ("language_priority: ['']", "language_priority[0]"),
        ("language_priority: [1]", "language_priority[0]"),
        ("language_priority: [eng, japanese]", "language_priority[1]"),
        ("language_priority: [xx]", "language_priority[0]"),
        ("language_priority: [original, any]", "language_priority[1]"),  # not the language Anyin
        ("language_priority: [ALL]", "language_priority[0]"),  # not Allar
        ("selection: {undetermined: nothing}", "selection.undetermined"),
        ("tag_overrides: [{tag: 4, language_priority: [en]}]", "tag_overrides[0].tag"),
        ("tag_overrides: [dub]", "tag_overrides[0]"),
        (
            "path_overrides: [{path: '/{1..100000}', language_priority: [en]}]",
            "path_overrides[0].path",
        ),
        ("series_type_overrides: {anime: jpn}", "series_type_overrides.anime"),
        ("series_type_overrides: [anime]", "series_type_overrides"),
        ("path_mappings: [{remote: /a, local: b}]", "path_mappings[0].local"),
        ("logging: {level: loud}", "logging.level"),
        ("processing: {job_history_days: 0}", "processing.job_history_days"),
        ("- a list", "the file"),
        ("just words", "the file"),
        ("api: {port: 1}\napi: {port: 2}", "api"),
        ("api: {port: 1, port: 1}", "api.port"),
        ("api: {port: !!int '1'}", "api.port"),
        ("api: !!python/object:os.system {}", "api"),
        ("? [a]\n: 1", "the file"),
        ("a: 1\n---\nb: 2", "the file"),
        ("api: {<<: {port: 1}}", "api.<<"),
        ("\t- x", "the file"),
        (b"\xff\xfe\x00", "the file"),
        (b"a: \x00", "the file"),
        ("[" * 5000, "the file"),
        ("x: '" + "y" * 300_000 + "'", "the file"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(box: Sandbox, text: str | bytes, key: str) -> None:
    assert key in box.problems(text)


GLOBS = [
    ("{link}/anime/**", "{real}/anime/**", "{real}/anime/A/a.mkv"),
    ("{link}/anime", "{real}/anime{{,/**}}", "{real}/anime/A/a.mkv"),
    ("{link}/ani*/", "{real}/ani*/", "{real}/anime/A/a.mkv"),
    ("{link}", "{real}{{,/**}}", "{real}/a.mkv"),
    ("{link}/{{a,b}}/c", "{real}/{{a,b}}/c", "{real}/b/c"),
    ("{real}/anime/**", "{real}/anime/**", "{real}/anime/A/a.mkv"),
    ("{real}/./anime/**", "{real}/anime/**", "{real}/anime/A/a.mkv"),
    ("{real}//x/../anime/", "{real}/anime{{,/**}}", "{real}/anime/A/a.mkv"),
    ("anime/**", "anime/**", "{real}/anime/A/a.mkv"),
]


@pytest.mark.parametrize(("written", "read", "file"), GLOBS)
def test_path_overrides_follow_the_links_of_a_media_root(
    box: Sandbox, written: str, read: str, file: str
) -> None:
    real, link = box.folder.resolve() / "disk", box.folder / "media"
    real.mkdir()
    link.symlink_to(real)
    given = written.format(link=link, real=real)
    loaded = box.load(f"path_overrides: [{{path: '{given}', language_priority: [jpn]}}]")
    [override] = loaded.config.path_overrides
    assert override.path == read.format(link=link, real=real)
    path = file.format(real=real)
    assert any(regex.fullmatch(path) for regex in compile_glob(override.path))


def test_a_folder_behind_a_link_whose_name_looks_like_a_glob_is_meant_literally(
    box: Sandbox,
) -> None:
    real, link = box.folder.resolve() / "disk [1]{x}*", box.folder / "media"
    real.mkdir()
    link.symlink_to(real)
    loaded = box.load(f"path_overrides: [{{path: '{link}', language_priority: [jpn]}}]")
    regexes = compile_glob(loaded.config.path_overrides[0].path)
    assert any(regex.fullmatch(f"{real}/A/a.mkv") for regex in regexes)
    assert not any(regex.fullmatch(f"{box.folder.resolve()}/disk 1/a.mkv") for regex in regexes)


def test_language_codes_that_yaml_1_1_takes_for_switches_stay_codes(box: Sandbox) -> None:
    assert box.load("language_priority: [no, nb]").config.language_priority == ("no", "nb")


@pytest.mark.parametrize(
    "word",
    ["eng", "ger", "deu", "ja", "pt-BR", "pt_br", "zh-Hans", "es-419", "und", "jp", "Original"],
)
def test_every_usual_spelling_of_a_language_is_taken(box: Sandbox, word: str) -> None:
    assert box.load(f"language_priority: [{word}]").config.language_priority == (word,)


def test_dates_and_sexagesimal_numbers_stay_text(box: Sandbox) -> None:
    text = "path_overrides: [{path: 2024-01-01, language_priority: [en]}]\nmedia_roots: [1:30]"
    assert box.problems(text) == {"media_roots[0]": "expected an absolute path, got '1:30'"}


def test_aliases_are_followed_but_cannot_explode(box: Sandbox) -> None:
    shared = "language_priority: &mine [jpn, eng]\nseries_type_overrides: {anime: *mine}"
    assert box.load(shared).config.series_type_overrides == {"anime": ("jpn", "eng")}
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for depth in range(1, 7):
        lines.append(f"a{depth}: &a{depth} [{', '.join([f'*a{depth - 1}'] * 10)}]")
    assert "the file" in box.problems("\n".join(lines))
    assert "the file" in box.problems("media_roots: &me [*me]")


def test_a_byte_order_mark_is_no_fault(box: Sandbox) -> None:
    assert box.load(b"\xef\xbb\xbfapi: {port: 1}").config.api.port == 1


def test_a_wrong_key_is_never_repeated_in_a_message(box: Sandbox) -> None:
    with pytest.raises(ConfigError) as caught:
        box.load("api: {api_key: 'hunter2 hunter2'}")
    assert "hunter2" not in str(caught.value)


def test_paths_and_prefixes_take_their_shortest_spelling(box: Sandbox) -> None:
    config = box.load("media_roots: [/media/, //media/./tv/]\napi: {url_base: audio/}").config
    assert config.media_roots == ("/media", "/media/tv")
    assert config.api.url_base == "/audio"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost", "LOCALHOST"])
def test_without_a_key_the_daemon_may_listen_on_loopback(box: Sandbox, host: str) -> None:
    assert box.load(f"api: {{auth: none, host: '{host}'}}").config.listens_on_loopback
