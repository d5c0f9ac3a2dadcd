"""Every branch of ARM's asynchronous protocol, as tables. [RPC] is ARM RPC v1.0, async-api-reference.md."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.arm import FinalStateVia, Reply, Request
from azjobs.core.errors import Fault
from azjobs.core.lro import (
    DEFAULT_DELAY_S,
    LOST_AFTER,
    MIN_DELAY_S,
    RESOURCE_DELAY_S,
    Fetch,
    Finished,
    Monitor,
    OperationFailed,
    Poll,
    Step,
    Unreadable,
    Watch,
    after_loss,
    first_step,
    is_lost,
    next_step,
    resource_watch,
)

URL = "https://h/subscriptions/s/resourceGroups/g?api-version=1"
STATUS, RESULT = "https://h/status/1", "https://h/results/1"
ASYNC = {"azure-asyncoperation": STATUS}
BOTH = {**ASYNC, "location": RESULT}
LOCATION = {"location": RESULT}
DELETING = {"properties": {"provisioningState": "Deleting"}}


def body(word: str | None, **more: Any) -> dict[str, Any]:
    return {"properties": {} if word is None else {"provisioningState": word}, **more}


def resource(url: str = URL, *, is_hidden: bool = False) -> Watch:
    return Watch(Monitor.RESOURCE, url, resource_url=url, is_hidden=is_hidden)


def by_status(final_url: str = "", resource_url: str = "") -> Watch:
    return Watch(Monitor.ASYNC_OPERATION, STATUS, final_url, resource_url)


def by_location(resource_url: str = "", url: str = RESULT) -> Watch:
    return Watch(Monitor.LOCATION, url, resource_url=resource_url)


ABSENCE = Watch(Monitor.ABSENCE, URL, resource_url=URL)


@pytest.mark.parametrize(
    ("method", "reply", "step"),
    [
        # PUT [RPC, Creating or Updating Resources Asynchronously]
        pytest.param(
            "PUT", Reply(200, body=body("Succeeded")), Finished(200, body("Succeeded")), id="put-done-at-once"
        ),
        pytest.param(
            "PUT", Reply(201, body=body(None)), Finished(201, body(None)), id="put-without-state-is-succeeded"
        ),
        pytest.param("PUT", Reply(200, body={}), Finished(200, {}), id="put-without-properties-is-succeeded"),
        pytest.param(
            "PUT", Reply(200, body={"properties": None}), Finished(200, {"properties": None}), id="put-null-properties"
        ),
        pytest.param(
            "PUT",
            Reply(201, body=body("Creating")),
            Poll(resource(), RESOURCE_DELAY_S, status="Creating"),
            id="put-by-the-resources-own-state",
        ),
        pytest.param(
            "PUT",
            Reply(201, {"retry-after": "3"}, body("Creating")),
            Poll(resource(), 3.0, status="Creating"),
            id="put-by-state-at-the-services-pace",
        ),
        pytest.param(
            "PUT",
            Reply(201, {**ASYNC, "retry-after": "10"}, body("Creating")),
            Poll(by_status(URL, URL), 10.0),
            id="put-by-status-record",
        ),
        pytest.param(
            "PUT",
            Reply(201, ASYNC, body("Creating")),
            Poll(by_status(URL, URL), DEFAULT_DELAY_S),
            id="put-by-status-record-without-a-pace",
        ),
        pytest.param(
            "PUT",
            Reply(201, BOTH, body("Creating")),
            Poll(by_status(URL, URL), DEFAULT_DELAY_S),
            id="status-before-location",
        ),
        pytest.param(
            "PUT",
            Reply(200, ASYNC, body("Succeeded")),
            Poll(by_status(URL, URL), MIN_DELAY_S),
            id="a-body-that-says-succeeded-beside-a-status-record-is-checked-at-once",
        ),
        pytest.param(
            "PUT",
            Reply(200, {**ASYNC, "retry-after": "7"}, body("Succeeded")),
            Poll(by_status(URL, URL), 7.0),
            id="but-never-before-retry-after",
        ),
        pytest.param(
            "PUT", Reply(202, LOCATION), Poll(by_location(URL), DEFAULT_DELAY_S), id="put-202-by-location-the-old-way"
        ),
        pytest.param(
            "PUT",
            Reply(201, {"location": URL}, body("Creating")),
            Poll(resource(), RESOURCE_DELAY_S, status="Creating"),
            id="the-location-of-a-201-is-the-resource-itself",
        ),
        pytest.param(
            "PUT", Reply(202), Poll(resource(is_hidden=True), MIN_DELAY_S), id="put-202-without-headers-may-be-hidden"
        ),
        pytest.param(
            "PUT",
            Reply(202, body=body("Succeeded")),
            Poll(resource(is_hidden=True), MIN_DELAY_S),
            id="a-202-is-never-done-whatever-its-body-says",
        ),
        pytest.param("PUT", Reply(200), Poll(resource(), MIN_DELAY_S), id="put-without-a-body-is-looked-at"),
        pytest.param("PUT", Reply(204), Finished(204), id="put-204-has-nothing-to-look-at"),
        pytest.param(
            "PUT",
            Reply(200, body=body("Failed")),
            OperationFailed(Fault("Failed", "The operation ended as failed.", http_status=200)),
            id="put-that-failed-at-once",
        ),
        # PATCH
        pytest.param("PATCH", Reply(200, body=body("Succeeded")), Finished(200, body("Succeeded")), id="patch-at-once"),
        pytest.param(
            "PATCH", Reply(202, BOTH), Poll(by_status(URL, URL), DEFAULT_DELAY_S), id="patch-by-status-record"
        ),
        pytest.param("PATCH", Reply(202, LOCATION), Poll(by_location(URL), DEFAULT_DELAY_S), id="patch-by-location"),
        # DELETE [RPC, Delete Resource Asynchronously]
        pytest.param("DELETE", Reply(200), Finished(200), id="delete-at-once"),
        pytest.param("DELETE", Reply(204), Finished(204), id="delete-of-nothing"),
        pytest.param("DELETE", Reply(202, LOCATION), Poll(by_location(URL), DEFAULT_DELAY_S), id="delete-by-location"),
        pytest.param(
            "DELETE", Reply(202, BOTH), Poll(by_status("", URL), DEFAULT_DELAY_S), id="delete-leaves-no-result"
        ),
        pytest.param(
            "DELETE", Reply(202), Poll(ABSENCE, RESOURCE_DELAY_S), id="delete-202-without-headers-until-it-is-gone"
        ),
        # POST [RPC, Call Action POST Asynchronously]
        pytest.param("POST", Reply(200, body={"a": 1}), Finished(200, {"a": 1}), id="post-at-once"),
        pytest.param("POST", Reply(202, LOCATION), Poll(by_location(), DEFAULT_DELAY_S), id="post-by-location"),
        pytest.param(
            "POST", Reply(202, BOTH), Poll(by_status(RESULT), DEFAULT_DELAY_S), id="post-ends-at-its-location"
        ),
        pytest.param("POST", Reply(202, ASYNC), Poll(by_status(), DEFAULT_DELAY_S), id="post-without-a-result"),
        pytest.param("POST", Reply(202), Unreadable(202), id="post-202-without-headers-is-not-done"),
        pytest.param("POST", Reply(200, LOCATION), Finished(200), id="a-location-beside-200-is-no-operation"),
        pytest.param("GET", Reply(200, body=[1]), Finished(200, [1]), id="a-read-is-its-answer"),
        pytest.param("GET", Reply(202, LOCATION), Poll(by_location(), DEFAULT_DELAY_S), id="a-read-that-takes-long"),
    ],
)
def test_the_first_reply_says_how_to_follow_the_operation(method: str, reply: Reply, step: Step) -> None:
    """Azure-AsyncOperation first, then Location, then the resource's own body."""
    assert first_step(Request(method, "/x"), reply, URL) == step


