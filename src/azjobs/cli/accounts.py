"""The shell's faces of signing in and out."""

from __future__ import annotations

from typing import Any, Literal

from azjobs.cli.picking import picker
from azjobs.cli.shell import Shell
from azjobs.core.context import ContextValue
from azjobs.core.errors import InvalidInput
from azjobs.core.job_json import context_json
from azjobs.core.profile import MOST_CONTEXTS
from azjobs.core.secret import Credential, SecureString
from azjobs.session.accounts import signing_in, signing_out
from azjobs.session.accounts.asked import Asked


def connect_az_account(  # noqa: PLR0913 - the ways to sign in
    shell: Shell,
    *,
    environment: str = "AzureCloud",
    tenant: str = "",
    subscription: str = "",
    use_device_authentication: bool = False,
    account_id: str = "",
    claims_challenge: str = "",
    from_: Literal["az", "pwsh"] | None = None,
    service_principal: bool = False,
    credential: str | None = None,
    password_stdin: bool = False,
    application_id: str = "",
    certificate_path: str = "",
    certificate_password_stdin: bool = False,
    send_certificate_chain: bool = False,
    federated_token_file: str = "",
    federated_from: Literal["GitHubActions", "AzurePipelines"] | None = None,
    service_connection_id: str = "",
    identity: bool = False,
    access_token_stdin: bool = False,
    context_name: str = "",
    force: bool = False,
    max_context_population: int = MOST_CONTEXTS,
    skip_context_population: bool = False,
    scope: Literal["Process", "CurrentUser"] | None = None,
    allow_unencrypted_storage: bool = False,
) -> int:
    """Sign in, and make the contexts of the subscriptions that the account sees.

    With nothing said, you sign in with the browser. 'AzureSimulator' is the embedded cloud: it needs no account, and
    is started when it is not running. Secrets are read from the first line of stdin, never taken as arguments.

    Args:
        shell: the invocation.
        environment: The cloud.
        tenant: The tenant to sign in to, by id or domain; all that you belong to when not given.
        subscription: The subscription to be current, by name or id.
        use_device_authentication: Say a code, to be typed in a browser anywhere.
        account_id: The client id or resource id of the managed identity, where the machine has several; the account of
            an access token; your user name, to be shown in the browser.
        claims_challenge: What a refusal asked for, as its message shows it.
        from_: Use what another tool is signed in to: az, the Azure CLI, or pwsh, Azure PowerShell.
        service_principal: Sign in as an application.
        credential: The application's id; its secret is asked for.
        password_stdin: Read the application's secret from the first line of stdin.
        application_id: The application of a certificate or federated token.
        certificate_path: A file with the application's certificate and private key, PEM or PKCS#12.
        certificate_password_stdin: Read the password of that file from the first line of stdin.
        send_certificate_chain: Send the certificate's chain along.
        federated_token_file: A file with a federated token, read each time one is needed.
        federated_from: The CI service that gives its jobs federated tokens.
        service_connection_id: The service connection of Azure Pipelines.
        identity: Sign in as the managed identity of this machine, or the workload identity of this pod.
        access_token_stdin: Read an access token from the first line of stdin; it cannot be renewed.
        context_name: What the context is to be called.
        force: Take that name from another context.
        max_context_population: How many contexts are made at most; -1 for every subscription's, 0 for the chosen one's.
        skip_context_population: Make the chosen one's only.
        scope: CurrentUser: save it and make it the default; Process: for this session only.
        allow_unencrypted_storage: Save an application's secret in a file where there is no keyring.
    """
    if sum((password_stdin, certificate_password_stdin, access_token_stdin)) > 1:
        raise InvalidInput("One secret is read from stdin: sign in in one way.")
    is_by_secret = service_principal and not (certificate_path or federated_token_file or federated_from)
    asked = Asked(
        environment=environment,
        tenant=tenant,
        subscription=subscription,
        credential=_application(shell, credential, is_on_stdin=password_stdin) if is_by_secret else None,
        service_principal=service_principal,
        application_id=application_id or ("" if is_by_secret else credential or ""),
        certificate_path=certificate_path,
        certificate_password=_from_stdin(shell, "The certificate's password", is_wanted=certificate_password_stdin),
        send_certificate_chain=send_certificate_chain,
        federated_token_file=federated_token_file,
        federated_from=federated_from,
        service_connection_id=service_connection_id,
        identity=identity,
        access_token=_from_stdin(shell, "The access token", is_wanted=access_token_stdin),
        account_id=account_id,
        use_device_authentication=use_device_authentication,
        claims_challenge=claims_challenge,
        source=from_,
    )
    most = 0 if skip_context_population else max_context_population
    keeping = signing_in.Keeping(context_name, force, most, scope, allow_unencrypted_storage)
    context = signing_in.sign_in(asked, keeping, picker(shell))
    shell.say(signed_in(context.value))
    _show(shell, context_json(context.value))
    return 0


def disconnect_az_account(
    shell: Shell, username: str = "", *, context_name: str = "", application_id: str = "", tenant: str = ""
) -> int:
    """Sign out: forget an account's sign-ins and contexts.

    Jobs that still need it will ask for it. Where the default was one of its contexts, there is none afterwards.

    Args:
        shell: the invocation.
        username: The account; the current one when nothing is given.
        context_name: The account of this context.
        application_id: The account, where it is an application; goes with --tenant.
        tenant: Only this tenant's, by id or name.
    """
    account = signing_out.disconnect_az_account(
        username, context_name=context_name, application_id=application_id, tenant=tenant
    )
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


def _from_stdin(shell: Shell, what: str, *, is_wanted: bool) -> SecureString | None:
    return shell.ask_secret(f"{what}: ", is_on_stdin=True) if is_wanted else None


def _show(shell: Shell, value: Any) -> None:
    """Print data only where it was asked for: the sentence says it all, and scripts chain commands after this one."""
    if shell.wishes.output is not None or shell.wishes.is_quiet or shell.wishes.query is not None:
        shell.show(value)
