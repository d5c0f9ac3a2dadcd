"""Take over what another tool is signed in to: the Azure CLI, or Azure PowerShell.

Their files are read, never written: accounts, tenants, subscriptions and which
one is the default, but no token. Tokens come from the tools themselves, by
azure-identity. Forms of the files: azure-cli-core, `_profile.py`;
azure-powershell, AzureRmProfile. Either may be written by its tool just now,
and neither tool replaces its file in one step.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from azjobs.core.context import Account, AccountType, ContextValue, Environment, SignInKey, Subscription, Tenant
from azjobs.core.context_file import ACCOUNT_TYPES
from azjobs.core.errors import InvalidInput, NotSignedIn, SignInFailed
from azjobs.core.wire import SignedIn
from azjobs.session.accounts import clouds
from azjobs.session.accounts.asked import Asked, Way
from azjobs.session.accounts.credential_objects import in_own_process
from azjobs.session.accounts.looking_around import Visit, at_once, warn
from azjobs.session.link.local import Local

PROCESS_TIMEOUT_S = 30  # guess: az takes 1 s, pwsh 3 s, on a busy machine many times as long
_MANAGED = ("systemAssignedIdentity", "userAssignedIdentity")  # what az calls the user then


class Seen(msgspec.Struct, frozen=True):
    """What a tool's file says: contexts without names, the index of the default one, and the tool."""

    tool: str
    contexts: tuple[ContextValue, ...]
    default: int = 0


def find(here: Local, asked: Asked) -> Seen:
    """Read what the tool knows, as far as it was asked for.

    Raises:
        InvalidInput: the tool is not installed, or its file cannot be read.
        NotSignedIn: it is signed in to nothing that was asked for.
    """
    tool = str(asked.source)
    if tool not in ("az", "pwsh"):
        raise InvalidInput(f"source= is az or pwsh, not {tool}.")
    name, login = ("The Azure CLI", "az login") if tool == "az" else ("Azure PowerShell", "pwsh -c Connect-AzAccount")
    if shutil.which(tool) is None:
        raise InvalidInput(f"{name} is not here: there is no program {tool} on PATH. Nothing was saved.")
    path = _az_file() if tool == "az" else Path.home() / ".Azure" / "AzureRmContext.json"
    content = _content(path, name, login)
    places = _Places(here, asked)
    found = _read_az(content, places) if tool == "az" else _read_powershell(content, places)
    places.warn_of_unknown(name)
    wanted = [one for one in found if _is_asked(one, asked)]
    if not wanted:
        place = f" in tenant {asked.tenant}" if asked.tenant else ""
        raise NotSignedIn(f"{name} is not signed in to any subscription{place}. Type: {login}")
    default = next((i for i, one in enumerate(wanted) if one.name == _DEFAULT), 0)
    return Seen(tool, tuple(msgspec.structs.replace(one, name="") for one in wanted), default)


def adopt(visit: Visit, seen: Seen, chosen: ContextValue, contexts: Iterable[ContextValue]) -> list[ContextValue]:
    """Sign in by the tool for each account and tenant of the contexts; the chosen one must succeed.

    Raises:
        SignInFailed: the tool gives no token for the chosen context.
    """
    kept = list(contexts)
    firsts = {one.sign_in_key: one for one in reversed(kept)}
    keys = list(firsts)
    replies = dict(zip(keys, at_once(keys, lambda key: _put(visit, seen.tool, firsts[key])), strict=True))
    answer = replies[chosen.sign_in_key]
    if isinstance(answer, Exception):
        raise answer
    for key, reply in replies.items():
        if isinstance(reply, Exception):
            warn(f"{firsts[key].account_label} in tenant {firsts[key].tenant_label} was left out: {reply}")
    object_ids: dict[SignInKey, str] = {k: r.object_id for k, r in replies.items() if isinstance(r, SignedIn)}
    return [
        msgspec.structs.replace(one, scope=visit.owner, object_id=object_ids[one.sign_in_key])
        for one in kept
        if one.sign_in_key in object_ids
    ]


def _put(visit: Visit, tool: str, context: ContextValue) -> SignedIn:
    way = _way(tool, context)
    _, signed_in = visit.put(way)
    told, known = signed_in.account, context.account
    is_other_tenant = signed_in.tenant and signed_in.tenant.lower() != context.tenant.id.lower()
    # A guest's token has another name than the tool's file: only two plain names can be compared.
    is_plain = told is not None and told.type is known.type and "#" not in told.id and not known.display
    is_other_account = is_plain and told is not None and told.id.lower() != known.id.lower()
    if is_other_tenant or is_other_account:
        whose = f"{told.id if told else 'somebody'} in tenant {signed_in.tenant}"
        raise SignInFailed(f"{tool} gives a token of {whose}, not of {known.id} in tenant {context.tenant.id}.")
    return signed_in


def _way(tool: str, context: ContextValue) -> Way:
    """The daemon has other variables than this program: a folder of az's own needs them."""
    timeout = {"process_timeout": PROCESS_TIMEOUT_S}
    subscription = context.subscription
    if tool == "pwsh":
        kind, arguments = "AzurePowerShellCredential", {"tenant_id": context.tenant.id}
    elif subscription is not None:  # names the account, too, where az has several; az takes one of the two
        kind, arguments = "AzureCliCredential", {"tenant_id": "", "subscription": subscription.id}
    else:
        kind, arguments = "AzureCliCredential", {"tenant_id": context.tenant.id}
    way = Way(kind, context.environment, context.account, context.tenant.id, {**arguments, **timeout})
    if tool == "az" and os.environ.get("AZURE_CONFIG_DIR"):
        given = {name: value for name, value in way.arguments.items() if value}
        return in_own_process(way, partial(_make_cli_credential, given))
    return way


