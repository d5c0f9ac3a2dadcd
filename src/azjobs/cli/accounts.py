"""The shell's faces of signing in and out."""

from __future__ import annotations

from typing import Any, Literal

from azjobs.cli.job_json import context_json
from azjobs.cli.shell import Shell
from azjobs.core.context import SIMULATOR_NAME, ContextValue
from azjobs.core.errors import InvalidInput
from azjobs.core.secret import Credential
from azjobs.session import signing_in

HOW = (
    "Say how to sign in: --from az, --service-principal with --credential APP-ID and --tenant, or --identity. "
    f"To try things out: --environment {SIMULATOR_NAME}"
)


def connect_az_account(  # noqa: PLR0913 - the ways to sign in
    shell: Shell,
    *,
    environment: str = "AzureCloud",
    from_: Literal["az"] | None = None,
    service_principal: bool = False,
    credential: str | None = None,
    password_stdin: bool = False,
    identity: bool = False,
    account_id: str = "",
    tenant: str = "",
    subscription: str = "",
    context_name: str = "",
    scope: Literal["Process", "CurrentUser"] | None = None,
) -> int:
    """Sign in, and make the contexts of the subscriptions that the account sees.

    'AzureSimulator' is the embedded cloud: it needs no account, and is started when it is not running.

    Args:
        shell: the invocation.
        environment: The cloud.
        from_: Use what another tool is signed in to: az, the Azure CLI.
        service_principal: Sign in as an application.
        credential: The application's id; its secret is asked for.
        password_stdin: Read the application's secret from the first line of stdin.
        identity: Sign in as the managed identity of this machine.
        account_id: The client id of the managed identity, where the machine has several.
        tenant: The tenant to sign in to, by id or domain.
        subscription: The subscription to be current, by name or id.
        context_name: What the context is to be called.
        scope: CurrentUser: save it and make it the default; Process: for this session only.
    """
    is_simulator = environment.lower() == SIMULATOR_NAME.lower()
    if not (is_simulator or from_ or service_principal or identity):
        raise InvalidInput(HOW)
    secret = _application(shell, credential, is_on_stdin=password_stdin) if service_principal else None
    context = signing_in.connect_az_account(
        environment=environment,
        tenant=tenant,
        subscription=subscription,
        credential=_azure_cli(tenant) if from_ == "az" else secret,
        service_principal=service_principal,
        identity=identity,
        account_id=account_id,
        context_name=context_name,
        scope=scope,
    )
    shell.say(signed_in(context.value))
    _show(shell, context_json(context.value))
    return 0


def disconnect_az_account(shell: Shell, username: str = "", *, tenant: str = "") -> int:
    """Sign out: forget an account's sign-ins and contexts.

    Jobs that still need it will ask for it.

    Args:
        shell: the invocation.
        username: The account; the current one when not given.
        tenant: Only this tenant's, by id or name.
    """
    account = signing_in.disconnect_az_account(username, tenant=tenant)
    shell.say(f"Signed out {account.display or account.id}.")
    _show(shell, {"id": account.id, "type": account.type.value, "name": account.display or None})
    return 0


def signed_in(context: ContextValue) -> str:
    """Return the sentence that says who is signed in, and where."""
    text = f"Signed in as {context.account_label}, tenant {context.tenant_label}"
    text += f", subscription {context.subscription_label}." if context.subscription else "; it sees no subscription."
    return text + (" [SIMULATOR]" if context.environment.is_simulator else "")


def _application(shell: Shell, client_id: str | None, *, is_on_stdin: bool) -> Credential:
    if not client_id:
        raise InvalidInput("A service principal needs --credential with its application id, and --tenant.")
    return Credential(client_id, shell.ask_secret(f"Secret of {client_id}: ", is_on_stdin=is_on_stdin))


def _azure_cli(tenant: str) -> Any:
    from azure.identity import AzureCliCredential  # noqa: PLC0415 - heavy, and only for those who use az

    return AzureCliCredential(tenant_id=tenant)


def _show(shell: Shell, value: Any) -> None:
    """Print data only where it was asked for: the sentence says it all, and scripts chain commands after this one."""
    if shell.wishes.output is not None or shell.wishes.is_quiet or shell.wishes.query is not None:
        shell.show(value)
