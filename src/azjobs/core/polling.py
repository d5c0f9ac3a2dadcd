"""Decide the next phase of a request that Azure has accepted: watched, fetched, ended.

Pure. That a status could not be read says nothing about the operation, so only
the operation's own word ends it, or its resource being gone for good. What
became of an action whose record is lost is looked at, else the user is asked.
"""

from __future__ import annotations

from msgspec.structs import replace

from azjobs.core import lro
from azjobs.core.arm import Answer, Request
from azjobs.core.errors import Fault
from azjobs.core.events import Effect, NotAnswered, NotSent, ReadUrl, Replied
from azjobs.core.job import Ended, Fetching, Looking, Phase, Unclear, Watching
from azjobs.core.looking import look_path
from azjobs.core.retry import backoff_s

FETCH_TRIES = 8  # guess: the operation has succeeded, its result may take a moment to be readable
GONE_AFTER = 8  # guess: some minutes of 404 in a row, beyond the lag between ARM's regions: it is gone, not late
GONE = frozenset({404, 410})

Moved = tuple[Phase, list[Effect]]
CallEvent = Replied | NotSent | NotAnswered


def apply_step(key: str, request: Request, step: lro.Step, *, was_created: bool) -> Moved:
    """Return the phase of a call whose operation takes this step."""
    match step:
        case lro.Poll(watch, delay_s, percent, status):
            watching = Watching(watch, status=status, was_created=was_created, percent=percent, delay_s=delay_s)
            return watching, [ReadUrl(key, watch.url, delay_s)]
        case lro.Fetch(url):
            return Fetching(url, was_created=was_created), [ReadUrl(key, url)]
        case lro.Finished(status, body):
            return Ended(Answer(status, body, created=was_created)), []
        case lro.OperationFailed(fault, is_canceled):
            # Accepted, then failed: the resource is there, in a failed state.
            fault = replace(fault, target=request.label)
            return Ended(Answer(200, None, fault, created=was_created, is_canceled=is_canceled)), []
        case lro.Unreadable(_, delay_s) if request.method == "POST":
            return _look_for_the_effect(key, request, delay_s or 0.0, settle=True)
        case lro.Unreadable(_, delay_s):
            watch = lro.Watch(lro.Monitor.RESOURCE, look_path(request), resource_url=look_path(request))
            wait_s = delay_s or 1.0
            watching = Watching(watch, problems=1, was_created=was_created, delay_s=wait_s)
            return watching, [ReadUrl(key, watch.url, wait_s)]


def after_poll(key: str, request: Request, phase: Watching, event: CallEvent) -> Moved:
    """Return the phase of a call whose status was read, or was not."""
    problems = phase.problems + 1
    if not isinstance(event, Replied):
        return replace(phase, problems=problems), [ReadUrl(key, phase.watch.url, backoff_s(problems))]
    reply = event.reply
    step = lro.next_step(phase.watch, reply)
    if not isinstance(step, lro.Unreadable):
        after, effects = apply_step(key, request, step, was_created=phase.was_created)
        # Another Retry-After alone is no news: to record it would cost a write a poll.
        is_news = not isinstance(after, Watching) or replace(after, delay_s=phase.delay_s) != phase
        return after if is_news else phase, effects
    losses = phase.losses + 1 if reply.status in GONE or reply.status < 300 else 0
    delay_s = backoff_s(problems, reply.retry_after_s)
    phase = replace(phase, problems=problems, losses=losses, delay_s=delay_s)
    wait: list[Effect] = [ReadUrl(key, phase.watch.url, delay_s)]
    return _after_loss(key, request, phase, reply.status) or (phase, wait)


def after_fetch(key: str, phase: Fetching, event: CallEvent) -> Moved:
    """Return the phase of a call whose result was read, or was not."""
    reply = event.reply if isinstance(event, Replied) else None
    if reply is not None and reply.status < 300 and reply.status != 202:
        return Ended(Answer(reply.status, reply.body, created=phase.was_created)), []
    is_refused = reply is not None and reply.status < 500 and reply.status not in (408, 429)
    refusals = phase.refusals + 1 if is_refused else 0
    if refusals >= FETCH_TRIES:
        # The operation succeeded: that its result cannot be read is not its failure.
        return Ended(Answer(200, None, created=phase.was_created)), []
    problems = phase.problems + 1
    wait_s = backoff_s(problems, reply.retry_after_s if reply is not None else None)
    return replace(phase, problems=problems, refusals=refusals), [ReadUrl(key, phase.url, wait_s)]


def _after_loss(key: str, request: Request, phase: Watching, status: int) -> Moved | None:
    """Decide what to do when the status record may be gone; None: it may be late, read it again."""
    losses = phase.losses
    if not lro.is_lost(unreadable_count=losses, http_status=status):
        return None
    if request.method == "POST" or (request.method == "DELETE" and status in GONE):
        return _look_for_the_effect(key, request)
    elsewhere = lro.after_loss(phase.watch, unreadable_count=losses, http_status=status, method=request.method)
    if elsewhere is not None:
        return replace(phase, watch=elsewhere, problems=0, losses=0, delay_s=0.0), [ReadUrl(key, elsewhere.url)]
    if losses < GONE_AFTER or status not in GONE:
        return None
    fault = Fault("ResourceGone", "Azure accepted it, but it is no longer there.", request.label, http_status=status)
    return Ended(Answer(status, fault=fault)), []


def _look_for_the_effect(key: str, request: Request, delay_s: float = 0.0, *, settle: bool = False) -> Moved:
    """Azure accepted an action or a DELETE, and there is no place that says how it fares."""
    if request.method == "POST" and not request.done_when:
        return Unclear(), []
    return Looking(is_accepted=True), [ReadUrl(key, look_path(request), delay_s, settle)]
