"""Replies and errors of Azure Resource Manager are read as they come, tolerantly."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from azjobs.core.arm import Answer, Reply, Request, error_of
from azjobs.core.errors import Fault


@pytest.mark.parametrize(
    ("value", "wait_s"),
    [
        pytest.param("5", 5.0, id="seconds"),
        pytest.param(" 5 ", 5.0, id="spaces-around"),
        pytest.param("0", 0.0, id="at-once"),
        pytest.param("", None, id="none"),
        pytest.param("1.5", None, id="no-fraction"),
        pytest.param("-1", None, id="no-sign"),
        pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", None, id="no-date"),
        pytest.param("9" * 400, 86_400.0, id="not-for-ever"),
    ],
)
def test_retry_after_is_whole_seconds(value: str, wait_s: float | None) -> None:
    """ARM's RPC says integers only; anything else is as if it were not there."""
    assert Reply(429, {"retry-after": value}).retry_after_s == wait_s


def test_no_retry_after_is_none() -> None:
    """Nothing was asked for."""
    assert Reply(200).retry_after_s is None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        pytest.param({"error": {"code": "A", "message": " B. "}}, "A", "B.", id="the-envelope"),
        pytest.param({"code": "A", "message": "B."}, "A", "B.", id="without-the-envelope"),
        pytest.param({"error": "text"}, "HTTP 409", "", id="an-error-that-is-text"),
        pytest.param({"error": {"code": 7, "message": None}}, "HTTP 409", "", id="fields-that-are-no-text"),
        pytest.param({"error": {"code": ""}}, "HTTP 409", "", id="an-empty-code"),
        pytest.param(None, "HTTP 409", "", id="no-body"),
        pytest.param([1], "HTTP 409", "", id="a-list"),
        pytest.param(
            {"error": {"code": "DeploymentFailed", "message": "It failed.", "details": [{"message": "No quota."}]}},
            "DeploymentFailed",
            "It failed. No quota.",
            id="the-details-are-the-reason",
        ),
        pytest.param(
            {"error": {"code": "A", "message": "Same.", "details": [{"message": "Same."}, {"x": 1}, 5]}},
            "A",
            "Same.",
            id="details-that-say-no-more",
        ),
        pytest.param(
            {"error": {"code": "A", "details": [{"message": "Only here."}]}}, "A", "Only here.", id="details-only"
        ),
        pytest.param(
            {"error": {"code": "A", "message": "B.", "details": {"x": 1}}}, "A", "B.", id="details-of-another-form"
        ),
    ],
)
def test_an_error_is_read_from_its_envelope(body: Any, code: str, message: str) -> None:
    """Code and message are ARM's own; without them the HTTP status stands in."""
    reply = Reply(409, {"x-ms-correlation-request-id": "c"}, body)
    assert error_of(reply, target="vm") == Fault(code, message, "vm", 409, "c")


def test_only_get_and_head_change_nothing() -> None:
    """Everything else counts as a write."""
    methods = ("GET", "HEAD", "PUT", "PATCH", "POST", "DELETE")
    assert [Request(method, "/x").is_read for method in methods] == [True, True, False, False, False, False]


def test_an_answer_is_good_without_a_fault_and_below_300() -> None:
    """An operation may fail although its request was accepted."""
    assert Answer(200).is_ok
    assert not Answer(200, fault=Fault("A", "B")).is_ok
    assert not Answer(404).is_ok


def test_a_request_survives_storage_without_its_defaults() -> None:
    """What is stored with the job is small, and comes back as it was."""
    request = Request("PUT", "/x", "x", {"a": 1}, holes={"/a": "password"})
    stored = msgspec.json.encode(request)
    assert msgspec.json.decode(stored, type=Request) == request
    assert b"headers" not in stored
