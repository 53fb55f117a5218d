"""The queue's small parts: coding, facets, lanes, pace, file systems."""

from __future__ import annotations

import itertools
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from queue_kit import plan_for

from arrtheaudio.jobs import facets
from arrtheaudio.jobs.encoding import (
    decode_body,
    decode_bytes,
    decode_plan,
    encode_body,
    encode_bytes,
    encode_plan,
)
from arrtheaudio.jobs.eta import Pace
from arrtheaudio.jobs.lanes import Lanes
from arrtheaudio.jobs.lock import network_file_system
from arrtheaudio.jobs.models import Priority, Status


@given(st.binary())
def test_any_bytes_survive_json(value: bytes) -> None:
    assert decode_bytes(decode_body(encode_body({"v": encode_bytes(value)}))["v"]) == value


@given(st.binary(), st.binary())
def test_different_bytes_are_coded_differently(one: bytes, other: bytes) -> None:
    assert (encode_bytes(one) == encode_bytes(other)) == (one == other)


@given(st.text(st.characters(), max_size=20) | st.just("a\udcff.mkv: \ud800"))
def test_every_text_can_be_written_whatever_it_holds(text: str) -> None:
    """A row that cannot be written would leave its job without an end."""
    [shown] = decode_body(encode_body({"message": [text]}))["message"]
    if text.isprintable():
        assert shown == text


def test_a_plan_survives_the_journal_and_fields_added_later_do_not_hurt() -> None:
    plan = plan_for(b"/m/caf\xe9.mkv")
    encoded = decode_body(encode_body(encode_plan(plan)))
    assert decode_plan(encoded) == plan
    assert "before_image" not in encoded, "defaults are left out, so they may be added"
    assert decode_plan({**encoded, "of_a_newer_version": 1}) == plan


@pytest.mark.parametrize(
    ("name", "container"),
    [
        (b"/m/a.MKV", "mkv"),
        (b"/m/a.webm", "mkv"),
        (b"/m/a.m4v", "mp4"),
        (b"/m/a.avi", None),
        (b"/m/mkv", None),
        (b"/m.mkv/a", None),
        (b"", None),
    ],
)
def test_the_container_is_told_by_the_extension(name: bytes, container: str | None) -> None:
    assert facets.container_by_name(name) == container


def test_facets_name_source_container_and_end_uniquely() -> None:
    told = {
        (facets.kind_of(f), facets.source_of(f), facets.container_of(f), facets.end_of(f))
        for f in facets.ENDED_FACETS
    }
    assert len(told) == len(facets.ENDED_FACETS)
    named = itertools.product(facets.SOURCES, facets.CONTAINERS, facets.JOB_KINDS)
    for source, container, kind in named:
        live = facets.live_facet(source, container, kind)
        facet = facets.ended_facet(facets.FAILED, live)
        assert facets.live_of(facet) == live
        assert (facets.source_of(facet), facets.container_of(facet)) == (source, container)
        assert facets.kind_of(facet) == kind
        assert facets.status_of(facet) is Status.FAILED


def test_facets_of_batches_are_facets_of_no_job() -> None:
    batches = {facets.OPEN_BATCH, *facets.BATCH_FACETS.values()}
    assert not batches & (facets.LIVE_FACETS | facets.ENDED_FACETS)


@pytest.mark.parametrize(
    ("words", "end"), [(facets.IS_FAILED, facets.FAILED), (facets.IS_ALREADY, facets.ALREADY)]
)
def test_what_sql_says_of_an_end_is_what_facets_say(words: str, end: int) -> None:
    connection = apsw.Connection(":memory:")
    for facet in facets.ENDED_FACETS | set(facets.BATCH_FACETS.values()):
        ((found,),) = connection.execute(f"SELECT {words} FROM (SELECT ? AS facet)", (facet,))
        assert bool(found) is (facet in facets.ENDED_FACETS and facets.end_of(facet) == end)


@given(st.lists(st.tuples(st.sampled_from(list(Priority)), st.booleans()), max_size=30))
def test_lanes_give_priority_then_age(jobs: list[tuple[Priority, bool]]) -> None:
    lanes = Lanes(lambda seq, priority, heavy: seq % 5 != 0)  # every fifth has left
    for seq, (priority, heavy) in enumerate(jobs):
        lanes.push(seq, priority, heavy)
    expected = sorted((p, seq) for seq, (p, _) in enumerate(jobs) if seq % 5)
    assert lanes.first(100) == [seq for _, seq in expected], "a look changes nothing"
    popped = []
    while (head := lanes.head(light=True, heavy=True)) is not None:
        lanes.pop(*head)
        popped.append(head[0])
    assert popped == [seq for _, seq in expected]


def test_an_excluded_job_keeps_its_place() -> None:
    lanes = Lanes(lambda *_: True)
    for seq in (1, 2):
        lanes.push(seq, Priority.HIGH, False)
    lanes.exclude(1, Priority.HIGH, False, "file")
    assert lanes.first(9) == [2]
    lanes.readmit("file")
    assert lanes.first(9) == [1, 2]
    lanes.readmit("file")
    assert lanes.first(9) == [1, 2], "once"


def test_a_job_that_was_pushed_twice_is_next_once() -> None:
    lanes = Lanes(lambda *_: True)
    for seq in (1, 2, 1):
        lanes.push(seq, Priority.HIGH, False)
    assert lanes.first(9) == [1, 2]


def test_an_eta_follows_the_recent_rate() -> None:
    pace = Pace()
    assert pace.eta_seconds(5, 0.0) is None
    pace.ended(10.0)
    assert pace.eta_seconds(5, 11.0) is None
    pace.ended(12.0)
    assert pace.eta_seconds(5, 12.0) == 10
    assert pace.eta_seconds(5, 30.0) == 100, "a standstill shows"
    assert pace.eta_seconds(0, 30.0) == 0


MOUNTS = r"""22 1 8:1 / / rw - ext4 /dev/sda1 rw
40 22 0:39 / /mnt/nas rw - nfs4 nas:/export rw
41 22 0:40 / /mnt/my\040share rw - cifs //nas/x rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/mnt/nas/config", "nfs4"),
        ("/mnt/my share/config", "cifs"),
        ("/mnt/nas2/config", None),
        ("/config", None),
    ],
)
def test_a_network_file_system_is_recognised(path: str, kind: str | None) -> None:
    assert network_file_system(Path(path), MOUNTS.encode()) == kind
