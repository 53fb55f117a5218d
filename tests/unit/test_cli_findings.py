"""What doctor finds, and what it proposes."""

import json
import os
from pathlib import Path

import pytest

from arrtheaudio.cli import findings, root
from arrtheaudio.config import Config, PathMappingConfig, load


def statuses(found) -> list[str]:
    return [finding.status for finding in found]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    show = tmp_path / "media" / "tv" / "Show"
    show.mkdir(parents=True)
    (show / "S01E01.mkv").write_bytes(b"x")
    return tmp_path / "media"


def test_a_path_that_is_mapped_wrongly_gets_the_line_to_add(library: Path) -> None:
    config = Config(media_roots=(str(library),))
    found = list(findings.of_path("/tv/Show/S01E01.mkv", config))
    assert statuses(found) == ["failed", "warning"]
    assert found[-1].advice == f"- {{remote: '/tv', local: '{library}/tv'}}"


def test_the_proposed_line_reads_back_as_a_mapping_that_helps(library: Path) -> None:
    remote = "D:\\Media's\\tv\\Show\\S01E01.mkv"
    config = Config(media_roots=(str(library),))
    line = list(findings.of_path(remote, config))[-1].advice
    loaded = load(
        overrides={},
        environ={"HOME": str(library), "ARRTHEAUDIO_PATH_MAPPINGS": line},
        system_folder=str(library),
    ).config
    helped = Config(media_roots=config.media_roots, path_mappings=loaded.path_mappings)
    assert statuses(findings.of_path(remote, helped)) == ["ok"]


def test_a_path_that_is_there_is_said_to_be_there(library: Path) -> None:
    mapping = PathMappingConfig(remote="/tv", local=f"{library}/tv")
    config = Config(media_roots=(str(library),), path_mappings=(mapping,))
    [found] = findings.of_path("/tv/Show/S01E01.mkv", config)
    assert (found.status, found.detail) == ("ok", f"found as {library}/tv/Show/S01E01.mkv")


def test_a_path_outside_the_media_roots_is_told_so(library: Path) -> None:
    found = list(findings.of_path("/etc/passwd", Config(media_roots=(str(library),))))
    assert found[0].status == "failed"
    assert "media_roots" in found[0].detail


def test_a_media_root_is_looked_at_without_a_trace(library: Path) -> None:
    before = sorted(library.rglob("*"))
    [found] = findings.of_media_root(str(library))
    assert found.status in ("ok", "warning")  # by free space
    assert "hard links" in found.detail
    assert sorted(library.rglob("*")) == before


def test_a_media_root_that_is_not_there_fails(tmp_path: Path) -> None:
    [found] = findings.of_media_root(str(tmp_path / "absent"))
    assert (found.status, found.detail) == ("failed", "no such file or directory")


@pytest.mark.parametrize(
    ("inside", "mode", "word"),
    [
        ("tv/Show/S01E01.mkv", os.W_OK, "written"),
        ("tv/Show/S01E01.mkv", os.R_OK, "read"),
        ("tv/Show", os.R_OK, "read"),
    ],
)
def test_what_may_not_be_read_or_written_is_named(
    library: Path, monkeypatch: pytest.MonkeyPatch, inside: str, mode: int, word: str
) -> None:
    path = str(library / inside)
    monkeypatch.setattr(
        findings.os, "access", lambda asked, wanted: asked != path or not wanted & mode
    )
    first = next(iter(findings.of_media_root(str(library))))
    assert first.status == "failed"
    assert first.detail.startswith(f"{path} cannot be {word}")


def key_found(folder: Path, **environ: str) -> tuple[str, str]:
    loaded = load(
        data_dir=str(folder),
        environ={"HOME": str(folder), **environ},
        system_folder=str(folder),
    )
    [found] = [one for one in findings.of_configuration(loaded) if one.name == "API key"]
    return found.status, found.detail


def test_doctor_says_where_the_key_is_and_who_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "api_key"
    assert key_found(tmp_path) == ("ok", f"made at the first start, in {path}")
    path.touch(mode=0o600)
    assert key_found(tmp_path) == ("ok", f"in {path}")
    path.chmod(0o644)
    assert key_found(tmp_path) == ("warning", f"{path} can be read by others")
    path.unlink()
    path.symlink_to(path)
    assert key_found(tmp_path)[0] == "failed"
    given = {"ARRTHEAUDIO_API__API_KEY": "0123456789abcdef"}
    assert key_found(tmp_path, **given) == ("ok", "in the configuration")
    assert key_found(tmp_path, ARRTHEAUDIO_API__API_KEY="short")[0] == "warning"
    assert key_found(tmp_path, ARRTHEAUDIO_API__AUTH="none")[0] == "warning"


def test_a_mapping_of_one_instance_is_asked_for_by_its_name(library: Path) -> None:
    mapping = PathMappingConfig(remote="/tv", local=f"{library}/tv", instance="sonarr-4k")
    config = Config(media_roots=(str(library),), path_mappings=(mapping,))
    path = "/tv/Show/S01E01.mkv"
    assert statuses(findings.of_path(path, config, "sonarr-4k")) == ["ok"]
    assert statuses(findings.of_path(path, config)) == ["failed", "warning"]


def test_doctor_fails_where_nothing_can_work_and_says_what_to_do(
    capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ARRTHEAUDIO_URL", "http://127.0.0.1:9")
    assert root.run(["doctor", "--json"]) == 1
    by_name = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert by_name["media roots"]["advice"] == "Name them in media_roots."
    assert by_name["daemon"]["status"] == "warning"
    assert root.run(["doctor"]) == 1
    assert "BAD   media roots" in capsys.readouterr().out


def test_doctor_tells_problems_of_the_configuration(capsys, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("api: {port: x}")
    assert root.run(["doctor", "--config", str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["name"] == "configuration: api.port"
