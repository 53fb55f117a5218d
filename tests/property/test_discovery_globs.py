"""Our component automaton agrees with wcmatch on every pattern that both understand."""

from __future__ import annotations

from glob_walk import takes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wcmatch import glob as wcglob

from arrtheaudio.jobs.globs import BRACE_LIMIT

letters = st.text("abAB.", min_size=1, max_size=4).filter(lambda name: set(name) != {"."})
paths = st.lists(letters, min_size=1, max_size=4).map("/".join)
parts = st.sampled_from(["a", "B", "*", "?", "[ab]", "[!a]", "{a,b}", "{aa,b*}", "."])
names = st.lists(parts, min_size=1, max_size=3).map("".join).filter(lambda n: set(n) != {"."})
components = st.one_of(st.just("**"), names)
patterns = (
    st.lists(components, min_size=1, max_size=4)
    .map("/".join)
    .filter(lambda pattern: 2 ** pattern.count("{") <= BRACE_LIMIT)  # more are refused
)

FLAGS = wcglob.GLOBSTAR | wcglob.BRACE | wcglob.IGNORECASE | wcglob.DOTGLOB | wcglob.FORCEUNIX


@settings(max_examples=400, deadline=None)
@given(patterns, paths)
@example("**/a/**/a", "a/a")
@example("a/**", "a/b")
def test_agrees_with_wcmatch(pattern: str, path: str) -> None:
    assert takes(pattern, path) == wcglob.globmatch(path, pattern, flags=FLAGS)
