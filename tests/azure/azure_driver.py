"""Drive a plan to its end over a real transport: the least that an engine must do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Self

from azjobs.azure.broker import TokenBroker
from azjobs.azure.sender import Sender
from azjobs.azure.transport import AiohttpTransport
from azjobs.core import lro
from azjobs.core.arm import Answer, OnUnanswered, Request, error_of
from azjobs.core.errors import Fault
from azjobs.core.plan import Done, Send
from azjobs.core.plans import PLANS


class Driver:
    """An engine without a memory: `async with Driver(cloud) as driver: await driver.run(...)`."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud

    async def __aenter__(self) -> Self:
        self.transport = AiohttpTransport()
        self.broker = TokenBroker()
        self.sender = Sender(self.transport)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.broker.close()
        await self.transport.close()

    async def token(self) -> str:
        """A token of the embedded cloud's own account."""
        cloud = self.cloud
        secrets = lambda: _given(cloud.secrets)  # noqa: E731 - one value, by a coroutine
        found = await self.broker.fetch(cloud.sign_in, cloud.context.environment.scope, secrets=secrets)
        return found.token

    async def run(self, plan: str, secrets: Mapping[str, str] | None = None, **arguments: Any) -> Any:
        """Return the result of a plan, or its Fault; the plan's subscription is the cloud's."""
        arguments = {"subscription_id": self.cloud.endpoint["subscription_id"], **arguments}
        return await self.run_as_is(plan, secrets, **arguments)

    async def run_as_is(self, plan: str, secrets: Mapping[str, str] | None = None, **arguments: Any) -> Any:
        """Return the result of a plan, or its Fault."""
        answers: dict[str, Answer] = {}
        while True:
            decision = PLANS[plan](arguments, answers)
            if isinstance(decision, Done):
                return decision.result
            if isinstance(decision, Fault):
                return decision
            assert isinstance(decision, Send)
            new = {key: request for key, request in decision.requests.items() if key not in answers}
            assert new, "the plan waits for nothing"
            found = await asyncio.gather(*(self._answer(request, secrets or {}) for request in new.values()))
            answers.update(zip(new, found, strict=True))

    async def _answer(self, request: Request, secrets: Mapping[str, str]) -> Answer:
        condition = request.on_unanswered is OnUnanswered.CONDITION
        token = await self.token()
        reply, url = await self.sender.send(request, self.cloud.context, token, secrets, condition=condition)
        if reply.status >= 300:
            return Answer(reply.status, reply.body, error_of(reply))
        step = lro.first_step(request, reply, url)
        while True:
            match step:
                case lro.Poll(watch, delay_s):
                    await asyncio.sleep(min(delay_s, 0.01))
                    step = lro.next_step(watch, (await self.sender.poll(watch.url, self.cloud.context, token))[0])
                case lro.Fetch(url):
                    reply = (await self.sender.poll(url, self.cloud.context, token))[0]
                    return Answer(reply.status, reply.body, created=request.method == "PUT")
                case lro.Finished(status, body):
                    return Answer(status, body, created=request.method == "PUT")
                case lro.OperationFailed(fault):
                    return Answer(200, None, fault)
                case lro.Unreadable(http_status):
                    raise AssertionError(f"status {http_status} could not be read")


async def _given(secrets: Mapping[str, str]) -> Mapping[str, str]:
    return secrets
