"""The shell's faces of the daemon: how it is, stop it, be it."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import azjobs
from azjobs.cli.output import Format
from azjobs.cli.shell import Shell
from azjobs.core.errors import AzJobsError
from azjobs.core.job_json import time_json
from azjobs.core.wire import DaemonStatus, Shutdown, Status
from azjobs.keeper.launch import run_folder, running_keeper
from azjobs.keeper.start import daemon_command, daemon_environment
from azjobs.session.link.local import local
from azjobs.session.link.presence import is_daemon_alive

NO_DAEMON = "No daemon runs. The next command that needs it starts it."
#: Guess: a service manager's keeper is to stay; 11 days is the longest wait that the system's poll takes.
STAY_S = 1_000_000


def status(shell: Shell) -> int:
    """Say whether the daemon runs, and which jobs it has to do with; it is not started for that.

    Args:
        shell: the invocation.
    """
    here = local()
    found = here.client.ask(Status(0), DaemonStatus) if is_daemon_alive(here.layout) else None
    if shell.form is Format.TABLE and shell.wishes.query is None:
        shell.write(status_text(found))
    else:
        shell.show(status_json(found))
    return 0


def stop(shell: Shell) -> int:
    """Stop the daemon.

    Jobs in processes of their own go on; operations in Azure go on there, and are
    watched again when the next command starts the daemon.

    Args:
        shell: the invocation.
    """
    here = local()
    if not is_daemon_alive(here.layout):
        shell.say(NO_DAEMON)
        return 0
    found = here.client.ask(Shutdown(0), DaemonStatus)
    for sentence in stop_sentences(found):
        shell.say(sentence)
    if shell.wishes.output is not None:
        shell.show({**status_json(found), "isRunning": False})
    return 0


def run(shell: Shell) -> int:
    """Keep the daemon running in the foreground, for a service manager; it does not come back from this.

    Args:
        shell: the invocation.
    """
    home = local().layout.home
    folder = run_folder(home)
    keeper = running_keeper(folder)
    if keeper is not None:
        raise AzJobsError(f"A daemon is kept running already, by process {keeper}. Type: azjobs daemon status")
    shell.stdout.flush()
    program = str(Path(azjobs.__file__).parent / "_main" / "keeper.py")
    words = ["--run", str(folder), "--home", str(home), "--idle-s", str(STAY_S), "--start", "--"]
    words = [sys.executable, "-I", "-S", program, *words, *daemon_command(home)]
    os.execve(sys.executable, words, daemon_environment(os.environ, home))  # noqa: S606 - this very interpreter


def status_json(found: DaemonStatus | None) -> dict[str, Any]:
    """Return how the daemon is, as data."""
    if found is None:
        return {"isRunning": False}
    return {
        "isRunning": True,
        "pid": found.pid,
        "version": found.version,
        "startTime": time_json(found.started_at),
        "goingOn": list(found.going_on),
        "waiting": list(found.waiting),
        "troubles": list(found.troubles),
    }


def status_text(found: DaemonStatus | None) -> str:
    """Return how the daemon is, for people."""
    if found is None:
        return f"{NO_DAEMON}\n"
    since = datetime.fromtimestamp(found.started_at).astimezone().isoformat(" ", "seconds")
    lines = [f"The daemon runs (process {found.pid}, version {found.version}) since {since}."]
    if found.going_on:
        lines.append(f"In processes of their own: {', '.join(found.going_on)}.")
    if found.waiting:
        lines.append(f"Done by the daemon: {', '.join(found.waiting)}.")
    if not (found.going_on or found.waiting):
        lines.append("No job is unfinished.")
    lines += found.troubles
    return "\n".join(lines) + "\n"


def stop_sentences(found: DaemonStatus) -> list[str]:
    """Return what a stop means to the unfinished jobs."""
    said = ["The daemon has stopped."]
    if found.going_on:
        said.append(f"Going on without it: {', '.join(found.going_on)}.")
    if found.waiting:
        said.append(f"Waiting until the next command starts it again: {', '.join(found.waiting)}.")
    return said
