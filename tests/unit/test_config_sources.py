"""Where a configuration comes from: files, variables, the command line, and who wins."""

from __future__ import annotations

import attrs
import pytest
from config_sandbox import Sandbox

from arrtheaudio import config as configuration
from arrtheaudio.config import Config, PathOverride
from arrtheaudio.errors import ConfigError


def test_the_file_is_searched_in_this_order(box: Sandbox) -> None:
    in_home = box.write("api: {port: 4}", ".config/arrtheaudio/config.yaml")
    assert box.load().source_path == in_home
    in_system = box.write("api: {port: 3}", "config/config.yaml")
    assert box.load().source_path == in_system
    named = box.write("api: {port: 2}", "named.yaml")
    assert box.load(ARRTHEAUDIO_CONFIG=named).config.api.port == 2
    told = box.write("api: {port: 1}", "told.yaml")
    assert box.load(path=told, ARRTHEAUDIO_CONFIG=named).config.api.port == 1


def test_a_named_file_must_exist(box: Sandbox) -> None:
    path = str(box.folder / "absent.yaml")
    with pytest.raises(ConfigError) as caught:
        box.load(path=path)
    assert caught.value.source == path
    assert dict(caught.value.problems) == {"the file": "No such file or directory"}


def test_the_data_folder_is_searched_in_this_order(box: Sandbox) -> None:
    assert box.load().data_dir == str(box.folder / ".local/share/arrtheaudio")
    assert box.load(XDG_DATA_HOME="/xdg").data_dir == "/xdg/arrtheaudio"
    assert box.load(XDG_DATA_HOME="relative").data_dir == box.load().data_dir
    box.write("", "config/config.yaml")
    assert box.load().data_dir == str(box.system)
    assert box.load(ARRTHEAUDIO_DATA="/data").data_dir == "/data"
    assert box.load(ARRTHEAUDIO_DATA="/data", data_dir="/told").data_dir == "/told"


def test_the_journal_lies_in_the_data_folder_unless_told(box: Sandbox) -> None:
    assert box.load(data_dir="/d").journal_path == "/d/jobs.db"
    assert box.load("jobs: {storage_path: /fast/queue.db}").journal_path == "/fast/queue.db"


def test_command_line_wins_over_environment_over_file(box: Sandbox) -> None:
    text = "api: {port: 1, host: 127.0.0.2}\nlogging: {level: error}"
    environ = {"ARRTHEAUDIO_API__PORT": "2", "ARRTHEAUDIO_API__HOST": "127.0.0.3"}
    config = box.load(text, overrides={"api.port": 3}, **environ).config
    assert (config.api.port, config.api.host, config.logging.level) == (3, "127.0.0.3", "error")


def test_reload_reads_the_same_sources_again(box: Sandbox) -> None:
    loaded = box.load("api: {port: 1}", overrides={"logging.level": "debug"})
    box.write("api: {port: 2}")
    again = loaded.reload()
    assert (again.config.api.port, again.config.logging.level) == (2, "debug")
    box.write("api: {port: wrong}")
    with pytest.raises(ConfigError):
        loaded.reload()


# --- the environment ---


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("MEDIA_ROOTS", "[/media, /more]", "media_roots", ("/media", "/more")),
        ("MEDIA__SETTLE_SECONDS", "0.5", "media.settle_seconds", 0.5),
        ("MEDIA__REORDER", "1", "media.reorder", True),
        ("CONTAINERS__MP4", "no", "containers.mp4", False),
        ("API__API_KEY", "0123456789", "api.api_key", "0123456789"),
        ("API__API_KEY", "", "api.api_key", None),
        ("API__URL_BASE", "", "api.url_base", ""),
        ("JOBS__RETENTION_DAYS", "7", "processing.job_history_days", 7),
        ("SERIES_TYPE_OVERRIDES", "{anime: [no]}", "series_type_overrides", {"anime": ("no",)}),
    ],
)
def test_any_key_can_be_set_by_a_variable(
    box: Sandbox, name: str, text: str, key: str, value: object
) -> None:
    found: object = box.load(**{f"ARRTHEAUDIO_{name}": text}).config
    for part in key.split("."):
        found = getattr(found, part)
    assert found == value


