"""Perform what goes to Azure: wait until it is due, get secrets and token, send, and say what came of it.

A fixed number of senders draws from one queue, and what is in it lacks nothing:
what a request lacks it waits for at a gate, with all that lack the same. So a
thousand waiting operations cost a timer or an entry in a list each and nothing
more, and an account whose sign-in hangs holds up its own requests only. The
order of the checks is the order of promises: recorded before sent, within the
shared budgets, in the granted context only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Iterator
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from azjobs.azure.broker import Token
from azjobs.azure.refusals import SignInUnavailable
from azjobs.azure.sender import Sender
from azjobs.azure.transport import Unanswered, Unsent
from azjobs.core.arm import Reply, Request
from azjobs.core.budget import BudgetKey, Budgets, classify
from azjobs.core.context import ContextValue, SignInKey
from azjobs.core.errors import AzJobsError, Fault, HomeUnusable, NotSignedIn, Sent, SignInFailed, WrongTarget
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
from azjobs.daemon.accounts.sign_ins import SignIns
from azjobs.daemon.jobs.ledger import FULL_RETRY_S, Ledger
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.sending.awaited import Awaited
from azjobs.daemon.sending.gates import Gates
from azjobs.daemon.sending.protections import Protections
from azjobs.daemon.vault import SecretsMissing, Vault
from azjobs.keeper.channel import unhurried
from azjobs.store.protocol import Fenced

SENDERS = 100  # guess: as many as connections in the pool; ARM's bucket of writes is 200
UNAUTHORIZED = 401
JITTER = 0.1  # guess: spreads requests that were put off together over a tenth of their delay

log = logging.getLogger(__name__)


class _Due(NamedTuple):
    """A request that is to be performed now, and what it needs of that it has already."""

    uuid: str
    effect: SendRequest | ReadUrl
    secrets: dict[str, str] | None = None
    is_recorded: bool = False  # its intent would survive a loss of power
    token: Token | None = None
    is_second: bool = False  # Azure did not take the token of the first attempt


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

    def ready_token(self, context: ContextValue) -> Token | None:
        """Return a token if it is at hand; raises as `SignIns.ready_token`."""
        return self._sign_ins.ready_token(context)

    async def token(self, context: ContextValue) -> Token:
        """Return a token; raises as `SignIns.token`."""
        return await self._sign_ins.token(context)

    def renew(self, event: Event, context: ContextValue, token: Token) -> bool:
        """Whether Azure did not take the token. Then nothing was executed, and the next token asked for is another."""
        is_refused = isinstance(event, Replied) and event.reply.status == UNAUTHORIZED
        if is_refused:
            self._sign_ins.forget_token(context, token)
        return is_refused

    async def perform(
        self,
        effect: SendRequest | ReadUrl,
        request: Request,
        context: ContextValue,
        token: Token,
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
            reply, url = await self._send(effect, request, context, token, secrets, correlation_id, overrides)
            event = Replied(self._now(), effect.call, reply, url)
        except AzJobsError as error:
            event = self.failed(effect, request, error)
        finally:
            answer = event.reply if isinstance(event, Replied) else None
            self._budgets.observe(_budget_keys(effect, request, context), answer, time.monotonic())
        return event

    def failed(self, effect: SendRequest | ReadUrl, request: Request, error: AzJobsError) -> Event:
        """Return what an error says of a request: of getting its token, or of sending it."""
        now, text = self._now(), str(error)
        match error:
            case Unsent() | SignInUnavailable():
                return NotSent(now, effect.call, text)
            case Unanswered():
                return NotAnswered(now, effect.call, text)
            case NotSignedIn():
                return SignInMissing(now, effect.call, text)
            case SignInFailed(is_of_scope=False):  # asking again does not help, signing in again may
                return SignInMissing(now, effect.call, text, is_refused=True)
        return Refused(now, effect.call, Fault(type(error).__name__, text, request.label, sent=Sent.NO))

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
        self._secrets: Gates[str, _Due] = Gates(self._get_secrets)
        self._records: Gates[str, _Due] = Gates(self._make_durable)
        self._tokens: Gates[tuple[str, SignInKey], _Due] = Gates(self._get_token)
        self._queue: asyncio.Queue[_Due] = asyncio.Queue()
        self._awaited = Awaited()
        self._senders: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to send."""
        self._senders = [asyncio.create_task(self._serve(), name=f"sender-{n}") for n in range(SENDERS)]

    async def close(self) -> None:
        """Stop sending; what is under way is cut off, as by a crash: the journal of intents knows of it."""
        for task in self._senders:
            task.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        await asyncio.gather(self._secrets.close(), self._records.close(), self._tokens.close())

    def schedule(self, uuid: str, effect: SendRequest | ReadUrl) -> None:
        """Perform the effect after its delay and feed the outcome back."""
        delay_s = effect.delay_s
        job = self._runner.find(uuid)
        if isinstance(effect, ReadUrl) and effect.settle and job is not None and job.context is not None:
            delay_s += job.context.environment.settle_s
        self._awaited.add(uuid, effect)
        self._put(_Due(uuid, effect), delay_s)

    def recall(self, uuid: str) -> tuple[str, ...]:
        """Take back what was scheduled to be sent for a job and has not gone out; returns the keys of the calls."""
        return self._awaited.recall(uuid)

    def _apply(self, due: _Due, event: Event) -> None:
        """Feed back what came of a request, if it is still waited for."""
        if self._awaited.has(due.uuid, due.effect):
            self._awaited.forget(due.uuid, due.effect.call)
            self._runner.apply(due.uuid, event)

    def _put(self, due: _Due, delay_s: float = 0.0) -> None:
        loop = asyncio.get_running_loop()
        if delay_s <= 0:
            loop.call_soon(self._advance, due)
        else:
            delay_s *= 1 + JITTER * random.random()  # noqa: S311 - spreads load, protects nothing
            loop.call_later(delay_s, self._advance, due)

    def _advance(self, due: _Due) -> None:
        """Take a request to the gate of what it lacks next, or else to the senders."""
        with self._guarded(due):
            job = self._waiting(due)
            if job is None:
                return
            request = _request_of(job, due)
            if job.context is None:
                fault = Fault("ContextRequired", "The job has no context.", request.label, sent=Sent.NO)
                self._apply(due, Refused(self._runner.now(), due.effect.call, fault))
            elif isinstance(due.effect, SendRequest) and request.holes and due.secrets is None:
                self._secrets.join("secrets", due)
            elif isinstance(due.effect, SendRequest) and not request.is_read and not due.is_recorded:
                self._records.join("the disk", due)
            elif self._token_of(due, job.context) is None:
                self._tokens.join((job.context.scope, job.context.sign_in_key), due)
            else:
                self._queue.put_nowait(due)

    def _token_of(self, due: _Due, context: ContextValue) -> Token | None:
        """The newest token that is at hand."""
        return self._exchange.ready_token(context) or due.token

    @contextlib.contextmanager
    def _guarded(self, due: _Due) -> Iterator[None]:
        """What goes wrong is this request's, and no other's."""
        try:
            try:
                yield
            except (NotSignedIn, WrongTarget) as error:
                self._fail(due, error)
        except HomeUnusable as error:  # it cannot be recorded that it is about to be sent: so it is not sent yet
            log.warning("Put off: %s", error)
            self._put(due, FULL_RETRY_S)
        except Fenced:
            log.debug("Another daemon has taken over.")
        except Exception:  # a fault of ours: this job stands still until the next daemon, the others go on
            log.exception("A request of job %s could not be performed", due.uuid)

    def _fail(self, due: _Due, error: AzJobsError) -> None:
        job = self._waiting(due)
        if job is not None:
            self._apply(due, self._exchange.failed(due.effect, _request_of(job, due), error))

    def _waiting(self, due: _Due) -> Job | None:
        """The job, if it still waits for this: it may have been stopped or removed in the meantime."""
        if not self._awaited.has(due.uuid, due.effect):
            return None
        job = self._runner.find(due.uuid)
        call = job.work.calls.get(due.effect.call) if job is not None and isinstance(job.work, PlanWork) else None
        if call is None or isinstance(call.phase, Ended):
            self._awaited.forget(due.uuid, due.effect.call)
            return None
        return job

    # The gates

    async def _get_secrets(self, _key: str, waiting: list[_Due]) -> None:
        for due in waiting:
            with self._guarded(due):
                job = self._waiting(due)
                if job is None:
                    continue
                names = set(_request_of(job, due).holes.values())
                try:
                    with unhurried():
                        secrets = await self._vault.job_secrets(job.secrets_owner, names)
                    self._put(due._replace(secrets=secrets))
                except SecretsMissing as error:
                    self._apply(due, SecretMissing(self._runner.now(), error.names, due.effect.call))

    async def _make_durable(self, _key: str, waiting: list[_Due]) -> None:
        problem: Exception | None = None
        try:
            await self._ledger.durable()
        except (HomeUnusable, Fenced) as error:
            problem = error
        for due in waiting:
            with self._guarded(due):
                if problem is not None:
                    raise problem
                self._put(due._replace(is_recorded=True))

    async def _get_token(self, _key: tuple[str, SignInKey], waiting: list[_Due]) -> None:
        """One of them asks; each looks at the answer as its own context allows."""
        jobs = [job for due in waiting if (job := self._waiting(due)) is not None]
        context = jobs[0].context if jobs else None
        if context is None:
            return
        token: Token | None
        try:
            token = await self._exchange.token(context)
        except WrongTarget:  # somebody signed in elsewhere meanwhile: each is told of its own context
            token = None
        except AzJobsError as error:
            for due in waiting:
                with self._guarded(due):
                    self._fail(due, error)
            return
        for due in waiting:
            self._put(due._replace(token=token))

    # The senders

    async def _serve(self) -> None:
        while True:
            due = await self._queue.get()
            with self._guarded(due):
                await self._perform(due)

    async def _perform(self, due: _Due) -> None:
        job = self._waiting(due)
        if job is None or job.context is None:
            return
        context, request = job.context, _request_of(job, due)
        token = self._token_of(due, context)
        if token is None:  # it was near its end, or is withdrawn
            self._put(due)
            return
        wait_s = self._exchange.hold_back_s(due.effect, request, context)
        if wait_s > 0:
            self._put(_Due(due.uuid, due.effect, is_recorded=due.is_recorded, is_second=due.is_second), wait_s)
            return
        self._awaited.go_out(due.uuid, due.effect)
        event = await self._exchange.perform(
            due.effect,
            request,
            context,
            token,
            secrets=due.secrets or {},
            correlation_id=str(UUID(job.uuid)),
            overrides=job.overrides,
        )
        if self._exchange.renew(event, context, token) and not due.is_second:
            self._awaited.come_back(due.uuid, due.effect)
            self._put(due._replace(token=None, is_second=True))
        else:
            self._apply(due, event)


def _request_of(job: Job, due: _Due) -> Request:
    assert isinstance(job.work, PlanWork)
    return job.work.calls[due.effect.call].request