@pytest.mark.parametrize(
    ("method", "via", "headers", "final_url"),
    [
        pytest.param("PUT", "default", BOTH, URL, id="put-original-uri-by-default"),
        pytest.param("PATCH", "default", BOTH, URL, id="patch-like-put"),
        pytest.param("POST", "default", BOTH, RESULT, id="post-location-by-default"),
        pytest.param("DELETE", "default", BOTH, "", id="delete-nothing"),
        pytest.param("DELETE", "original-uri", BOTH, "", id="delete-nothing-even-if-asked"),
        pytest.param("PUT", "location", BOTH, RESULT, id="put-location-if-asked"),
        pytest.param("PUT", "location", ASYNC, URL, id="put-location-asked-but-none-was-given"),
        pytest.param("POST", "location", ASYNC, "", id="post-location-asked-but-none-was-given"),
        pytest.param("POST", "azure-async-operation", BOTH, "", id="post-the-last-status-if-asked"),
        pytest.param("PUT", "azure-async-operation", BOTH, "", id="put-the-last-status-if-asked"),
        pytest.param("POST", "original-uri", BOTH, URL, id="post-original-uri-if-asked"),
    ],
)
def test_the_result_is_read_where_final_state_via_says(
    method: str, via: str, headers: dict[str, str], final_url: str
) -> None:
    """[autorest, x-ms-long-running-operation-options]; it changes the last step only."""
    request = Request(method, "/x", final_state_via=FinalStateVia(via))
    step = first_step(request, Reply(202, headers), URL)
    assert isinstance(step, Poll)
    assert (step.watch.url, step.watch.final_url) == (STATUS, final_url)


