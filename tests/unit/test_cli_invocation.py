"""How the command line finds a daemon, and what reaches a terminal."""

from pathlib import Path

import click
import pytest

from arrtheaudio.cli import whereabouts
from arrtheaudio.cli.invocation import Invocation
from arrtheaudio.cli.output import brief, duration, shown
from arrtheaudio.errors import CorruptFile


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CONFIG", "DATA", "URL", "API_KEY"):
        monkeypatch.delenv(f"ARRTHEAUDIO_{name}", raising=False)
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def configured(home: Path, text: str) -> Invocation:
    path = home / "config.yaml"
    path.write_text(text)
    return Invocation(config_path=str(path), data_dir=str(home))


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("", "http://127.0.0.1:9393"),
        ("api: {host: 0.0.0.0, port: 80}", "http://127.0.0.1:80"),
        ("api: {host: '::', port: 80, url_base: /audio}", "http://[::1]:80/audio"),
        ("api: {host: nas.lan}", "http://nas.lan:9393"),
    ],
)
def test_the_address_follows_from_the_configuration(home: Path, text: str, url: str) -> None:
    assert configured(home, text).address().url == url


def test_the_address_that_a_daemon_wrote_down_wins_over_the_configuration(home: Path) -> None:
    whereabouts.publish(str(home), "http://127.0.0.1:40001/audio")
    assert configured(home, "api: {port: 80}").address().url == "http://127.0.0.1:40001/audio"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"ftp://nas\n", b"http://nas\nhttp://b\n"])
def test_what_is_no_address_is_passed_over(home: Path, content: bytes) -> None:
    (home / whereabouts.NAME).write_bytes(content)
    assert configured(home, "").address().url == "http://127.0.0.1:9393"


def test_the_key_is_the_configured_one_or_that_of_the_key_file(home: Path) -> None:
    assert configured(home, "").address().api_key is None
    (home / "api_key").write_text("from-the-file\n")
    assert configured(home, "").address().api_key == "from-the-file"
    assert configured(home, "api: {api_key: set}").address().api_key == "set"


def test_options_win_over_variables_over_the_configuration(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invocation = configured(home, "api: {api_key: set}")
    monkeypatch.setenv("ARRTHEAUDIO_URL", "http://nas:1")
    monkeypatch.setenv("ARRTHEAUDIO_API_KEY", "variable")
    address = invocation.address()
    assert (address.url, address.api_key) == ("http://nas:1", "variable")
    invocation.url, invocation.api_key = "http://nas:2", "option"
    address = invocation.address()
    assert (address.url, address.api_key) == ("http://nas:2", "option")


def test_a_named_daemon_needs_no_configuration(home: Path) -> None:
    broken = configured(home, "nonsense: true")
    broken.url, broken.api_key = "http://nas:1", "k"
    assert broken.address().url == "http://nas:1"


@pytest.mark.parametrize(
    "url", ["nas:9393", "ftp://nas", "http://", "http://nas:99999", "http://[::1", "http://k:x@nas"]
)
def test_what_is_no_address_is_wrong_usage(home: Path, url: str) -> None:
    with pytest.raises(click.UsageError):
        Invocation(url=url, api_key="k").address()


@pytest.mark.parametrize("url", ["http://nas:1/audio/", " http://nas:1/audio/#/jobs?show=failed "])
def test_an_address_is_taken_as_a_browser_shows_it(home: Path, url: str) -> None:
    assert Invocation(url=url, api_key="k").address().url == "http://nas:1/audio"


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines"])
def test_what_no_header_can_carry_is_no_key(home: Path, key: str) -> None:
    with pytest.raises(click.UsageError, match="API key"):
        Invocation(url="http://nas:1", api_key=key).address()


def test_keys_are_not_in_representations(home: Path) -> None:
    invocation = Invocation(url="http://x", api_key="s3cret")
    assert "s3cret" not in repr(invocation) + repr(invocation.address())


def test_nothing_that_steers_a_terminal_is_shown() -> None:
    hostile = "a\x1b[31m\nb\x9b\x7f"
    assert shown(hostile) == "a\N{REPLACEMENT CHARACTER}[31m" + (
        "\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    )
    assert shown(b"\xff.mkv").endswith(".mkv")
    shown(b"\xff.mkv").encode()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0034, "3.4 ms"), (1.5, "1.50 s"), (90, "1.5 min"), (3600 * 1234.5, "1,234.5 h")],
)
def test_durations_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize("path", ["/m/a.mkv", "/m/a\x1b[31m.mkv", b"/m/caf\xe9.mkv"])
def test_a_message_beside_its_path_does_not_repeat_it(path: str | bytes) -> None:
    named = path if isinstance(path, bytes) else path.encode()
    message = str(CorruptFile(path=named))
    assert brief(message, path) == "The file contradicts its own format."
    assert brief("Something else", path) == "Something else"
    assert brief(None, path) == ""
