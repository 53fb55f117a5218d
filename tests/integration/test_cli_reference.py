"""docs/cli.md against the commands themselves: none missing, no option wrong, the JSON as said."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import attrs
import click
import pytest

from arrtheaudio.cli import root
from arrtheaudio.cli.root import COMMANDS, HIDDEN_ALIASES
from arrtheaudio.cli.root import root as group
from arrtheaudio.cli.samples import Voice, matroska

DOCS = Path(__file__).parents[2] / "docs"
SHARED = {"--config", "--data-dir", "--url", "--api-key", "--json", "--help"}


@attrs.frozen
class Section:
    """What the page says of one command."""

    arguments: tuple[str, ...]
    options: frozenset[str]
    json: str | None


def sections() -> dict[str, Section]:
    found = {}
    for part in (DOCS / "cli.md").read_text().split("\n### `")[1:]:
        title, _, body = part.partition("`\n")
        words = title.split()
        name = " ".join(word for word in words if word.islower())
        told, _, shape = body.partition("\nJSON")
        first = told.partition(". ")[0]
        found[name] = Section(
            tuple(word for word in words if not word.islower()),
            frozenset(re.findall(r"`(--?[a-z-]+)[^`]*`", first)),
            shape.split("\n\n")[0] if shape else None if "JSON" not in body else body,
        )
    return found


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in COMMANDS:
        if name in HIDDEN_ALIASES:
            continue
        command = group.get_command(context, name)  # type: ignore[attr-defined]
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield name, command
            for inner, sub in command.commands.items():
                yield f"{name} {inner}", sub
        else:
            yield name, command


REFERENCE = sections()
REAL = dict(commands())


def test_the_page_lists_every_command_and_no_other() -> None:
    assert set(REFERENCE) == set(REAL)


@pytest.mark.parametrize("name", REAL)
def test_the_page_lists_every_option_and_argument_and_no_other(name: str) -> None:
    options = [one for one in REAL[name].params if isinstance(one, click.Option)]
    spelled = {max(one.opts, key=len) for one in options}
    spelled |= {no for one in options for no in one.secondary_opts if no.startswith("--")}
    assert REFERENCE[name].options == spelled - SHARED
    arguments = [one for one in REAL[name].params if isinstance(one, click.Argument)]
    assert len(REFERENCE[name].arguments) == len(arguments)
    for said, real in zip(REFERENCE[name].arguments, arguments, strict=True):
        assert said.startswith("[") is not real.required
        assert said.endswith("…") is (real.nargs == -1)


@pytest.mark.parametrize("name", REAL)
def test_every_option_is_explained_in_help(name: str) -> None:
    for one in REAL[name].params:
        if isinstance(one, click.Option):
            assert one.help, one.opts
    assert REAL[name].get_short_help_str(limit=60)[-3:] != "..."


@pytest.mark.parametrize("name", REAL)
def test_the_page_says_what_json_gives_and_only_where_there_is_json(name: str) -> None:
    has_json = any("--json" in one.opts for one in REAL[name].params)
    assert (REFERENCE[name].json is not None) is has_json


def test_addresses_that_the_page_refers_to_are_in_the_api() -> None:
    api = (DOCS / "api.md").read_text()
    for method, path in re.findall(r"`(GET|POST|DELETE) (/[^` ]+)`", (DOCS / "cli.md").read_text()):
        plain = re.sub(r"\{[^}]*\}", "", path).rstrip("/")
        assert method in api
        assert plain.split("/")[1] in api


# --- what the commands really print -------------------------------------------


@pytest.fixture
def film(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("ARRTHEAUDIO_URL", raising=False)
    path = tmp_path / "media" / "Film.mkv"
    path.parent.mkdir()
    path.write_bytes(matroska("Film", [Voice("eng", default=True), Voice("jpn")]).content)
    return path


def keys_said(name: str, place: int = 0) -> set[str]:
    shape = REFERENCE[name].json
    assert shape is not None
    return set(re.findall(r"`\{([a-z_, ]+)\}", shape)[place].split(", "))


@pytest.mark.parametrize(
    ("name", "arguments", "place"),
    [
        ("process", ["-l", "jpn", "FILM"], 0),
        ("inspect", ["FILM"], 0),
        ("inspect", ["/nowhere"], 1),
        ("scan", ["FOLDER"], 0),
        ("doctor", [], 0),
        ("journal verify", [], 0),
        ("journal show", [], 0),
        ("admin backup", ["FOLDER/copy"], 0),
        ("config check", [], 0),
        ("config check", ["--config", "/nowhere"], 1),
        ("version", [], 0),
    ],
)
def test_json_has_the_keys_that_the_page_says(
    film: Path, capsys: pytest.CaptureFixture[str], name: str, arguments: list[str], place: int
) -> None:
    root.run(["process", "--dry-run", str(film)])
    capsys.readouterr()
    places = {"FILM": str(film), "FOLDER": str(film.parent)}
    given = [re.sub("FILM|FOLDER", lambda found: places[found.group()], word) for word in arguments]
    root.run([*name.split(), *given, "--json"])
    printed = json.loads(capsys.readouterr().out.splitlines()[0])
    assert set(printed[0] if isinstance(printed, list) else printed) == keys_said(name, place)