FAILED = {"status": "Failed", "error": {"code": "Overconstrained", "message": "No room."}}


@pytest.mark.parametrize(
    ("watch", "reply", "step"),
    [
        # Azure-AsyncOperation [RPC, Azure-AsyncOperation Resource format]
        pytest.param(
            by_status(),
            Reply(200, body={"status": "InProgress"}),
            Poll(by_status(), 60.0, status="InProgress"),
            id="running",
        ),
        pytest.param(
            by_status(),
            Reply(200, body={"status": "PreparingVMDisk"}),
            Poll(by_status(), 60.0, status="PreparingVMDisk"),
            id="any-other-word-is-running",
        ),
        pytest.param(
            by_status(),
            Reply(200, {"retry-after": "0"}, {"status": "Running", "percentComplete": 42.5}),
            Poll(by_status(), MIN_DELAY_S, 42.5, "Running"),
            id="retry-after-0-is-soon-and-percent-is-told",
        ),
        pytest.param(
            by_status(),
            Reply(200, {"retry-after": "Tue, 1 Dec"}, {"status": "x"}),
            Poll(by_status(), 60.0, status="x"),
            id="retry-after-as-a-date-is-ignored",
        ),
        pytest.param(
            by_status(),
            Reply(200, body={"status": "x", "percentComplete": True}),
            Poll(by_status(), 60.0, status="x"),
            id="true-is-no-percentage",
        ),
        pytest.param(
            by_status(),
            Reply(200, body={"status": "x", "percentComplete": 250}),
            Poll(by_status(), 60.0, 100.0, "x"),
            id="a-percentage-ends-at-100",
        ),
        pytest.param(by_status(), Reply(202), Poll(by_status(), 60.0), id="a-202-without-a-body-is-running"),
        pytest.param(by_status(URL), Reply(200, body={"status": "Succeeded"}), Fetch(URL), id="succeeded-then-fetch"),
        pytest.param(by_status(URL), Reply(200, body={"status": "SUCCEEDED"}), Fetch(URL), id="words-have-no-case"),
        pytest.param(
            by_status(),
            Reply(200, body={"status": "Succeeded", "properties": {"a": 1}}),
            Finished(200, {"status": "Succeeded", "properties": {"a": 1}}),
            id="succeeded-and-the-status-is-the-result",
        ),
        pytest.param(
            by_status(),
            Reply(200, {"x-ms-correlation-request-id": "c"}, FAILED),
            OperationFailed(Fault("Overconstrained", "No room.", http_status=200, correlation_id="c")),
            id="failed-with-its-reason",
        ),
        pytest.param(
            by_status(),
            Reply(200, body={"status": "Failed"}),
            OperationFailed(Fault("Failed", "The operation ended as failed.", http_status=200)),
            id="failed-without-a-reason",
        ),
        pytest.param(
            by_status(),
            Reply(200, body={"status": "canceled"}),
            OperationFailed(Fault("Canceled", "The operation ended as canceled.", http_status=200), is_canceled=True),
            id="canceled",
        ),
        *(
            pytest.param(
                by_status(), Reply(code, {"retry-after": "9"}), Unreadable(code, 9.0), id=f"{code}-is-not-a-failure"
            )
            for code in (302, 400, 401, 403, 404, 408, 410, 429, 500, 503)
        ),
        pytest.param(by_status(), Reply(200), Unreadable(200), id="no-body-is-unreadable"),
        pytest.param(by_status(), Reply(200, body={"status": 7}), Unreadable(200), id="a-status-that-is-no-word"),
        pytest.param(by_status(), Reply(200, body={}), Unreadable(200), id="no-status-is-unreadable"),
        pytest.param(by_status(), Reply(204), Unreadable(204), id="no-content-is-unreadable"),
        pytest.param(by_status(), Reply(200, body="page"), Unreadable(200), id="a-text-is-unreadable"),
        # Location [RPC, 202 Accepted and Location Headers]
        pytest.param(by_location(), Reply(202), Poll(by_location(), 60.0), id="location-still-running"),
        pytest.param(
            by_location(URL),
            Reply(202, {"location": "https://h/results/2", "retry-after": "5"}),
            Poll(by_location(URL, "https://h/results/2"), 5.0),
            id="location-moves",
        ),
        pytest.param(by_location(), Reply(200, body={"a": 1}), Finished(200, {"a": 1}), id="location-gives-the-answer"),
        pytest.param(by_location(), Reply(204), Finished(204), id="location-gives-no-content"),
        pytest.param(
            by_location(),
            Reply(409, body={"error": {"code": "Conflict", "message": "Busy."}}),
            OperationFailed(Fault("Conflict", "Busy.", http_status=409)),
            id="location-gives-the-operations-own-failure",
        ),
        pytest.param(
            by_location(),
            Reply(403, body={"error": {"code": "RequestDisallowedByPolicy", "message": "No."}}),
            OperationFailed(Fault("RequestDisallowedByPolicy", "No.", http_status=403)),
            id="a-policy-is-the-operations-own-failure",
        ),
        pytest.param(
            by_location(),
            Reply(403, body={"error": {"code": "AuthorizationFailed", "message": "No."}}),
            Unreadable(403),
            id="who-may-not-read-it-learns-nothing",
        ),
        *(
            pytest.param(by_location(), Reply(code), Unreadable(code), id=f"location-{code}-is-not-a-failure")
            for code in (302, 307, 401, 404, 408, 410, 429, 500, 502, 503)
        ),
        # The resource itself [RPC, ProvisioningState property]
        pytest.param(
            resource(),
            Reply(200, body=body("Updating")),
            Poll(resource(), RESOURCE_DELAY_S, status="Updating"),
            id="resource-not-there-yet",
        ),
        pytest.param(
            resource(), Reply(200, body=body("Succeeded")), Finished(200, body("Succeeded")), id="resource-done"
        ),
        pytest.param(
            resource(), Reply(200, body=body(None)), Finished(200, body(None)), id="resource-without-a-state-is-done"
        ),
        pytest.param(
            resource(),
            Reply(200, body=body("Failed")),
            OperationFailed(Fault("Failed", "The operation ended as failed.", http_status=200)),
            id="resource-failed",
        ),
        pytest.param(resource(), Reply(404), Unreadable(404), id="resource-not-found-may-be-late"),
        pytest.param(
            resource(is_hidden=True),
            Reply(404),
            Poll(resource(is_hidden=True), RESOURCE_DELAY_S),
            id="hidden-until-done",
        ),
        pytest.param(
            resource(is_hidden=True),
            Reply(200, body=body("Succeeded")),
            Finished(200, body("Succeeded")),
            id="hidden-and-now-there",
        ),
        pytest.param(resource(is_hidden=True), Reply(500), Unreadable(500), id="hidden-and-an-error-is-unreadable"),
        pytest.param(
            resource(), Reply(200, body={"properties": {"provisioningState": None}}), Unreadable(200), id="a-null-state"
        ),
        # Until it is gone
        pytest.param(ABSENCE, Reply(404), Finished(204), id="gone"),
        pytest.param(ABSENCE, Reply(410), Finished(204), id="gone-for-good"),
        pytest.param(
            ABSENCE, Reply(200, body=DELETING), Poll(ABSENCE, RESOURCE_DELAY_S, status="Deleting"), id="still-going"
        ),
        pytest.param(
            ABSENCE,
            Reply(200, body=body("Failed")),
            OperationFailed(Fault("Failed", "The operation ended as failed.", http_status=200)),
            id="it-could-not-be-deleted",
        ),
        pytest.param(
            ABSENCE,
            Reply(200, body=body("Canceled")),
            OperationFailed(Fault("Canceled", "The operation ended as canceled.", http_status=200), is_canceled=True),
            id="its-deletion-was-canceled",
        ),
        pytest.param(ABSENCE, Reply(403, {"retry-after": "2"}), Unreadable(403, 2.0), id="absence-could-not-be-read"),
        pytest.param(ABSENCE, Reply(500), Unreadable(500), id="an-error-is-no-absence"),
    ],
)
def test_the_next_reply_says_how_it_goes_on(watch: Watch, reply: Reply, step: Step) -> None:
    """One line for each thing that a service may answer."""
    assert next_step(watch, reply) == step


