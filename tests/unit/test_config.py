"""The configuration: sources and their order, every fault told, nothing accepted loosely."""

from pathlib import Path

import attrs
import pytest
import yaml

from arrtheaudio import config as configuration
from arrtheaudio.config import Changes, Config, Loaded, PathMappingConfig, PathOverride
from arrtheaudio.errors import ConfigError
from arrtheaudio.media import compile_glob

EXAMPLE = Path(__file__).parents[2] / "config" / "config.yaml"


class Sandbox:
    """A home without configuration, and the system's folder inside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system = folder / "config"

    def write(self, text: str | bytes, name: str = "given.yaml") -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def load(
        self,
        text: str | bytes | None = None,
        *,
        path: str | None = None,
        data_dir: str | None = None,
        overrides: dict[str, object] | None = None,
        **environ: str,
    ) -> Loaded:
        return configuration.load(
            path=path if text is None else self.write(text),
            data_dir=data_dir,
            overrides=overrides,
            environ={"HOME": str(self.folder), **environ},
            system_folder=str(self.system),
        )

    def problems(self, text: str | bytes | None = None, **given: object) -> dict[str, str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, **given)  # type: ignore[arg-type]
        return dict(caught.value.problems)


@pytest.fixture
def box(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


# --- defaults and the example -----------------------------------------------


def test_no_file_at_all_gives_the_defaults(box: Sandbox) -> None:
    loaded = box.load()
    assert loaded.config == Config()
    assert loaded.source_path is None


def test_an_empty_file_and_commented_out_sections_give_the_defaults(box: Sandbox) -> None:
    assert box.load("").config == Config()
    assert box.load("api:\n  # port: 1\njobs:\n").config == Config()


def test_the_example_says_every_key_with_its_default(box: Sandbox) -> None:
    assert box.load(EXAMPLE.read_bytes()).config == Config()
    assert yaml.safe_load(EXAMPLE.read_text()) == configuration.as_tree(Config())


def test_what_show_prints_reads_back_as_the_same_configuration(box: Sandbox) -> None:
    first = box.load(
        "language_priority: [no, pt-BR]\nmedia_roots: ['/a b', /ü]\n"
        "tag_overrides: [{tag: 'on', language_priority: [no]}]\n"
        "series_type_overrides: {anime: [jpn]}\n"
        "path_mappings: [{remote: 'D:\\TV', local: /tv}]\n"
    ).config
    assert box.load(configuration.as_yaml(first)).config == first


def test_show_hides_the_key_and_keeps_the_rest(box: Sandbox) -> None:
    config = box.load("api: {api_key: hunter2hunter2, port: 1}").config
    assert "hunter2" not in configuration.as_yaml(config)
    assert configuration.as_tree(config)["api"]["port"] == 1


# --- where it is found ------------------------------------------------------


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


# --- the environment --------------------------------------------------------


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


# --- replacement ------------------------------------------------------------


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


# --- strictness -------------------------------------------------------------


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
        ("language_priority: []", "language_priority"),
        ("language_priority: ['']", "language_priority[0]"),
        ("language_priority: [1]", "language_priority[0]"),
        ("language_priority: [eng, japanese]", "language_priority[1]"),
        ("language_priority: [xx]", "language_priority[0]"),
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


# --- the first design's spelling --------------------------------------------


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


# --- what others take from it -----------------------------------------------


def test_rules_and_options_carry_every_wish_to_media(box: Sandbox) -> None:
    config = box.load(
        "language_priority: [jpn]\nselection: {prefer: quality, undetermined: eng}\n"
        "path_overrides: [{path: '/a/**', language_priority: [fr]}]\n"
        "tag_overrides: [{tag: dub, language_priority: [en]}]\n"
        "series_type_overrides: {anime: [ja]}\n"
        "containers: {mp4: false}\nmedia: {hardlinks: copy, settle_seconds: 0}\n"
    ).config
    rules = config.rules()
    assert rules.language_priority == ("jpn",)
    assert rules.path_overrides == (("/a/**", ("fr",)),)
    assert rules.tag_overrides == (("dub", ("en",)),)
    assert rules.series_type_overrides == (("anime", ("ja",)),)
    assert (rules.prefer, rules.undetermined, rules.avoid_supplementary) == ("quality", "eng", True)
    options = config.options(b"/data/before")
    assert options.containers == {"mkv"}
    assert (options.hardlinks, options.settle_seconds) == ("copy", 0)
    assert options.before_image_dir == b"/data/before"


def test_changes_tell_what_needs_a_restart() -> None:
    old = Config()
    new = attrs.evolve(
        old,
        media_roots=("/media",),
        path_mappings=(PathMappingConfig(remote="/a", local="/b"),),
        api=attrs.evolve(old.api, port=1),
        processing=attrs.evolve(old.processing, worker_count=3),
        jobs=attrs.evolve(old.jobs, storage_path="/x"),
        logging=attrs.evolve(old.logging, level="debug"),
    )
    assert configuration.changes(old, new) == Changes(
        live=("media_roots", "path_mappings", "processing.worker_count", "logging.level"),
        restart=("api.port", "jobs.storage_path"),
    )
    assert configuration.changes(old, old) == Changes(live=(), restart=())


def test_a_loaded_configuration_does_not_show_the_environment(box: Sandbox) -> None:
    assert "s3cret" not in repr(box.load(ARRTHEAUDIO_API_KEY="s3cret"))
