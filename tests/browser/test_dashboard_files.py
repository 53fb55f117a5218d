"""What can be told of the dashboard's files without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import arrtheaudio

WEB = Path(arrtheaudio.__file__).parent / "web"
MODULES = sorted((WEB / "js").glob("*.js"))
STYLES = sorted((WEB / "css").glob("*.css"))
PAGE = WEB / "index.html"
OWN = [PAGE, WEB / "theme.js", WEB / "icon.svg", *MODULES, *STYLES]

IMPORT = re.compile(r'^import .*?"\./([\w-]+\.js)";$', re.MULTILINE)
LATER = re.compile(r'import\("\./([\w-]+\.js)"\)')


def loaded_at_once(first: str = "main.js") -> set[str]:
    """The modules that this one needs before it runs, itself among them."""
    found: set[str] = set()
    open_ends = [first]
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found.add(name)
            open_ends += IMPORT.findall((WEB / "js" / name).read_text())
    return found


def test_no_other_host_is_named() -> None:
    named = {
        address
        for file in OWN
        for address in re.findall(r"(?:https?:)?//[\w.-]+\.\w+", file.read_text())
    }
    assert named <= {"http://www.w3.org"}  # the name space of SVG, never asked for


def test_addresses_are_relative() -> None:
    found = re.findall(r'(?:href|src)="([^"]+)"', PAGE.read_text())
    assert found
    assert [address for address in found if not address.startswith(("#", "{assets}/"))] == []


def test_text_never_becomes_markup() -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")
    assert [module.name for module in MODULES if forbidden.search(module.read_text())] == []


def test_the_content_policy_is_kept_no_inline_script_or_style() -> None:
    page = PAGE.read_text()
    assert not re.search(r"<script(?![^>]*src=)", page)
    assert not re.search(r"<style|\sstyle=|\son\w+=", page)


def test_modules_of_the_first_page_are_loaded_ahead_and_each_module_is_used() -> None:
    ahead = re.findall(r'rel="modulepreload" href="{assets}/js/([\w-]+\.js)"', PAGE.read_text())
    assert sorted(ahead) == sorted(loaded_at_once())
    asked_for = {name for module in MODULES for name in LATER.findall(module.read_text())}
    later = {name for first in asked_for for name in loaded_at_once(first)}
    assert loaded_at_once() | later == {module.name for module in MODULES}


def test_every_style_that_the_page_names_is_there() -> None:
    named = set(re.findall(r'rel="stylesheet" href="{assets}/(css/[\w-]+\.css)"', PAGE.read_text()))
    assert named == {f"css/{style.name}" for style in STYLES}


def test_modules_stay_small() -> None:
    long = {module.name: len(module.read_text().splitlines()) for module in MODULES}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}
