"""The client of a round: it submits a small mix of jobs, and says in a file what it asked for and what it was told.

Run as a program of its own: `crash_mix.py FOLDER GROUP PACE MACHINE...`. A patient
one waits until what it stops and removes has begun. To add a kind of job: a line
in `main`, and what must be true of it in `crash_truth`.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azjobs as az

PASSWORD = "Pa55-word-long"
STANDING_GROUP = "standing"
ENDLESS = ("endless", "removed")
ENDLESS_S = 300  # longer than any round: it ends only by being stopped
PATIENT, HASTY = "patient", "hasty"
PATIENCE_S = 10.0


def say(folder: str, word: str, name: str, more: str = "") -> None:
    """Append one line to what the client said; it is there even if the client is killed right after."""
    fd = os.open(f"{folder}/said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, f"{word} {name} {more}\n".encode())
    os.close(fd)


def work(path: str, seconds: float, group: str = "") -> str:
    """A job's work: a line at its beginning, a line at its end, and a resource group between them if it is named."""
    import pathlib  # noqa: PLC0415 - the function goes by value, and what it needs with it
    import time  # noqa: PLC0415

    with pathlib.Path(path).open("a") as file:
        file.write("begin\n")
    if group:
        import azjobs as az  # noqa: PLC0415

        az.new_az_resource_group(group, location="eastus")
    time.sleep(seconds)
    with pathlib.Path(path).open("a") as file:
        file.write("end\n")
    return path


class Client:
    """Asks, and says so."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def ask(self, word: str, name: str, what: Callable[[], Any]) -> Any:
        """Say that something is asked for, ask, and say what came of it."""
        say(self.folder, f"{word}-asked", name)
        try:
            value = what()
        except az.AzJobsError as error:
            say(self.folder, f"{word}-refused", name, f"{type(error).__name__}: {error}")
            return None
        say(self.folder, f"{word}-done", name, getattr(value, "uuid", ""))
        return value


def main(folder: str, group: str, pace: str, standing: str, *others: str) -> None:
    """Sign in, submit everything, stop one, remove one, and leave; a forked child makes a blocking call meanwhile."""
    client = Client(folder)
    if client.ask("connect", "account", lambda: az.connect_az_account(environment="AzureSimulator")) is None:
        return
    secret = az.Credential("vmadmin", az.SecureString(PASSWORD))
    caller = os.fork()
    if caller == 0:
        made = {"resource_group_name": f"{group}-call", "credential": secret}
        client.ask("call", "call", lambda: az.new_az_vm("call", **made, job_name="call"))
        os._exit(0)

    def submit(name: str, start: Callable[[], Any]) -> Any:
        return client.ask("submit", name, start)

    def process(name: str, seconds: float, made: str = "") -> Callable[[], Any]:
        return lambda: az.start_job(work, argument_list=[f"{folder}/{name}.lines", seconds, made], name=name)

    def machine() -> Any:
        made = {"resource_group_name": f"{group}-machine", "credential": secret}
        return az.new_az_vm("machine", **made, as_job=True, job_name="machine")

    def restart() -> Any:
        return az.restart_az_vm(standing, resource_group_name=STANDING_GROUP, as_job=True, job_name="restart")

    def batch() -> Any:
        return az.restart_az_vm(others, resource_group_name=STANDING_GROUP, as_job=True, job_name="batch")

    def group_job() -> Any:
        return az.new_az_resource_group(f"{group}-group", location="eastus", as_job=True, job_name="group")

    def command(name: str, seconds: float) -> Callable[[], Any]:
        lines = f"{folder}/{name}.lines"
        words = ["sh", "-c", f"echo begin >>{lines}; echo said; sleep {seconds}; echo end >>{lines}"]
        return lambda: az.start_job(command=words, name=name)

    endless = submit("endless", process("endless", ENDLESS_S))
    submit("machine", machine)
    removed = submit("removed", command("removed", ENDLESS_S))
    submit("function", process("function", 0.05))
    submit("command", command("command", 0.05))
    submit("group", group_job)
    submit("acting", process("acting", 0.0, f"{group}-acting"))
    submit("restart", restart)
    submit("batch", batch)
    if removed is not None:
        if pace == PATIENT:
            _await_begin(folder, "removed", removed)
        client.ask("remove", "removed", lambda: az.remove_job(removed, force=True))
    if endless is not None:
        if pace == PATIENT:
            _await_begin(folder, "endless", endless)
        client.ask("stop", "endless", lambda: az.stop_job(endless))
    os.kill(caller, signal.SIGKILL)
    os.waitpid(caller, 0)
    say(folder, "left", "client")


def _await_begin(folder: str, name: str, job: Any) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not Path(f"{folder}/{name}.lines").exists() and job.state == "Running":
        if time.monotonic() > give_up_at:
            return
        time.sleep(0.01)


if __name__ == "__main__":
    main(*sys.argv[1:])
