"""Decide what an answer that is no success means for the request: again, look first, or final.

The one question that matters is whether the request may have taken effect. A
read may always go out again; a write only if the service said that it did not
execute it, else somebody has to look.
Sources: ARM RPC v1.0 Addendum, "Retrying" (cited [RPC]); learn.microsoft.com
request-limits-and-throttling (cited [limits]).
"""

from __future__ import annotations

from enum import Enum

from azjobs.core.arm import Reply, Request

FIRST_BACKOFF_S = 0.5  # guess: doubles with each problem in a row
SHORTEST_WAIT_S = 0.05  # guess: "Retry-After: 0" means at once, yet never in a tight loop
LONGEST_BACKOFF_S = 60.0  # guess: the RPC's own default pace of polling
READ_TRIES = 8  # guess: about a minute of backing off, then the user should know
WRITE_TRIES = 4  # guess: unanswered attempts that were each seen to have no effect, then the user should know
UNSENT_TRIES = 5  # guess: about 15 s in which nothing was ever sent, then the user should know


class Verdict(Enum):
    """What to do with a request after this answer."""

    FINAL = "final"  # the service's own answer
    AGAIN = "again"  # not executed: send again after the delay
    UNANSWERED = "unanswered"  # may have been executed


def judge(request: Request, reply: Reply, *, problems: int) -> Verdict:
    """Classify an answer that is not 2xx.

    429 was refused before execution [limits]; a 409 with a Retry-After asks to
    come back, as "anything with Retry-After" [RPC]; 408 and 5xx may be retried
    [RPC], but for a write nobody knows what happened behind them.
    """
    if reply.status == 429:
        return Verdict.AGAIN
    if reply.status == 409 and reply.retry_after_s is not None:
        return Verdict.AGAIN
    if reply.status != 408 and reply.status < 500:
        return Verdict.FINAL
    if request.is_read:
        return Verdict.AGAIN if problems + 1 < READ_TRIES else Verdict.FINAL
    return Verdict.FINAL if reply.status == 501 else Verdict.UNANSWERED


def backoff_s(problems: int, retry_after_s: float | None = None) -> float:
    """Return how long to wait after `problems` problems in a row; never less than the service asked for."""
    doubled = 2.0 ** min(problems, 16)
    own_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * doubled)
    return own_s if retry_after_s is None else max(retry_after_s, min(1.0, SHORTEST_WAIT_S * doubled))
