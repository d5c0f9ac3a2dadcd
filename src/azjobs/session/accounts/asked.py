"""What somebody said about how to sign in, and the way that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

import msgspec
from msgspec.structs import replace

from azjobs.core.context import USER_SCOPE, Account, ContextValue, Environment, SignInKey, Tenant, is_guid
from azjobs.core.secret import Credential, SecureString

Source = Literal["az", "pwsh"]
FederatedFrom = Literal["GitHubActions", "AzurePipelines"]


class TokenCredential(Protocol):
    """Anything that gives access tokens, as azure-core defines it."""

    def get_token(self, *scopes: str, **kwargs: Any) -> Any:
        """Return an access token."""
        ...


class Asked(msgspec.Struct, frozen=True):
    """What was said; each "" or None where nothing was. The words are those of `connect_az_account`."""

    environment: str = "AzureCloud"
    tenant: str = ""
    subscription: str = ""
    credential: Credential | TokenCredential | Callable[[], TokenCredential] | None = None
    service_principal: bool = False
    application_id: str = ""
    certificate_path: str = ""
    certificate_password: SecureString | None = None
    send_certificate_chain: bool = False
    federated_token: Callable[[], str] | None = None
    federated_token_file: str = ""
    federated_from: FederatedFrom | None = None
    service_connection_id: str = ""
    identity: bool = False
    access_token: SecureString | None = None
    account_id: str = ""
    use_device_authentication: bool = False
    claims_challenge: str = ""
    source: Source | None = None

    def __repr__(self) -> str:
        """Show no secret."""
        return f"<Asked {self.environment}>"


class Way(msgspec.Struct, frozen=True):
    """A way to sign in. `secrets` are kept out of everything that is printed or stored.

    `is_object`: it came as a credential object, so it is this program's own.
    """

    kind: str
    environment: Environment
    account: Account
    tenant: str
    arguments: Mapping[str, Any] = {}
    secrets: Mapping[str, SecureString] = {}
    is_object: bool = False

    @property
    def has_tenant_id(self) -> bool:
        """Whether the tenant is given by its id, not by a domain."""
        return is_guid(self.tenant)

    @property
    def key(self) -> SignInKey:
        """Which sign-in it makes."""
        return self.bare(USER_SCOPE).sign_in_key

    def bare(self, owner: str) -> ContextValue:
        """Return a context of the tenant alone, whose sign-in belongs to `owner`."""
        return ContextValue(self.tenant, self.account, Tenant(self.tenant), self.environment, scope=owner)

    def in_tenant(self, tenant_id: str) -> Way:
        """Return the same way, with the tenant's id."""
        arguments = {**self.arguments, "tenant_id": tenant_id} if self.arguments.get("tenant_id") else self.arguments
        return replace(self, tenant=tenant_id, arguments=arguments)

    def __repr__(self) -> str:
        """Show no secret."""
        return f"<Way {self.kind} of {self.account.id}>"
