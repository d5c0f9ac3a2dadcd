"""The kinds of words that a shell can complete beyond options: choices, names of contexts, ids of jobs."""

from __future__ import annotations

import contextlib
from typing import Any

import click
from click.shell_completion import CompletionItem

from azjobs.core.errors import AzJobsError

OFFERED = 100  # guess: as many ended jobs as the table of jobs has; whoever means an older one knows its id


class Choice(click.Choice[str]):
    """One of a few words, in any case; completed as they are written."""

    def __init__(self, words: tuple[str, ...]) -> None:
        super().__init__(words, case_sensitive=False)

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the words that begin so."""
        return _beginning(incomplete, [(word, "") for word in self.choices])


class Seconds(click.types.FloatParamType):
    """How long to wait, in seconds. PowerShell's -1 means without end, and Python's at once: here it means neither."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Read it; what is below 0 or no number is refused."""
        seconds: float = super().convert(value, param, ctx)
        if not seconds >= 0:
            self.fail(f"{value!r} is no number of seconds from 0 on; leave it out to wait without end.", param, ctx)
        return seconds


class ContextName(click.ParamType[str]):
    """The name of a context; what it is called decides the session."""

    name = "name"

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the contexts of this session."""
        from azjobs.session.contexts.choosing import get_az_context  # noqa: PLC0415 - only where a shell asks

        with contextlib.suppress(AzJobsError):
            found = get_az_context(list_available=True)
            return _beginning(incomplete, [(one.name, one.value.subscription_label) for one in found])
        return []


class JobId(click.ParamType[str]):
    """A job's id, or its name."""

    name = "text"

    def shell_complete(self, _ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the jobs of this user, by their ids; by their names once letters are typed."""
        from azjobs.session.jobs.looking import load_views  # noqa: PLC0415 - same
        from azjobs.session.link.local import local  # noqa: PLC0415 - only where a shell asks

        with contextlib.suppress(AzJobsError):
            views = load_views(local().layout, newest=OFFERED, parent="")
            if incomplete and not incomplete.isdecimal():
                return _beginning(incomplete, [(view.name, view.state.value) for view in views])
            return _beginning(incomplete, [(str(view.id), f"{view.name} {view.state.value}") for view in views])
        return []


def _beginning(incomplete: str, offers: list[tuple[str, str]]) -> list[CompletionItem[Any]]:
    lower = incomplete.lower()
    return [CompletionItem(word, help=text or None) for word, text in offers if word.lower().startswith(lower)]
