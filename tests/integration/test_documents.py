"""The documents say nothing that does not exist: files, commands, keys, variables, reasons."""

import inspect
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from arrtheaudio import config as configuration
from arrtheaudio import errors
from arrtheaudio._config_sources import ALIASES
from arrtheaudio.cli.root import root
from arrtheaudio.config import Config

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
README = (ROOT / "README.md").read_text()
GUIDES = [document for document in DOCUMENTS if document.name != "CONTRIBUTING.md"]  # for users
FILE_ENDINGS = {"db", "js"}  # `jobs.db` and `api.js` are files


def names(document: Path) -> str:
    return document.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_links_lead_to_files_that_exist(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", document.read_text()):
        if not link.startswith(("http://", "https://")):
            assert (document.parent / link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_commands_that_are_named_exist(document: Path) -> None:
    assert isinstance(root, click.Group)
    text = document.read_text()
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    spelled = re.findall(r"^(?:\.venv/bin/)?arrtheaudio (.+)$", shell, re.MULTILINE)
    spelled += re.findall(r"`(?:\.venv/bin/)?arrtheaudio ([^`]+)`", text)
    for line in spelled:
        words = shlex.split(line, comments=True)
        command = root.get_command(click.Context(root), words[0])
        assert command is not None, line
        options = {option for parameter in command.params for option in parameter.opts}
        if not isinstance(command, click.Group):
            assert {word for word in words if word.startswith("--")} <= options, line


def sections() -> dict[str, object]:
    return configuration.as_tree(Config())


@pytest.mark.parametrize("document", GUIDES, ids=names)
def test_keys_that_are_named_exist(document: Path) -> None:
    text = document.read_text()
    tree = sections()
    for section, key in re.findall(r"`([a-z]+)\.([a-z_]+)(?:: [^`]*)?`", text):
        if section in tree and key not in FILE_ENDINGS and f"{section}.{key}" not in ALIASES:
            assert key in tree[section], f"{section}.{key}"
    for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        assert set(yaml.safe_load(block)) <= set(tree)


@pytest.mark.parametrize("document", DOCUMENTS, ids=names)
def test_variables_that_are_named_are_known(document: Path) -> None:
    known = {"ARRTHEAUDIO_CONFIG", "ARRTHEAUDIO_DATA", "ARRTHEAUDIO_URL", "ARRTHEAUDIO_API_KEY"}
    for name, value in sections().items():
        paths = [f"{name}.{key}" for key in value] if isinstance(value, dict) and value else [name]
        known |= {configuration.variable(path) for path in paths}
    assert set(re.findall(r"ARRTHEAUDIO_[A-Z_]+", document.read_text())) <= known


def reasons_of_errors() -> set[str]:
    return {
        error.reason
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.MediaError)
    }


# What no exception stands for.
OTHER_REASONS = {
    "already_correct",
    "container_disabled",
    "no_audio_tracks",
    "no_matching_track",
    "outside_media_roots",
    "poisoned",
    "timeout",
}


def test_reasons_that_the_readme_explains_exist() -> None:
    explained = set(re.findall(r"(?:skipped|failed): `(\w+)`", README))
    assert explained
    assert explained <= reasons_of_errors() | OTHER_REASONS


def test_every_reason_is_explained_where_one_looks_for_it() -> None:
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    table = text.partition("## A job was skipped or failed")[2].partition("\n## ")[0]
    explained = set(re.findall(r"`(\w+)`(?=[^|]*\|[^|]*\|$)", table, re.MULTILINE))
    assert explained == reasons_of_errors() | OTHER_REASONS


def test_exactly_two_commands_do_all_the_set_up() -> None:
    set_up = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert len(set_up) == 2
    assert set_up[0].endswith("arrtheaudio demo")
    assert set_up[1].endswith("nox -s tests")


def test_ci_runs_the_readmes_own_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    [pattern] = re.findall(r"grep -m 1 -E '([^']+)' README.md", script)
    found = re.search(pattern, README, re.MULTILINE)
    assert found is not None
    assert found.group().endswith("nox -s tests")


def test_compose_file_and_image_agree_with_the_defaults() -> None:
    compose = yaml.safe_load((ROOT / "config" / "docker-compose.yml").read_text())
    service = compose["services"]["arrtheaudio"]
    port = Config().api.port
    assert service["ports"] == [f"{port}:{port}"]
    grace = int(service["stop_grace_period"].removesuffix("s"))
    assert grace > Config().processing.shutdown_grace_seconds
    settings = {key: value for key, value in service["environment"].items() if "ARRTHE" in key}
    loaded = configuration.load(environ={"HOME": "/nowhere", **settings}, system_folder="/nowhere")
    assert loaded.config.media_roots == ("/media",)
    dockerfile = (ROOT / "config" / "Dockerfile").read_text()
    assert f"EXPOSE {port}" in dockerfile
    [health] = re.findall(r"^HEALTHCHECK .*CMD (\[.*\])$", dockerfile, re.MULTILINE)
    program, command = yaml.safe_load(health)
    assert program == "arrtheaudio"
    assert root.get_command(click.Context(root), command) is not None  # type: ignore[attr-defined]
    [user] = re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE)
    owner = user.split(":")[0]
    assert owner != "0"
    assert service["user"] == user
    assert f"install -d -o {owner}" in dockerfile
    assert "STOPSIGNAL SIGTERM" in dockerfile


def test_the_unit_agrees_with_the_defaults_and_with_how_it_is_installed() -> None:
    unit = (ROOT / "config" / "arrtheaudio.service").read_text()
    [stop] = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert int(stop) > Config().processing.shutdown_grace_seconds
    [start] = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    program, *arguments = shlex.split(start)
    guide = (ROOT / "docs" / "operations.md").read_text()
    assert f"{program.removesuffix('/bin/arrtheaudio')}/bin/pip install" in guide
    assert f"{program} {' '.join(arguments[:-1])} " in guide
    assert arguments[-1] == "serve"
    assert program in (ROOT / "config" / "custom-script.sh").read_text()
