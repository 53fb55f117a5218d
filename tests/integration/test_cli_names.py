"""What a name on the command line names: a file, a link to it, a daemon, nothing at all."""

from pathlib import Path

import pytest

from arrtheaudio.cli import root
from arrtheaudio.cli.samples import Voice, mp4

MP4 = mp4([Voice("eng", default=True), Voice("jpn")]).content


@pytest.mark.parametrize("command", ["process", "scan", "batch", "undo", "inspect"])
def test_an_empty_name_is_not_the_folder_one_stands_in(
    library: Path, capsys, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(library)
    assert root.run([command, ""]) == 2
    assert "the name is empty" in capsys.readouterr().err
    assert (library / "Film.mp4").read_bytes() == MP4


@pytest.mark.parametrize("given", ["link", "library"])
def test_a_file_changed_through_a_link_is_undone_by_either_name(library: Path, given: str) -> None:
    (library.parent / "link").symlink_to(library)
    assert root.run(["process", "-l", "jpn", str(library.parent / "link" / "Film.mp4")]) == 0
    assert (library / "Film.mp4").read_bytes() != MP4
    assert root.run(["undo", str(library.parent / given / "Film.mp4")]) == 0
    assert (library / "Film.mp4").read_bytes() == MP4


@pytest.mark.parametrize("command", ["process", "scan", "undo"])
def test_a_daemon_that_the_environment_names_is_asked(
    library: Path, capsys, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("ARRTHEAUDIO_URL", "http://127.0.0.1:9")
    place = library if command == "scan" else library / "Film.mp4"
    assert root.run([command, str(place)]) == 3
    assert "No daemon answers at http://127.0.0.1:9" in capsys.readouterr().err
    assert (library / "Film.mp4").read_bytes() == MP4


def test_a_mistyped_name_is_said_to_be_one(library: Path, capsys) -> None:
    assert root.run(["process", str(library / "Flim.mp4")]) == 1
    said = "".join(capsys.readouterr())
    assert "there is no such file" in said.lower()
    assert "mounted" not in said
