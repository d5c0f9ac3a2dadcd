"""Decide what the answers to reads mean: found, not there, page after page.

Pure. The codes are ARM's.
"""

from __future__ import annotations

from typing import Any

from azjobs.core.arm import Answer, Request
from azjobs.core.errors import Fault
from azjobs.core.plan import Answers, Send

# A 404 with another code (SubscriptionNotFound, InvalidResourceType) is no answer to whether the resource is there.
MISSING = frozenset({"resourcenotfound", "resourcegroupnotfound", "notfound", "parentresourcenotfound", "http 404"})
MOST_PAGES = 10_000  # guess: a list that never ends is a fault of the service, not a reason to read for ever


def is_missing(answer: Answer) -> bool:
    """Whether a read says that the resource is not there."""
    fault = answer.fault
    return fault is not None and fault.http_status == 404 and fault.code.lower() in MISSING


def first_fault(answers: Answers, *keys: str) -> Fault | None:
    """Return the fault of the first of `keys` that has one."""
    faults = (answers[key].fault for key in keys if key in answers)
    return next((fault for fault in faults if fault is not None), None)


def first_real_fault(answers: Answers, *keys: str) -> Fault | None:
    """Return the first fault that is more than "not there"."""
    faults = (answers[key].fault for key in keys if key in answers and not is_missing(answers[key]))
    return next((fault for fault in faults if fault is not None), None)


def read_pages(key: str, first: Request, answers: Answers) -> list[Any] | Send | Fault:
    """Return all items of a list, the next page to read, or the fault that ended it.

    A page is `{"value": [...], "nextLink"?: URL}` [ARM RPC, resource-api-reference, "GET resource"].
    """
    items: list[Any] = []
    request = first
    for number in range(1, MOST_PAGES):
        answer = answers.get(f"{key} {number}")
        if answer is None:
            return Send({f"{key} {number}": request})
        if answer.fault is not None:
            return answer.fault
        body = answer.body if isinstance(answer.body, dict) else {}
        items += body.get("value") or []
        link = body.get("nextLink")
        if not isinstance(link, str) or not link:
            return items
        request = Request("GET", link, label=first.label)
    return Fault("EndlessList", f"The list of {first.label} did not end after {MOST_PAGES} pages.")
