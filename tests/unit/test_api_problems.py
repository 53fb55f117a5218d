"""Every error of ours has its status, its words and its way out; none shows a trace."""

from __future__ import annotations

import json

import pytest
from werkzeug.exceptions import InternalServerError, MethodNotAllowed, NotFound

import arrtheaudio.errors as errors
from arrtheaudio.api.bodies import BadBody
from arrtheaudio.api.errors import INTERNAL, TABLE, TITLES, plain, problem
from arrtheaudio.api.schema import BadRequest, FieldProblem


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.BadDelivery(), 400),
        (errors.OutsideMediaRoots(), 400),
        (errors.BadPattern(), 400),
        (errors.UnknownId(), 404),
        (errors.AlreadyEnded(status="failed"), 409),
        (errors.NotEnded(), 409),
        (errors.NothingToUndo(), 409),
        (errors.BatchExists(batch=7), 409),
        (errors.QueueFull(), 503),
        (errors.WorkersOff(), 503),
        (errors.JournalUnavailable(), 503),
        (errors.JournalError(), 503),
        (RuntimeError("secret"), 500),
        (InternalServerError("secret"), 500),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    body = json.loads(problem(error).body)
    assert body["status"] == problem(error).status == status
    assert body["title"]
    assert "secret" not in body["detail"]


def test_each_kind_of_problem_has_a_title_in_words() -> None:
    assert set(TITLES) == {slug for _, _, slug, _ in TABLE} | {INTERNAL.slug}
    assert json.loads(problem(BadBody("x")).body)["title"] == "Malformed JSON"
    assert json.loads(INTERNAL.body)["title"] == "Internal error"


@pytest.mark.parametrize("error", [errors.QueueFull(), errors.JournalUnavailable()])
def test_what_passes_says_when_to_come_back(error: Exception) -> None:
    assert int(problem(error).headers["Retry-After"]) > 0


def test_a_running_batch_is_named() -> None:
    assert json.loads(problem(errors.BatchExists(batch=7)).body)["batch_id"] == "batch_000000000007"


def test_the_final_status_is_named() -> None:
    shown = json.loads(problem(errors.AlreadyEnded(status="failed")).body)
    assert shown["final_status"] == "failed"


def test_every_bad_field_is_named() -> None:
    error = BadRequest([FieldProblem("a", "unknown field"), FieldProblem("b[0]", "too long")])
    assert json.loads(problem(error).body)["errors"] == [
        {"field": "a", "message": "unknown field"},
        {"field": "b[0]", "message": "too long"},
    ]


def test_a_wrong_method_names_the_right_ones() -> None:
    assert problem(MethodNotAllowed(["GET", "DELETE"])).headers["Allow"] == "GET, DELETE"


def test_plain_problems_have_no_type_of_their_own() -> None:
    assert json.loads(problem(NotFound()).body)["type"] == "about:blank"
    assert json.loads(plain(431).body)["title"] == "Request Header Fields Too Large"


def test_the_words_say_what_to_do() -> None:
    assert problem(errors.QueueFull()).body.count(b"max_queue_size") == 1


def test_the_table_names_no_class_behind_its_base() -> None:
    for number, (kind, *_) in enumerate(TABLE):
        assert not any(issubclass(kind, before) for before, *_ in TABLE[:number]), kind


def test_the_unknown_is_internal() -> None:
    assert problem(KeyError("x")) == INTERNAL
