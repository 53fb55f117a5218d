"""One class validates and documents: all problems at once, and the same limits in both."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

import attrs
import pytest

from arrtheaudio.api.document import Schemas
from arrtheaudio.api.schema import (
    BadRequest,
    Bounds,
    Check,
    Length,
    Pattern,
    body_reader,
    query_reader,
)
from arrtheaudio.jobs.models import Status


@attrs.frozen
class Inner:
    """A part."""

    size: Annotated[float, Bounds(0, 10)] | None = None
    words: Annotated[tuple[Annotated[str, Length(1, 3)], ...], Length(0, 2)] = ()


@attrs.frozen
class Whole:
    """A request."""

    name: Annotated[str, Length(1, 5)]
    flag: bool = False
    count: Annotated[int, Bounds(1, 3)] = 1
    order: Literal["asc", "desc"] = "asc"
    inner: Inner = Inner()


@attrs.frozen
class Query:
    """Parameters."""

    status: tuple[Status, ...] = ()
    limit: Annotated[int, Bounds(1, 1000)] = 50
    force: bool = False
    since: float | None = None
    batch: Annotated[str, Pattern(r"batch_[0-9a-f]+", "a batch's id")] | None = None


read_body = body_reader(Whole)
read_query = query_reader(Query)


def problems(value: Any) -> dict[str, str]:
    with pytest.raises(BadRequest) as caught:
        read_body(value)
    return {problem.field: problem.message for problem in caught.value.problems}


def query_problems(**query: list[str]) -> dict[str, str]:
    with pytest.raises(BadRequest) as caught:
        read_query(query)
    return {problem.field: problem.message for problem in caught.value.problems}


def test_every_problem_is_told_at_once() -> None:
    asked = {
        "flag": "no",
        "count": 4,
        "order": "up",
        "inner": {"size": True, "words": ["abcd", 1, "x"], "else": 1},
        "nam": 1,
    }
    assert problems(asked) == {
        "name": "required field missing",
        "flag": "expected true or false, got a string",
        "count": "expected at most 3, got 4",
        "order": "expected one of asc, desc; got 'up'",
        "inner.size": "expected a number, got true",
        "inner.words": "expected at most 2 items, got 3",
        "inner.words[0]": "expected at most 3 characters, got 4",
        "inner.words[1]": "expected a string, got an integer",
        "inner.else": "unknown field",
        "nam": "unknown field",
    }


@pytest.mark.parametrize("value", [None, 1, "x", [], [{}], True, 1.5])
def test_a_body_must_be_an_object(value: Any) -> None:
    assert problems(value)[""].startswith("expected an object")


@pytest.mark.parametrize("value", [1.0, "1", True, None])
def test_an_integer_is_nothing_else(value: Any) -> None:
    assert "count" in problems({"name": "x", "count": value})


def test_a_good_body_becomes_the_model() -> None:
    read = read_body({"name": "x", "inner": {"size": 3, "words": ["a"]}})
    assert read == Whole("x", inner=Inner(3.0, ("a",)))
    assert type(read.inner.size) is float


def test_query_texts_become_values() -> None:
    query = {"status": ["queued", "running"], "limit": ["7"], "force": ["true"], "since": ["1.5"]}
    assert read_query(query) == Query((Status.QUEUED, Status.RUNNING), 7, True, 1.5)


@pytest.mark.parametrize("text", ["", "x", "1.0", "0x1", "١", "1e3", " 1", "9" * 30])
def test_a_number_in_a_query_is_written_plainly(text: str) -> None:
    assert "limit" in query_problems(limit=[text])


def test_every_bad_parameter_is_told_at_once() -> None:
    found = query_problems(
        limit=["0"], force=["maybe"], status=["queued", "done"], batch=["job_1"], x=["1"]
    )
    assert set(found) == {"limit", "force", "status[1]", "batch", "x"}


def test_a_single_parameter_may_not_repeat() -> None:
    assert query_problems(limit=["1", "2"]) == {"limit": "may be given once only"}


def test_the_document_states_the_limits_that_are_checked() -> None:
    schemas = Schemas()
    assert schemas.of(Whole) == {"$ref": "#/components/schemas/Whole"}
    whole = schemas.components["Whole"]
    assert whole["additionalProperties"] is False
    assert whole["required"] == ["name"]
    assert whole["properties"]["name"] == {"type": "string", "minLength": 1, "maxLength": 5}
    assert whole["properties"]["count"] == {
        "type": "integer", "minimum": 1, "maximum": 3, "default": 1,
    }  # fmt: skip
    words = schemas.components["Inner"]["properties"]["words"]
    assert words["maxItems"] == 2
    assert words["items"] == {"type": "string", "minLength": 1, "maxLength": 3}


class Answer(TypedDict):
    """An answer."""

    name: str | None
    more: NotRequired[int]
    status: Status


def test_answers_are_documented_from_their_typed_dicts() -> None:
    schemas = Schemas()
    schemas.of(Answer)
    answer = schemas.components["Answer"]
    assert answer["required"] == ["name", "status"]
    assert answer["properties"]["name"] == {"type": ["string", "null"]}
    assert answer["properties"]["status"] == {"$ref": "#/components/schemas/Status"}


def test_a_rule_of_its_own_says_what_was_expected() -> None:
    @attrs.frozen
    class Named:
        """A request."""

        words: tuple[
            Annotated[str, Check(lambda word: None if word == "eng" else "a language")], ...
        ] = ()

    read = body_reader(Named)
    assert read({"words": ["eng"]}) == Named(("eng",))
    with pytest.raises(BadRequest) as caught:
        read({"words": ["eng", "x"]})
    (problem,) = caught.value.problems
    assert (problem.field, problem.message) == ("words[1]", "expected a language, got 'x'")
