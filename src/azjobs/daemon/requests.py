"""Perform what goes to Azure: wait until it is due, get token and secrets, send, and say what came of it.

A fixed number of senders draws from one queue, so that a thousand waiting
operations cost a timer each and nothing more. The order of the checks is the
order of promises: recorded before sent, within the shared budgets, in the
granted context only.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from uuid import NAMESPACE_URL, UUID, uuid5

from azjobs.azure.broker import Token
from azjobs.azure.refusals import SignInUnavailable
from azjobs.azure.sender import Sender
from azjobs.azure.transport import Unanswered, Unsent
from azjobs.core.arm import Reply, Request
from azjobs.core.budget import BudgetKey, Budgets, classify
from azjobs.core.context import ContextValue
from azjobs.core.errors import AzJobsError, Fault, HomeUnusable, NotSignedIn, Sent, SignInFailed
from azjobs.core.events import (
    Event,
    NotAnswered,
    NotSent,
    ReadUrl,
    Refused,
    Replied,
    SecretMissing,
    SendRequest,
    SignInMissing,
)
from azjobs.core.job import Ended, Job, PlanWork
from azjobs.daemon.ledger import Ledger
from azjobs.daemon.protections import Protections
from azjobs.daemon.runner import Runner
from azjobs.daemon.sign_ins import SignIns
from azjobs.daemon.vault import SecretsMissing, Vault
from azjobs.store.protocol import Fenced

FULL_PAUSE_S = 1.0  # guess: how soon it is tried again to record an intent on a full disk
SENDERS = 100  # guess: as many as connections in the pool; ARM's bucket of writes is 200
JITTER = 0.1  # guess: spreads requests that were put off together over a tenth of their delay

log = logging.getLogger(__name__)

Item = tuple[str, SendRequest | ReadUrl]


class Exchange:
    """One request to Azure and what came of it, as an event. Shared by jobs and plain reads."""

    def __init__(
        self, sender: Sender, sign_ins: SignIns, budgets: Budgets, runner: Runner, protections: Protections
    ) -> None:
        self._sender = sender
        self._protections = protections
        self._sign_ins = sign_ins
        self._budgets = budgets
        self._now = runner.now

    def hold_back_s(self, effect: SendRequest | ReadUrl, request: Request, context: ContextValue) -> float:
        """Seconds to wait so that the shared budgets are kept; 0 takes a place in them, for `perform` to give back."""
        return self._budgets.reserve(_budget_keys(effect, request, context), time.monotonic())

    async def perform(
        self,
        effect: SendRequest | ReadUrl,
        request: Request,
        context: ContextValue,
        *,
        secrets: dict[str, str],
        correlation_id: str,
        overrides: tuple[str, ...] = (),
    ) -> Event:
        """Send, and return the event; `hold_back_s` has said 0 before.

        `overrides`: the protections that do not hold for this request, by name.
        """
        event: Event | None = None
        try:
            event = await self._perform(effect, request, context, secrets, correlation_id, overrides)
        except (Unsent, SignInUnavailable) as error:
            event = NotSent(self._now(), effect.call, str(error))
        except Unanswered as error:
            event = NotAnswered(self._now(), effect.call, str(error))
        except NotSignedIn as error:
            event = SignInMissing(self._now(), effect.call, str(error))
        except SignInFailed as error:  # asking again does not help, signing in again may
            fault = Fault("SignInFailed", str(error), request.label, sent=Sent.NO)
            missing = SignInMissing(self._now(), effect.call, str(error), is_refused=True)
            event = Refused(self._now(), effect.call, fault) if error.is_of_scope else missing
        except AzJobsError as error:
            fault = Fault(type(error).__name__, str(error), request.label, sent=Sent.NO)
            event = Refused(self._now(), effect.call, fault)
        finally:
            reply = event.reply if isinstance(event, Replied) else None
            self._budgets.observe(_budget_keys(effect, request, context), reply, time.monotonic())
        return event

    async def _perform(
        self,
        effect: SendRequest | ReadUrl,
        request: Request,
        context: ContextValue,
        secrets: dict[str, str],
        correlation_id: str,
        overrides: tuple[str, ...],
    ) -> Event:
        token = await self._sign_ins.token(context)
        reply, url = await self._send(effect, request, context, token, secrets, correlation_id, overrides)
        if reply.status == 401:  # refused before execution: once more, with a new token
            self._sign_ins.forget_token(context)
            token = await self._sign_ins.token(context)
            reply, url = await self._send(effect, request, context, token, secrets, correlation_id, overrides)
        return Replied(self._now(), effect.call, reply, url)

    async def _send(
        self,
        effect: SendRequest | ReadUrl,
        request: Request,
        context: ContextValue,
        token: Token,
        secrets: dict[str, str],
        correlation_id: str,
        overrides: tuple[str, ...],
    ) -> tuple[Reply, str]:
        ids = {
            "client_request_id": str(uuid5(NAMESPACE_URL, f"{correlation_id}/{effect.call}")),
            "correlation_id": correlation_id,
        }
        route = self._sign_ins.route(context)
        if isinstance(effect, ReadUrl):
            return await self._sender.poll(effect.url, context, token.token, route=route, **ids)
        self._protections.check(request, overrides)  # here, with nothing to wait for between it and the sending
        condition = effect.is_conditional
        return await self._sender.send(request, context, token.token, secrets, condition=condition, route=route, **ids)


def _budget_keys(effect: SendRequest | ReadUrl, request: Request, context: ContextValue) -> tuple[BudgetKey, ...]:
    method, path = ("GET", effect.url) if isinstance(effect, ReadUrl) else (request.method, request.path)
    return classify(method, path, principal=str(context.sign_in_key))


class RequestRunner:
    """Performs the requests of jobs."""

    def __init__(self, runner: Runner, ledger: Ledger, vault: Vault, exchange: Exchange) -> None:
        self._runner = runner
        self._ledger = ledger
        self._vault = vault
        self._exchange = exchange
        self._queue: asyncio.Queue[Item] = asyncio.Queue()
        self._senders: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        self._senders = [asyncio.create_task(self._serve(), name=f"sender-{n}") for n in range(SENDERS)]

    async def close(self) -> None:
        """Stop sending; what is under way is cut off, as by a crash: the journal of intents knows of it."""
        for task in self._senders:
            task.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)

    def schedule(self, uuid: str, effect: SendRequest | ReadUrl) -> None:
        """Perform the effect after its delay and feed the outcome back."""
        delay_s = effect.delay_s
        job = self._runner.find(uuid)
        if isinstance(effect, ReadUrl) and effect.settle and job is not None and job.context is not None:
            delay_s += job.context.environment.settle_s
        self._put((uuid, effect), delay_s)

    def _put(self, item: Item, delay_s: float) -> None:
        if delay_s <= 0:
            self._queue.put_nowait(item)
        else:
            delay_s *= 1 + JITTER * random.random()  # noqa: S311 - spreads load, protects nothing
            asyncio.get_running_loop().call_later(delay_s, self._queue.put_nowait, item)

    async def _serve(self) -> None:
        while True:
            uuid, effect = await self._queue.get()
            try:
                await self._perform(uuid, effect)
            except HomeUnusable as error:  # it cannot be recorded that it is about to be sent: so it is not sent yet
                log.warning("Put off: %s", error)
                self._put((uuid, effect), FULL_PAUSE_S)
            except Fenced:
                return
            except Exception:  # a fault of ours: this job stands still until the next daemon, the others go on
                log.exception("A request of job %s could not be performed", uuid)

    async def _perform(self, uuid: str, effect: SendRequest | ReadUrl) -> None:
        job = self._waiting(uuid, effect)
        if job is None:
            return
        assert isinstance(job.work, PlanWork)
        event = await self._event(job, effect, job.work.calls[effect.call].request)
        if event is not None:
            self._runner.apply(uuid, event)

    def _waiting(self, uuid: str, effect: SendRequest | ReadUrl) -> Job | None:
        """The job, if it still waits for this: it may have been stopped or removed in the meantime."""
        job = self._runner.find(uuid)
        if job is None or not isinstance(job.work, PlanWork):
            return None
        call = job.work.calls.get(effect.call)
        return None if call is None or isinstance(call.phase, Ended) else job

    async def _event(self, job: Job, effect: SendRequest | ReadUrl, request: Request) -> Event | None:
        if job.context is None:
            fault = Fault("ContextRequired", "The job has no context.", request.label, sent=Sent.NO)
            return Refused(self._runner.now(), effect.call, fault)
        secrets: dict[str, str] = {}
        if isinstance(effect, SendRequest):
            try:
                secrets = await self._vault.job_secrets(job.uuid, set(request.holes.values()))
            except SecretsMissing as error:
                return SecretMissing(self._runner.now(), error.names, effect.call)
            if not request.is_read:
                await self._ledger.durable()
        if self._waiting(job.uuid, effect) is None:
            return None
        wait_s = self._exchange.hold_back_s(effect, request, job.context)
        if wait_s > 0:
            self._put((job.uuid, effect), wait_s)
            return None
        return await self._exchange.perform(
            effect,
            request,
            job.context,
            secrets=secrets,
            correlation_id=str(UUID(job.uuid)),
            overrides=job.overrides,
        )
