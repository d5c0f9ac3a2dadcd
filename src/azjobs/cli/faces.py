"""Which function stands for a command in the shell.

Azure commands are run as they are in Python. Where the shell's shape differs
(ids in place of objects, streams in place of lists) it has a function of its
own, whose signature is the shell's.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, NamedTuple

from azjobs.commands.table import AZURE, SHELL, Command

if TYPE_CHECKING:
    from azjobs.cli.shell import Shell

#: By what is typed: the module below `azjobs.cli` and the function in it.
FACES = {
    "job get": "job_listing:get_job",
    "job receive": "job_receiving:receive_job",
    "job result": "job_receiving:result_of_job",
    "job wait": "job_waiting:wait_job",
    "job watch": "job_watching:watch_job",
    "job start": "job_starting:start_job",
    "job stop": "job_changing:stop_job",
    "job resume": "job_changing:resume_job",
    "job remove": "job_changing:remove_job",
    "job retry": "job_changing:retry_job",
    "job answer": "job_changing:answer_job",
    "job prune": "job_keeping:prune_jobs",
    "job-policy get": "job_keeping:get_job_policy",
    "job-policy set": "job_keeping:set_job_policy",
    "account connect": "accounts:connect_az_account",
    "account disconnect": "accounts:disconnect_az_account",
    "context get": "contexts:get_az_context",
    "context select": "contexts:select_az_context",
    "context set": "contexts:set_az_context",
    "context rename": "context_keeping:rename_az_context",
    "context remove": "context_keeping:remove_az_context",
    "context clear": "context_keeping:clear_az_context",
    "context save": "context_files:save_az_context",
    "context import": "context_files:import_az_context",
    "access-token get": "access_tokens:get_az_access_token",
    "environment get": "environments:get_az_environment",
    "environment add": "environments:add_az_environment",
    "environment set": "environments:set_az_environment",
    "environment remove": "environments:remove_az_environment",
    "context-autosave enable": "contexts:enable_az_context_autosave",
    "context-autosave disable": "contexts:disable_az_context_autosave",
    "context-autosave-setting get": "contexts:get_az_context_autosave_setting",
    "credential get": "credentials:get_credential",
    "protection add": "protections:add_az_protection",
    "protection get": "protections:get_az_protection",
    "protection remove": "protections:remove_az_protection",
    "daemon status": "daemon:status",
    "daemon stop": "daemon:stop",
    "daemon run": "daemon:run",
    "demo": "listing:demo",
    "commands": "listing:commands",
    "completion": "listing:completion",
}


class Face(NamedTuple):
    """A command in the shell: the function whose signature it has, and what runs it; `run` returns the exit code."""

    function: Callable[..., Any]
    run: Callable[[Shell, dict[str, Any]], int]

    @property
    def has_required(self) -> bool:
        """Whether it cannot be run without words."""
        parameters = signature(self.function).parameters.values()
        return any(p.default is Parameter.empty and p.annotation != SHELL for p in parameters)


def face_of(command: Command) -> Face:
    """Import the face of a command."""
    if command.group == AZURE and command.words not in FACES:
        from azjobs.cli.azure import run  # noqa: PLC0415 - other commands need nothing of it

        _enter_shell()
        function = command.load()
        return Face(function, lambda shell, arguments: run(shell, command, function, arguments))
    module, _, name = FACES[command.words].partition(":")
    if module != "listing":
        _enter_shell()
    own: Callable[..., int] = getattr(import_module(f"azjobs.cli.{module}"), name)
    return Face(own, lambda shell, arguments: own(shell, **arguments))


def _enter_shell() -> None:
    """The session of what is typed is the terminal's, not this process's."""
    from azjobs.session.link.local import enter_shell  # noqa: PLC0415 - what only tells of azjobs needs no session

    enter_shell()
