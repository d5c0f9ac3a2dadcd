"""A dry run is the plan itself with only its reads sent; arguments that do not fit end it before anything is sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from azjobs.core.arm import Answer, Request
from azjobs.core.errors import Fault, InvalidInput, Sent
from azjobs.core.plan import (
    Answers,
    Arguments,
    Decision,
    Done,
    Plan,
    PlannedWrite,
    Send,
    action_of,
    check,
    rehearse,
    typed,
)
from azjobs.core.plans import PLANS

FOUND, MISSING = Answer(200, {"a": 1}), Answer(404, fault=Fault("ResourceNotFound", "No.", http_status=404))


def two_steps(_arguments: Arguments, answers: Answers) -> Decision:
    """Read x and y; write what is missing; act on x."""
    reads = {"read x": Request("GET", "/x", "x"), "read y": Request("GET", "/y", "y")}
    if not reads.keys() <= answers.keys():
        return Send(reads)
    writes = {n: Request("PUT", f"/{n}", n, {"n": n}) for n in ("x", "y") if not answers[f"read {n}"].is_ok}
    if not writes.keys() <= answers.keys():
        return Send(writes)
    if "act" not in answers:
        return Send({"act": Request("POST", "/x/start?api-version=1", "x")})
    return Done([answers[n].body for n in writes])


def test_a_dry_run_asks_for_reads_first() -> None:
    """Nothing else can be known without them."""
    first = rehearse(two_steps, {}, {})
    assert (list(first.reads), first.end, first.steps) == (["read x", "read y"], None, ())
    second = rehearse(two_steps, {}, {"read x": FOUND})
    assert list(second.reads) == ["read y"]


def test_a_dry_run_says_what_is_made_and_what_is_reused() -> None:
    """Writes are assumed to go well, with the body that would be sent as what comes back."""
    done = rehearse(two_steps, {}, {"read x": MISSING, "read y": FOUND})
    assert done.steps == (
        PlannedWrite("reuse", "y"),
        PlannedWrite("create", "x", "PUT", "/x"),
        PlannedWrite("start", "x", "POST", "/x/start?api-version=1"),
    )
    assert done.end == Done([{"n": "x"}])
    assert done.reads == {}


def test_a_dry_run_of_what_would_fail_ends_with_the_fault() -> None:
    """The steps until then are still told."""

    def failing(_arguments: Arguments, answers: Answers) -> Decision:
        return Fault("No", "Not so.") if "x" in answers else Send({"x": Request("PUT", "/x", "x")})

    done = rehearse(failing, {}, {})
    assert (done.end, [s.label for s in done.steps]) == (Fault("No", "Not so."), ["x"])


def test_a_plan_that_asks_for_nothing_is_stopped() -> None:
    """A fault of a plan is not an endless loop."""
    done = rehearse(lambda _arguments, _answers: Send({}), {}, {})
    assert isinstance(done.end, Fault)
    assert done.end.code == "PlanStalled"


def test_a_put_over_what_was_found_is_an_update() -> None:
    """The same label read and written to."""

    def update(_arguments: Arguments, answers: Answers) -> Decision:
        if "read" not in answers:
            return Send({"read": Request("GET", "/x", "x")})
        return Done() if "x" in answers else Send({"x": Request("PUT", "/x", "x")})

    assert [s.action for s in rehearse(update, {}, {"read": FOUND}).steps] == ["update"]


@pytest.mark.parametrize(
    ("request_", "action"),
    [
        (Request("PUT", "/x"), "create"),
        (Request("PATCH", "/x"), "update"),
        (Request("DELETE", "/x?a=b"), "delete"),
        (Request("POST", "/x/powerOff?api-version=1"), "powerOff"),
        (Request("GET", "/x"), "get"),
    ],
)
def test_a_write_is_named_by_what_it_does(request_: Request, action: str) -> None:
    """ARM's verb, or the action at the end of the path."""
    assert action_of(request_) == action


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments of a plan for the tests."""

    name: str


def refusing(asked: Asked, _answers: Answers) -> Decision:
    """Refuses one name."""
    if asked.name == "bad":
        raise InvalidInput("Not that name.")
    return Done(asked.name)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"name": "bad"}, "Not that name."), ({}, "name"), ({"name": 7}, "str"), ({"name": "x", "nmae": "y"}, "nmae")],
)
def test_arguments_that_do_not_fit_are_a_fault_of_which_nothing_was_sent(arguments: dict[str, Any], words: str) -> None:
    """Whether they are of the wrong shape or break a rule; `check` raises the same before a job exists."""
    plan = typed(Asked, refusing)
    fault = plan(arguments, {})
    assert isinstance(fault, Fault)
    assert (fault.code, fault.sent) == ("InvalidInput", Sent.NO)
    assert words in fault.message
    with pytest.raises(InvalidInput, match=words):
        check(plan, arguments)


def test_arguments_that_fit_pass_the_check() -> None:
    """The check sends nothing and says nothing; other faults are not its business."""
    check(typed(Asked, refusing), {"name": "good"})
    check(lambda _arguments, _answers: Fault("Other", "x"), {})


def test_every_plan_is_named_with_its_version() -> None:
    """A stored job names its plan so."""
    assert all(name.partition("@")[2] == "1" for name in PLANS)
    assert all(callable(plan) for plan in PLANS.values())


@pytest.mark.parametrize("name", sorted(PLANS))
def test_every_plan_refuses_arguments_that_it_does_not_know(name: str) -> None:
    """A misspelt argument is an error, never ignored."""
    plan: Plan = PLANS[name]
    fault = plan({"no_such_argument": 1}, {})
    assert isinstance(fault, Fault)
    assert fault.code == "InvalidInput"
