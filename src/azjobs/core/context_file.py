"""Read and write contexts as a file that can be carried elsewhere: azjobs' own form, and Azure PowerShell's to read.

Pure. No secret is written, and none is taken from what is read. A file names
environments; what their names mean is known here, never said by the file.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from azjobs.core.context import (
    USER_SCOPE,
    Account,
    AccountType,
    ContextValue,
    Environment,
    Subscription,
    Tenant,
    default_name,
)
from azjobs.core.errors import InvalidInput

KIND = "azjobs-contexts"
FORMAT = 1
# Of Account.ExtendedProperties of a saved profile [azure-powershell-common, AzureAccount.Property].
SECRETS = (
    "AccessToken",
    "GraphAccessToken",
    "MicrosoftGraphAccessToken",
    "KeyVault",
    "ServicePrincipalSecret",
    "CertificatePassword",
    "ClientAssertion",
    "MSILoginSecret",
)
ACCOUNT_TYPES = {  # Azure PowerShell tells apart how an application signs in; here that is no part of the account
    "user": AccountType.USER,
    "serviceprincipal": AccountType.SERVICE_PRINCIPAL,
    "certificate": AccountType.SERVICE_PRINCIPAL,
    "clientassertion": AccountType.SERVICE_PRINCIPAL,
    "managedservice": AccountType.MANAGED_SERVICE,
    "accesstoken": AccountType.ACCESS_TOKEN,
}
_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")
#: Returns what an environment of a file means here, by its name and address; None where that is not known.
Places = Callable[[Environment], Environment | None]
Json = Mapping[str, Any]


class ContextFile(msgspec.Struct, frozen=True, omit_defaults=True):
    """The own form: contexts, and the name of the one that was current."""

    kind: str
    format: int = FORMAT
    default: str = ""
    contexts: tuple[ContextValue, ...] = ()


class Reading(msgspec.Struct, frozen=True):
    """What was read: contexts with their names, the default among them, and what there is to warn of."""

    contexts: tuple[ContextValue, ...]
    default: ContextValue | None
    warnings: tuple[str, ...] = ()


def format_file(contexts: Sequence[ContextValue], default: ContextValue | None) -> bytes:
    """Return the file of these contexts; whose sign-in each has is of this home only, and left out."""
    name = default.name if default is not None and any(one.key == default.key for one in contexts) else ""
    content = ContextFile(KIND, FORMAT, name, tuple(replace(one, scope=USER_SCOPE) for one in contexts))
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def parse_file(data: bytes, places: Places) -> Reading:
    """Read either form.

    Raises:
        InvalidInput: it is neither, or broken.
    """
    try:
        content = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))  # PowerShell may begin with a byte-order mark
    except (msgspec.DecodeError, RecursionError):
        raise InvalidInput("It is not whole JSON") from None
    if isinstance(content, dict) and content.get("kind") == KIND:
        return _of_own(content, places)
    if isinstance(content, dict) and isinstance(content.get("Contexts"), dict):
        return _of_powershell(content, places)
    raise InvalidInput("It holds no contexts of azjobs or Azure PowerShell")


def placed(contexts: Iterable[ContextValue], default: str, places: Places) -> Reading:
    """Return contexts in the environments as they are known here; others are left out."""
    kept: list[ContextValue] = []
    unknown: dict[str, Environment] = {}
    odd = 0
    for one in contexts:
        known = places(one.environment)
        if not _is_sound(one):
            odd += 1
        elif known is None:
            unknown.setdefault(one.environment.name.lower(), one.environment)
        else:
            kept.append(replace(one, environment=known))
    found = next((one for one in kept if one.name.lower() == default.lower()), None)
    told = [_how_to_know(one) for one in unknown.values()]
    if odd:
        told.append(f"Left out {odd} of its contexts: they lack an account or a tenant, or have ids that are none.")
    return Reading(tuple(kept), found, tuple(told))


def with_imported(
    known: Iterable[ContextValue], found: Iterable[ContextValue], *, beside: Iterable[ContextValue] = ()
) -> tuple[ContextValue, ...]:
    """Add contexts to those known; one that is known stays as it is, a new one keeps its name where that is free.

    The names of those `beside` are taken, too.
    """
    result = list(known)
    elsewhere = list(beside)
    for one in found:
        if any(other.key == one.key for other in result):
            continue
        taken = frozenset(other.name for other in (*result, *elsewhere))
        is_free = one.name.strip() and one.name.lower() not in {name.lower() for name in taken}
        result.append(one if is_free else replace(one, name=default_name(one, taken)))
    return tuple(result)


def _of_own(content: Json, places: Places) -> Reading:
    number = content.get("format")
    if isinstance(number, int) and number > FORMAT:
        raise InvalidInput("It was written by a newer version of azjobs")
    try:
        file = msgspec.convert(content, ContextFile)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InvalidInput(f"It cannot be understood ({error})") from None
    return placed(file.contexts, file.default, places)


def _of_powershell(content: Json, places: Places) -> Reading:
    entries = {str(name): entry for name, entry in content["Contexts"].items() if isinstance(entry, dict)}
    table = _part(content, "EnvironmentTable")
    read = placed(
        [_context(name, entry, table) for name, entry in entries.items() if name.lower() != "default" or entry],
        _text(content, "DefaultContextKey"),
        places,
    )
    if any(_has_secrets(entry) for entry in entries.values()):
        told = "It holds tokens or secrets, none of which was taken: keep it from others, or delete it."
        return replace(read, warnings=(*read.warnings, told))
    return read


def _context(name: str, entry: Json, table: Json) -> ContextValue:
    account, tenant, subscription = (_part(entry, part) for part in ("Account", "Tenant", "Subscription"))
    ident = _text(subscription, "Id")
    kind = ACCOUNT_TYPES.get(_text(account, "Type").lower())
    of = Subscription(ident, _text(subscription, "Name"), _text(subscription, "State") or "Enabled") if ident else None
    return ContextValue(
        name,
        Account(_text(account, "Id") if kind else "", kind or AccountType.USER),
        Tenant(_text(tenant, "Id"), _text(tenant, "Name") or _text(tenant, "Directory")),
        _environment(entry, table),
        of,
    )


def _environment(entry: Json, table: Json) -> Environment:
    own = _part(entry, "Environment")
    name = _text(own, "Name") or _text(entry, "Environment") or "AzureCloud"
    listed = _part(table, name)
    url, authority = (
        _text(own, key) or _text(listed, key) for key in ("ResourceManagerUrl", "ActiveDirectoryAuthority")
    )
    return Environment(name, url, authority)


def _has_secrets(entry: Json) -> bool:
    account = _part(entry, "Account")
    properties = _part(account, "ExtendedProperties")
    cache = _part(entry, "TokenCache").get("CacheData")
    return bool(cache or account.get("Credential") or any(properties.get(name) for name in SECRETS))


def _is_sound(one: ContextValue) -> bool:
    ids = (one.tenant.id, *([one.subscription.id] if one.subscription else []))
    texts = (one.name, one.account.id, one.account.display, one.tenant.name, one.subscription_label)
    return bool(one.account.id) and all(_ID.fullmatch(i) for i in ids) and all(text.isprintable() for text in texts)


def _how_to_know(cloud: Environment) -> str:
    name, url, authority = (
        shlex.quote(text) if text.isprintable() else ascii(text)
        for text in (cloud.name, cloud.resource_manager_url or "URL", cloud.authority_url or "URL")
    )
    if cloud.is_simulator or cloud.name.lower() == "azuresimulator":
        return "Contexts of another home's embedded cloud were left out: it is reached from there only."
    return (
        f"Contexts of the environment {name} were left out: it is not known here. To know it, type: azjobs environment "
        f"add {name} --resource-manager-url {url} --active-directory-authority {authority} and import again."
    )


def _part(entry: Json, name: str) -> Json:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def _text(entry: Json, name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