def test_every_key_has_a_variable_that_is_known(box: Sandbox) -> None:
    tree = configuration.as_tree(Config())
    paths = [
        f"{name}.{inner}" if isinstance(value, dict) and value else name
        for name, value in tree.items()
        for inner in (value if isinstance(value, dict) and value else [""])
    ]
    wrong = {configuration.variable(path): "[1, {" for path in paths}
    told = box.problems(**wrong)
    assert not [at for at, message in told.items() if "unknown" in message]


def test_an_unknown_variable_is_a_problem_that_proposes_the_right_one(box: Sandbox) -> None:
    assert box.problems(ARRTHEAUDIO_PORT="1", ARRTHEAUDIO_XYZ="") == {
        "ARRTHEAUDIO_PORT": "unknown variable; did you mean ARRTHEAUDIO_API__PORT?",
        "ARRTHEAUDIO_XYZ": "unknown variable",
    }


def test_variables_for_the_command_line_and_from_kubernetes_are_left_alone(box: Sandbox) -> None:
    assert (
        box.load(
            ARRTHEAUDIO_URL="http://nas:9393",
            ARRTHEAUDIO_API_KEY="k",
            ARRTHEAUDIO_SERVICE_HOST="10.0.0.1",
            ARRTHEAUDIO_SERVICE_PORT_HTTP="9393",
            ARRTHEAUDIO_PORT="tcp://10.0.0.1:9393",
            ARRTHEAUDIO_PORT_9393_TCP_ADDR="10.0.0.1",
        ).config
        == Config()
    )


def test_a_list_variable_that_is_no_yaml_is_told_by_its_name(box: Sandbox) -> None:
    assert list(box.problems(ARRTHEAUDIO_MEDIA_ROOTS="[/media")) == ["ARRTHEAUDIO_MEDIA_ROOTS"]


# --- replacement ---


def test_variables_in_values_are_replaced_and_take_the_keys_type(box: Sandbox) -> None:
    config = box.load(
        "media_roots: ['${ROOT}/tv', '${ROOT}$HOME']\n"
        "api:\n  port: ${PORT}\n  api_key: '${KEY}'\nexecution: {dry_run: '${DRY}'}\n",
        ROOT="/m",
        PORT="81",
        KEY="0123",
        DRY="true",
    ).config
    assert config.media_roots == ("/m/tv", "/m$HOME")
    assert (config.api.port, config.api.api_key, config.execution.dry_run) == (81, "0123", True)


def test_a_replaced_value_cannot_add_yaml(box: Sandbox) -> None:
    config = box.load("media_roots: ['${ROOT}']", ROOT="/m\\n, /etc] # {a: b").config
    assert config.media_roots == ("/m\\n, /etc] # {a: b",)


def test_a_doubled_dollar_stands_for_itself(box: Sandbox) -> None:
    assert box.load("path_overrides: [{path: '/a/$${b}', language_priority: [en]}]").config == (
        Config(path_overrides=(PathOverride(path="/a/${b}", language_priority=("en",)),))
    )


def test_missing_variables_are_named_all_at_once(box: Sandbox) -> None:
    assert box.problems("media_roots: ['${A}', '${B}/x', relative]\napi: {port: '${}'}") == {
        "media_roots[0]": "the environment variable A is not set",
        "media_roots[1]": "the environment variable B is not set",
        "media_roots[2]": "expected an absolute path, got 'relative'",
        "api.port": "${} names no variable; $${ stands for ${",
    }


# --- the first design's spelling ---


def test_the_first_designs_names_below_jobs_are_understood(box: Sandbox) -> None:
    text = (
        "jobs: {max_queue_size: 7, max_concurrent: 3, retention_days: 5, cleanup_interval_hours: 6}"
    )
    processing = box.load(text).config.processing
    assert attrs.evolve(
        Config().processing,
        max_queue_size=7,
        worker_count=3,
        job_history_days=5,
        cleanup_interval_hours=6,
    ) == (processing)


def test_saying_both_spellings_with_different_values_is_a_problem(box: Sandbox) -> None:
    assert box.problems("processing: {worker_count: 2}\njobs: {max_concurrent: 3}") == {
        "jobs.max_concurrent": "says 3, but processing.worker_count says 2"
    }
    same = box.load("processing: {worker_count: 3}\njobs: {max_concurrent: 3}")
    assert same.config.processing.worker_count == 3


def test_a_variable_wins_over_the_other_spelling_in_the_file(box: Sandbox) -> None:
    loaded = box.load("jobs: {max_concurrent: 3}", ARRTHEAUDIO_PROCESSING__WORKER_COUNT="4")
    assert loaded.config.processing.worker_count == 4