def _make_cli_credential(arguments: dict[str, Any]) -> object:
    from azure.identity import AzureCliCredential  # noqa: PLC0415 - heavy; in the credential's process

    return AzureCliCredential(**arguments)


_DEFAULT = "\0default"  # marks the tool's own default while its file is read


class _Places:
    """The environments that a file names: known ones, and those that are not."""

    def __init__(self, here: Local, asked: Asked) -> None:
        self._own = here.profile.load().environments
        self._cloud = None
        if clouds.is_embedded(asked.environment):
            self._cloud = clouds.simulator_environment(clouds.start_simulator(here.layout))
        elif asked.environment.lower() != "azurecloud":
            self._cloud = clouds.require_environment(asked.environment, self._own)
        self._unknown: set[str] = set()

    def find(self, name: str) -> Environment | None:
        """Return the environment of a name; None for one that is unknown, or was not asked for."""
        if self._cloud is not None:
            return self._cloud if self._cloud.name.lower() == name.lower() else None
        found = clouds.known_environment(name or "AzureCloud", self._own)
        if found is None:
            self._unknown.add(name)
        return found

    def warn_of_unknown(self, tool: str) -> None:
        """Tell which environments were left out."""
        for name in sorted(self._unknown):
            warn(f"{tool} knows an environment {name}, which azjobs does not: its subscriptions were left out.")


def _az_file() -> Path:
    folder = os.environ.get("AZURE_CONFIG_DIR")
    return (Path(folder) if folder else Path.home() / ".azure") / "azureProfile.json"


def _content(path: Path, name: str, login: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotSignedIn(f"{name} is not signed in: there is no {path}. Type: {login}") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}. Nothing was saved.") from None
    except ValueError:
        raise InvalidInput(f"{path} is not whole JSON: {name} may be writing it just now. Try again.") from None
    if not isinstance(content, dict):
        raise InvalidInput(f"{path} is no profile of {name}. Nothing was saved.")
    return content


def _read_az(content: dict[str, Any], places: _Places) -> list[ContextValue]:
    return [one for entry in _dicts(content.get("subscriptions")) if (one := _of_az(entry, places)) is not None]


def _of_az(entry: dict[str, Any], places: _Places) -> ContextValue | None:
    user = _part(entry, "user")
    name, tenant, ident = _text(user, "name"), _text(entry, "tenantId"), _text(entry, "id")
    cloud = places.find(_text(entry, "environmentName"))
    if cloud is None or not name or not tenant:
        return None
    account = Account(name, ACCOUNT_TYPES.get(_text(user, "type").lower(), AccountType.USER))
    if name in _MANAGED:
        account = Account(_text(user, "assignedIdentityInfo") or name, AccountType.MANAGED_SERVICE, name)
    subscription = None
    if ident and ident.lower() != tenant.lower():  # else a tenant without subscriptions
        subscription = Subscription(ident, _text(entry, "name"), _text(entry, "state") or "Enabled")
    label = _text(entry, "tenantDisplayName") or _text(entry, "tenantDefaultDomain")
    mark = _DEFAULT if entry.get("isDefault") is True else ""
    return ContextValue(mark, account, Tenant(tenant, label), cloud, subscription)


def _read_powershell(content: dict[str, Any], places: _Places) -> list[ContextValue]:
    contexts = content.get("Contexts")
    default = _text(content, "DefaultContextKey").lower()
    if not isinstance(contexts, dict):
        return []
    found = (_of_powershell(entry, places, name.lower() == default) for name, entry in contexts.items())
    return [one for one in found if one is not None]


def _of_powershell(entry: Any, places: _Places, is_default: bool) -> ContextValue | None:  # noqa: FBT001 - private
    parts = entry if isinstance(entry, dict) else {}
    account, tenant, subscription, cloud = (
        _part(parts, n) for n in ("Account", "Tenant", "Subscription", "Environment")
    )
    name, tenant_id = _text(account, "Id"), _text(tenant, "Id")
    place = places.find(_text(cloud, "Name"))
    if place is None or not name or not tenant_id:
        return None
    kind = ACCOUNT_TYPES.get(_text(account, "Type").lower(), AccountType.USER)
    display = name if kind is AccountType.MANAGED_SERVICE else ""  # as MSI@50342: no name that a token has
    label = _text(tenant, "Name") or _text(tenant, "Directory")
    ident = _text(subscription, "Id")
    of = Subscription(ident, _text(subscription, "Name"), _text(subscription, "State") or "Enabled") if ident else None
    mark = _DEFAULT if is_default else ""
    return ContextValue(mark, Account(name, kind, display), Tenant(tenant_id, label), place, of)


def _is_asked(context: ContextValue, asked: Asked) -> bool:
    tenant = asked.tenant.lower()
    account = asked.account_id.lower()
    is_tenant = not tenant or tenant in (context.tenant.id.lower(), context.tenant.name.lower())
    return is_tenant and (not account or account == context.account.id.lower())


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _part(entry: dict[str, Any], name: str) -> dict[str, Any]:
    value = entry.get(name)
    return value if isinstance(value, dict) else {}


def _text(entry: dict[str, Any], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""
