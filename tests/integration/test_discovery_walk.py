"""The walk of a batch over real folders: order, what is left out, links, restarts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from arrtheaudio.errors import BadPattern
from arrtheaudio.jobs.models import BatchFilters
from arrtheaudio.jobs.walk import ERROR_LIMIT, SORT_SLICE, Sweep, Walk

NOW = 1_700_000_000.0
DAY = 86_400


def plant(root: Path, *names: str | bytes) -> None:
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb"):
            pass


def walk(root: Path, *, after: bytes = b"", limit: int = 1000, **sweep: object) -> list[bytes]:
    """The files found, relative to the root."""
    files, errors = walk_all(root, after=after, limit=limit, **sweep)
    assert errors == []
    return files


def walk_all(
    root: Path, *, after: bytes = b"", limit: int = 1000, **sweep: object
) -> tuple[list[bytes], list[str]]:
    base = os.fsencode(root)
    pass_ = Walk(Sweep(base, **sweep), after=base + b"/" + after if after else b"")  # type: ignore[arg-type]
    files: list[bytes] = []
    errors: list[str] = []
    while True:
        chunk = pass_.chunk(limit, 3600.0)
        assert len(chunk.files) <= limit
        files += [os.path.relpath(path, base) for path in chunk.files]
        errors += chunk.errors
        if chunk.complete:
            return files, errors


def test_files_come_in_the_order_of_their_whole_paths(tmp_path: Path) -> None:
    plant(tmp_path, "b.mkv", "a/z.mkv", "a.mkv", "a/b/c.mkv", "a-b/x.mkv", "c/1.mp4", "A.mkv")
    assert walk(tmp_path) == sorted(walk(tmp_path))
    assert len(walk(tmp_path)) == 7


def test_without_a_pattern_all_supported_containers_are_taken(tmp_path: Path) -> None:
    plant(
        tmp_path,
        *(
            f"x.{ending}"
            for ending in ["mkv", "webm", "mka", "mp4", "m4v", "MOV", "avi", "srt", "nfo"]
        ),
    )
    assert walk(tmp_path) == [b"x.MOV", b"x.m4v", b"x.mka", b"x.mkv", b"x.mp4", b"x.webm"]


def test_not_recursive_looks_at_own_files_whatever_the_pattern(tmp_path: Path) -> None:
    plant(tmp_path, "a.mkv", "x/b.mkv")
    assert walk(tmp_path, recursive=False, pattern="**/*.mkv") == [b"a.mkv"]
    assert walk(tmp_path, recursive=False, pattern="x/*.mkv") == []


def test_a_name_that_is_no_utf8_is_found_as_it_is(tmp_path: Path) -> None:
    plant(tmp_path, b"\xff\xfe/\xe9t\xe9.mkv")
    assert walk(tmp_path) == [b"\xff\xfe/\xe9t\xe9.mkv"]


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.mkv",
        ".folder/a.mkv",
        "@eaDir/a.mkv",
        ".Trash-1000/a.mkv",
        "#recycle/a.mkv",
        "$RECYCLE.BIN/a.mkv",
        "@Recycle/a.mkv",
        "lost+found/a.mkv",
        "_UNPACK_Show/a.mkv",
        "a.mkv.part",
        "a.mkv.!qB",
        "a.mkv.tmp",
    ],
)
def test_hidden_system_and_unfinished_files_are_left_out_whatever_the_pattern(
    tmp_path: Path, name: str
) -> None:
    plant(tmp_path, name, "ok/a.mkv")
    assert walk(tmp_path, pattern="**/*") == [b"ok/a.mkv"]


def test_excluded_names_drop_files_and_whole_folders(tmp_path: Path) -> None:
    plant(tmp_path, "a.mkv", "a-SAMPLE.mkv", "Samples/b.mkv", "x/Extras/c.mkv", "x/d.mkv")
    filters = BatchFilters(exclude_patterns=("*sample*", "extras"))
    assert walk(tmp_path, filters=filters) == [b"a.mkv", b"x/d.mkv"]


def test_an_excluded_name_above_the_batch_folder_does_not_count(tmp_path: Path) -> None:
    root = tmp_path / "sample"
    plant(root, "a.mkv")
    assert walk(root, filters=BatchFilters(exclude_patterns=("sample",))) == [b"a.mkv"]


def test_the_smallest_size_is_in_million_bytes_and_inclusive(tmp_path: Path) -> None:
    for name, size in [("small.mkv", 1_499_999), ("equal.mkv", 1_500_000), ("big.mkv", 2_000_000)]:
        plant(tmp_path, name)
        os.truncate(tmp_path / name, size)
    found = walk(tmp_path, filters=BatchFilters(min_size_mb=1.5))
    assert found == [b"big.mkv", b"equal.mkv"]


def test_the_largest_age_is_by_mtime_and_inclusive(tmp_path: Path) -> None:
    for name, age in [("new.mkv", 0), ("equal.mkv", 30 * DAY), ("old.mkv", 30 * DAY + 1)]:
        plant(tmp_path, name)
        os.utime(tmp_path / name, (NOW - age, NOW - age))
    found = walk(tmp_path, filters=BatchFilters(max_age_days=30), now=NOW)
    assert found == [b"equal.mkv", b"new.mkv"]


def test_link_loops_end(tmp_path: Path) -> None:
    plant(tmp_path, "x/a.mkv", "y/b.mkv")
    os.symlink(tmp_path, tmp_path / "x" / "up")
    os.symlink(tmp_path.parent, tmp_path / "x" / "further-up")
    os.symlink(tmp_path / "y", tmp_path / "y" / "self")
    os.symlink("itself.mkv", tmp_path / "itself.mkv")
    files, errors = walk_all(tmp_path)
    assert files == [b"x/a.mkv", b"y/b.mkv"]
    assert len(errors) == 1  # a link to itself cannot be looked at
    assert "itself.mkv" in errors[0]


def test_folders_that_link_to_each_other_are_entered_once_each_through_links(
    tmp_path: Path,
) -> None:
    names = [f"d{number}" for number in range(8)]
    for name in names:
        plant(tmp_path, f"{name}/{name}.mkv")
        for other in names:
            os.symlink(tmp_path / other, tmp_path / name / f"to-{other}")
    found = walk(tmp_path)  # every path without a repeated folder would be over 100,000 files
    assert len(found) <= 2 * len(names)


def test_a_linked_folder_and_a_linked_file_are_followed(tmp_path: Path) -> None:
    plant(tmp_path, "store/a.mkv", "library/b.mkv")
    os.symlink(tmp_path / "store", tmp_path / "library" / "linked")
    os.symlink(tmp_path / "store" / "a.mkv", tmp_path / "library" / "file.mkv")
    assert walk(tmp_path / "library") == [b"b.mkv", b"file.mkv", b"linked/a.mkv"]


def test_a_link_out_of_the_media_roots_is_not_entered_and_named(tmp_path: Path) -> None:
    plant(tmp_path, "secret/a.mkv", "media/b.mkv")
    os.symlink(tmp_path / "secret", tmp_path / "media" / "out")
    files, errors = walk_all(tmp_path / "media", roots=(os.fsencode(tmp_path / "media"),))
    assert files == [b"b.mkv"]
    assert len(errors) == 1
    assert "media_roots" in errors[0]


def test_a_folder_whose_name_begins_like_a_root_is_outside_it(tmp_path: Path) -> None:
    plant(tmp_path, "media2/a.mkv", "media/b.mkv")
    os.symlink(tmp_path / "media2", tmp_path / "media" / "out")
    files, _ = walk_all(tmp_path / "media", roots=(os.fsencode(tmp_path / "media"),))
    assert files == [b"b.mkv"]


def test_a_root_that_cannot_be_read_raises(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Walk(Sweep(os.fsencode(tmp_path / "gone"))).chunk(10, 1.0)


def test_an_unreadable_folder_is_listed_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path, "a/1.mkv", "b/2.mkv", "c/3.mkv")
    real = os.scandir

    def scandir(path: bytes):
        if path.endswith(b"/b/"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)  # root may read everything
    files, errors = walk_all(tmp_path)
    assert files == [b"a/1.mkv", b"c/3.mkv"]
    assert errors == [f"{tmp_path}/b: Permission denied"]


def test_the_list_of_unreadable_folders_is_bounded(tmp_path: Path) -> None:
    for number in range(ERROR_LIMIT + 50):
        os.symlink("loop", tmp_path / f"x{number}.mkv")
    os.symlink("loop", tmp_path / "loop")
    files, errors = walk_all(tmp_path)
    assert files == []
    assert len(errors) == ERROR_LIMIT


def test_a_large_folder_is_sorted_in_slices_and_stays_in_order(tmp_path: Path) -> None:
    names = [f"{number:05d}.mkv" for number in range(SORT_SLICE * 2 + 7)]
    plant(tmp_path, *names)
    assert walk(tmp_path) == [name.encode() for name in names]


def test_a_walk_goes_on_behind_any_of_its_paths(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.mkv", "a/b/2.mkv", "a.mkv", "a-c/3.mkv", "b/4.mkv", "b.mkv", "ab.mkv")
    whole = walk(tmp_path)
    for number, last in enumerate(whole):
        assert walk(tmp_path, after=last) == whole[number + 1 :]


def test_a_walk_goes_on_although_its_last_path_has_gone(tmp_path: Path) -> None:
    plant(tmp_path, "a/1.mkv", "a/3.mkv", "b/1.mkv")
    assert walk(tmp_path, after=b"a/2.mkv") == [b"a/3.mkv", b"b/1.mkv"]
    assert walk(tmp_path, after=b"aa/2.mkv") == [b"b/1.mkv"]


def test_chunks_are_no_larger_than_asked(tmp_path: Path) -> None:
    plant(tmp_path, *(f"{number}.mkv" for number in range(25)))
    assert len(walk(tmp_path, limit=10)) == 25


def test_a_walk_that_finds_nothing_for_long_hands_over_an_empty_chunk(tmp_path: Path) -> None:
    plant(tmp_path, *(f"d{number:03d}/x.nfo" for number in range(300)), "z/a.mkv")
    pass_ = Walk(Sweep(os.fsencode(tmp_path)))
    first = pass_.chunk(10, -1.0)
    assert (first.files, first.complete) == ((), False)
    assert pass_.chunk(10, 3600.0).complete


def test_a_bad_pattern_is_told_before_anything_is_read() -> None:
    with pytest.raises(BadPattern):
        Walk(Sweep(b"/nowhere", pattern="../*"))
    with pytest.raises(BadPattern):
        Walk(Sweep(b"/nowhere", filters=BatchFilters(exclude_patterns=("a/b",))))
