"""Remember how the sign-in service last answered in this thread: MSAL and azure-identity keep it to themselves."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from azjobs.azure.refusals import retry_after_s

_of_thread = threading.local()


class Answer(NamedTuple):
    """An HTTP status, and for how many seconds the service asked to be left alone; both 0 for none."""

    status: int = 0
    delay_s: float = 0.0


def forget() -> None:
    """A new question begins: nothing is answered yet."""
    _of_thread.last = Answer()


def last() -> Answer:
    """Return the last answer that came in this thread."""
    found: Answer = getattr(_of_thread, "last", Answer())
    return found


def hear(response: Any) -> None:
    """Take note of an answer: a `raw_response_hook` of azure-core's pipelines."""
    answer = response.http_response
    _of_thread.last = Answer(int(answer.status_code or 0), retry_after_s(answer.headers))
