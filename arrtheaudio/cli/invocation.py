"""What every command is told: which configuration, which data folder, which daemon.

Owns the options that stand before or behind a command's name, and the way from
them to a loaded configuration and a daemon's address.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import attrs
import click

from arrtheaudio.cli.output import shown

if TYPE_CHECKING:
    from arrtheaudio.client import Address
    from arrtheaudio.config import Loaded

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

# A server that listens everywhere is reached here by the loopback address.
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@attrs.define
class Invocation:
    """The shared options of this call; a later spelling wins over an earlier one."""

    config_path: str | None = None
    data_dir: str | None = None
    url: str | None = None
    api_key: str | None = attrs.field(default=None, repr=False)

    @property
    def named_url(self) -> str | None:
        """The daemon that was named, by --url or the environment."""
        return self.url or os.environ.get("ARRTHEAUDIO_URL") or None

    def load(self, overrides: Mapping[str, object] | None = None) -> Loaded:
        """The effective configuration. Raises ConfigError."""
        from arrtheaudio import config

        return config.load(
            path=self.config_path,
            data_dir=self.data_dir,
            overrides=overrides,
            environ=os.environ,
        )

    def address(self) -> Address:
        """Where the daemon is and which key it takes: options, environment, data folder.

        Raises UsageError and ConfigError.
        """
        from arrtheaudio.cli import whereabouts
        from arrtheaudio.client import Address

        named = self.named_url
        url = named and _checked_url(named)
        key = self.api_key or os.environ.get("ARRTHEAUDIO_API_KEY")
        if key and not (key.isascii() and key.isprintable()):
            raise click.UsageError("This is no API key: it has other signs than those of ASCII.")
        if url and key:
            return Address(url, key)
        loaded = self.load()
        found = url or whereabouts.published(loaded.data_dir) or _url(loaded)
        return Address(found, key or _key(loaded))


def _checked_url(named: str) -> str:
    """The address of a daemon, also as a browser shows its dashboard's. Raises UsageError."""
    try:
        parts = urlsplit(named.strip())
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise click.UsageError(f"{shown(named)} is no address such as http://127.0.0.1:9393.")
    if "@" in parts.netloc:
        raise click.UsageError("A key in the address is not sent everywhere; use --api-key.")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _url(loaded: Loaded) -> str:
    api = loaded.config.api
    host = _EVERYWHERE.get(api.host, api.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{api.port}{api.url_base}"


def _key(loaded: Loaded) -> str | None:
    if loaded.config.api.api_key is not None:
        return loaded.config.api.api_key
    try:
        return Path(loaded.key_path).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None  # the daemon's answer will say that it wants one


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    invocation = context.ensure_object(Invocation)
    if value is not None and parameter.name is not None:
        setattr(invocation, parameter.name, value)


def _shared(*spelling: str, metavar: str, help: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        *spelling, metavar=metavar, help=help, callback=_remember, expose_value=False
    )


def configured(command: Decorated) -> Decorated:
    """Give a command --config and --data-dir."""
    for option in (
        _shared("--data-dir", metavar="DIR", help="Journal, key and lock lie here."),
        _shared("--config", "config_path", metavar="FILE", help="The configuration file."),
    ):
        command = option(command)
    return command


def connected(command: Decorated) -> Decorated:
    """Give a command --config and --data-dir, --url and --api-key."""
    for option in (
        _shared("--api-key", metavar="KEY", help="The daemon's key [$ARRTHEAUDIO_API_KEY]."),
        _shared("--url", metavar="URL", help="The daemon's address [$ARRTHEAUDIO_URL]."),
    ):
        command = option(command)
    return configured(command)


def json_option(command: Decorated) -> Decorated:
    """Give a command --json."""
    return click.option("--json", "as_json", is_flag=True, help="JSON for scripts.")(command)
