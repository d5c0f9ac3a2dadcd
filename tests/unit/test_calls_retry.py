"""What an answer that is no success means, and how long to wait."""

from __future__ import annotations

import pytest
from core_samples import DELETE, GET, PUT, STOP, reply
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.arm import Reply, Request
from azjobs.core.retry import LONGEST_BACKOFF_S, READ_TRIES, Verdict, backoff_s, judge

VERDICTS = [
    pytest.param(GET, reply(429), Verdict.AGAIN, id="throttled-read"),
    pytest.param(PUT, reply(429), Verdict.AGAIN, id="throttled-write-was-not-executed"),
    pytest.param(PUT, reply(409, retry_after="1"), Verdict.AGAIN, id="409-that-asks-to-come-back"),
    pytest.param(PUT, reply(409), Verdict.FINAL, id="409"),
    pytest.param(GET, reply(400), Verdict.FINAL, id="400"),
    pytest.param(GET, reply(404, retry_after="1"), Verdict.FINAL, id="404"),
    pytest.param(GET, reply(307), Verdict.FINAL, id="a-redirection-is-not-followed"),
    pytest.param(GET, reply(408), Verdict.AGAIN, id="a-read-that-timed-out"),
    pytest.param(GET, reply(501), Verdict.AGAIN, id="a-read-of-5xx"),
    pytest.param(PUT, reply(408), Verdict.UNANSWERED, id="a-write-that-timed-out"),
    pytest.param(DELETE, reply(500), Verdict.UNANSWERED, id="a-delete-of-5xx"),
    pytest.param(STOP, reply(599), Verdict.UNANSWERED, id="an-action-of-5xx"),
    pytest.param(PUT, reply(501), Verdict.FINAL, id="501-did-nothing"),
]


@pytest.mark.parametrize(("request_", "answer", "verdict"), VERDICTS)
def test_each_answer_has_its_verdict(request_: Request, answer: Reply, verdict: Verdict):
    """Only what was not executed may go out again; of a write behind 5xx nobody knows."""
    assert judge(request_, answer, problems=0) is verdict


def test_read_is_given_up_after_its_tries():
    """A service that fails all reads is said after about a minute; throttling does not count."""
    assert judge(GET, reply(500), problems=READ_TRIES - 2) is Verdict.AGAIN
    assert judge(GET, reply(500), problems=READ_TRIES - 1) is Verdict.FINAL
    assert judge(GET, reply(429), problems=READ_TRIES - 1) is Verdict.AGAIN


@given(problems=st.integers(0, 100_000), retry_after_s=st.none() | st.floats(0, 1e6))
def test_wait_is_law_and_never_a_tight_loop(problems: int, retry_after_s: float | None):
    """The wait is at least what the service asks for, never nothing, and never shorter with more problems."""
    wait_s = backoff_s(problems, retry_after_s)
    assert wait_s >= max(0.05, retry_after_s or 0.0)
    assert wait_s <= max(LONGEST_BACKOFF_S, retry_after_s or 0.0)
    assert backoff_s(problems + 1, retry_after_s) >= wait_s
