"""The API key: the configured one, or one that is made at the first start.

Owns the key's file (``Loaded.key_path``): made whole and with mode 0600, never
printed. api.md: authentication.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

import attrs
import structlog

from arrtheaudio.config import AUTH_OPEN, Loaded
from arrtheaudio.errors import ConfigError

KEY_BYTES: Final = 32
KEY_MODE: Final = 0o600
LONGEST_KEY: Final = 4096  # bytes of the file that are read

_log = structlog.get_logger(__name__)


@attrs.frozen
class ApiKey:
    """The key, None with ``api.auth: none``; ``path`` where it lies in a file of ours."""

    secret: str | None = attrs.field(repr=False)
    path: str | None = None


def obtain(loaded: Loaded) -> ApiKey:
    """The daemon's key; made and stored where there is none. Raises: ConfigError."""
    api = loaded.config.api
    if api.auth == AUTH_OPEN:
        return ApiKey(None)
    if api.api_key is not None:
        return ApiKey(api.api_key)
    path = loaded.key_path
    try:
        return ApiKey(_read(path) or _make(path), path)
    except OSError as error:
        raise ConfigError(
            (("api.api_key", f"the key's file {path} cannot be used: {error.strerror}"),)
        ) from error


def _read(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            key = file.read(LONGEST_KEY).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None
    if not key or not all("!" <= character <= "~" for character in key):
        raise ConfigError(
            (("api.api_key", f"{path} holds no key; remove it, and a new one is made"),)
        )
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        _log.warning("key_file_is_open_to_others", path=path, advice=f"chmod 600 {path}")
    return key


def _make(path: str) -> str:
    """Written beside, synced, renamed: a power cut leaves a whole key or none."""
    key = secrets.token_urlsafe(KEY_BYTES)
    temporary = Path(f"{path}.new")
    temporary.unlink(missing_ok=True)
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, KEY_MODE)
    try:
        os.write(fd, f"{key}\n".encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    temporary.replace(path)
    return key
