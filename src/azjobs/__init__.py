"""Azure operations as background jobs, for Python and the shell.

    import azjobs as az

    az.connect_az_account(environment="AzureSimulator")
    job = az.new_az_vm(name="MyVm", credential=az.get_credential("vmadmin"), as_job=True)
    job.result()

Everything here is loaded when it is first used, so that `import azjobs` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azjobs.commands.machine_actions import remove_az_vm, restart_az_vm, start_az_vm, stop_az_vm
    from azjobs.commands.new_virtual_machine import new_az_vm
    from azjobs.commands.resource_groups import get_az_resource_group, new_az_resource_group, remove_az_resource_group
    from azjobs.commands.rest import invoke_az_rest_method
    from azjobs.commands.virtual_machines import get_az_vm
    from azjobs.core.context import Environment
    from azjobs.core.errors import (
        AmbiguousContext,
        AzJobsError,
        BatchFailed,
        CannotSend,
        ConfirmationRequired,
        ContextNotFound,
        ContextNotGranted,
        ContextRequired,
        CredentialNotFound,
        DaemonUnavailable,
        DefaultChanged,
        EnvironmentNotFound,
        Fault,
        HomeReadOnly,
        HomeUnusable,
        InvalidInput,
        JobBlocked,
        JobFailed,
        JobNotFinished,
        JobNotFound,
        JobNotStopped,
        JobsLost,
        JobStopped,
        ModeRepaired,
        NotFound,
        NotSignedIn,
        OutputIncomplete,
        PolicyIgnored,
        Refused,
        RequestFailed,
        ResourceNotFound,
        ResourceProtected,
        SignInFailed,
        SignInWarning,
        StoreDamaged,
        StoreFull,
        StoreTooNew,
        WaitTimedOut,
        WrongTarget,
    )
    from azjobs.core.job import JobType
    from azjobs.core.models import (
        ActionResult,
        BatchRehearsal,
        ResourceGroup,
        RestResponse,
        Subscription,
        Tenant,
        VirtualMachine,
    )
    from azjobs.core.plan import PlannedWrite
    from azjobs.core.policy import Policy
    from azjobs.core.protection import Protection
    from azjobs.core.secret import Credential, SecureString
    from azjobs.core.states import JobState
    from azjobs.core.version import VERSION as __version__  # noqa: N811 - the name every package has
    from azjobs.process.progress import write_progress
    from azjobs.session.accounts.context_files import import_az_context, save_az_context
    from azjobs.session.accounts.credentials import get_credential
    from azjobs.session.accounts.environments import (
        add_az_environment,
        get_az_environment,
        remove_az_environment,
        set_az_environment,
    )
    from azjobs.session.accounts.inventory import get_az_subscription, get_az_tenant
    from azjobs.session.accounts.keeping_contexts import clear_az_context, remove_az_context, rename_az_context
    from azjobs.session.accounts.setting_contexts import set_az_context
    from azjobs.session.accounts.signing_in import connect_az_account
    from azjobs.session.accounts.signing_out import disconnect_az_account
    from azjobs.session.contexts.access_tokens import AccessToken, get_az_access_token
    from azjobs.session.contexts.autosave import (
        AutosaveSetting,
        disable_az_context_autosave,
        enable_az_context_autosave,
        get_az_context_autosave_setting,
    )
    from azjobs.session.contexts.choosing import get_az_context, select_az_context
    from azjobs.session.contexts.context import Context
    from azjobs.session.contexts.protections import add_az_protection, get_az_protection, remove_az_protection
    from azjobs.session.jobs.answering import answer_job
    from azjobs.session.jobs.batch_report import TargetReport
    from azjobs.session.jobs.job import Job
    from azjobs.session.jobs.job_list import get_job, remove_job, wait_job
    from azjobs.session.jobs.keeping import get_job_policy, prune_jobs, set_job_policy
    from azjobs.session.jobs.receiving import Received, receive_job
    from azjobs.session.jobs.stopping import resume_job, stop_job
    from azjobs.session.jobs.values import Unopened
    from azjobs.session.jobs.watching import JobEvent, watch_jobs
    from azjobs.session.submitting.batches import retry_job
    from azjobs.session.submitting.plans import Detached
    from azjobs.session.submitting.starting import start_job
    from azjobs.session.submitting.tracking import track

#: Where each public name is defined; a name is loaded when it is first asked for.
_HOMES = {
    "azjobs.commands.machine_actions": ("remove_az_vm", "restart_az_vm", "start_az_vm", "stop_az_vm"),
    "azjobs.commands.new_virtual_machine": ("new_az_vm",),
    "azjobs.commands.resource_groups": ("get_az_resource_group", "new_az_resource_group", "remove_az_resource_group"),
    "azjobs.commands.rest": ("invoke_az_rest_method",),
    "azjobs.commands.virtual_machines": ("get_az_vm",),
    "azjobs.core.errors": (
        "AmbiguousContext",
        "AzJobsError",
        "BatchFailed",
        "CannotSend",
        "ConfirmationRequired",
        "ContextNotFound",
        "ContextNotGranted",
        "ContextRequired",
        "CredentialNotFound",
        "DaemonUnavailable",
        "EnvironmentNotFound",
        "DefaultChanged",
        "Fault",
        "HomeReadOnly",
        "HomeUnusable",
        "StoreDamaged",
        "StoreFull",
        "InvalidInput",
        "JobBlocked",
        "JobFailed",
        "JobNotFinished",
        "JobNotFound",
        "JobNotStopped",
        "JobsLost",
        "JobStopped",
        "ModeRepaired",
        "NotFound",
        "NotSignedIn",
        "OutputIncomplete",
        "PolicyIgnored",
        "Refused",
        "RequestFailed",
        "ResourceNotFound",
        "ResourceProtected",
        "SignInFailed",
        "SignInWarning",
        "StoreTooNew",
        "WaitTimedOut",
        "WrongTarget",
    ),
    "azjobs.core.context": ("Environment",),
    "azjobs.core.job": ("JobType",),
    "azjobs.core.models": (
        "ActionResult",
        "BatchRehearsal",
        "ResourceGroup",
        "RestResponse",
        "Subscription",
        "Tenant",
        "VirtualMachine",
    ),
    "azjobs.core.plan": ("PlannedWrite",),
    "azjobs.core.policy": ("Policy",),
    "azjobs.core.protection": ("Protection",),
    "azjobs.core.secret": ("Credential", "SecureString"),
    "azjobs.core.states": ("JobState",),
    "azjobs.process.progress": ("write_progress",),
    "azjobs.session.jobs.answering": ("answer_job",),
    "azjobs.session.contexts.autosave": (
        "AutosaveSetting",
        "disable_az_context_autosave",
        "enable_az_context_autosave",
        "get_az_context_autosave_setting",
    ),
    "azjobs.session.contexts.context": ("Context",),
    "azjobs.session.contexts.choosing": ("get_az_context", "select_az_context"),
    "azjobs.session.accounts.credentials": ("get_credential",),
    "azjobs.session.jobs.batch_report": ("TargetReport",),
    "azjobs.session.submitting.batches": ("retry_job",),
    "azjobs.session.jobs.job_list": ("get_job", "remove_job", "wait_job"),
    "azjobs.session.jobs.stopping": ("resume_job", "stop_job"),
    "azjobs.session.jobs.job": ("Job",),
    "azjobs.session.jobs.keeping": ("get_job_policy", "prune_jobs", "set_job_policy"),
    "azjobs.session.submitting.plans": ("Detached",),
    "azjobs.session.contexts.protections": ("add_az_protection", "get_az_protection", "remove_az_protection"),
    "azjobs.session.jobs.receiving": ("Received", "receive_job"),
    "azjobs.session.accounts.signing_in": ("connect_az_account",),
    "azjobs.session.accounts.signing_out": ("disconnect_az_account",),
    "azjobs.session.submitting.starting": ("start_job",),
    "azjobs.session.submitting.tracking": ("track",),
    "azjobs.session.accounts.keeping_contexts": ("clear_az_context", "remove_az_context", "rename_az_context"),
    "azjobs.session.accounts.setting_contexts": ("set_az_context",),
    "azjobs.session.accounts.environments": (
        "add_az_environment",
        "get_az_environment",
        "remove_az_environment",
        "set_az_environment",
    ),
    "azjobs.session.accounts.context_files": (
        "import_az_context",
        "save_az_context",
    ),
    "azjobs.session.accounts.inventory": (
        "get_az_subscription",
        "get_az_tenant",
    ),
    "azjobs.session.contexts.access_tokens": (
        "AccessToken",
        "get_az_access_token",
    ),
    "azjobs.session.jobs.values": ("Unopened",),
    "azjobs.session.jobs.watching": ("JobEvent", "watch_jobs"),
}
_MODULES = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AccessToken",
    "ActionResult",
    "AmbiguousContext",
    "AutosaveSetting",
    "AzJobsError",
    "BatchFailed",
    "BatchRehearsal",
    "CannotSend",
    "ConfirmationRequired",
    "Context",
    "ContextNotFound",
    "ContextNotGranted",
    "ContextRequired",
    "Credential",
    "CredentialNotFound",
    "DaemonUnavailable",
    "DefaultChanged",
    "Detached",
    "Environment",
    "EnvironmentNotFound",
    "Fault",
    "HomeReadOnly",
    "HomeUnusable",
    "InvalidInput",
    "Job",
    "JobBlocked",
    "JobEvent",
    "JobFailed",
    "JobNotFinished",
    "JobNotFound",
    "JobNotStopped",
    "JobState",
    "JobStopped",
    "JobType",
    "JobsLost",
    "ModeRepaired",
    "NotFound",
    "NotSignedIn",
    "OutputIncomplete",
    "PlannedWrite",
    "Policy",
    "PolicyIgnored",
    "Protection",
    "Received",
    "Refused",
    "RequestFailed",
    "ResourceGroup",
    "ResourceNotFound",
    "ResourceProtected",
    "RestResponse",
    "SecureString",
    "SignInFailed",
    "SignInWarning",
    "StoreDamaged",
    "StoreFull",
    "StoreTooNew",
    "Subscription",
    "TargetReport",
    "Tenant",
    "Unopened",
    "VirtualMachine",
    "WaitTimedOut",
    "WrongTarget",
    "__version__",
    "add_az_environment",
    "add_az_protection",
    "answer_job",
    "clear_az_context",
    "connect_az_account",
    "disable_az_context_autosave",
    "disconnect_az_account",
    "enable_az_context_autosave",
    "get_az_access_token",
    "get_az_context",
    "get_az_context_autosave_setting",
    "get_az_environment",
    "get_az_protection",
    "get_az_resource_group",
    "get_az_subscription",
    "get_az_tenant",
    "get_az_vm",
    "get_credential",
    "get_job",
    "get_job_policy",
    "import_az_context",
    "invoke_az_rest_method",
    "new_az_resource_group",
    "new_az_vm",
    "prune_jobs",
    "receive_job",
    "remove_az_context",
    "remove_az_environment",
    "remove_az_protection",
    "remove_az_resource_group",
    "remove_az_vm",
    "remove_job",
    "rename_az_context",
    "restart_az_vm",
    "resume_job",
    "retry_job",
    "save_az_context",
    "select_az_context",
    "set_az_context",
    "set_az_environment",
    "set_job_policy",
    "start_az_vm",
    "start_job",
    "stop_az_vm",
    "stop_job",
    "track",
    "wait_job",
    "watch_jobs",
    "write_progress",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from azjobs.core.version import VERSION  # noqa: PLC0415 - as everything here

        return VERSION
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module 'azjobs' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
