"""Laws of deliveries and paths, over any JSON value and any path."""

from __future__ import annotations

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from arrtheaudio.arr.environment import parse_environment
from arrtheaudio.arr.paths import PathMapping, encode, is_absolute, map_path
from arrtheaudio.arr.payloads import Delivery, Ignored, TestEvent, parse
from arrtheaudio.errors import BadDelivery

apps = st.sampled_from(["sonarr", "radarr"])
any_text = st.text(st.characters(exclude_categories=()), max_size=12)  # with surrogates
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text)
any_json = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)
entries = st.one_of(
    any_json,
    st.dictionaries(
        st.sampled_from(["path", "relativePath", "size"]),
        st.one_of(st.sampled_from(["/tv/a.mkv", "C:\\a.mkv", "b.mkv"]), scalars),
    ),
)
bodies = st.one_of(
    any_json,
    st.fixed_dictionaries(
        {"eventType": st.one_of(st.sampled_from(["Download", "test", "Grab"]), any_json)},
        optional={
            "series": st.one_of(
                any_json,
                st.dictionaries(
                    st.sampled_from(["path", "title", "year", "tags", "type", "originalLanguage"]),
                    st.one_of(any_json, st.just("/tv")),
                ),
            ),
            "movie": any_json,
            "episodeFile": entries,
            "episodeFiles": st.one_of(entries, st.lists(entries, max_size=4)),
            "movieFile": entries,
            "movieFiles": any_json,
        },
    ),
)


@settings(max_examples=400)
@given(apps, bodies)
def test_any_body_is_read_or_refused(app: str, body: object) -> None:
    try:
        parsed = parse(app, body)  # type: ignore[arg-type]
    except BadDelivery:
        return
    assert isinstance(parsed, Delivery | Ignored | TestEvent)
    if isinstance(parsed, Delivery):
        paths = [file.path for file in parsed.files]
        assert paths
        assert len(set(paths)) == len(paths)
        assert all(is_absolute(path) and encode(path) for path in paths)
        orjson.dumps([parsed.title, parsed.year, parsed.original_language, parsed.tags])


keys = st.sampled_from(
    [
        "sonarr_eventtype",
        "Sonarr_Series_Path",
        "sonarr_series_tags",
        "sonarr_episodefile_paths",
        "sonarr_episodefile_path",
        "radarr_eventtype",
        "radarr_movie_year",
        "radarr_moviefile_path",
    ]
)


@given(st.dictionaries(keys, st.binary(max_size=20).map(lambda b: b.decode("utf-8", "replace"))))
def test_any_environment_gives_a_body_or_is_refused(env: dict[str, str]) -> None:
    try:
        app, body = parse_environment(env)
    except BadDelivery:
        return
    assert body["eventType"] == env[f"{app}_eventtype"]
    assert orjson.loads(orjson.dumps(body)) == body


# --- mapping -----------------------------------------------------------------------

names = st.sampled_from(["a", "A", "b", "c d", "é"])
folders = st.lists(names, max_size=4).map(tuple)
instances = st.sampled_from([None, "x", "y"])
mappings = st.lists(st.tuples(folders, st.sampled_from(["/m", "/n/o", "/"]), instances), max_size=5)


def naive(
    folder: tuple[str, ...], given: list[tuple[tuple[str, ...], str, str | None]], instance: object
) -> str:
    """Try every length from the longest, the instance's own mappings first."""
    for length in range(len(folder), -1, -1):
        for own in (True, False):
            for remote, local, wanted in given:
                applies = (wanted is not None) is own and wanted in (None, instance)
                if applies and remote == folder[:length]:
                    return "/".join([local.rstrip("/"), *folder[length:]]) or "/"
    return "/" + "/".join(folder)


@settings(max_examples=300)
@given(folders, mappings, instances)
def test_mapping_agrees_with_a_naive_model(
    folder: tuple[str, ...],
    given: list[tuple[tuple[str, ...], str, str | None]],
    instance: str | None,
) -> None:
    made = [PathMapping("/" + "/".join(remote), local, wanted) for remote, local, wanted in given]
    path = "/" + "/".join(folder)
    assert map_path(path, made, instance) == naive(folder, given, instance).encode()


@given(folders, folders)
def test_windows_paths_match_whatever_the_case_and_the_separator(
    remote: tuple[str, ...], rest: tuple[str, ...]
) -> None:
    mapping = PathMapping("c:\\" + "\\".join(remote), "/m")
    expected = "/".join(["/m", *rest]).encode()
    for separator in ("\\", "/"):
        path = "C:" + separator + separator.join([name.swapcase() for name in remote] + list(rest))
        assert map_path(path, [mapping]) == expected


@given(any_text, mappings)
def test_any_path_is_mapped_or_refused(
    path: str, given: list[tuple[tuple[str, ...], str, str | None]]
) -> None:
    made = [PathMapping("/" + "/".join(remote), local, wanted) for remote, local, wanted in given]
    try:
        mapped = map_path(path, made)
    except BadDelivery:
        return
    assert b"\0" not in mapped
    if not path.startswith("/"):
        assert mapped == encode(path)
