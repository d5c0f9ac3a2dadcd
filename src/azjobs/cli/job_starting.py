"""The shell's face of starting a command or a script as a job."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, Unpack

from azjobs.cli.job_choice import show_jobs
from azjobs.cli.shell import Shell
from azjobs.commands.parameters import ContextName, Words
from azjobs.core.errors import InvalidInput
from azjobs.core.spelling import spell_out
from azjobs.session.jobs.job import Job
from azjobs.session.submitting import starting

FROM_STDIN = "-"
USAGE = "Say what to run: azjobs job start -- COMMAND WORD…, or --file SCRIPT.py"


class How(TypedDict, total=False):
    """How any job is started.

    Args:
        name: What the job is to be called.
        working_directory: The folder to run in; this one when not given.
        az_context: The context it acts in, by name; the current one where autosave is on.
        expect_tenant: Start it only if that context is in this tenant, by name or id.
        expect_subscription: Start it only if that context is of this subscription, by name or id.
        labels: What to find it by, such as env=dev.
        queue: The queue in which it waits for its turn; it waits for none when not given.
        throttle_limit: How many jobs of that queue run at once from now on; 5 until somebody says it.
        time_limit: After how many seconds it is stopped, and has failed.
        notify_command: A command to run once it has ended, whether or not anybody waits; no shell runs it.
        output_cap_mb: How much of its output is kept, in MB; by the policy of the home when not given, inf for all.
    """

    name: str | None
    working_directory: str | None
    az_context: ContextName | None
    expect_tenant: str | None
    expect_subscription: str | None
    labels: Mapping[str, str] | None
    queue: str | None
    throttle_limit: int | None
    time_limit: float | None
    notify_command: str | None
    output_cap_mb: float | None


@spell_out
def start_job(
    shell: Shell,
    words: Words = (),
    *,
    file_path: str | None = None,
    initialization_script: str | None = None,
    input_file: str | None = None,
    **how: Unpack[How],
) -> int:
    """Run a command, or a Python script, as a job: azjobs job start --name nightly -- python report.py --day 1.

    It has this folder and this environment and no terminal, and goes on when this
    one closes. Its stdin is empty unless --input says otherwise. What it prints is
    its output.

    Args:
        shell: the invocation.
        words: The command and its words; with --file the script's words.
        file_path: A Python script to run.
        initialization_script: A Python file that runs before the script, which finds defined what that defines.
        input_file: The file that it finds on its stdin; - for what is on the stdin of this command.
    """
    if file_path is None and not words:
        raise InvalidInput(USAGE)
    job: Job[str | bytes]
    stdin = None if input_file is None else _input(shell, input_file)
    if file_path is not None:
        first = initialization_script
        job = starting.start_job(
            file_path=file_path, argument_list=words, initialization_script=first, input_object=stdin, **how
        )
    elif initialization_script is not None:
        raise InvalidInput("--initialization-script is for a script (--file); a command can begin with another: sh -c.")
    else:
        job = starting.start_job(command=words, input_object=stdin, **how)
    show_jobs(shell, [job.view], is_one=True)
    return 0


def _input(shell: Shell, name: str) -> bytes:
    if name == FROM_STDIN:
        return shell.stdin.buffer.read() if shell.stdin is not None else b""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise InvalidInput(f"--input: {name} cannot be read: {error.strerror}. No job was started.") from error
