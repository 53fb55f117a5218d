"""The configuration as others take it: defaults, the example, what is shown and compared."""

from __future__ import annotations

from pathlib import Path

import attrs
import yaml
from config_sandbox import Sandbox

from arrtheaudio import config as configuration
from arrtheaudio.config import Changes, Config, PathMappingConfig

EXAMPLE = Path(__file__).parents[2] / "config" / "config.yaml"


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


# --- what others take from it ---


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
