"""Confining and proposing paths, on a real file system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arrtheaudio.arr.paths import PathMapping, confine, propose
from arrtheaudio.errors import OutsideMediaRoots


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A media root with one file, beside a folder that is none of our business."""
    (tmp_path / "media" / "tv" / "A").mkdir(parents=True)
    (tmp_path / "media" / "tv" / "A" / "a.mkv").touch()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.mkv").touch()
    return tmp_path / "media"


def b(path: Path | str) -> bytes:
    return os.fsencode(path)


def refused(path: bytes, *roots: Path) -> str:
    with pytest.raises(OutsideMediaRoots) as caught:
        confine(path, [b(root) for root in roots])
    return str(caught.value)


def test_a_file_below_a_root_is_taken(root: Path) -> None:
    assert confine(b(root / "tv/A/a.mkv"), [b"/nowhere", b(root)]) == b(root / "tv/A/a.mkv")


def test_the_root_itself_is_taken_and_its_namesake_is_not(root: Path) -> None:
    assert confine(b(f"{root}/"), [b(root)]) == b(root)
    refused(b(f"{root}2/a.mkv"), root)


def test_the_whole_file_system_can_be_a_root(root: Path) -> None:
    assert confine(b(root / "tv"), [b"/"]) == b(root / "tv")


def test_dots_are_resolved_before_the_look_at_the_roots(root: Path) -> None:
    assert confine(b(f"{root}/tv/../tv/A/./a.mkv"), [b(root)]) == b(root / "tv/A/a.mkv")
    assert "outside" in refused(b(f"{root}/../outside/secret.mkv"), root)
    assert "outside" in refused(b(f"{root}/gone/../../outside/secret.mkv"), root)


def test_a_link_that_leads_out_is_refused(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "outside")
    assert "it leads to" in refused(b(root / "link/secret.mkv"), root)
    (root / "file.mkv").symlink_to(root.parent / "outside" / "secret.mkv")
    refused(b(root / "file.mkv"), root)


def test_a_link_that_stays_inside_is_resolved(root: Path) -> None:
    (root / "link").symlink_to(root / "tv")
    assert confine(b(root / "link/A/a.mkv"), [b(root)]) == b(root / "tv/A/a.mkv")


def test_a_root_may_be_a_link(root: Path) -> None:
    link = root.parent / "shortcut"
    link.symlink_to(root)
    assert confine(b(link / "tv/A/a.mkv"), [b(link)]) == b(root / "tv/A/a.mkv")
    assert confine(b(root / "tv/A/a.mkv"), [b(link)]) == b(root / "tv/A/a.mkv")


def test_a_file_that_is_not_there_is_confined_by_its_deepest_folder(root: Path) -> None:
    assert confine(b(root / "tv/B/b.mkv"), [b(root)]) == b(root / "tv/B/b.mkv")
    (root / "link").symlink_to(root.parent / "outside")
    refused(b(root / "link/none/b.mkv"), root)


def test_links_in_a_circle_end(root: Path) -> None:
    (root / "x").symlink_to(root / "y")
    (root / "y").symlink_to(root / "x")
    assert confine(b(root / "x"), [b(root)]).startswith(b(root))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        (b"tv/a.mkv", "not absolute"),
        (b"", "not absolute"),
        (b"C:\\tv\\a.mkv", "Windows path"),
        (b"\\\\nas\\tv\\a.mkv", "Windows path"),
        (b"/media/a\0.mkv", "NUL"),
        (b"/media/" + b"a" * 256, "longer than any"),
        (b"/a" * 2100, "longer than any"),
    ],
)
def test_what_can_be_no_path_of_a_file_is_refused(root: Path, path: bytes, why: str) -> None:
    assert why in refused(path, root)


def test_without_roots_everything_is_refused_and_said_why(root: Path) -> None:
    assert "media_roots is empty" in refused(b(root / "tv/A/a.mkv"))


def test_names_that_are_no_text_are_names(root: Path) -> None:
    path = b(root) + b"/caf\xe9.mkv"
    with open(path, "wb"):
        assert confine(path, [b(root)]) == path


# --- proposing -----------------------------------------------------------------------


def test_a_name_that_sonarr_could_not_spell_is_found_by_what_is_readable(root: Path) -> None:
    season = b(root) + b"/tv/Caf\xe9/S\xe4ason"
    os.makedirs(season)
    (root / "tv" / "Cafe").mkdir()
    episode = season + b"/1 \xff\xfe.mkv"
    Path(os.fsdecode(episode)).touch()
    sent = f"{root}/tv/Caf\ufffd/S\ufffdason/1 \ufffd\ufffd.mkv"
    assert confine(b(sent), [b(root)]) == episode


def test_a_name_that_could_be_two_is_none_of_them(root: Path) -> None:
    for name in (b"/tv/A/\xe9.mkv", b"/tv/A/\xe8.mkv"):
        Path(os.fsdecode(b(root) + name)).touch()
    sent = b(f"{root}/tv/A/\ufffd.mkv")
    assert confine(sent, [b(root)]) == sent
    Path(os.fsdecode(sent)).touch()  # a name may hold the character itself
    assert confine(sent, [b(root)]) == sent


def test_a_name_that_was_found_is_confined_like_any_other(root: Path) -> None:
    os.symlink(b(root.parent / "outside"), b(root) + b"/\xe9")
    assert "it leads to" in refused(b(f"{root}/\ufffd/secret.mkv"), root)
    os.makedirs(b(root.parent / "outside") + b"/\xe9")
    assert "\ufffd" in refused(b(f"{root.parent}/outside/\ufffd"), root)


def test_a_mapping_is_proposed_by_the_paths_tail(root: Path) -> None:
    expected = PathMapping("/data/series", str(root / "tv"))
    assert propose("/data/series/A/a.mkv", [b(root)])[0] == expected


def test_the_folder_tells_it_if_the_file_is_gone(root: Path) -> None:
    assert propose("/tv/A/gone.mkv", [b(root)])[0] == PathMapping("/tv", str(root / "tv"))


def test_the_file_itself_tells_more_than_a_folder(root: Path) -> None:
    (root / "anime" / "A").mkdir(parents=True)
    proposals = propose("/x/A/a.mkv", [b(root)])
    assert [proposal.local for proposal in proposals] == [str(root / "tv"), str(root / "anime")]


def test_windows_paths_get_a_windows_remote(root: Path) -> None:
    local = str(root / "tv")
    assert propose("D:\\TV\\A\\a.mkv", [b(root)])[0] == PathMapping("D:\\TV", local)
    assert propose("\\\\nas\\share\\A\\a.mkv", [b(root)])[0] == PathMapping("\\\\nas\\share", local)


@pytest.mark.parametrize("path", ["", "/", "/a.mkv", "/x/unknown.mkv", "/x/\0/a", "/x/\ud800"])
def test_nothing_is_proposed_without_a_trace(root: Path, path: str) -> None:
    assert propose(path, [b(root), b"/does/not/exist"]) == []


def test_what_is_right_already_is_not_proposed(root: Path) -> None:
    assert propose(str(root / "tv/A/a.mkv"), [b(root)]) == []


def test_the_search_for_a_proposal_is_bounded(root: Path) -> None:
    for number in range(600):
        (root / f"{number:03}").mkdir()
    (root / "zzz" / "B").mkdir(parents=True)
    assert propose("/x/B/b.mkv", [b(root)]) == []
