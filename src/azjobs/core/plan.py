"""What a plan is: a named, versioned, pure function from what is known to what is to be done next.

    decide(arguments, answers) -> Send | Done | Fault

`arguments` is what the user asked for, as JSON; `answers` maps the key of each
request that has ended to its `Answer`. A plan keeps no state of its own, so it
can be asked again at any time, after a restart by another process too, and a
dry run is the same function with only its reads sent.

A plan names in `Send` every request that may be under way now, by a key that is
unique in the plan; the engine sends those that are new to it. When it returns a
`Fault`, the engine sends nothing more and ends the job once what is under way
has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from azjobs.core.arm import Answer, Request
from azjobs.core.errors import Fault, InvalidInput, Sent

Arguments = Mapping[str, Any]
Answers = Mapping[str, Answer]
INVALID_INPUT = "InvalidInput"


class Send(msgspec.Struct, frozen=True):
    """These requests, by key, are to be under way (those already known are not sent again)."""

    requests: dict[str, Request]


class Done(msgspec.Struct, frozen=True):
    """The work is done and this is its result, as JSON."""

    result: Any = None


Decision = Send | Done | Fault
Plan = Callable[[Arguments, Answers], Decision]
T = TypeVar("T", bound=msgspec.Struct)


def typed(kind: type[T], decide: Callable[[T, Answers], Decision]) -> Plan:
    """Make a plan of a function that takes its arguments as a struct.

    Arguments that do not fit, or that `decide` refuses by `InvalidInput`, are a
    Fault before anything is sent.
    """

    def plan(arguments: Arguments, answers: Answers) -> Decision:
        try:
            return decide(msgspec.convert(arguments, kind), answers)
        except (InvalidInput, msgspec.ValidationError) as problem:
            return Fault(INVALID_INPUT, str(problem), sent=Sent.NO)

    return plan


def check(plan: Plan, arguments: Arguments) -> None:
    """Refuse arguments that the plan refuses, before a job of it exists.

    Raises:
        InvalidInput: with the plan's sentence.
    """
    decision = plan(arguments, {})
    if isinstance(decision, Fault) and decision.code == INVALID_INPUT:
        raise InvalidInput(decision.message)


class PlannedWrite(msgspec.Struct, frozen=True, omit_defaults=True):
    """One step of a dry run; `action` is "create", "update", "reuse", "delete" or the name of an action."""

    action: str
    label: str
    method: str = ""
    path: str = ""


class Rehearsal(msgspec.Struct, frozen=True):
    """How far a dry run has come.

    While `end` is None, `reads` are to be sent and their answers added to
    `answers`; then `rehearse` goes on from there. `steps` is what would be done.
    """

    answers: dict[str, Answer]
    reads: dict[str, Request] = {}
    steps: tuple[PlannedWrite, ...] = ()
    end: Done | Fault | None = None


def rehearse(plan: Plan, arguments: Arguments, answers: Answers) -> Rehearsal:
    """Drive a plan as far as it goes without a write: `answers` holds those to its reads so far.

    A write is not sent but assumed to go well, which is why plans compute ids
    from paths and never from replies. It always begins at the beginning, to see
    each read that the plan makes.
    """
    known: dict[str, Answer] = {}
    found: list[str] = []  # labels of what was read and is there
    writes: list[PlannedWrite] = []
    while True:
        decision = plan(arguments, known)
        if not isinstance(decision, Send):
            return Rehearsal(known, steps=_steps(found, writes), end=decision)
        new = {key: request for key, request in decision.requests.items() if key not in known}
        reads = {key: request for key, request in new.items() if request.is_read}
        unanswered = {key: request for key, request in reads.items() if key not in answers}
        if unanswered:
            return Rehearsal(dict(answers), reads=unanswered)
        if not new:
            stalled = Fault("PlanStalled", "The plan asks for nothing and is not done: please report this.")
            return Rehearsal(known, steps=_steps(found, writes), end=stalled)
        for key, request in reads.items():
            known[key] = answers[key]
            if answers[key].is_ok:
                found.append(request.label)
        for key, request in new.items():
            if key not in reads:
                action = "update" if request.method == "PUT" and request.label in found else action_of(request)
                writes.append(PlannedWrite(action, request.label, request.method, request.path))
                known[key] = assume(request)


ARM_ACTIONS = {"PUT": "create", "PATCH": "update", "DELETE": "delete"}


def action_of(request: Request) -> str:
    """Name what a write does, for a dry run: ARM's verb, or the action at the end of a POST's path."""
    if request.method == "POST":
        return request.path.partition("?")[0].rsplit("/", 1)[-1]
    return ARM_ACTIONS.get(request.method, request.method.lower())


def assume(request: Request) -> Answer:
    """Return the answer a dry run goes on with, in place of sending a write."""
    return Answer(status=200, body=request.body, created=request.method == "PUT")


def _steps(found: list[str], writes: list[PlannedWrite]) -> tuple[PlannedWrite, ...]:
    """What is found and not written to is reused; it comes first, since what is written depends on it."""
    written = {step.label for step in writes}
    reused = [PlannedWrite("reuse", label) for label in dict.fromkeys(found) if label not in written]
    return (*reused, *writes)
