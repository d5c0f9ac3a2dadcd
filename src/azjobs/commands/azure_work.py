"""Describe work at Azure and hand it over: the one way that every Azure command takes.

A command says which plan with which arguments; the session runs it, as a job or
to its end. Input is checked before anything is asked of anyone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from azjobs.core.errors import InvalidInput
from azjobs.core.plan import PlannedWrite, check
from azjobs.core.plans import PLANS
from azjobs.core.secret import Credential, SecureString
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.contexts.context import Context
from azjobs.session.jobs.shapes import shape_of
from azjobs.session.submitting.expectations import Expected, check_expected
from azjobs.session.submitting.notices import CommandWords
from azjobs.session.submitting.plans import read_plan, run_plan
from azjobs.session.submitting.plans import what_if as rehearse
from azjobs.session.submitting.terms import NO_TERMS, Terms, terms_of

ANY_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"  # stands for one while only the user's input is checked


class Acting(TypedDict, total=False):
    """In which context a command acts, and what must be true of it (`core.spelling.SHARED` says it to users)."""

    az_context: Context | str | None
    expect_tenant: str | None
    expect_subscription: str | None


class Working(Acting, total=False):
    """The same for what changes something, and what may be said of the job that does it."""

    labels: Mapping[str, str] | None
    time_limit: float | None
    notify_command: CommandWords | None


class Removing(Working, total=False):
    """The same for what removes or stops something: which protections do not hold this time."""

    override_protection: str | Sequence[str] | None


class Care(NamedTuple):
    """In which context and on which terms work is done, what is expected, which protections do not hold."""

    az_context: Context | str | None = None
    expected: Expected = Expected()
    overrides: tuple[str, ...] = ()
    terms: Terms = NO_TERMS


class Work(NamedTuple):
    """What a command wants done.

    `target` is what it acts on, for people; `secrets` fill the plan's holes.
    `in_subscription`: the plan is told the context's subscription.
    """

    command: str
    plan: str
    arguments: dict[str, Any]
    target: str
    secrets: Mapping[str, SecureString | Credential] = {}
    in_subscription: bool = True


def care_of(options: Mapping[str, Any]) -> Care:
    """Return what the options of a command say by the names in `Working` and `Removing`."""
    overrides = options.get("override_protection") or ()
    expected = Expected(options.get("expect_tenant") or "", options.get("expect_subscription") or "")
    names = (overrides,) if isinstance(overrides, str) else tuple(overrides)
    return Care(options.get("az_context"), expected, names, terms_of(options))


def given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that say something: a plan knows its own defaults."""
    return {
        name: value for name, value in arguments.items() if value is not None and value != "" and value is not False
    }


def refuse_lonely_notice(care: Care, *, as_job: bool) -> None:
    """Refuse a command for the end of a job where there is no job; raises InvalidInput."""
    if care.terms.notice is not None and not as_job:
        raise InvalidInput("A notify command is run at the end of a job: add as_job.")


def perform(work: Work, care: Care, *, as_job: bool, job_name: str | None, what_if: bool) -> Any:
    """Do the work to its end, or as a job, or only rehearse it.

    Raises:
        InvalidInput: the plan refuses its arguments, or the context has no subscription.
        NotSignedIn, ContextRequired, AmbiguousContext: there is no context to act in.
        WrongTarget: the context is not the expected one; nothing was sent.
        ResourceProtected: what it would remove or stop is protected; nothing was sent.
        RequestFailed: Azure refused, or the operation failed.
    """
    if what_if and as_job:
        raise InvalidInput("A rehearsal is no job: ask for one of the two.")
    refuse_lonely_notice(care, as_job=as_job)
    if what_if:
        return rehearse_in(work, care)
    context, arguments = settle(work, care)
    return run_plan(
        work.plan,
        arguments,
        context=context,
        command=work.command,
        target=work.target,
        secrets=work.secrets,
        as_job=as_job,
        job_name=job_name,
        overrides=care.overrides,
        terms=care.terms,
    )


def rehearse_in(work: Work, care: Care) -> list[PlannedWrite]:
    """Return what the work would do, in order; nothing but reads is sent. Raises as `perform`."""
    context, arguments = settle(work, care)
    return list(rehearse(work.plan, arguments, context=context))


def read(work: Work, care: Care) -> Any:
    """Read, and return the typed value; raises as `perform`."""
    context, arguments = settle(work, care)
    return read_plan(work.plan, arguments, context=context, shape=shape_of(work.plan))


def settle(work: Work, care: Care) -> tuple[Context, dict[str, Any]]:
    """Check the arguments, then find the context and put its subscription among them; raises as `perform`."""
    told = {"subscription_id": ANY_SUBSCRIPTION} if work.in_subscription else {}
    check(PLANS[work.plan], told | work.arguments)
    context = resolve_context(care.az_context)
    check_expected(context.value, care.expected)
    if not work.in_subscription:
        return context, work.arguments
    if context.subscription is None:
        raise InvalidInput(f"The context {context.name} has no subscription. Type: azjobs context get")
    return context, {"subscription_id": context.subscription.id, **work.arguments}
