"""Describe work at Azure and hand it over: the one way that every Azure command takes.

A command says which plan with which arguments; the session runs it, as a job or
to its end. Input is checked before anything is asked of anyone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from azjobs.core.errors import InvalidInput
from azjobs.core.plan import check
from azjobs.core.plans import PLANS
from azjobs.core.secret import Credential, SecureString
from azjobs.session.context import Context
from azjobs.session.contexts import resolve_context
from azjobs.session.plans import read_plan, run_plan
from azjobs.session.plans import what_if as rehearse
from azjobs.session.shapes import shape_of

ANY_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"  # stands for one while only the user's input is checked


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


def given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that say something: a plan knows its own defaults."""
    return {
        name: value for name, value in arguments.items() if value is not None and value != "" and value is not False
    }


def perform(work: Work, az_context: Context | str | None, *, as_job: bool, job_name: str | None, what_if: bool) -> Any:
    """Do the work to its end, or as a job, or only rehearse it.

    Raises:
        InvalidInput: the plan refuses its arguments, or the context has no subscription.
        NotSignedIn, ContextRequired, AmbiguousContext: there is no context to act in.
        RequestFailed: Azure refused, or the operation failed.
    """
    if what_if and as_job:
        raise InvalidInput("A rehearsal is no job: ask for one of the two.")
    context, arguments = settle(work, az_context)
    if what_if:
        return list(rehearse(work.plan, arguments, context=context))
    return run_plan(
        work.plan,
        arguments,
        context=context,
        command=work.command,
        target=work.target,
        secrets=work.secrets,
        as_job=as_job,
        job_name=job_name,
    )


def read(work: Work, az_context: Context | str | None) -> Any:
    """Read, and return the typed value; raises as `perform`."""
    context, arguments = settle(work, az_context)
    return read_plan(work.plan, arguments, context=context, shape=shape_of(work.plan))


def settle(work: Work, az_context: Context | str | None) -> tuple[Context, dict[str, Any]]:
    """Check the arguments, then find the context and put its subscription among them; raises as `perform`."""
    told = {"subscription_id": ANY_SUBSCRIPTION} if work.in_subscription else {}
    check(PLANS[work.plan], told | work.arguments)
    context = resolve_context(az_context)
    if not work.in_subscription:
        return context, work.arguments
    if context.subscription is None:
        raise InvalidInput(f"The context {context.name} has no subscription. Type: azjobs context get")
    return context, {"subscription_id": context.subscription.id, **work.arguments}
