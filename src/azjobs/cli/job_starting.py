"""The shell's face of starting a command or a script as a job."""

from __future__ import annotations

from typing import Any

from azjobs.cli.job_choice import show_jobs
from azjobs.cli.shell import Shell
from azjobs.commands.parameters import ContextName, Words
from azjobs.core.errors import InvalidInput
from azjobs.session import starting
from azjobs.session.jobs import Job

USAGE = "Say what to run: azjobs job start -- COMMAND WORD…, or --file SCRIPT.py"


def start_job(
    shell: Shell,
    words: Words = (),
    *,
    name: str = "",
    file_path: str | None = None,
    working_directory: str = "",
    az_context: ContextName | None = None,
    expect_tenant: str = "",
    expect_subscription: str = "",
) -> int:
    """Run a command, or a Python script, as a job: azjobs job start --name nightly -- python report.py --day 1.

    It has this folder and this environment, an empty stdin and no terminal, and
    goes on when this one closes. What it prints is its output.

    Args:
        shell: the invocation.
        words: The command and its words; with --file the script's words.
        name: What the job is to be called.
        file_path: A Python script to run.
        working_directory: The folder to run in; this one when not given.
        az_context: The context it acts in, by name; the current one where autosave is on.
        expect_tenant: Start it only if that context is in this tenant, by name or id.
        expect_subscription: Start it only if that context is of this subscription, by name or id.
    """
    job: Job[str | bytes]
    where: dict[str, Any] = {
        "az_context": az_context,
        "expect_tenant": expect_tenant,
        "expect_subscription": expect_subscription,
        "working_directory": working_directory,
    }
    if file_path is not None:
        job = starting.start_job(file_path=file_path, argument_list=words, name=name, **where)
    elif words:
        job = starting.start_job(command=words, name=name, **where)
    else:
        raise InvalidInput(USAGE)
    show_jobs(shell, [job.view], is_one=True)
    return 0
