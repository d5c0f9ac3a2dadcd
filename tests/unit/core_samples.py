"""What the tests of the core are made of: requests, replies and jobs, as short as can be."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from azjobs.core.arm import OnUnanswered, Reply, Request
from azjobs.core.errors import Fault
from azjobs.core.events import Effect, Event, NotAnswered, NotSent, ReadUrl, Replied, SendRequest
from azjobs.core.job import Call, Job, Phase, PlanWork, ProcessKind, ProcessWork, Watching
from azjobs.core.lro import Monitor, Watch

ARM = "https://arm.test"
STATUS_URL = f"{ARM}/operations/1"

GET = Request("GET", "/r/x", "x")
PUT = Request("PUT", "/r/x", "x", {"tags": {"t": "1"}})
PUT_IF_NEW = Request("PUT", "/r/x", "x", {"tags": {"t": "1"}}, on_unanswered=OnUnanswered.CONDITION)
PUT_ASKED = Request("PUT", "/r/x", "x", {}, on_unanswered=OnUnanswered.ASK)
PATCH = Request("PATCH", "/r/x", "x", {"tags": {"t": "1"}})
DELETE = Request("DELETE", "/r/x?force=true", "x", look_path="/r/x")
STOP = Request("POST", "/r/x/deallocate", "x", look_path="/r/x/instanceView", done_when="deallocated")
RESTART = Request("POST", "/r/x/restart", "x", on_unanswered=OnUnanswered.ASK)
ACTION = Request("POST", "/r/x/do", "x")


def reply(status: int, body: Any = None, **headers: str) -> Reply:
    """Return a reply; `retry_after="5"` is the header retry-after."""
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def error(status: int, code: str, **headers: str) -> Reply:
    """Return ARM's error envelope."""
    return reply(status, {"error": {"code": code, "message": "Because."}}, **headers)


def resource(state: str = "Succeeded", **body: Any) -> dict[str, Any]:
    """Return the body of a resource."""
    return {**body, "properties": {"provisioningState": state}}


def power(word: str) -> dict[str, Any]:
    """Return the body of a machine's instance view."""
    return {"statuses": [{"code": "ProvisioningState/succeeded"}, {"code": f"PowerState/{word}"}]}


def make_plan_job(plan: str = "test@1", **changes: Any) -> Job:
    """Return a job of a plan, not started yet; `calls`, `secrets` and `arguments` go to its work."""
    work = PlanWork(plan, **{key: changes.pop(key) for key in ("calls", "secrets", "arguments") if key in changes})
    values: dict[str, Any] = {"uuid": "j", "name": "job", "command": "c", "session": "s", "submitted_at": 0.0}
    return Job(**{**values, "work": work, "target": "x", **changes})


def make_process_job(**changes: Any) -> Job:
    """Return a job in a process of its own, not started yet; `secrets` go to its work."""
    secrets = changes.pop("secrets", {})
    work = ProcessWork(ProcessKind.COMMAND, "/", 0o022, arguments=("true",), secrets=secrets)
    values: dict[str, Any] = {"uuid": "p", "name": "job", "command": "c", "session": "s", "submitted_at": 0.0}
    return Job(**{**values, "work": work, **changes})


def call(request: Request, phase: Phase, *, is_held: bool = False) -> Call:
    """Return a request and how far it is."""
    return Call(request, phase, is_held)


def as_recorded(phase: Phase, event: Event, effects: list[Effect]) -> Phase:
    """A watch is recorded with how long the reply asked to wait for the next reading, which the effects have."""
    if isinstance(phase, Watching) and isinstance(event, Replied):
        (reading,) = effects
        assert isinstance(reading, ReadUrl)
        return replace(phase, delay_s=reading.delay_s)
    return phase


URL = f"{ARM}/r/x"
RESOURCE = Watch(Monitor.RESOURCE, URL, resource_url=URL)


def replied(answer: Reply, url: str = URL) -> Replied:
    """The event of a reply to the call "k"."""
    return Replied(1.0, "k", answer, url)


NOT_SENT = NotSent(1.0, "k", "No route.")
NOT_ANSWERED = NotAnswered(1.0, "k", "Timed out.")


def fault_of(code: str, status: int) -> Fault:
    """The fault that `error(status, code)` tells."""
    return Fault(code, "Because.", "x", http_status=status)


def send(delay_s: float = 0.0, *, conditional: bool = False) -> list[Effect]:
    """The effect of sending the call "k"."""
    return [SendRequest("k", delay_s, is_conditional=conditional)]


def read(url: str, delay_s: float = 0.0, *, settle: bool = False) -> list[Effect]:
    """The effect of reading for the call "k"."""
    return [ReadUrl("k", url, delay_s, settle)]
