"""Refuse what would go elsewhere than the context says, at the last place before the network.

Each request: its context's environment is the one that the sign-in is for, a
built-in cloud is where it always is, and the host is the environment's own. So
no token leaves the environment, whatever URL a reply, a page link, a poller or
an imported file names. The token is of no other tenant or account than the
context's. Each write besides: the token proves that, and is for the context's
Resource Manager, and the path leads to the context's subscription, or to no
subscription at all, where the tenant is the boundary.

What a body refers to is not looked at: a network named in it may be another
subscription's. Pure.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from azjobs.core.claims import object_id_of, parse_claims, tenant_of
from azjobs.core.context import BUILT_IN_ENVIRONMENTS, ContextValue, Environment, host_of, is_guid
from azjobs.core.errors import WrongTarget

# Resource Manager takes tokens of the old service management API too, and the one tools ask for is not always its own
# [azure-powershell-common, AzureEnvironmentConstants: AzureServiceEndpoint, ChinaServiceEndpoint,
# USGovernmentServiceEndpoint; azure-cli-core, cloud.py: active_directory_resource_id].
EQUIVALENT_AUDIENCES = {
    "https://management.azure.com": "https://management.core.windows.net",
    "https://management.chinacloudapi.cn": "https://management.core.chinacloudapi.cn",
    "https://management.usgovcloudapi.net": "https://management.core.usgovcloudapi.net",
}
# A token of version 2 names the application instead of its address [learn, "Verify first-party Microsoft applications
# in sign-in reports": Windows Azure Service Management API].
SERVICE_MANAGEMENT_ID = "797f4846-ba00-4fd7-ba43-dac1f8f63013"


def check_environment(context: ContextValue, signed_in: Environment) -> None:
    """Refuse to use the sign-in of one cloud in another one of the same name. `signed_in` is the sign-in's own.

    Raises:
        WrongTarget: the context's environment is elsewhere; no token was asked for.
    """
    _check_built_in(context.environment)
    if _addresses(context.environment) != _addresses(signed_in):
        raise WrongTarget(
            f"The context {context.name} has {context.environment.name} at {context.environment.resource_manager_url}, "
            f"its sign-in is for {signed_in.resource_manager_url}; nothing was sent. Type: azjobs account connect"
        )


def check_read(url: str, context: ContextValue, token: str) -> None:
    """Refuse to send a token to a host outside the context's environment, or to read as somebody else.

    A token that cannot be read may be one of Azure Stack; while somebody signs in,
    the tenant may be known by a domain only. Both are good enough for a read.

    Raises:
        WrongTarget: host, tenant or account are not the context's.
    """
    _check_built_in(context.environment)
    check_host(url, context)
    claims = parse_claims(token)
    if tenant_of(claims) and is_guid(context.tenant.id):
        _check_tenant(claims, context)
    if object_id_of(claims):
        _check_account(claims, context)


def check_write(url: str, context: ContextValue, token: str) -> None:
    """Refuse a write that would go elsewhere than the context says, or as somebody else.

    Raises:
        WrongTarget: host, tenant, account, audience or subscription are not the context's.
    """
    check_read(url, context, token)
    check_token(token, context)
    check_subscription(url, context)


def check_host(url: str, context: ContextValue) -> None:
    """Refuse an address whose host is outside the context's environment.

    Raises:
        WrongTarget: it is outside, or not https, or two readers of URLs could read it in two ways.
    """
    # This is read by urllib, and sent by yarl.
    is_plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    host = host_of(url) if is_plain else ""
    if not host or host not in context.environment.hosts:
        where = host or "The address"
        raise WrongTarget(f"{where} is no part of {context.environment.name}; nothing was sent there.")


def check_token(token: str, context: ContextValue) -> None:
    """Refuse a token of another tenant, account or audience than the context's.

    Raises:
        WrongTarget: a claim is another one, or the token tells no tenant or no audience.
    """
    claims = parse_claims(token)
    _check_tenant(claims, context)
    _check_account(claims, context)
    audience = claims.get("aud")
    if not isinstance(audience, str) or _plain(audience) not in _audiences(context.environment):
        said = audience if isinstance(audience, str) and audience else "nobody that it names"
        raise WrongTarget(
            f"The token is for {said}, not for {context.environment.resource_manager_url}; nothing was sent."
        )


def check_subscription(url: str, context: ContextValue) -> None:
    """Refuse a write to another subscription than the context's, however its path is spelled.

    A path begins with `/subscriptions/ID`, the context's, or with `/providers/`:
    that is the tenant's level, management groups among it, and open to every
    context of the tenant; a subscription that is named further on there is the
    context's too. Nothing else is written to: `/batch` would carry requests that
    cannot be seen from here.

    Raises:
        WrongTarget: it goes elsewhere, or a part of the path could be read in two ways.
    """
    path = urlsplit(url).path
    segments = path.removeprefix("/").removesuffix("/").split("/")
    plain = [unquote(segment) for segment in segments]
    if any(s in ("", ".", "..") or any(c in "/\\%" for c in s) or not s.isprintable() for s in plain):
        raise WrongTarget(f"The path {path} can be read in more than one way; nothing was sent.")
    words = [segment.casefold() for segment in plain]
    if words[0] not in ("subscriptions", "providers"):
        raise WrongTarget(f"The path {path} is of no subscription and no provider; nothing was sent.")
    own = context.subscription.id if context.subscription else ""
    # Further down, in a subscription, the word may mean something else: API Management has subscriptions of its own.
    places = [0] if words[0] == "subscriptions" else [i for i, word in enumerate(words) if word == "subscriptions"]
    for at in places:
        if len(plain) > at + 1 and plain[at + 1].lower() != own.lower():
            of_context = f"is for {context.subscription_label} ({own})" if own else "has no subscription"
            raise WrongTarget(
                f"The target is in subscription {plain[at + 1]}, the context {context.name} {of_context}; "
                "nothing was sent."
            )


def _check_tenant(claims: dict[str, Any], context: ContextValue) -> None:
    tenant = tenant_of(claims)
    if not tenant or tenant.lower() != context.tenant.id.lower():
        said = f"for tenant {tenant}" if tenant else "for no tenant that it names"
        raise WrongTarget(
            f"The token is {said}, the context {context.name} is for {context.tenant_label} ({context.tenant.id}); "
            "nothing was sent."
        )


def _check_account(claims: dict[str, Any], context: ContextValue) -> None:
    account = object_id_of(claims)
    if context.object_id and account.lower() != context.object_id.lower():
        said = f"of the account with the object id {account}" if account else "of no account that it names"
        raise WrongTarget(
            f"The token is {said}, the context {context.name} is for {context.account_label} ({context.object_id}); "
            "nothing was sent."
        )


def _check_built_in(environment: Environment) -> None:
    """A well-known name stands for its well-known addresses, whatever a file says."""
    known = next((e for e in BUILT_IN_ENVIRONMENTS if e.name.lower() == environment.name.lower()), None)
    if known is not None and _addresses(environment) != _addresses(known):
        raise WrongTarget(
            f"{environment.name} is at {known.resource_manager_url}, and signed in to at {known.authority_url}, "
            f"not at {environment.resource_manager_url} and {environment.authority_url}; nothing was sent."
        )


def _addresses(environment: Environment) -> tuple[str, str, str, str]:
    """Where an environment is: what must not change under a sign-in."""
    return (
        host_of(environment.resource_manager_url),
        _plain(environment.authority_url),
        _plain(environment.audience or environment.resource_manager_url),
        environment.ca_file,
    )


def _audiences(environment: Environment) -> frozenset[str]:
    own = _plain(environment.audience or environment.resource_manager_url)
    other = EQUIVALENT_AUDIENCES.get(own)
    return frozenset({own} if other is None else {own, other, SERVICE_MANAGEMENT_ID})


def _plain(address: str) -> str:
    return address.rstrip("/").lower()
