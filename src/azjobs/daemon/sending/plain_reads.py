"""Drive a plan without a job: for reads, and for dry runs that send the reads of a plan and list its writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from azjobs.core import calls
from azjobs.core.arm import Answer, Request
from azjobs.core.context import ContextValue
from azjobs.core.errors import (
    AzJobsError,
    Fault,
    InvalidInput,
    NotSignedIn,
    RequestFailed,
    SignInFailed,
    format_fault,
    refusal_of,
)
from azjobs.core.events import NotAnswered, NotSent, Refused, Replied, SignInMissing
from azjobs.core.job import Call, Ended, Intended
from azjobs.core.plan import INVALID_INPUT, Done, PlannedWrite, rehearse
from azjobs.core.plans import PLANS
from azjobs.daemon.sending.requests import Exchange


class PlainReads:
    """Runs plans in memory; nothing of it survives, since nothing is changed."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def read(self, plan: str, arguments: Mapping[str, Any], context: ContextValue) -> Any:
        """Return the result of a plan that only reads.

        Raises:
            InvalidInput: there is no such plan, or it wants to write.
            RequestFailed: Azure refused; its fault is attached.
            NotSignedIn: the context's sign-in is gone.
            SignInFailed: it is refused for good.
            WrongTarget: the sign-in leads elsewhere than the context says.
        """
        end, steps = await self._drive(plan, arguments, context)
        if any(step.action != "reuse" for step in steps):
            raise InvalidInput(f"{plan} changes things; submit it as a job.")
        return end.result

    async def what_if(self, plan: str, arguments: Mapping[str, Any], context: ContextValue) -> tuple[PlannedWrite, ...]:
        """Return what the plan would send and what it would reuse; raises as `read`."""
        return (await self._drive(plan, arguments, context))[1]

    async def _drive(
        self, plan: str, arguments: Mapping[str, Any], context: ContextValue
    ) -> tuple[Done, tuple[PlannedWrite, ...]]:
        if plan not in PLANS:
            raise InvalidInput(f"This version of azjobs has no plan {plan}.")
        answers: dict[str, Answer] = {}
        correlation_id = str(uuid4())
        while True:
            rehearsal = rehearse(PLANS[plan], arguments, answers)
            if isinstance(rehearsal.end, Fault):
                if rehearsal.end.code == INVALID_INPUT:
                    raise InvalidInput(rehearsal.end.message)
                raise RequestFailed(format_fault(rehearsal.end), fault=rehearsal.end)
            if rehearsal.end is not None:
                return rehearsal.end, rehearsal.steps
            reads = rehearsal.reads
            found = await asyncio.gather(*(self._answer(r, context, correlation_id) for r in reads.values()))
            answers.update(zip(reads, found, strict=True))

    async def _answer(self, request: Request, context: ContextValue, correlation_id: str) -> Answer:
        call, is_second = Call(request, Intended(sends=1)), False
        effects = [calls.send("read", request)]
        while not isinstance(call.phase, Ended):
            effect = effects[0]
            await asyncio.sleep(effect.delay_s)
            try:
                token = await self._exchange.token(context)
            except AzJobsError as error:
                event = self._exchange.failed(effect, request, error)
            else:
                wait_s = self._exchange.hold_back_s(effect, request, context)
                if wait_s > 0:
                    effects = [replace(effect, delay_s=wait_s)]
                    continue
                event = await self._exchange.perform(
                    effect, request, context, token, secrets={}, correlation_id=correlation_id
                )
                if self._exchange.renew(event, context, token) and not is_second:
                    effects, is_second = [replace(effect, delay_s=0.0)], True
                    continue
            if isinstance(event, SignInMissing):
                raise SignInFailed(event.text) if event.is_refused else NotSignedIn(event.text)
            if isinstance(event, Refused):
                raise refusal_of(event.fault) or AzJobsError(event.fault.message)
            assert isinstance(event, Replied | NotSent | NotAnswered)
            phase, effects = calls.next_phase("read", call, event)  # type: ignore[assignment]  # a read's effects are requests
            call = Call(request, phase)
        return call.phase.answer
