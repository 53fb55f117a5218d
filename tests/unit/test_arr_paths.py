"""Path mapping: pure, without a look at the file system."""

from __future__ import annotations

import pytest

from arrtheaudio.arr.paths import PathMapping, encode, map_path
from arrtheaudio.errors import BadDelivery

TV = PathMapping("/tv", "/media/tv")


@pytest.mark.parametrize(
    ("path", "mapping", "local"),
    [
        ("/tv/A/a.mkv", TV, "/media/tv/A/a.mkv"),
        ("/tv", TV, "/media/tv"),
        ("/tv2/a.mkv", TV, "/tv2/a.mkv"),
        ("/TV/a.mkv", TV, "/TV/a.mkv"),
        ("/tv//A/./a.mkv", TV, "/media/tv/A/a.mkv"),
        ("/tv/a.mkv", PathMapping("/tv/", "/media/tv/"), "/media/tv/a.mkv"),
        ("/tv/a.mkv", PathMapping("/", "/media"), "/media/tv/a.mkv"),
        ("/tv/a.mkv", PathMapping("/tv", "/"), "/a.mkv"),
        ("/tv/", PathMapping("/tv", "/"), "/"),
        ("/tv/A\\B.mkv", TV, "/media/tv/A\\B.mkv"),
        ("C:\\TV\\A\\a.mkv", PathMapping("c:\\tv", "/m"), "/m/A/a.mkv"),
        ("C:/TV/A/a.mkv", PathMapping("C:\\tv\\", "/m"), "/m/A/a.mkv"),
        ("C:\\TV\\a.mkv", PathMapping("C:", "/m"), "/m/TV/a.mkv"),
        ("C:\\TV\\a.mkv", PathMapping("D:\\TV", "/m"), "C:\\TV\\a.mkv"),
        ("\\\\NAS\\tv\\a.mkv", PathMapping("\\\\nas\\TV", "/m"), "/m/a.mkv"),
        ("\\\\NAS\\tv\\a.mkv", PathMapping("//nas/tv", "/m"), "/m/a.mkv"),
        ("//nas/tv/a.mkv", PathMapping("//nas/tv", "/m"), "/m/a.mkv"),
        ("//tv/a.mkv", PathMapping("/movies", "/m"), "//tv/a.mkv"),
    ],
)
def test_a_mapping_replaces_whole_components(path: str, mapping: PathMapping, local: str) -> None:
    assert map_path(path, [mapping]) == local.encode()


def test_without_a_mapping_a_path_is_unchanged() -> None:
    assert map_path("/tv//a/", []) == b"/tv//a/"


def test_the_longest_match_wins_wherever_it_stands() -> None:
    mappings = [TV, PathMapping("/tv/anime", "/a"), PathMapping("/", "/r")]
    assert map_path("/tv/anime/x.mkv", mappings) == b"/a/x.mkv"
    assert map_path("/tv/animes/x.mkv", mappings) == b"/media/tv/animes/x.mkv"
    assert map_path("/x.mkv", mappings) == b"/r/x.mkv"


def test_an_instance_has_its_own_mappings_before_the_general_ones() -> None:
    mappings = [TV, PathMapping("/tv", "/4k", instance="sonarr-4k"), PathMapping("/tv/a", "/a")]
    assert map_path("/tv/x.mkv", mappings) == b"/media/tv/x.mkv"
    assert map_path("/tv/x.mkv", mappings, "other") == b"/media/tv/x.mkv"
    assert map_path("/tv/x.mkv", mappings, "Sonarr-4K") == b"/4k/x.mkv"
    assert map_path("/tv/a/x.mkv", mappings, "sonarr-4k") == b"/a/x.mkv"


def test_the_earlier_of_two_like_mappings_wins() -> None:
    assert map_path("/tv/x", [TV, PathMapping("/tv", "/other")]) == b"/media/tv/x"


def test_names_that_are_no_text_keep_their_bytes() -> None:
    assert map_path("/tv/caf\udce9.mkv", [TV]) == b"/media/tv/caf\xe9.mkv"
    assert map_path("/tv/caf\ufffd.mkv", [TV]) == "/media/tv/caf\ufffd.mkv".encode()


@pytest.mark.parametrize("path", ["/tv/\0", "/tv/\ud800"])
def test_what_no_name_can_hold_is_refused(path: str) -> None:
    with pytest.raises(BadDelivery):
        encode(path)
    with pytest.raises(BadDelivery):
        map_path(path, [TV])