@pytest.mark.parametrize(
    ("watch", "method", "count", "status", "elsewhere"),
    [
        pytest.param(by_status(URL, URL), "PUT", LOST_AFTER, 404, resource(), id="put-then-the-resource-itself"),
        pytest.param(by_status("", URL), "DELETE", LOST_AFTER, 404, ABSENCE, id="delete-then-until-it-is-gone"),
        pytest.param(by_location(URL), "DELETE", LOST_AFTER, 410, ABSENCE, id="a-location-below-what-was-deleted"),
        pytest.param(by_status(URL, URL), "PUT", LOST_AFTER, 204, resource(), id="a-record-without-a-status"),
        pytest.param(by_status(URL, URL), "PUT", LOST_AFTER - 1, 404, None, id="not-yet-it-may-be-late"),
        pytest.param(by_status(URL, URL), "PUT", 99, 503, None, id="an-error-is-no-loss"),
        pytest.param(by_status(URL, URL), "PUT", 99, 403, None, id="no-right-to-read-is-no-loss"),
        pytest.param(by_status(RESULT), "POST", 99, 404, None, id="an-action-has-no-resource-to-look-at"),
        pytest.param(resource(), "PUT", 99, 404, None, id="the-resource-itself-is-the-last-place"),
        pytest.param(ABSENCE, "DELETE", 99, 410, None, id="absence-is-the-last-place"),
    ],
)
def test_a_status_that_is_gone_is_looked_for_elsewhere(
    watch: Watch, method: str, count: int, status: int, elsewhere: Watch | None
) -> None:
    """Status records expire; what they were about does not."""
    assert after_loss(watch, unreadable_count=count, http_status=status, method=method) == elsewhere


