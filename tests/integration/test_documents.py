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
from arrtheaudio.cli.root import root
from arrtheaudio.config import Config

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
README = (ROOT / "README.md").read_text()


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


def test_keys_that_the_readme_names_exist() -> None:
    tree = configuration.as_tree(Config())
    for section, key in re.findall(r"`([a-z]+)\.([a-z_]+)(?:: [^`]*)?`", README):
        if section in tree:
            assert key in tree[section], f"{section}.{key}"
    for block in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL):
        assert set(yaml.safe_load(block)) <= set(tree)


def test_variables_that_the_readme_names_are_known() -> None:
    tree = configuration.as_tree(Config())
    known = {"ARRTHEAUDIO_CONFIG", "ARRTHEAUDIO_DATA", "ARRTHEAUDIO_URL", "ARRTHEAUDIO_API_KEY"}
    for name, value in tree.items():
        paths = [f"{name}.{key}" for key in value] if isinstance(value, dict) and value else [name]
        known |= {configuration.variable(path) for path in paths}
    assert set(re.findall(r"ARRTHEAUDIO_[A-Z_]+", README)) <= known


def test_reasons_that_the_readme_explains_exist() -> None:
    known = {
        error.reason
        for _, error in inspect.getmembers(errors, inspect.isclass)
        if issubclass(error, errors.MediaError)
    } | {"outside_media_roots", "no_matching_track"}
    explained = set(re.findall(r"(?:skipped|failed): `(\w+)`", README))
    assert explained
    assert explained <= known


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
