"""Whatever fits the OpenAPI document, and much that does not: no 5xx, nothing against the document.

A real daemon, every operation, requests that schemathesis makes from the document: good
ones, broken ones, and good ones about jobs, deliveries, batches and folders that exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
from daemon_process import DaemonProcess, Household
from hypothesis import HealthCheck, Phase, given
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance
from synth import mkv
from whole_api import TRACKS

EXAMPLES = 12  # of each operation
LISTED_AT_LEAST = 30  # operations
# A path that fits the document may still lie outside the media roots.
LEFT_OUT = [positive_data_acceptance]


@pytest.fixture(scope="module")
def household(tmp_path_factory: pytest.TempPathFactory) -> Household:
    household = Household(tmp_path_factory.mktemp("contract"))
    household.write_config(processing={"max_queue_size": 1_000_000})
    return household


@pytest.fixture(scope="module")
def daemon(household: Household) -> Iterator[DaemonProcess]:
    for name in ("a.mkv", "b.mkv", "c.avi"):
        household.add(name, mkv(TRACKS))
    with household.daemon() as running:
        yield running
        assert running.stop() == 0


@pytest.fixture(scope="module")
def known(household: Household, daemon: DaemonProcess) -> dict[str, Any]:
    """Values that lead somewhere, by the name of their parameter or field."""
    media = str(household.media)
    delivery = daemon.post(
        "/webhook/sonarr",
        {
            "eventType": "Download",
            "series": {"title": "Harbour", "path": media},
            "episodeFiles": [{"relativePath": name} for name in ("a.mkv", "c.avi", "none.mkv")],
        },
    )
    daemon.ended(delivery["job_ids"][0])
    batch = daemon.post("/batch", {"path": media, "dry_run": True})
    return {
        "job_id": delivery["job_ids"][0],
        "webhook_id": delivery["webhook_id"],
        "batch_id": batch["batch_id"],
        "path": media,
        "paths": [f"{media}/a.mkv", f"{media}/c.avi"],
        "job_ids": delivery["job_ids"],
        "api_key": daemon.http.headers["X-Api-Key"],
    }


def operations(daemon: DaemonProcess) -> list[Any]:
    """Every operation of the document that the daemon serves."""
    load_all_checks()
    schema = schemathesis.openapi.from_url(f"{daemon.http.base_url}/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


def led_somewhere(case: Any, known: dict[str, Any]) -> Any:
    """The request with values that exist wherever it has a place for them."""
    for part in (case.path_parameters, case.query, case.body):
        if isinstance(part, dict):
            part.update({name: value for name, value in known.items() if name in part})
    return case


def test_every_answer_fits_the_document(daemon: DaemonProcess, known: dict[str, Any]) -> None:
    headers = {"X-Api-Key": known["api_key"]}
    found = operations(daemon)
    assert len(found) > LISTED_AT_LEAST
    for operation in found:
        settled = hypothesis.settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        @settled
        @given(case=operation.as_strategy(), somewhere=hypothesis.strategies.booleans())
        def ask(case: Any, somewhere: bool) -> None:
            if somewhere:
                case = led_somewhere(case, known)
            case.call_and_validate(headers=headers, excluded_checks=LEFT_OUT)

        ask()
    health = httpx.get(f"{daemon.http.base_url}/health")
    assert health.json()["status"] != "unhealthy"


def test_what_can_happen_to_any_request_of_a_kind_is_described(daemon: DaemonProcess) -> None:
    """A body can be too slow and too large; the journal can be unreadable."""
    described = daemon.get("/openapi.json")["paths"]
    for path, methods in described.items():
        for method, operation in methods.items():
            expected = {"400", "500"}
            expected |= {"408", "413"} if "requestBody" in operation else set()
            expected |= set() if operation.get("security") == [] else {"401", "403", "503"}
            assert expected <= operation["responses"].keys(), (method, path)


def test_nothing_is_answered_to_strangers_but_what_is_open(daemon: DaemonProcess) -> None:
    """What an operation asks for is checked only behind its key: 401 comes first."""
    opened = set()
    for operation in operations(daemon):
        path = operation.path.replace("{", "a_").replace("}", "")
        answer = httpx.request(operation.method, f"{daemon.http.base_url}{path}", json={})
        assert answer.status_code < 500
        if answer.status_code != 401:
            opened.add(f"{operation.method.upper()} {operation.path}")
    assert opened == {"GET /ping", "GET /health", "POST /session", "DELETE /session"}