def test_a_record_is_lost_after_several_404_in_a_row_only() -> None:
    """One 404 may be a replica that lags behind."""
    assert [is_lost(unreadable_count=n, http_status=404) for n in (1, 2, 3, 4)] == [False, False, True, True]
    assert not is_lost(unreadable_count=99, http_status=500)


def test_a_delete_is_watched_until_it_is_gone_all_else_until_it_is_there() -> None:
    """Which watch of the resource itself a method needs."""
    assert resource_watch("DELETE", URL) == ABSENCE
    assert resource_watch("PUT", URL) == resource_watch("PATCH", URL) == resource()


def test_a_watch_survives_storage() -> None:
    """All that a restart needs is in the watch, as JSON; fields that are added later have defaults."""
    watch = by_status(URL, URL)
    assert msgspec.json.decode(msgspec.json.encode(watch), type=Watch) == watch
    assert msgspec.json.decode(b'{"monitor": "location", "url": "u"}', type=Watch) == Watch(Monitor.LOCATION, "u")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
words = st.sampled_from(["Succeeded", "Failed", "Canceled", "Running", "", "Deleting"]) | st.text(max_size=5)
bodies = json_values | st.fixed_dictionaries(
    {},
    optional={
        "status": words | json_values,
        "properties": json_values,
        "error": json_values,
        "percentComplete": json_values,
    },
)
header_values = st.dictionaries(
    st.sampled_from(["location", "azure-asyncoperation", "retry-after"]),
    st.text(max_size=12) | st.just("5"),
    max_size=3,
)
replies = st.builds(Reply, st.integers(100, 599), header_values, bodies)
watches = st.builds(
    Watch, st.sampled_from(Monitor), st.just(URL), st.sampled_from(["", URL]), st.just(URL), st.booleans()
)


@given(watches, replies)
def test_whatever_a_service_answers_there_is_a_step_and_it_never_waits_nothing(watch: Watch, reply: Reply) -> None:
    """No answer crashes the protocol or makes a tight loop, and errors of reading never end an operation as done."""
    step = next_step(watch, reply)
    if isinstance(step, Poll):
        assert MIN_DELAY_S <= step.delay_s <= 86_400
        assert step.percent is None or 0 <= step.percent <= 100
    if isinstance(step, Finished | Fetch):
        assert reply.status < 300 or (watch.monitor is Monitor.ABSENCE and reply.status in (404, 410))


@given(st.sampled_from(["GET", "PUT", "PATCH", "DELETE", "POST"]), st.sampled_from(FinalStateVia), replies)
def test_whatever_a_service_answers_first_there_is_a_step(method: str, via: FinalStateVia, reply: Reply) -> None:
    """Any accepted request can be followed or is done."""
    if 200 <= reply.status < 300:
        step = first_step(Request(method, "/x", final_state_via=via), reply, URL)
        assert isinstance(step, Poll | Finished | OperationFailed | Unreadable | Fetch)
