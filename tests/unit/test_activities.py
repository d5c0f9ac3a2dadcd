"""Which activities of a job are running, from what it told of its progress."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.activities import Activities
from azjobs.core.journal import Progress, Stamp

AT = Stamp(0.0)
NAMES = st.sampled_from("abcd")


def told(activity: str, *, parent: str = "", percent: float | None = None, completed: bool = False) -> Progress:
    """A word of progress."""
    return Progress(AT, activity, "", percent, parent, completed)


def rows(*words: Progress) -> list[tuple[int, str]]:
    """What is running after these words."""
    activities = Activities()
    for word in words:
        activities.see(word)
    return [(depth, progress.activity) for depth, progress in activities.rows()]


def test_an_activity_is_shown_under_the_one_around_it() -> None:
    """In the order in which they began, whichever was told first."""
    assert rows(told("disk 1", parent="copy"), told("copy"), told("disk 2", parent="copy"), told("check")) == [
        (0, "copy"),
        (1, "disk 1"),
        (1, "disk 2"),
        (0, "check"),
    ]


def test_an_activity_ends_when_it_says_so_or_is_at_100_percent() -> None:
    """And those inside it with it."""
    begun = (told("copy"), told("disk", parent="copy"), told("block", parent="disk"))
    assert rows(*begun, told("block", percent=100)) == [(0, "copy"), (1, "disk")]
    assert rows(*begun, told("copy", completed=True)) == []
    assert rows(told("copy", percent=99.9)) == [(0, "copy")]


def test_activities_that_never_end_do_not_fill_the_memory() -> None:
    """The oldest are forgotten."""
    shown = rows(*(told(str(number)) for number in range(1000)))
    assert shown == [(0, str(number)) for number in range(900, 1000)]


@given(st.lists(st.builds(told, NAMES, parent=NAMES | st.just(""), completed=st.booleans())))
def test_each_running_activity_is_one_line(words: list[Progress]) -> None:
    """Whatever is told, also of activities that are around each other or around themselves."""
    shown = [name for _, name in rows(*words)]
    assert len(shown) == len(set(shown))
    last = {word.activity: word for word in words}
    assert set(shown) <= {name for name, word in last.items() if not word.completed}
