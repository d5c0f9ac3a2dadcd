"""Say for people how far the requests of a plan are, and what they made. Pure."""

from __future__ import annotations

from azjobs.core.job import Call, Ended, Fetching, Intended, PlanWork, Watching

VERBS = {"PUT": "creating", "PATCH": "updating", "DELETE": "deleting"}
ACTIONS = {"start": "starting", "deallocate": "deallocating", "poweroff": "stopping", "restart": "restarting"}


def outstanding(work: PlanWork) -> list[str]:
    """The keys of the requests that have not ended."""
    return [key for key, call in work.calls.items() if not isinstance(call.phase, Ended)]


def under_way(work: PlanWork) -> list[str]:
    """What Azure may be doing for this job, each verb once."""
    return list(dict.fromkeys(_verb(call) for call in _unfinished_writes(work) if is_attempted(call)))


def is_accepted(work: PlanWork) -> bool:
    """Whether Azure is known to be at work for this job."""
    return any(isinstance(call.phase, Watching | Fetching) for call in _unfinished_writes(work))


def has_succeeded(work: PlanWork) -> bool:
    """Whether all that Azure was asked to do has succeeded, and only its results are still being read."""
    return all(isinstance(call.phase, Fetching) for call in _unfinished_writes(work) if is_attempted(call))


def describe(work: PlanWork) -> str:
    """One line on what is going on: "creating virtualNetworks/MyVm, networkSecurityGroups/MyVm"."""
    groups: dict[str, list[str]] = {}
    for call in _unfinished_writes(work):
        groups.setdefault(_verb(call), []).append(call.request.label)
    return "; ".join(f"{verb} {', '.join(labels)}" for verb, labels in groups.items())


def percent_of(work: PlanWork) -> float | None:
    """The service's own percentage of the one operation under way; None when it gives none."""
    watched = [call.phase for call in _unfinished_writes(work) if isinstance(call.phase, Watching)]
    return watched[0].percent if len(watched) == 1 else None


def left_behind(work: PlanWork) -> tuple[str, ...]:
    """What this job created, in order; after a failure it still exists."""
    ended = ((c.request.label, c.phase.answer) for c in work.calls.values() if isinstance(c.phase, Ended))
    return tuple(label if answer.is_ok else f"{label} (failed)" for label, answer in ended if answer.created)


def _unfinished_writes(work: PlanWork) -> list[Call]:
    writes = (call for call in work.calls.values() if not call.request.is_read and not call.request.cancels)
    return [call for call in writes if not isinstance(call.phase, Ended)]


def is_attempted(call: Call) -> bool:
    """Whether the request has, or may have, reached Azure."""
    return not isinstance(call.phase, Intended) or call.phase.sends > 0


def _verb(call: Call) -> str:
    if call.request.method != "POST":
        return VERBS.get(call.request.method, "sending")
    action = call.request.path.partition("?")[0].rsplit("/", 1)[-1].lower()
    return ACTIONS.get(action, action)
