"""A walk that is broken off anywhere and taken up again finds every file exactly once."""

from __future__ import annotations

import os
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from arrtheaudio.jobs.walk import Sweep, Walk

# Characters before, at and behind "/" in byte order, and one that is no UTF-8.
names = st.lists(
    st.sampled_from([b"a", b"b", b"-", b".", b"0", b"\xff", b" "]), min_size=1, max_size=3
).map(b"".join)
trees = st.lists(
    st.lists(names.filter(lambda name: not name.startswith(b".")), min_size=1, max_size=3).map(
        b"/".join
    ),
    max_size=12,
    unique=True,
)


def everything(root: bytes, after: bytes, limit: int) -> list[bytes]:
    walk = Walk(Sweep(root, pattern="**/*.mkv"), after=after)
    found: list[bytes] = []
    while True:
        chunk = walk.chunk(limit, 3600.0)
        assert not chunk.errors
        found += chunk.files
        if chunk.complete:
            return found


@settings(max_examples=60, deadline=None)
@given(trees, st.integers(1, 5))
def test_going_on_behind_any_path_gives_the_rest(tree: list[bytes], limit: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = os.fsencode(folder)
        planted = set()
        for name in tree:
            path = os.path.join(root, name + b".mkv")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if not os.path.isdir(path):
                with open(path, "wb"):
                    planted.add(path)
        whole = everything(root, b"", limit)
        assert whole == sorted(planted)
        for number, last in enumerate(whole):
            assert everything(root, last, limit) == whole[number + 1 :]
