"""What is installed: everything that runs, nothing else, and quick to start."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_holds_every_file_of_the_package_and_the_licence(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if name.startswith("arrtheaudio/")}
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "arrtheaudio").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == package
    others = {name.partition("/")[0] for name in wheel.namelist()} - {"arrtheaudio"}
    assert {name.rpartition(".")[2] for name in others} == {"dist-info", "data"}
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


def test_whoever_installs_the_wheel_gets_the_commented_configuration_and_the_unit(
    wheel: zipfile.ZipFile,
) -> None:
    shared = {
        name.partition("/share/arrtheaudio/")[2]: wheel.read(name)
        for name in wheel.namelist()
        if "/share/arrtheaudio/" in name
    }
    assert set(shared) == {"config.yaml", "arrtheaudio.service", "custom-script.sh"}
    for name, held in shared.items():
        assert held == (ROOT / "config" / name).read_bytes()


def test_what_the_image_is_built_from_reaches_its_build() -> None:
    dockerfile = (ROOT / "config" / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) /src\S*$", dockerfile, re.MULTILINE)
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    needed = {path for line in copied for path in line.split()}
    assert {path.partition("/")[0] for path in let_through} == needed
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert set(build["targets"]["wheel"]["shared-data"]) <= let_through


def test_the_wheel_installs_one_command(wheel: zipfile.ZipFile) -> None:
    [entry] = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    assert wheel.read(entry).decode().split() == [
        "[console_scripts]",
        "arrtheaudio",
        "=",
        "arrtheaudio.cli:main",
    ]


def test_each_dependency_says_why_it_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    dependencies = tomllib.loads(text)["project"]["dependencies"]
    for dependency in dependencies:
        [line] = [line for line in text.splitlines() if f'"{dependency}"' in line]
        assert "#" in line, dependency


def run(code: str, **environ: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
    ).stdout


def test_only_serve_and_demo_pay_for_the_server() -> None:
    loaded = run(
        "import sys; from arrtheaudio.cli import root\n"
        "root.run(['config', 'show']); root.run(['version'])\n"
        "print('heavy:', sorted({'quart', 'hypercorn', 'httpx', 'rich'} & set(sys.modules)))"
    )
    assert "heavy: []" in loaded


def test_version_needs_neither_trio_nor_the_configuration() -> None:
    loaded = run(
        "import sys; from arrtheaudio.cli import root\nroot.run(['version'])\n"
        "print('heavy:', sorted({'trio', 'yaml', 'arrtheaudio.config'} & set(sys.modules)))",
        ARRTHEAUDIO_NONSENSE="1",
    )
    assert "heavy: []" in loaded


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "arrtheaudio", "nonsense"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_reader_that_goes_away_causes_no_traceback() -> None:
    # More output than a pipe holds, and nobody reads it.
    code = (
        "import os, sys\nfrom arrtheaudio.cli import output, root\nimport click\n"
        "@click.command()\ndef flood():\n"
        "    for _ in range(100_000): click.echo('x' * 80)\n"
        "root.LazyGroup.get_command = lambda *_: flood\n"
        "sys.exit(root.run(['flood']))"
    )
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE
    ) as process:
        os.close(writer)
        os.close(reader)
        assert process.stderr is not None
        said = process.stderr.read()
    assert (process.returncode, said) == (1, b"")
