"""Sign in by a credential object: describe it where that can be done, else give it a process of its own.

A credential of azure-identity is described, never pickled. It is asked for one
token here, which tells whose it is. Any other object is the caller's own code:
it is pickled for a process of the caller's interpreter and environment, held in
memory only.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace

from azjobs.core.claims import account_of, parse_claims, tenant_of
from azjobs.core.context import Account, AccountType, Environment
from azjobs.core.errors import CannotSend, InvalidInput, SignInFailed
from azjobs.core.secret import SecureString
from azjobs.session.accounts.asked import TokenCredential, Way
from azjobs.session.link.environment import import_path, sendable_environment

KINDS = "Give a credential of azure-identity, an object with get_token, or a function that makes one."
#: Where App Service, Arc, Service Fabric, Cloud Shell and Azure ML say how to reach a managed identity.
MANAGED_VARIABLES = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT")


def managed_identity(cloud: Environment, identity: str, tenant: str) -> Way:
    """Return the way by this machine's managed identity; `identity` is a client id or a resource id, "" the system's.

    Raises:
        SignInFailed: this machine has none, or not that one.
    """
    if identity.startswith("/"):
        arguments: dict[str, Any] = {"identity_config": {"resource_id": identity}}
    else:
        arguments = {"client_id": identity} if identity else {}
    make = partial(_make_managed_identity, arguments)
    is_elsewhere = any(os.environ.get(name) for name in MANAGED_VARIABLES)
    credential = make()
    try:
        way = _told_by_token(cloud, credential, tenant)
    finally:
        credential.close()
    way = replace(way, account=replace(way.account, type=AccountType.MANAGED_SERVICE))
    if is_elsewhere:
        return in_own_process(way, make)
    return replace(way, kind="ManagedIdentityCredential", arguments=arguments)


def way_of(cloud: Environment, credential: TokenCredential | Callable[[], TokenCredential], tenant: str) -> Way:
    """Return the way by a credential object, or by a function that makes one.

    Raises:
        InvalidInput: it is no credential, or one that cannot be taken along.
        SignInFailed: it gives no token.
    """
    make = credential if callable(credential) and not _is_credential(credential) else None
    made = make() if make is not None else credential
    if not _is_credential(made):
        raise InvalidInput(f"A {type(credential).__name__} is no credential. {KINDS}")
    way = replace(_told_by_token(cloud, made, tenant), is_object=True)
    if make is not None:
        return in_own_process(way, make)
    if type(made).__module__.startswith("azure.identity."):
        kind, arguments, secrets = _described(made)
        return replace(way, kind=kind, arguments=arguments, secrets=secrets)
    try:
        return in_own_process(way, made)
    except CannotSend as problem:
        raise CannotSend(f"{problem} As: credential=lambda: {type(made).__name__}(…)") from None


def in_own_process(way: Way, credential: object) -> Way:
    """Return the way by a process of this program's interpreter that is given the credential, or what makes it.

    Raises:
        CannotSend: it cannot be pickled.
    """
    from azjobs.process.credential_frames import dump_credential  # noqa: PLC0415 - cloudpickle costs 15 ms
    from azjobs.process.interpreter import interpreter_key  # noqa: PLC0415 - as above

    environment = msgspec.json.encode(sendable_environment()).decode()
    return replace(
        way,
        kind="ProcessCredential",
        arguments={
            "interpreter": msgspec.to_builtins(interpreter_key()),
            "sys_path": list(import_path()),
            "folder": os.getcwd(),  # noqa: PTH109 - a text on the wire
        },
        secrets={"payload": dump_credential(credential), "environment": SecureString(environment)},
    )


def _make_managed_identity(arguments: dict[str, Any]) -> Any:
    from azure.identity import ManagedIdentityCredential  # noqa: PLC0415 - heavy, and rarely wanted

    return ManagedIdentityCredential(**arguments)


def _is_credential(value: object) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "get_token", None))


def _told_by_token(cloud: Environment, credential: Any, tenant: str) -> Way:
    """One token is fetched here: it proves the credential, and tells whose it is."""
    name = type(credential).__name__
    claims = _claims_told(credential, cloud.scope, tenant)
    if isinstance(claims, str):  # raised here: beneath, the frames of its code may show its secrets
        raise SignInFailed(f"The {name} gives no token: {claims}. Nothing was saved.")
    account = account_of(claims) or Account(
        str(getattr(credential, "_client_id", "") or name), AccountType.ACCESS_TOKEN
    )
    found_tenant = tenant_of(claims) or tenant or str(getattr(credential, "_tenant_id", "") or "")
    if not found_tenant:
        raise InvalidInput(f"The token of the {name} does not tell its tenant: give tenant=.")
    return Way("", cloud, account, found_tenant)


def _claims_told(credential: Any, scope: str, tenant: str) -> dict[str, Any] | str:
    """Return the claims of a token, or why there is none. The token stays in this frame, which is left whole."""
    try:
        found = credential.get_token(scope, **({"tenant_id": tenant} if tenant else {}))
        token = _awaited(found) if inspect.isawaitable(found) else found
        return parse_claims(token.token)
    except Exception as error:  # noqa: BLE001 - a credential is other people's code
        return str(getattr(error, "message", error)).strip().partition("\n")[0].rstrip(".")


def _awaited(found: Any) -> Any:
    """Asynchronous credentials are asked on a thread of their own: the caller's may have a loop that runs."""
    answers: list[Any] = []

    async def wait() -> Any:
        return await found

    def ask() -> None:
        try:
            answers.append(asyncio.run(wait()))
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            answers.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    if isinstance(answers[0], Exception):
        raise answers[0]
    return answers[0]


def _described(credential: object) -> tuple[str, dict[str, Any], dict[str, SecureString]]:
    """Describe a credential, its secrets covered at once: no frame of a traceback is to show them."""
    from azjobs.azure.describe import describe  # noqa: PLC0415 - sign-ins by object are rare

    kind, arguments, secrets = describe(credential)
    return kind, arguments, {name: SecureString(text) for name, text in secrets.items()}
