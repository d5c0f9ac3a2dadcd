"""Give an access token into somebody's hand: for a program that cannot take a credential."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import AccountType, ContextValue, Tenant
from azjobs.core.errors import ContextNotFound
from azjobs.core.secret import SecureString
from azjobs.core.token_resources import scope_of
from azjobs.core.wire import GetToken, Token
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Local, local


class AccessToken(msgspec.Struct, frozen=True):
    """An access token, covered: `token.reveal()` gives its text.

    `expires_on` is in UTC, `user_id` the account's id.
    """

    token: SecureString
    expires_on: datetime
    tenant_id: str
    user_id: str
    type: str = "Bearer"

    def __reduce__(self) -> tuple[object, ...]:
        """Its token may leave the process no more than any other secret."""
        raise TypeError("An access token cannot be pickled. Pass the context, and ask for the token where it is used.")


def get_az_access_token(
    resource_type_name: str = "Arm",
    *,
    resource_url: str = "",
    tenant_id: str = "",
    az_context: Context | str | None = None,
) -> AccessToken:
    """Return an access token of the context's account; `context.credential` renews itself and is better for programs.

    Args:
        resource_type_name: the service it is for: Arm, AadGraph, Attestation, Batch, DataLake, KeyVault, MSGraph,
            OperationalInsights, Storage or Synapse.
        resource_url: the service it is for, by its resource address.
        tenant_id: another tenant of the account, by id or name.
        az_context: the context; the current one when not given.

    Raises:
        InvalidInput: the service is not known, or not in this cloud.
        NotSignedIn: nobody is signed in.
        SignInFailed: the sign-in service refused.
        ContextNotFound: the account has no context in that tenant.
    """
    here = local()
    context = resolve_context(az_context).value
    if not rules.is_tenant(context, tenant_id):
        context = _in_tenant(here, context, tenant_id)
    scope = scope_of(context.environment, resource_type_name, resource_url)
    reply = here.client.ask(GetToken(0, context, (scope,)), Token)
    expires_on = datetime.fromtimestamp(reply.expires_on, UTC)
    return AccessToken(reply.token, expires_on, context.tenant.id, context.account.id)


def _in_tenant(here: Local, context: ContextValue, tenant: str) -> ContextValue:
    """A person's tokens of another tenant come of the same sign-in; an application signs in to each."""
    there = (c for c in rules.of_account(here.available(), context) if rules.is_tenant(c, tenant))
    known = next(there, None)
    if known is not None:
        return known
    if context.account.type is AccountType.USER and here.grants is None:
        return replace(context, name="", tenant=Tenant(tenant), subscription=None, object_id="")
    raise ContextNotFound(f"{context.account_label} has no context in tenant {tenant}. Type: azjobs account connect")
