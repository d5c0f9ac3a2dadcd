"""Say how a process job is started: what may be asked for, understood and checked before anything is sent."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypedDict

from azjobs.core.context import ContextValue
from azjobs.core.errors import HomeUnusable, InvalidInput, PolicyIgnored
from azjobs.core.job import Notice, Queue
from azjobs.core.labels import check_labels
from azjobs.process.cap import cap_bytes_of
from azjobs.session.contexts.autosave import is_autosave_on
from azjobs.session.contexts.blocks import innermost
from azjobs.session.contexts.choosing import current_value, resolve_context
from azjobs.session.contexts.context import Context
from azjobs.session.jobs.keeping import policy_of
from azjobs.session.link.local import Local
from azjobs.session.submitting.expectations import Expected, check_expected
from azjobs.session.submitting.notices import CommandWords, notice_of
from azjobs.session.submitting.standard_input import stdin_of
from azjobs.session.submitting.terms import check_time_limit

PathLike = str | os.PathLike[str]
DEFAULT_QUEUE = "default"  # of those who give a limit and no name


class Starting(TypedDict, total=False):
    """How any job is started.

    Args:
        name: the job's name.
        az_context: the context it acts in; the current one where autosave is on.
        expect_tenant: start it only if that context is in this tenant, by name or id.
        expect_subscription: start it only if that context is of this subscription, by name or id.
        working_directory: where it runs; here when not given.
        labels: what to find it by, such as {"env": "dev"}.
        queue: the queue in which it waits for its turn; it waits for none when not given.
        throttle_limit: how many jobs of that queue run at once from now on; 5 until somebody says it.
        time_limit: after how many seconds it is stopped, and has failed.
        notify_command: a program and its words, run once the job has ended, whether or not anybody waits.
        output_cap_mb: how much of its output is kept, in MB (1 000 000 bytes); by the home's policy when not given,
            inf for all. What comes after that is dropped, and a warning of the job says so.
        input_object: what it reads from standard input, empty otherwise: text, bytes, or things that are a line each.
    """

    name: str | None
    az_context: Context | str | None
    expect_tenant: str | None
    expect_subscription: str | None
    working_directory: PathLike | None
    labels: Mapping[str, str] | None
    queue: str | None
    throttle_limit: int | None
    time_limit: float | None
    notify_command: CommandWords | None
    output_cap_mb: float | None
    input_object: str | bytes | Iterable[object] | None


class StartTerms(NamedTuple):
    """The same, understood: `folder` is absolute, `own` the context that the job acts in."""

    name: str
    own: ContextValue | None
    folder: str
    labels: dict[str, str]
    queue: Queue | None
    time_limit_s: float | None
    output_cap_bytes: int | None
    stdin: bytes | None
    notice: Notice | None


def start_terms(here: Local, how: Starting) -> StartTerms:
    """Understand how a job is to be started.

    Raises:
        InvalidInput: there is no such folder, or a limit is none.
        WrongTarget: the context is not the expected one.
    """
    own = _own_context(here, how.get("az_context"))
    check_expected(own, Expected(how.get("expect_tenant") or "", how.get("expect_subscription") or ""))
    folder = _folder(how.get("working_directory") or "")
    return StartTerms(
        how.get("name") or "",
        own,
        folder,
        check_labels(how.get("labels") or {}),
        _queue_of(how.get("queue"), how.get("throttle_limit")),
        check_time_limit(how.get("time_limit")),
        _cap_bytes(here, how.get("output_cap_mb")),
        stdin_of(how.get("input_object")),
        notice_of(how.get("notify_command"), folder),
    )


def _cap_bytes(here: Local, cap_mb: float | None) -> int | None:
    if cap_mb is not None:
        return cap_bytes_of(cap_mb)
    try:
        return policy_of(here).output_cap_bytes
    except HomeUnusable as error:  # nothing that the job itself needs
        warnings.warn(PolicyIgnored(f"{error} The output of this job has no cap."), stacklevel=5)
        return None


def _queue_of(name: str | None, throttle_limit: int | None) -> Queue | None:
    """Return the queue in which a job waits, None for none; a limit alone is one of the queue "default".

    Raises:
        InvalidInput: the limit lets none run.
    """
    if throttle_limit is not None and throttle_limit < 1:
        raise InvalidInput(f"The throttle limit is how many jobs run at once, 1 or more, not {throttle_limit}.")
    return Queue(name or DEFAULT_QUEUE, throttle_limit) if name or throttle_limit is not None else None


def _own_context(here: Local, az_context: Context | str | None) -> ContextValue | None:
    """The one given, else the one of `with context:`; else the current one, where it outlives the session anyway."""
    if az_context is not None:
        return resolve_context(az_context).value
    if is_autosave_on(here) or here.grants is not None:
        return current_value(here)
    return innermost()


def _folder(working_directory: PathLike) -> str:
    try:
        folder = Path(working_directory).absolute() if working_directory else Path.cwd()
    except FileNotFoundError:
        raise InvalidInput("The working directory of this program is gone. No job was started.") from None
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}. No job was started.")
    return str(folder)
