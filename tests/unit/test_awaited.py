"""Which effects of jobs are still waited for."""

from __future__ import annotations

from azjobs.core.events import ReadUrl, SendRequest
from azjobs.daemon.sending.awaited import Awaited


def test_a_stop_recalls_what_has_not_gone_out() -> None:
    """What is read is none of it, nor what is another job's."""
    awaited = Awaited()
    waiting, out, read, other = SendRequest("a"), SendRequest("b"), ReadUrl("c", "/"), SendRequest("a")
    for effect in (waiting, out, read):
        awaited.add("1", effect)
    awaited.add("2", other)
    awaited.go_out("1", out)
    assert awaited.recall("1") == ("a",)
    assert [awaited.has("1", effect) for effect in (waiting, out, read)] == [False, True, True]
    assert awaited.has("2", other)
    assert awaited.recall("1") == ()


def test_what_came_back_unexecuted_can_be_recalled() -> None:
    """A token that was not taken: the request waits again."""
    awaited = Awaited()
    effect = SendRequest("a")
    awaited.add("1", effect)
    awaited.go_out("1", effect)
    assert awaited.recall("1") == ()
    awaited.come_back("1", effect)
    assert awaited.recall("1") == ("a",)


def test_a_later_effect_takes_the_place_of_one_that_says_the_same() -> None:
    """After a resumption what comes of the earlier one is nobody's; and it has not gone out."""
    awaited = Awaited()
    before, after = SendRequest("a"), SendRequest("a")
    awaited.add("1", before)
    awaited.go_out("1", before)
    awaited.add("1", after)
    assert (awaited.has("1", before), awaited.has("1", after)) == (False, True)
    awaited.come_back("1", before)
    assert awaited.recall("1") == ("a",)
