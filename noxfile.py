"""The one task runner: tests, lint, types; crash, browser and docs alone; bench.

Every session uses the Python that runs nox; another one is chosen by
``nox --force-python 3.13``. Environments are kept from run to run. What stands
behind ``--`` goes to pytest: ``nox -s tests -- tests/unit -k languages``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.sessions = ["tests", "lint", "types"]
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = True


def has_browser() -> bool:
    """Chromium comes from the system, never from a download."""
    return any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, with branch coverage; arguments choose some of them, without coverage."""
    session.install("-e", ".[tests,browser]" if has_browser() else ".[tests]")
    if session.posargs:
        session.run("python", "-m", "pytest", *session.posargs)
        return
    session.run("coverage", "erase", silent=True)
    # Whole files, so that what a file sets up once is set up once.
    session.run("coverage", "run", "-m", "pytest", "-n", "auto", "--dist", "loadfile")
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Style, format and the direction of imports."""
    session.install("-e", ".[lint]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session
def types(session: nox.Session) -> None:
    """Type hints, strictly."""
    session.install("-e", ".[types]")
    session.run("mypy")


@nox.session
def crash(session: nox.Session) -> None:
    """Only the tests that kill, cut and starve the daemon."""
    session.install("-e", ".[tests]")
    session.run("python", "-m", "pytest", "tests/crash", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Damaged media files for a minute; ``-- --seconds 600 --corpus DIR`` for longer."""
    session.install("-e", ".[tests]")
    session.run("python", str(Path("tests") / "fuzz" / "fuzz_media.py"), *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Only the dashboard's tests, in headless Chromium."""
    session.install("-e", ".[tests,browser]")
    session.run("python", "-m", "pytest", "tests/browser", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measurements side by side with the usual tools; ``-- media --rounds 5`` runs one of them."""
    session.install("-e", ".[bench]")
    chosen, *arguments = session.posargs or ["media"]
    session.run("python", str(Path("bench") / f"{chosen}.py"), *arguments)


@nox.session
def docs(session: nox.Session) -> None:
    """The documents: links, commands and keys exist, examples get the answers that they tell."""
    session.install("-e", ".[tests]")
    held = ("test_documents.py", "test_cli_reference.py", "api/test_api_document.py")
    tests = [str(Path("tests") / "integration" / name) for name in held]
    session.run("python", "-m", "pytest", *tests, *session.posargs)
