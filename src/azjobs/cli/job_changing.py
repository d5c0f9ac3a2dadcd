"""The shell's faces of stopping, resuming, removing and answering jobs, and of doing them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Unpack

from azjobs.cli.job_choice import Which, chosen, show_jobs
from azjobs.cli.shell import Shell
from azjobs.commands.parameters import JobId
from azjobs.core.secret import SecureString
from azjobs.core.spelling import spell_out
from azjobs.session.jobs import job_list
from azjobs.session.jobs import stopping as job_stopping
from azjobs.session.jobs.answering import answer_job as answer_job_
from azjobs.session.jobs.answering import prompt_of, those_who_ask
from azjobs.session.jobs.looking import load_views
from azjobs.session.jobs.views import JobView
from azjobs.session.link.local import local


@spell_out
def stop_job(
    shell: Shell,
    id: Sequence[JobId] = (),
    *,
    cancel: bool = False,
    **which: Unpack[Which],
) -> int:
    """Stop jobs: a process is ended; an operation in Azure goes on, and is watched no more.

    What they printed is kept. Jobs that have ended are left as they are.
    'azjobs job resume' watches again.

    Args:
        shell: the invocation.
        id: Ids, names or patterns of jobs.
        cancel: Have Azure end the operation too, where it offers that (deployments), and wait until it has.
    """
    here = local()
    views = chosen(here, id, which)
    for sentence in job_stopping.stop_views(here, views, cancel=cancel):
        shell.say(sentence)
    _show_wished(shell, views, is_one=len(id) == 1)
    return 0


@spell_out
def resume_job(
    shell: Shell,
    id: Sequence[JobId] = (),
    **which: Unpack[Which],
) -> int:
    """Let stopped Azure jobs go on: what goes on in Azure is watched again, and the rest is done.

    Secrets were forgotten when the job stopped: one that still needs its password asks for it.

    Args:
        shell: the invocation.
        id: Ids, names or patterns of jobs.
    """
    here = local()
    views = chosen(here, id, which)
    job_stopping.resume_views(here, views)
    show_jobs(shell, load_views(here.layout, uuids=[view.uuid for view in views]), is_one=len(id) == 1)
    return 0


def _show_wished(shell: Shell, views: Sequence[JobView], *, is_one: bool) -> None:
    if shell.wishes.output is not None or shell.wishes.is_quiet:
        show_jobs(shell, load_views(local().layout, uuids=[view.uuid for view in views]), is_one=is_one)


def retry_job(
    shell: Shell,
    id: JobId,
    *,
    all_targets: bool = False,
    name: str = "",
    throttle_limit: int | None = None,
    override_protection: Sequence[str] = (),
) -> int:
    """Do again what an ended Azure job failed to do; of a batch the targets that failed or were stopped.

    It is a new job, in the context of the first one. A password that it needs is asked for by azjobs job answer.

    Args:
        shell: the invocation.
        id: The job's id or name.
        all_targets: Do all targets of the batch again, or the job although it did not fail.
        name: What the new job is to be called.
        throttle_limit: How many targets are at work at once; as before when not given.
        override_protection: Remove or stop it although it is protected under this name; it does not count from before.
    """
    from azjobs.session.submitting.batches import retry_job as retry  # noqa: PLC0415 - the other commands need no plans

    job: int | str = int(id) if id.isdecimal() else id
    again = retry(
        job,
        failed_only=not all_targets,
        name=name,
        throttle_limit=throttle_limit,
        override_protection=override_protection,
    )
    show_jobs(shell, [again.view], is_one=True)
    return 0


@spell_out
def remove_job(
    shell: Shell,  # noqa: ARG001 - every face takes it
    id: Sequence[JobId] = (),
    *,
    force: bool = False,
    **which: Unpack[Which],
) -> int:
    """Remove jobs with all their output.

    Args:
        shell: the invocation.
        id: Ids, names or patterns of jobs.
        force: Stop those first that have not ended.
    """
    views = chosen(local(), id, which)
    job_list.remove_job([view.uuid for view in views], force=force)
    return 0


def answer_job(
    shell: Shell,
    id: JobId,
    *,
    text: str | None = None,
    password_stdin: bool = False,
    choice: Literal["again", "done"] | None = None,
) -> int:
    """Give a blocked job what it waits for: a line, a password, or what became of a request that nobody answered.

    On a terminal it asks for a line or a password that is not given.

    Args:
        shell: the invocation.
        id: The job's id or name.
        text: The line that the job asks for.
        password_stdin: Read the password from the first line of stdin.
        choice: Send the unanswered request again, or take it as done.
    """
    view = job_list.view_of(local(), int(id) if id.isdecimal() else id)
    prompt = prompt_of(those_who_ask(view)[0])
    secret: SecureString | None = None
    if password_stdin or (prompt is not None and prompt.is_hidden and text is None and choice is None):
        is_empty_good = prompt is not None and prompt.may_be_empty
        asked = prompt.text if prompt is not None else ""
        secret = shell.ask_secret(asked, is_on_stdin=password_stdin, may_be_empty=is_empty_good)
    elif prompt is not None and text is None and choice is None and shell.has_somebody:
        text = shell.ask_line(prompt.text, is_hidden=False)
    answer_job_(view.uuid, secret, text=text, choice=choice or "")
    return 0
