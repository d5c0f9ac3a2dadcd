"""Describe a credential of azure-identity so that another process can build it again.

For client processes: azure-identity is not imported here, the object's class
already comes from it. What makes a credential is in its private attributes,
which are read with care: one that is not as expected is refused, never guessed.
Read in azure-identity 1.27.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from azjobs.core.errors import InvalidInput

Description = tuple[str, dict[str, Any], dict[str, str]]  # kind, arguments, secrets

# What DefaultAzureCredential asks in turn, and the argument that leaves each out.
_CHAIN = {
    "SharedTokenCacheCredential": "exclude_shared_token_cache_credential",
    "VisualStudioCodeCredential": "exclude_visual_studio_code_credential",
    "AzureCliCredential": "exclude_cli_credential",
    "AzurePowerShellCredential": "exclude_powershell_credential",
    "AzureDeveloperCliCredential": "exclude_developer_cli_credential",
    "ManagedIdentityCredential": "exclude_managed_identity_credential",
    "BrokerCredential": "exclude_broker_credential",
}
INSTEAD = "Sign in with AzureCliCredential (after `az login`), ClientSecretCredential or ManagedIdentityCredential."


def describe(credential: object) -> Description:
    """Return the kind, the arguments and the secrets of a credential; secrets travel apart from the rest.

    Raises:
        InvalidInput: it is of a kind that cannot be built again elsewhere, or not as expected.
    """
    kind = type(credential).__name__
    module = type(credential).__module__
    if module.startswith("azure.identity.aio"):
        raise InvalidInput(f"An asynchronous {kind} cannot be taken along; use the one of azure.identity.")
    reader = _READERS.get(kind) if module.startswith("azure.identity.") else None
    if reader is None:
        raise InvalidInput(f"Credentials of the kind {kind} come later. {INSTEAD}")
    try:
        return reader(credential)
    except (AttributeError, KeyError, TypeError) as problem:
        version_is_new = f"this version of azure-identity keeps it differently ({problem})"
        raise InvalidInput(f"The {kind} cannot be read: {version_is_new}. {INSTEAD}") from None


def _client_secret(it: Any) -> Description:
    secret = it._client_credential  # noqa: SLF001 - the only place where it is
    if not isinstance(secret, str):
        raise TypeError("_client_credential")
    return "ClientSecretCredential", _application(it), {"client_secret": secret}


def _certificate(it: Any) -> Description:
    held = it._client_credential  # noqa: SLF001 - as above
    key = held["private_key"]
    secrets = {"certificate_data": key.decode() if isinstance(key, bytes) else key}
    if held.get("passphrase"):
        password = held["passphrase"]
        secrets["password"] = password.decode() if isinstance(password, bytes) else password
    chain = {"send_certificate_chain": True} if "public_certificate" in held else {}
    return "CertificateCredential", {**_application(it), **chain}, secrets


def _application(it: Any) -> dict[str, Any]:
    more = list(it._additionally_allowed_tenants)  # noqa: SLF001 - as above
    arguments = {"tenant_id": it._tenant_id, "client_id": it._client_id}  # noqa: SLF001 - as above
    return {**arguments, **({"additionally_allowed_tenants": more} if more else {})}


def _tool(it: Any) -> Description:
    arguments: dict[str, Any] = {"process_timeout": it._process_timeout}  # noqa: SLF001 - as above
    for name in ("tenant_id", "subscription"):
        if getattr(it, name, ""):
            arguments[name] = getattr(it, name)
    return type(it).__name__, arguments, {}


def _managed_identity(it: Any) -> Description:
    inner = it._credential  # noqa: SLF001 - as above
    if type(inner).__name__ == "WorkloadIdentityCredential":
        return _workload_identity(inner)
    if type(inner).__name__ != "ImdsCredential":
        place = "A managed identity that is reached through environment variables (App Service, Arc, Cloud Shell)"
        raise InvalidInput(f"{place} comes later. {INSTEAD}")
    settings = inner._settings  # noqa: SLF001 - as above
    arguments = {"client_id": settings["client_id"], "identity_config": dict(settings["identity_config"])}
    return "ManagedIdentityCredential", {name: value for name, value in arguments.items() if value}, {}


def _workload_identity(it: Any) -> Description:
    client = it._client  # noqa: SLF001 - as above
    arguments = {
        "tenant_id": client._tenant_id,  # noqa: SLF001 - as above
        "client_id": client._client_id,  # noqa: SLF001 - as above
        "token_file_path": os.path.abspath(it._token_file_path),  # noqa: SLF001, PTH100 - as above; no need of pathlib
    }
    return "WorkloadIdentityCredential", arguments, {}


def _environment(it: Any) -> Description:
    """What the variables stood for when it was made: another process has other variables."""
    if it._credential is None:  # noqa: SLF001 - as above
        raise InvalidInput("The EnvironmentCredential found no sign-in in the AZURE_… environment variables.")
    return describe(it._credential)  # noqa: SLF001 - as above


def _default(it: Any) -> Description:
    """The one that gave a token, if one has; else the first that variables chose; else the rest of the chain."""
    if it._successful_credential is not None:  # noqa: SLF001 - as above
        return describe(it._successful_credential)  # noqa: SLF001 - as above
    by_name = {type(one).__name__: one for one in it.credentials}
    environment = by_name.get("EnvironmentCredential")
    if environment is not None and environment._credential is not None:  # noqa: SLF001 - as above
        return describe(environment)
    if "WorkloadIdentityCredential" in by_name:
        return _workload_identity(by_name["WorkloadIdentityCredential"])
    arguments: dict[str, Any] = {argument: True for name, argument in _CHAIN.items() if name not in by_name}
    # Both are chosen by variables of this process, and were looked at above.
    arguments |= {"exclude_environment_credential": True, "exclude_workload_identity_credential": True}
    managed = by_name.get("ManagedIdentityCredential")
    if managed is not None:
        client_id = _managed_identity(managed)[1].get("client_id")
        arguments |= {"managed_identity_client_id": client_id} if client_id else {}
    return "DefaultAzureCredential", arguments, {}


def _chained(it: Any) -> Description:
    if it._successful_credential is None:  # noqa: SLF001 - as above
        raise InvalidInput("A ChainedTokenCredential is taken along once it gave a token: call its get_token first.")
    return describe(it._successful_credential)  # noqa: SLF001 - as above


def _interactive(it: Any) -> Description:
    """Only with a cache on disk that another process can open, and a sign-in already in it."""
    kind = type(it).__name__
    record, cache = it._auth_record, it._cache_options  # noqa: SLF001 - as above
    if record is None or cache is None:
        raise InvalidInput(
            f"The {kind} keeps its tokens in this process. Give it cache_persistence_options and call authenticate(), "
            "or sign in with AzureCliCredential after `az login`."
        )
    arguments = {
        "authentication_record": record.serialize(),
        "cache_name": cache.name,
        "allow_unencrypted_storage": bool(cache.allow_unencrypted_storage),
    }
    return kind, arguments, {}


_READERS: dict[str, Callable[[Any], Description]] = {
    "AzureCliCredential": _tool,
    "AzureDeveloperCliCredential": _tool,
    "AzurePowerShellCredential": _tool,
    "CertificateCredential": _certificate,
    "ChainedTokenCredential": _chained,
    "ClientSecretCredential": _client_secret,
    "DefaultAzureCredential": _default,
    "DeviceCodeCredential": _interactive,
    "EnvironmentCredential": _environment,
    "InteractiveBrowserCredential": _interactive,
    "ManagedIdentityCredential": _managed_identity,
    "WorkloadIdentityCredential": _workload_identity,
}
