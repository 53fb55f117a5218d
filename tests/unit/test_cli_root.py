"""The command line's frame: names, exit codes, and errors in one or two lines."""

import json

import click
import pytest

from arrtheaudio import __version__
from arrtheaudio.cli import root
from arrtheaudio.errors import (
    ConfigError,
    DaemonRefused,
    DaemonUnreachable,
    NotWritable,
    QueueFull,
)


@pytest.fixture(autouse=True)
def no_settings_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "ARRTHEAUDIO_CONFIG", "ARRTHEAUDIO_DATA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch):
    """A command that ends with the given error."""

    def install(fault: BaseException) -> None:
        @click.command()
        def fail() -> None:
            raise fault

        monkeypatch.setattr(root.LazyGroup, "get_command", lambda *_: fail)

    return install


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (NotWritable(path=b"/m/a.mkv"), 1, "/m/a.mkv: The file or its folder"),
        (QueueFull(), 1, "Every place"),
        (ConfigError((("api.port", "expected"),), source="c.yaml"), 2, "c.yaml has problems"),
        (DaemonUnreachable(), 3, "No daemon answers"),
        (DaemonRefused("no such job", status=404), 1, "no such job"),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (click.Abort(), 130, "Interrupted."),
        (BaseExceptionGroup("", [KeyboardInterrupt(), QueueFull()]), 130, "Interrupted."),
        (ExceptionGroup("", [ExceptionGroup("", [QueueFull()])]), 1, "Every place"),
        (PermissionError(13, "Permission denied", b"/x"), 1, "/x: Permission denied"),
        (ZeroDivisionError("division by zero"), 1, "internal error (ZeroDivisionError"),
        (click.UsageError("which?"), 2, "which?"),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(
    failing, capsys, fault: BaseException, code: int, said: str
) -> None:
    failing(fault)
    assert root.run(["fail"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert len(printed.err.splitlines()) <= 2


def test_no_control_character_of_an_error_reaches_the_terminal(
    failing, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("click.utils.should_strip_ansi", lambda *_: False)  # as on a terminal
    failing(NotWritable(path=b"/media/\x1b]0;owned\x07\x1b[31m.mkv"))
    root.run(["fail"])
    said = capsys.readouterr().err
    assert not {"\x1b", "\x07"} & set(said)
    assert "owned" in said


def test_the_same_error_of_several_tasks_is_told_once(failing, capsys) -> None:
    failing(ExceptionGroup("", [QueueFull(), QueueFull()]))
    root.run(["fail"])
    assert capsys.readouterr().err.count("Every place") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["config", "chekc"],
        ["inspect"],
        ["--what"],
        ["serve", "--port", "x"],
        ["serve", "--port", "65536"],
        ["process", "-l", "klingon", "x.mkv"],
        ["process", "/"],
        ["batch", "--language", "nonsense", "/x"],
        ["undo", "--batch", "nonsense"],
        ["undo", "--job", "batch_000000000001"],
        ["watch", "--batch", "job_000000000001"],
        ["jobs", "show", "../queue"],
        ["jobs", "retry", "batch_000000000001"],
        ["jobs", "list", "--webhook", "webhook_1"],
        ["journal", "show", "--job", "1"],
        ["journal", "show", "--since", "99999999999999999999"],
        ["watch", "--since", "-1"],
        ["--url", "nas:9393", "stats"],
    ],
)
def test_wrong_usage_is_2_and_names_the_help(capsys, arguments: list[str]) -> None:
    assert root.run(arguments) == 2
    assert "--help'" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["jobs"], ["config"]])
def test_no_command_is_2_and_shows_which_there_are(capsys, arguments: list[str]) -> None:
    assert root.run(arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("Usage: arrtheaudio")
    assert "Commands:" in err


def test_a_pattern_that_is_none_is_wrong_usage(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert root.run(["scan", "-p", "/absolute", str(tmp_path)]) == 2
    assert "/absolute" in capsys.readouterr().err


def test_every_command_loads_and_explains_itself(capsys) -> None:
    for name in root.COMMANDS:
        assert root.run([name, "--help"]) == 0
    assert root.run(["--help"]) == 0
    listed = capsys.readouterr().out
    assert all(f"\n  {name}" in listed for name in root.COMMANDS if name != "daemon")


def test_daemon_is_another_name_of_serve() -> None:
    group = root.root
    assert isinstance(group, click.Group)
    context = click.Context(group)
    assert group.get_command(context, "daemon") is group.get_command(context, "serve")


def test_version_in_words_and_as_json(capsys) -> None:
    assert root.run(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"arrtheaudio {__version__} (Python 3.")
    assert root.run(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == __version__
    assert root.run(["--version"]) == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_the_usual_shells(capsys, shell: str) -> None:
    assert root.run(["completion", shell]) == 0
    assert root.COMPLETION_VARIABLE in capsys.readouterr().out


# --- config -----------------------------------------------------------------


def test_config_check_tells_all_problems_and_exits_2(capsys, tmp_path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("api: {port: x}\nmedia_root: []\n")
    assert root.run(["config", "check", "--config", str(path)]) == 2
    said = capsys.readouterr().err
    assert str(path) in said
    assert "api.port: expected 0 to 65535, got 'x'" in said
    assert "media_root: unknown key; did you mean media_roots?" in said
    assert root.run(["--config", str(path), "config", "check", "--json"]) == 2
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert {problem["key"] for problem in problems} == {"api.port", "media_root"}


def test_config_check_of_a_good_file(capsys, tmp_path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("media_roots: [/media]\n")
    assert root.run(["config", "check", "--config", str(path)]) == 0
    assert "no problems" in capsys.readouterr().out
    assert root.run(["config", "check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"]


def test_config_show_hides_the_key(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("ARRTHEAUDIO_API__API_KEY", "hunter2hunter2")
    assert root.run(["config", "show"]) == 0
    assert root.run(["config", "show", "--json"]) == 0
    shown = capsys.readouterr().out
    assert "hunter2" not in shown
    assert shown.count("(hidden)") == 2


def test_options_before_and_behind_the_command_mean_the_same(capsys, tmp_path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("api: {port: 1}")
    two.write_text("api: {port: 2}")
    root.run(["--config", str(one), "config", "show", "--json"])
    assert json.loads(capsys.readouterr().out)["api"]["port"] == 1
    root.run(["--config", str(one), "config", "show", "--config", str(two), "--json"])
    assert json.loads(capsys.readouterr().out)["api"]["port"] == 2
