"""The globs of a batch: what a pattern takes and what it refuses (queue.md, Batches)."""

from __future__ import annotations

import pytest
from glob_walk import takes

from arrtheaudio.errors import BadPattern
from arrtheaudio.jobs.globs import BRACE_LIMIT, DEFAULT_PATTERN, LENGTH_LIMIT, Glob, check_names


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("**/*.mkv", "a.mkv"),
        ("**/*.mkv", "x/y/z/a.mkv"),
        ("**/*.{mkv,mp4}", "x/a.mp4"),
        ("*.mkv", "a.MKV"),
        ("SHOW/*.mkv", "show/a.mkv"),
        ("**/ÄRGER*.mkv", "x/ärger.mkv"),
        ("Season ?/*.mkv", "Season 1/a.mkv"),
        ("Season [0-9][0-9]/*.mkv", "Season 12/a.mkv"),
        ("Season [!0-9]/*.mkv", "Season x/a.mkv"),
        ("{Show A,Show B/Season 1}/*.mkv", "Show B/Season 1/a.mkv"),
        ("a/**", "a/b/c.mkv"),
        ("**", "a/b/c.mkv"),
        ("a/**/b/**/*.mkv", "a/b/c.mkv"),
        ("a/**/b/**/*.mkv", "a/x/b/y/z/c.mkv"),
        ("**/a/**/a/*.mkv", "a/a/c.mkv"),
        ("./x//*.mkv", "x/a.mkv"),
        (r"**/*\[1080p\]*.mkv", "x/a [1080p].mkv"),
        ("**/*[[]1080p]*.mkv", "x/a [1080p].mkv"),
        ("**/[*.mkv", "x/[a.mkv"),
        (DEFAULT_PATTERN, "x/a.M4V"),
    ],
)
def test_takes_a_file_that_the_pattern_describes(pattern: str, path: str) -> None:
    assert takes(pattern, path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.mkv", "x/a.mkv"),
        ("**/*.mkv", "a.mkv.bak"),
        ("**/*.mkv", "a.mp4"),
        ("Season ?/*.mkv", "Season 10/a.mkv"),
        ("a/**", "b/c.mkv"),
        ("a/**/b.mkv", "a/c.mkv"),
        ("x*/*.mkv", "y/x/a.mkv"),
        ("**/x*y.mkv", "x/y.mkv"),  # one star stays within one name
        (DEFAULT_PATTERN, "x/a.srt"),
        (DEFAULT_PATTERN, "mkv"),
        ("**/*.mkv", "a\n.mkv\n"),
    ],
)
def test_leaves_a_file_that_the_pattern_does_not_describe(pattern: str, path: str) -> None:
    assert not takes(pattern, path)


def test_folders_in_which_nothing_can_match_are_not_entered() -> None:
    glob = Glob("Show A/Season 1/*.mkv")
    inside = glob.enter(glob.start, b"Show A")
    assert inside is not None
    assert glob.enter(glob.start, b"Show B") is None
    assert glob.enter(inside, b"Season 2") is None


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("", "empty"),
        ("a\0b", "NUL"),
        ("/media/*.mkv", "relative"),
        ("../*.mkv", "leave"),
        ("x/{a,..}/*.mkv", "leave"),
        (".", "components"),
        ("x" * (LENGTH_LIMIT + 1), "characters"),
        ("{a,b}" * 30, "braces"),
        ("{1..99999999}", "braces"),
        ("{" * 500, "braces"),
        ("a/" * 65 + "b", "components"),
    ],
)
def test_refuses_a_pattern_with_a_word_about_it(pattern: str, complaint: str) -> None:
    with pytest.raises(BadPattern, match=complaint):
        Glob(pattern)


def test_a_pattern_may_stand_for_as_many_as_the_limit() -> None:
    assert takes(f"{{1..{BRACE_LIMIT}}}.mkv", "7.mkv")


def test_names_to_leave_out_are_compared_whole_and_without_case() -> None:
    names = check_names(["*sample*", "{extras,featurettes}", "*.Part"])
    assert names.match(b"A.SAMPLE.mkv")
    assert names.match(b"Featurettes")
    assert names.match(b"a.pART")
    assert not names.match(b"my extras")
    assert not names.match(b"a.part1")
    assert not check_names([]).match(b"")


def test_a_name_that_is_no_utf8_is_matched_by_its_readable_part() -> None:
    assert check_names(["*sample*.mkv"]).match(b"\xff sample \xfe.mkv")


def test_a_name_pattern_with_a_slash_could_never_match_and_is_refused() -> None:
    with pytest.raises(BadPattern, match="slash"):
        check_names(["extras/*"])


def test_many_stars_against_a_long_name_cost_linear_time() -> None:
    # A backtracking matcher would need longer than the universe has existed.
    assert not takes("*a" * 100 + "b", "a" * 255)
