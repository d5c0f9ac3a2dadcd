"""Draw jobs as a table for notebooks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from azjobs.core.states import JobState
from azjobs.session.jobs.views import JobView

_TITLES = ("Id", "Name", "State", "Context", "Target", "What happens")
_COLOURS = {JobState.COMPLETED: "green", JobState.FAILED: "firebrick", JobState.BLOCKED: "darkorange"}


def job_html(views: Iterable[JobView]) -> str:
    """Return the table; everything that came from outside is escaped."""
    head = "".join(f"<th>{title}</th>" for title in _TITLES)
    return f"<table><tr>{head}</tr>{''.join(map(_row, views))}</table>"


def _row(view: JobView) -> str:
    context = view.context
    mark = " [SIMULATOR]" if context is not None and context.environment.is_simulator else ""
    fault = view.fault
    told = f"{fault.code}: {fault.message}" if fault is not None else view.status
    colour = _COLOURS.get(view.state, "inherit")
    cells = (
        str(view.id if view.id is not None else ""),
        escape(view.name),
        f'<span style="color:{colour}">{view.state.value}</span>',
        escape(context.name + mark if context is not None else ""),
        escape(view.row.target),
        escape(told),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
