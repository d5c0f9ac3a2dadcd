"""The one table of commands: parser, help, completion, man page and reference are made from it.

It holds names and claims only, so that looking a command up imports nothing of
it. A command's parameters are in the signature of its function.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from azjobs.commands.names import is_cmdlet, nearest, python_name, shell_path

AZURE = "Azure"
JOBS = "Jobs"
CONTEXTS = "Signing in and contexts"
TOOL = "azjobs itself"
SHELL = "Shell"  # annotation of what the shell's own functions take first; nobody types it
GROUPS = (JOBS, AZURE, CONTEXTS, TOOL)


class Command(NamedTuple):
    """One command.

    `cmdlet` is empty for what only the shell has. `function` is
    `module:name` of its Python face, empty likewise. `can_be_job`: it takes
    `as_job`; `confirms`: the shell asks before it acts, unless told --force;
    `is_read`: it changes nothing. `can_cancel`: what of its work Azure lets one
    cancel (`core.plans.cancels`), "" where that is nothing.
    """

    group: str
    path: tuple[str, ...]
    summary: str
    cmdlet: str = ""
    function: str = ""
    can_be_job: bool = False
    confirms: bool = False
    is_read: bool = False
    can_cancel: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """What is typed after `azjobs`."""
        return " ".join(self.path)

    @property
    def python_name(self) -> str:
        """The name of the function in Python; "" where there is none."""
        return self.function.partition(":")[2]

    def load(self) -> Callable[..., Any]:
        """Import the function."""
        module, _, name = self.function.partition(":")
        return getattr(import_module(module), name)  # type: ignore[no-any-return]  # the table is checked by a test


def _cmdlet(
    group: str,
    cmdlet: str,
    module: str,
    summary: str,
    *,
    aliases: tuple[str, ...] = (),
    can_cancel: str = "",
    **claims: bool,
) -> Command:
    function = f"{module}:{python_name(cmdlet)}"
    return Command(
        group, shell_path(cmdlet), summary, cmdlet, function, aliases=aliases, can_cancel=can_cancel, **claims
    )


_VM = "azjobs.commands.virtual_machines"
_ACTIONS = "azjobs.commands.machine_actions"
_GROUP = "azjobs.commands.resource_groups"
_JOBS = "azjobs.session.jobs.job_list"
_RECEIVING = "azjobs.session.jobs.receiving"
_STARTING = "azjobs.session.submitting.starting"
_STOPPING = "azjobs.session.jobs.stopping"
_ACCOUNTS = "azjobs.session.accounts"
_CONTEXTS = "azjobs.session.contexts.choosing"
_KEEPING = "azjobs.session.accounts.keeping_contexts"
_ENVIRONMENTS = "azjobs.session.accounts.environments"
_FILES = "azjobs.session.accounts.context_files"
_INVENTORY = "azjobs.session.accounts.inventory"
_AUTOSAVE = "azjobs.session.contexts.autosave"
_PROTECTIONS = "azjobs.session.contexts.protections"

COMMANDS: tuple[Command, ...] = (
    _cmdlet(JOBS, "Get-Job", _JOBS, "List jobs.", is_read=True, aliases=("gjb",)),
    _cmdlet(JOBS, "Receive-Job", _RECEIVING, "Give what is new in a job's output.", aliases=("rcjb",)),
    _cmdlet(JOBS, "Wait-Job", _JOBS, "Wait until jobs have ended.", is_read=True, aliases=("wjb",)),
    _cmdlet(JOBS, "Start-Job", _STARTING, "Run a command or script as a job.", aliases=("sajb",)),
    _cmdlet(JOBS, "Stop-Job", _STOPPING, "Stop jobs.", aliases=("spjb",)),
    _cmdlet(JOBS, "Resume-Job", _STOPPING, "Let stopped Azure jobs go on.", aliases=("rujb",)),
    _cmdlet(JOBS, "Remove-Job", _JOBS, "Remove jobs with their output.", aliases=("rjb",)),
    Command(JOBS, ("job", "watch"), "Show what becomes of jobs, as it happens.", is_read=True),
    Command(JOBS, ("job", "result"), "Print the value of a finished job, again and again.", is_read=True),
    Command(JOBS, ("job", "answer"), "Give a blocked job what it waits for."),
    Command(JOBS, ("job", "retry"), "Do again what a job failed to do."),
    Command(JOBS, ("job", "prune"), "Remove jobs that have ended, by age and number."),
    _cmdlet(JOBS, "Get-JobPolicy", "azjobs.session.jobs.keeping", "Say how long finished jobs are kept.", is_read=True),
    _cmdlet(JOBS, "Set-JobPolicy", "azjobs.session.jobs.keeping", "Say how long finished jobs are to be kept."),
    _cmdlet(AZURE, "New-AzVM", "azjobs.commands.new_virtual_machine", "Create a virtual machine.", can_be_job=True),
    _cmdlet(AZURE, "Get-AzVM", _VM, "Show virtual machines.", is_read=True),
    _cmdlet(AZURE, "Start-AzVM", _ACTIONS, "Start a virtual machine.", can_be_job=True),
    _cmdlet(AZURE, "Stop-AzVM", _ACTIONS, "Stop a virtual machine.", can_be_job=True, confirms=True),
    _cmdlet(AZURE, "Restart-AzVM", _ACTIONS, "Restart a virtual machine.", can_be_job=True),
    _cmdlet(AZURE, "Remove-AzVM", _ACTIONS, "Remove a virtual machine.", can_be_job=True, confirms=True),
    _cmdlet(AZURE, "New-AzResourceGroup", _GROUP, "Create a resource group.", can_be_job=True),
    _cmdlet(AZURE, "Get-AzResourceGroup", _GROUP, "Show resource groups.", is_read=True),
    _cmdlet(
        AZURE,
        "Remove-AzResourceGroup",
        _GROUP,
        "Remove a resource group and all that is in it.",
        can_be_job=True,
        confirms=True,
    ),
    _cmdlet(
        AZURE,
        "Invoke-AzRestMethod",
        "azjobs.commands.rest",
        "Send any request to Azure Resource Manager.",
        can_be_job=True,
        can_cancel="deployments, AKS clusters and agent pools",
        aliases=("Invoke-AzRest",),
    ),
    _cmdlet(AZURE, "Get-AzTenant", _INVENTORY, "Show the tenants of the account.", is_read=True),
    _cmdlet(AZURE, "Get-AzSubscription", _INVENTORY, "Show the subscriptions of the account.", is_read=True),
    _cmdlet(
        CONTEXTS,
        "Connect-AzAccount",
        f"{_ACCOUNTS}.signing_in",
        "Sign in.",
        aliases=("Login-AzAccount", "Add-AzAccount"),
    ),
    _cmdlet(CONTEXTS, "Disconnect-AzAccount", f"{_ACCOUNTS}.signing_out", "Sign out.", aliases=("Logout-AzAccount",)),
    _cmdlet(CONTEXTS, "Get-AzContext", _CONTEXTS, "List contexts; the current one is marked.", is_read=True),
    _cmdlet(CONTEXTS, "Select-AzContext", _CONTEXTS, "Make a context the current one."),
    _cmdlet(
        CONTEXTS,
        "Set-AzContext",
        "azjobs.session.accounts.setting_contexts",
        "Make a context for a subscription, and make it the current one.",
        aliases=("Select-AzSubscription",),
    ),
    _cmdlet(CONTEXTS, "Rename-AzContext", _KEEPING, "Give a context another name."),
    _cmdlet(CONTEXTS, "Remove-AzContext", _KEEPING, "Remove a context."),
    _cmdlet(CONTEXTS, "Clear-AzContext", _KEEPING, "Forget all contexts, and sign out."),
    _cmdlet(CONTEXTS, "Save-AzContext", _FILES, "Write contexts to a file."),
    _cmdlet(CONTEXTS, "Import-AzContext", _FILES, "Take over contexts from a file."),
    _cmdlet(CONTEXTS, "Get-AzEnvironment", _ENVIRONMENTS, "List clouds that can be signed in to.", is_read=True),
    _cmdlet(CONTEXTS, "Add-AzEnvironment", _ENVIRONMENTS, "Add a cloud."),
    _cmdlet(CONTEXTS, "Set-AzEnvironment", _ENVIRONMENTS, "Change a cloud that was added."),
    _cmdlet(CONTEXTS, "Remove-AzEnvironment", _ENVIRONMENTS, "Remove a cloud that was added."),
    _cmdlet(
        CONTEXTS, "Get-AzAccessToken", "azjobs.session.contexts.access_tokens", "Fetch an access token.", is_read=True
    ),
    _cmdlet(CONTEXTS, "Enable-AzContextAutosave", _AUTOSAVE, "Save contexts and sign-ins."),
    _cmdlet(CONTEXTS, "Disable-AzContextAutosave", _AUTOSAVE, "Save contexts and sign-ins no longer."),
    _cmdlet(
        CONTEXTS,
        "Get-AzContextAutosaveSetting",
        _AUTOSAVE,
        "Say whether contexts and sign-ins are saved.",
        is_read=True,
    ),
    _cmdlet(
        CONTEXTS,
        "Get-Credential",
        "azjobs.session.accounts.credentials",
        "Keep a user name and password for this session.",
    ),
    _cmdlet(CONTEXTS, "Add-AzProtection", _PROTECTIONS, "Protect something against removals and stops."),
    _cmdlet(CONTEXTS, "Get-AzProtection", _PROTECTIONS, "Say what is protected.", is_read=True),
    _cmdlet(CONTEXTS, "Remove-AzProtection", _PROTECTIONS, "Protect something no longer."),
    Command(TOOL, ("daemon", "status"), "Say whether the daemon runs, and what it does.", is_read=True),
    Command(TOOL, ("daemon", "stop"), "Stop the daemon; the next command that needs it starts it again."),
    Command(TOOL, ("daemon", "run"), "Be the daemon, in the foreground, for a service manager."),
    Command(TOOL, ("demo",), "Show what azjobs does, on the embedded cloud, in less than two minutes."),
    Command(TOOL, ("commands",), "List the commands.", is_read=True),
    Command(TOOL, ("completion",), "Print the completion script for a shell.", is_read=True),
)


def find_command(words: list[str]) -> tuple[Command, int] | None:
    """Return the command at the beginning of a line, in any of its forms, and how many words name it."""
    if not words:
        return None
    first = words[0].lower()
    for command in COMMANDS:
        names = [name.lower() for name in (command.cmdlet, *command.aliases) if name]
        if first in names:
            return command, 1
        if tuple(word.lower() for word in words[: len(command.path)]) == command.path:
            return command, len(command.path)
    return None


def commands_of(noun: str) -> list[Command]:
    """Return the commands of a noun; [] when there is no such noun."""
    return [command for command in COMMANDS if command.path[0] == noun.lower() and len(command.path) > 1]


def suggest(words: list[str]) -> str:
    """Return the command that was probably meant, as it is typed, or ""."""
    first = words[0]
    if is_cmdlet(first) and first[0].isupper():
        return nearest(first, [command.cmdlet for command in COMMANDS if command.cmdlet])
    noun = nearest(first, sorted({command.path[0] for command in COMMANDS}))
    if not noun or len(words) == 1:
        swapped = find_command(words[1::-1]) if len(words) > 1 else None
        return swapped[0].words if swapped else noun
    verb = nearest(words[1], [command.path[1] for command in commands_of(noun)])
    return f"{noun} {verb}".rstrip()
