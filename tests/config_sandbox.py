"""A home without configuration in which configurations are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from arrtheaudio import config as configuration
from arrtheaudio.config import Loaded
from arrtheaudio.errors import ConfigError


class Sandbox:
    """A home without configuration, and the system's folder inside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.system = folder / "config"

    def write(self, text: str | bytes, name: str = "given.yaml") -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    def load(
        self,
        text: str | bytes | None = None,
        *,
        path: str | None = None,
        data_dir: str | None = None,
        overrides: dict[str, object] | None = None,
        **environ: str,
    ) -> Loaded:
        return configuration.load(
            path=path if text is None else self.write(text),
            data_dir=data_dir,
            overrides=overrides,
            environ={"HOME": str(self.folder), **environ},
            system_folder=str(self.system),
        )

    def problems(self, text: str | bytes | None = None, **given: object) -> dict[str, str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text, **given)  # type: ignore[arg-type]
        return dict(caught.value.problems)
