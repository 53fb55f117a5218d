"""``arrtheaudio hook``: what Sonarr and Radarr start; it delivers, and never holds up an import."""

import shlex
from pathlib import Path

import pytest
from serving import Serving

from arrtheaudio.cli import root


def test_a_hook_delivers_what_the_environment_says(
    daemon: Serving, ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = daemon.film("Episode.mkv")
    monkeypatch.setenv("sonarr_eventtype", "Download")
    monkeypatch.setenv("sonarr_series_originallanguage", "jpn")
    monkeypatch.setenv("sonarr_episodefile_path", str(film))
    answer = ask("hook")
    assert answer["file_count"] == 1
    [job] = ask("jobs", "list", "--webhook", answer["webhook_id"])["jobs"]
    assert (job["source"], job["file_path"]) == ("sonarr", str(film))
    monkeypatch.setenv("sonarr_eventtype", "Test")
    assert ask("hook")["status"] == "ok"


HOOKS = {
    "sonarr import": (
        {
            "sonarr_eventtype": "Download",
            "sonarr_series_path": "{library}",
            "sonarr_series_type": "Standard",
            "sonarr_series_originallanguage": "dan",
            "sonarr_isupgrade": "False",
            "sonarr_episodefile_path": "{library}/A.mkv",
            "sonarr_episodefile_relativepath": "A.mkv",
        },
        1,
    ),
    "sonarr import complete": (
        {
            "sonarr_eventtype": "Download",
            "sonarr_series_tags": "",
            "sonarr_episodefile_count": "2",
            "sonarr_episodefile_paths": "{library}/A.mkv|{library}/B.mkv",
        },
        2,
    ),
    "radarr": (
        {
            "radarr_eventtype": "Download",
            "radarr_movie_path": "{library}",
            "radarr_movie_originallanguage": "jpn",
            "radarr_moviefile_path": "{library}/A.mkv",
        },
        1,
    ),
    "sonarr test": ({"sonarr_eventtype": "Test", "sonarr_instancename": "Sonarr"}, None),
    "radarr test": ({"radarr_eventtype": "Test", "radarr_instancename": "Radarr"}, None),
}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_takes_every_sample_and_holds_up_no_import(
    daemon: Serving, ask, capsys, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    environ, files = HOOKS[name]
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value.format(library=daemon.library))
    assert ask("hook").get("file_count") == files
    capsys.readouterr()
    daemon.stop()
    code = root.run(["hook"])
    err = capsys.readouterr().err
    assert "No daemon answers" in err
    if files is None:  # the Test button shows it
        assert code == 3
        return
    assert code == 0
    missed = [word for word in environ.values() if word.endswith(".mkv") and "{library}" in word]
    for path in missed[0].format(library=daemon.library).split("|"):
        assert path in err.splitlines()[-1]


def test_a_refused_delivery_is_told_and_holds_up_no_import(
    daemon: Serving, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("radarr_eventtype", "Download")
    monkeypatch.setenv("radarr_moviefile_path", f"{daemon.library}/It's here.mkv")
    assert root.run(["hook", "--api-key", "wrong"]) == 0
    told = capsys.readouterr().err.splitlines()[-1]
    assert (
        shlex.split(told[told.index("arrtheaudio process") :])[-1]
        == f"{daemon.library}/It's here.mkv"
    )
    monkeypatch.setenv("radarr_eventtype", "Test")
    assert root.run(["hook", "--api-key", "wrong"]) == 1


@pytest.mark.parametrize("mapped", [True, False])
def test_a_hook_without_a_daemon_names_the_file_as_it_is_here(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, mapped: bool
) -> None:
    config = tmp_path / "config.yaml"
    config.write_text('path_mappings: [{remote: "/tv", local: "/media/tv"}]' if mapped else "{}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ARRTHEAUDIO_CONFIG", str(config))
    monkeypatch.setenv("ARRTHEAUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("sonarr_eventtype", "Download")
    monkeypatch.setenv("sonarr_episodefile_path", "/tv/It's here.mkv")
    assert root.run(["hook"]) == 0
    told = capsys.readouterr().err.splitlines()[-1]
    command = shlex.split(told[told.index("arrtheaudio process") :])
    assert command[-1] == ("/media/tv/It's here.mkv" if mapped else "/tv/It's here.mkv")
    assert ("Sonarr's paths" in told) is not mapped, "a path of another machine is called so"


def test_a_hook_outside_sonarr_and_radarr_says_so(daemon: Serving, capsys) -> None:
    assert root.run(["hook"]) == 2
    err = capsys.readouterr().err
    assert "sonarr_eventtype" in err
    assert len(err.splitlines()) == 2
