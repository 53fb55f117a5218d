"""Every spelling of a path leads to one route, without a redirect."""

from __future__ import annotations

import pytest

from arrtheaudio.api.envelope import inner_path


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/", "/"),
        ("/jobs", "/jobs"),
        ("/jobs/", "/jobs"),
        ("/api/v1", "/"),
        ("/api/v1/", "/"),
        ("/api/v1/jobs/", "/jobs"),
        ("/api/v1/api/v1/jobs", "/api/v1/jobs"),
        ("/api/v10/jobs", "/api/v10/jobs"),
        ("http://host/jobs", "/jobs"),
        ("http://[::1", None),
        ("*", None),
        ("", None),
    ],
)
def test_paths_at_the_root(path: str, inner: str | None) -> None:
    assert inner_path(path, "") == inner


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/audio", "/"),
        ("/audio/", "/"),
        ("/audio/jobs", "/jobs"),
        ("/audio/api/v1/jobs", "/jobs"),
        ("/jobs", None),
        ("/audiobooks", None),
        ("/", None),
    ],
)
def test_paths_under_a_prefix(path: str, inner: str | None) -> None:
    assert inner_path(path, "/audio") == inner
